"""Reports: figures computed from the store, the same on a page and on the command line."""

from core.registry import load_members
from core.reports.base import REGISTRY

load_members(__name__)

__all__ = ["REGISTRY"]
