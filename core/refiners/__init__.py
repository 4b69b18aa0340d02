"""Refiners: ways to make a model answer again."""

from core.refiners.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
