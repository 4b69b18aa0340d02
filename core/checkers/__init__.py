"""Programs that check a text and say where it is wrong."""

from core.checkers.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
