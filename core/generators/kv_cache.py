"""Keys and values of past tokens in buffers with room to grow.

The library's own cache makes a copy of everything for each new token; at batch 32 and 500 tokens that copying takes as long as
the model itself. Here a token is written in place and the buffer is copied once in ``ROOM`` tokens.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

ROOM = 128  # tokens


def new_cache(config: Any) -> Any:
    """An empty ``DynamicCache`` for the model; its full-attention layers grow in place, others stay the library's."""
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    made = DynamicCache(config=config)
    made.layers = [_growing_layer()() if type(layer) is DynamicLayer else layer for layer in made.layers]
    return made


def croppable(cache: Any) -> bool:
    """Whether all layers attend to the whole past: sliding-window and recurrent layers can't be cut back or have gaps."""
    return all(getattr(layer, "is_croppable", False) and not layer.is_sliding for layer in cache.layers)


@cache
def _growing_layer() -> type[Any]:
    """The class, made at first use because its base needs torch."""
    from transformers.cache_utils import DynamicLayer

    class GrowingLayer(DynamicLayer):  # type: ignore[no-untyped-call]
        """``keys`` and ``values`` are views of the filled part of ``room``; anything that replaces them gets new buffers."""

        room: tuple[torch.Tensor, torch.Tensor] | None = None

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            if not self.is_initialized:
                self.lazy_initialization(key_states, value_states)
            start = self.get_seq_length()
            end = start + key_states.shape[-2]
            assert self.keys is not None and self.values is not None
            if self.room is None or self.keys.data_ptr() != self.room[0].data_ptr() or self.room[0].shape[-2] < end:
                self.room = _extended(self.keys, key_states, end), _extended(self.values, value_states, end)
            for buffer, states in zip(self.room, (key_states, value_states), strict=True):
                buffer[..., start:end, :] = states
            self.keys, self.values = self.room[0][..., :end, :], self.room[1][..., :end, :]
            return self.keys, self.values

    return GrowingLayer


def _extended(old: torch.Tensor, new: torch.Tensor, length: int) -> torch.Tensor:
    """A buffer (rows, heads, length + ROOM, width) that begins with what ``old`` holds."""
    rows, heads, _, width = new.shape
    buffer = new.new_empty(rows, heads, length + ROOM, width)
    if old.numel():
        buffer[..., : old.shape[-2], :] = old
    return buffer
