"""Critics: each judges the steps of one output."""

from core.critics.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
