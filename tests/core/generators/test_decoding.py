"""Parts of the decoding loop on a tiny model with random weights, and detokenising with the bundled tokenizer."""

import math
import random
from pathlib import Path
from typing import Any

import pytest

from core.generators import decoding
from core.generators.base import GenerationRequest, Message, Stopped


@pytest.fixture(scope="module")
def tiny_model() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(7)
    sizes = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
    config = LlamaConfig(**sizes, num_attention_heads=4, num_key_value_heads=2, initializer_range=0.3)
    return LlamaForCausalLM(config).eval()


@pytest.fixture(scope="module")
def tokenizer(models_dir: Path) -> Any:
    from transformers import AutoTokenizer

    from core import bundled

    return AutoTokenizer.from_pretrained(bundled.smollm2(models_dir))


class FakeTokenizer:
    """Token 65 is A, and so on; enough to see which tokens were chosen."""

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        return "".join(chr(200 + i) for i in ids)


class FakeTurn:
    """Counts how often the model's turn was taken."""

    def __init__(self) -> None:
        self.taken = 0

    def __enter__(self) -> None:
        self.taken += 1

    def __exit__(self, *_: object) -> None:
        pass


def row(index: int, prompt: list[int], new: int = 8, temperature: float = 0.0, seed: int = 0) -> decoding.Row:
    request = GenerationRequest((Message("user", "unused"),), max_new_tokens=new, temperature=temperature)
    return decoding.Row(index, prompt, request, decoding.Detokenizer(FakeTokenizer()), random.Random(seed))


def prompts(*lengths: int, shared: int = 0, seed: int = 1) -> list[list[int]]:
    rng = random.Random(seed)
    head = [rng.randrange(300) for _ in range(shared)]
    return [head + [rng.randrange(300) for _ in range(length)] for length in lengths]


def run(model: Any, rows: list[decoding.Row], **options: Any) -> FakeTurn:
    turn = FakeTurn()
    settings = {"stop_ids": frozenset(), "on_text": None, "should_stop": None} | options
    decoding.decode(model, rows, turn=turn, **settings)
    return turn


def reference(model: Any, prompt: list[int], new: int, stop: int | None = None) -> str:
    """Greedy answer of one prompt by the library."""
    import torch
    from transformers import GenerationConfig

    config = GenerationConfig(do_sample=False, max_new_tokens=new, eos_token_id=stop, pad_token_id=0)
    ids = torch.tensor([prompt])
    out = model.generate(ids, attention_mask=torch.ones_like(ids), generation_config=config)
    return "".join(chr(200 + i) for i in out[0, len(prompt) :].tolist() if i != stop)


@pytest.mark.parametrize("shared", [0, 3, 40])
def test_greedy_rows_of_a_mixed_batch_are_those_of_the_library(tiny_model: Any, shared: int) -> None:
    batch = prompts(1, 5, 17, 9, shared=shared)
    rows = [row(index, prompt, new=4 + 5 * index) for index, prompt in enumerate(batch)]
    turn = run(tiny_model, rows)
    assert [r.raw for r in rows] == [reference(tiny_model, r.prompt, r.request.max_new_tokens) for r in rows]
    assert {r.finish_reason for r in rows} == {"length"}
    assert turn.taken == 19  # one prefill, then one pass per further token of the longest row


def test_a_stop_token_ends_its_row_only_and_is_not_part_of_it(tiny_model: Any) -> None:
    batch = prompts(6, 8)
    whole = [reference(tiny_model, prompt, 12) for prompt in batch]
    stop = ord(whole[0][5]) - 200
    rows = [row(index, prompt, new=12) for index, prompt in enumerate(batch)]
    run(tiny_model, rows, stop_ids=frozenset({stop}))
    for r, text in zip(rows, whole, strict=True):
        expected = text.split(chr(200 + stop))[0]
        assert r.raw == expected
        assert r.finish_reason == ("stop" if len(expected) < 12 else "length")
    assert rows[0].finish_reason == "stop"


def test_equal_prompts_and_shared_prefixes_are_computed_once(tiny_model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    read: list[int] = []
    forward = tiny_model.forward

    def counting(**kwargs: Any) -> Any:
        read.append(kwargs["input_ids"].numel())
        return forward(**kwargs)

    monkeypatch.setattr(tiny_model, "forward", counting)
    (a, b) = prompts(4, 4, shared=30)
    with torch.inference_mode():
        batch = decoding.prefill(tiny_model, [a, b, a, a])
    assert sum(read) == 30 + 4 + 4
    assert batch.logits.shape == (4, 300)
    assert torch.equal(batch.logits[0], batch.logits[3])
    alone = tiny_model(input_ids=torch.tensor([b])).logits[0, -1]
    assert torch.allclose(batch.logits[1], alone, atol=1e-4)


def test_sampling_follows_the_seed_and_not_the_neighbours(tiny_model: Any) -> None:
    batch = prompts(6, 8, 7)
    together = [row(i, prompt, new=10, temperature=1.0, seed=i) for i, prompt in enumerate(batch)]
    run(tiny_model, together)
    for i, prompt in enumerate(batch):
        alone = row(0, prompt, new=10, temperature=1.0, seed=i)
        run(tiny_model, [alone])
        assert alone.raw == together[i].raw
    other = row(0, batch[0], new=10, temperature=1.0, seed=99)
    run(tiny_model, [other])
    assert other.raw != together[0].raw


def test_greedy_and_sampled_rows_share_a_batch(tiny_model: Any) -> None:
    (prompt,) = prompts(6)
    rows = [row(0, prompt), row(1, prompt, temperature=1.5, seed=3)]
    run(tiny_model, rows)
    assert rows[0].raw == reference(tiny_model, prompt, 8)
    assert rows[1].raw != rows[0].raw


def test_every_row_streams_and_stop_is_asked_between_tokens(tiny_model: Any) -> None:
    rows = [row(index, prompt, new=6) for index, prompt in enumerate(prompts(6, 8))]
    heard: list[tuple[int, str]] = []
    run(tiny_model, rows, on_text=lambda index, text: heard.append((index, text)))
    assert [text for index, text in heard if index == 1] == [rows[1].text[: n + 1] for n in range(6)]

    asked = iter([False, False, True])
    rows = [row(0, prompts(6)[0], new=6)]
    with pytest.raises(Stopped):
        run(tiny_model, rows, should_stop=lambda: next(asked))
    assert len(rows[0].tokens) == 3


def test_draw_follows_the_distribution_and_top_p_cuts_the_tail() -> None:
    import torch

    logits = torch.log(torch.tensor([0.1, 0.5, 0.15, 0.25]))
    grid = [(i + 0.5) / 1000 for i in range(1000)]
    share = [sum(decoding.draw(logits, 1.0, 1.0, u) == token for u in grid) / 1000 for token in range(4)]
    assert share == pytest.approx([0.1, 0.5, 0.15, 0.25], abs=0.002)
    nucleus = [sum(decoding.draw(logits, 1.0, 0.7, u) == token for u in grid) / 1000 for token in range(4)]
    assert nucleus == pytest.approx([0, 2 / 3, 0, 1 / 3], abs=0.002)
    cold = {decoding.draw(logits, 0.05, 1.0, u) for u in grid[:990]}
    assert cold == {1}
    assert decoding.draw(logits, 1.0, 1.0, math.nextafter(1, 0)) == 3


def test_a_nucleus_wider_than_the_first_candidates_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    logits = torch.randn(500, generator=torch.Generator().manual_seed(1))
    grid = [(i + 0.5) / 200 for i in range(200)]
    short = [decoding.draw(logits, 1.0, 0.95, u) for u in grid]
    monkeypatch.setattr(decoding, "NUCLEUS", 500)
    assert short == [decoding.draw(logits, 1.0, 0.95, u) for u in grid]


@pytest.mark.parametrize(
    ("sequences", "length"),
    [([[1, 2, 3]], 3), ([[1, 2, 3], [1, 2], [1, 2, 4]], 2), ([[1], [2]], 0), ([[], [1]], 0), ([[5, 6], [5, 6]], 2)],
)
def test_common_prefix(sequences: list[list[int]], length: int) -> None:
    assert decoding.common_prefix(sequences) == length


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [
        "Plain words, 12 * 7 = 84.",
        "naïve café – “quoted” … 10 €",
        "🧮👩‍🔬 emoji 家族 ไทย",
        " leading\n\n  and   spaces\t",
        "\u0301x",
        "\ufffd replacement \ufffd",
    ],
)
def test_pieces_spell_the_text_and_never_break_a_character(tokenizer: Any, text: str) -> None:
    detokenizer = decoding.Detokenizer(tokenizer)
    pieces = [detokenizer.push(token) for token in tokenizer(text, add_special_tokens=False)["input_ids"]]
    assert "".join(pieces) + detokenizer.flush() == text
    if "\ufffd" not in text:
        assert not any("\ufffd" in piece for piece in pieces)


@pytest.mark.models
def test_bytes_that_never_become_a_character_are_shown_at_the_end(tokenizer: Any) -> None:
    ids = tokenizer("ok 🧮", add_special_tokens=False)["input_ids"][:-1]
    r = row(0, [1], new=len(ids))
    r.detokenizer = decoding.Detokenizer(tokenizer)
    for token in ids:
        r.push(token, -1.0, 1.0, stops=False)
    assert r.finish_reason == "length"
    assert r.raw == tokenizer.decode(ids) and r.raw.endswith("\ufffd")
    assert "".join(token.text for token in r.tokens) == r.raw
