"""Recipes: how a trained head is changed for a purpose. They need no more than flat weights and gradients of batch losses."""

from core.recipes.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
