"""Policies: the order in which a queue is worked."""

from core.policies.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
