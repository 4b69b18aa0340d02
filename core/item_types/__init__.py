"""Item types: how an item is asked, split into steps, and compared."""

from core.item_types.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
