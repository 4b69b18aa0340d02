"""Models that answer: one file per backend."""

from core.generators.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
