"""Lessons: from corrections to knowledge, and from knowledge into prompts."""

from core.lessons.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
