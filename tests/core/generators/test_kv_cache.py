"""The growing cache against the library's own, on a tiny model with random weights."""

from typing import Any

import pytest

from core.generators.kv_cache import ROOM, croppable, new_cache


def tiny(**changes: Any) -> Any:
    from transformers import LlamaConfig

    sizes = {"vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return LlamaConfig(**(sizes | heads | changes))


def same(ours: Any, theirs: Any) -> bool:
    import torch

    return all(
        torch.equal(a.keys, b.keys) and torch.equal(a.values, b.values)
        for a, b in zip(ours.layers, theirs.layers, strict=True)
    )


def test_it_holds_what_the_librarys_cache_holds() -> None:
    import torch
    from transformers import DynamicCache

    config = tiny()
    caches = new_cache(config), DynamicCache(config=config)

    def update(rows: int, tokens: int) -> None:
        for layer in range(2):
            states = torch.randn(2, rows, 2, tokens, 8)
            returned = [cache.update(states[0], states[1], layer) for cache in caches]
            assert torch.equal(returned[0][0], returned[1][0])
            assert torch.equal(returned[0][1], returned[1][1])

    def each(action: Any) -> None:
        for cache in caches:
            action(cache)
        assert same(*caches)

    update(3, 7)
    for _ in range(ROOM + 5):  # beyond the first buffer
        update(3, 1)
    each(lambda cache: cache.batch_select_indices(torch.tensor([2, 0, 0, 1])))
    update(4, 1)
    each(lambda cache: cache.crop(-20))
    update(4, 2)
    each(lambda cache: cache.batch_select_indices(torch.tensor([1])))
    each(lambda cache: cache.batch_repeat_interleave(5))
    update(5, 3)
    assert same(*caches)
    assert caches[0].get_seq_length() == caches[1].get_seq_length() == 7 + ROOM + 5 + 1 - 20 + 2 + 3


def test_tokens_are_written_in_place() -> None:
    import torch

    cache = new_cache(tiny())
    states = torch.randn(1, 2, 3, 8)
    cache.update(states, states, 0)
    place = cache.layers[0].keys.data_ptr()
    for _ in range(10):
        cache.update(states[:, :, :1], states[:, :, :1], 0)
    assert cache.layers[0].keys.data_ptr() == place


@pytest.mark.parametrize("window", [None, 16])
def test_sliding_windows_stay_the_librarys_and_are_not_croppable(window: int | None) -> None:
    from transformers import MistralConfig

    sizes = {"vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    config = MistralConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, sliding_window=window)
    assert croppable(new_cache(config)) is (window is None)
