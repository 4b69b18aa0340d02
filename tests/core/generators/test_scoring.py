"""The shared-prefix scorer against whole sequences, on a tiny model with random weights."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from core.generators.scoring import PrefixScorer, next_logprobs


def make(kind: str) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    torch.manual_seed(11)
    sizes = {"vocab_size": 120, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    sizes |= {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
    if kind == "sliding":
        return MistralForCausalLM(MistralConfig(**sizes, sliding_window=8)).eval()
    return LlamaForCausalLM(LlamaConfig(**sizes)).eval()


@pytest.fixture(params=["full", "sliding"])
def model(request: pytest.FixtureRequest) -> Any:
    return make(request.param)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, list[int]]]:
    """A model and the number of tokens of each of its passes."""
    model = make("full")
    passes: list[int] = []
    forward = model.forward

    def counting(**kwargs: Any) -> Any:
        passes.append(kwargs["input_ids"].numel())
        return forward(**kwargs)

    monkeypatch.setattr(model, "forward", counting)
    yield model, passes


def naive(model: Any, prefix: list[int], candidate: list[int]) -> float:
    import torch

    if not candidate:
        return 0.0
    with torch.inference_mode():
        logprobs = model(input_ids=torch.tensor([prefix + candidate])).logits[0].float().log_softmax(-1)
    return sum(float(logprobs[len(prefix) + i - 1, token]) for i, token in enumerate(candidate))


def tokens(rng: random.Random, length: int) -> list[int]:
    return [rng.randrange(120) for _ in range(length)]


def test_scores_are_those_of_whole_sequences(model: Any) -> None:
    rng = random.Random(2)
    scorer = PrefixScorer(model, batch_size=3)
    head = tokens(rng, 12)
    for tail in (5, 1, 9, 0, 5):  # prefixes that grow, shrink and repeat
        prefix = head + tokens(rng, tail)
        candidates = [tokens(rng, length) for length in (1, 4, 2, 1, 7, 3, 2, 0)]
        expected = [naive(model, prefix, candidate) for candidate in candidates]
        assert scorer.score(prefix, candidates) == pytest.approx(expected, abs=1e-3)
        assert scorer.score(prefix, candidates[::-1]) == pytest.approx(expected[::-1], abs=1e-3)
    assert scorer.score(head, []) == []


def test_a_shared_prefix_is_read_once(read: tuple[Any, list[int]]) -> None:
    model, passes = read
    rng = random.Random(3)
    scorer = PrefixScorer(model, batch_size=8)
    head = tokens(rng, 30)
    scorer.score([*head, 1, 2], [[3], [4]])
    assert passes == [32]  # one token each: no second pass
    scorer.score([*head, 5, 6, 7], [[3, 1, 2], [4]])
    assert passes[1:] == [3, 2]  # what differs, then the candidate's tokens but the last
    scorer.score([*head, 5, 6, 7], [[9]])
    assert passes[3:] == [1]


def test_after_a_failure_nothing_of_it_is_reused(read: tuple[Any, list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    model, passes = read
    rng = random.Random(4)
    scorer = PrefixScorer(model, batch_size=8)
    prefix, candidates = tokens(rng, 20), [[5, 6, 7], [8, 9]]
    expected = [naive(model, prefix, candidate) for candidate in candidates]
    forward = model.forward

    def failing(**kwargs: Any) -> Any:
        if kwargs["input_ids"].shape[0] > 1:
            raise MemoryError
        return forward(**kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(model, "forward", failing)
        with pytest.raises(MemoryError):
            scorer.score(prefix, candidates)
    passes.clear()
    assert scorer.score(prefix, candidates) == pytest.approx(expected, abs=1e-3)
    assert passes[0] == 20


def test_next_tokens_of_many_prompts_are_those_of_each_alone(model: Any) -> None:
    import torch

    rng = random.Random(5)
    start = tokens(rng, 20)
    prefixes = [start + tokens(rng, length) for length in (1, 4, 4, 9)]
    wanted = [tokens(rng, 3) for _ in prefixes]
    for found, prefix, ids in zip(next_logprobs(model, prefixes, wanted), prefixes, wanted, strict=True):
        assert found == pytest.approx([naive(model, prefix, [token]) for token in ids], abs=1e-4)
    assert not torch.is_inference_mode_enabled()
