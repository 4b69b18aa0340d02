"""Signals: each says of one output that it is acceptable or faulty, names a label, or abstains."""

from core.registry import load_members
from core.signals.base import REGISTRY

load_members(__name__)

__all__ = ["REGISTRY"]
