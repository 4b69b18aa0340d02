"""Risk: votes in, the probability that an output is wrong out."""

from core.registry import load_members
from core.risk.base import REGISTRY

load_members(__name__)

__all__ = ["REGISTRY"]
