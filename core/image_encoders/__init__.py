"""Image encoders: pictures, and where the encoder can also words, as vectors whose cosine says how alike they are."""

from core.image_encoders.base import REGISTRY
from core.registry import load_members

load_members(__name__)

__all__ = ["REGISTRY"]
