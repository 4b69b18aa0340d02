"""Tokens per second of the bundled model: one by one, in batches of 32, and through the micro-batcher; raw transformers beside it.

Run by hand: ``python -m tests.benchmarks.bench_generation``; prints one JSON line. Takes about two minutes on two idle cores.
Each way is measured three times in turn, so that a noisy machine hits all alike; the medians are reported.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from core.batching import MicroBatcher
from core.generators.base import GenerationRequest, Message, ScoreRequest

BATCH = 32
NEW_TOKENS = 48
ROUNDS = 3
MODELS_DIR = Path(os.environ.get("CORRIGENDA_DATA_DIR", ".corrigenda")) / "models"


def prompts() -> list[tuple[Message, ...]]:
    """32 word problems of unlike lengths without a prefix in common beyond the template's."""
    return [
        (
            Message(
                "user",
                f"{shop} sells {i + 3} boxes of pens a day for ${i + 2} each{', at a loss of some cents' * (i % 4)}. "
                f"Each box has {2 * i + 5} pens. How much does it earn in {i % 7 + 2} days? Explain step by step.",
            ),
        )
        for i, shop in enumerate(["A shop", "One stall", "The school kiosk", "Every branch"] * 8)
    ]


def ours(generator: Any, chats: list[tuple[Message, ...]]) -> None:
    generator.generate([GenerationRequest(chat, NEW_TOKENS) for chat in chats])


def raw(generator: Any, chats: list[tuple[Message, ...]]) -> None:
    """``model.generate`` on the same prompts, padded on the left."""
    import torch
    from transformers import GenerationConfig

    generator._tokenizer.padding_side = "left"
    texts = [generator.prompt_text(chat) for chat in chats]
    encoded = generator._tokenizer(texts, return_tensors="pt", padding=True, add_special_tokens=False)
    config = GenerationConfig(do_sample=False, max_new_tokens=NEW_TOKENS, pad_token_id=2, eos_token_id=None)
    with torch.inference_mode():
        generator._model.generate(**encoded, generation_config=config)


def through_batcher(generator: Any, chats: list[tuple[Message, ...]]) -> None:
    """Each prompt from a thread of its own."""
    batcher = MicroBatcher(generator, max_batch=BATCH)
    with ThreadPoolExecutor(len(chats)) as pool:
        list(pool.map(lambda chat: batcher.generate([GenerationRequest(chat, NEW_TOKENS)]), chats))
    batcher.close()


def scored(generator: Any, chats: list[tuple[Message, ...]]) -> None:
    generator.score([ScoreRequest(chat, ("yes", "no", "it can't be said", "more than that")) for chat in chats])


def seconds(work: Callable[[Any, list[tuple[Message, ...]]], None], generator: Any, chats: Any) -> float:
    begun = time.perf_counter()
    work(generator, chats)
    return time.perf_counter() - begun


def run() -> dict[str, Any]:
    """Tokens per second and ratios; answers run to their full length so that all ways make the same number of tokens."""
    from core.generators.transformers_local import TransformersGenerator

    begun = time.perf_counter()
    generator = TransformersGenerator(models_dir=MODELS_DIR, batch_size=BATCH)
    loaded = time.perf_counter() - begun
    generator._stop_ids = frozenset()
    chats = prompts()
    ways = {
        "one_by_one": (ours, chats[:1]),
        "raw_one_by_one": (raw, chats[:1]),
        "batch_32": (ours, chats),
        "raw_batch_32": (raw, chats),
        "32_threads_through_batcher": (through_batcher, chats),
    }
    ours(generator, chats[:1])  # warm up
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (work, some) in ways.items():
            taken[name].append(len(some) * NEW_TOKENS / seconds(work, generator, some))
    rates = {name: round(statistics.median(values), 1) for name, values in taken.items()}
    return {
        "benchmark": "generation",
        "load_seconds": round(loaded, 2),
        "new_tokens": NEW_TOKENS,
        "tokens_per_second": rates,
        "batch_over_one_by_one": round(rates["batch_32"] / rates["one_by_one"], 2),
        "batch_over_raw_batch": round(rates["batch_32"] / rates["raw_batch_32"], 2),
        "score_32_prompts_of_4_candidates_seconds": round(seconds(scored, generator, chats), 2),
        "threads": os.environ.get("OMP_NUM_THREADS", "all"),
    }


if __name__ == "__main__":
    print(json.dumps(run()))
