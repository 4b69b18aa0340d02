"""Exporters: the shapes in which corrections leave as training data."""

from core.exporters.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
