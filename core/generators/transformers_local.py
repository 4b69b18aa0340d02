"""A transformers model in this process: batched decoding with log-probs, streaming, and teacher-forced scoring.

Bundled SmolLM2-135M-Instruct, a local folder, or a Hugging Face id; float32 on the CPU and bfloat16 on CUDA unless set
otherwise (bf16 without hardware for it prefills four to eight times slower). Weights load from safetensors only, and code that
comes with a model is never run. CUDA is written but has not been proven on hardware yet.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import bundled
from core.generators import decoding
from core.generators.base import (
    REGISTRY,
    Capability,
    Generation,
    GenerationRequest,
    GeneratorError,
    Message,
    OnText,
    ReadRequest,
    ScoreRequest,
    ShouldStop,
)
from core.generators.scoring import PrefixScorer, next_logprobs, reply_logprobs
from core.turns import TurnLock
from core.types import TokenLogprob

if TYPE_CHECKING:
    import torch


@REGISTRY.register("transformers")
class TransformersGenerator:
    """Thread-safe: threads take turns at each forward pass. ``context_window`` counts prompt and answer in tokens."""

    name = "transformers"
    capabilities = frozenset({Capability.GENERATE, Capability.LOGPROBS, Capability.SCORE, Capability.READ})

    def __init__(
        self,
        *,
        model: str = bundled.SMOLLM2.name,
        models_dir: Path = Path(".corrigenda/models"),
        device: str = "auto",
        dtype: str = "auto",
        batch_size: int = 32,
        context_window: int = 2048,
    ) -> None:
        """Loads the model. Raises ``GeneratorError`` when it can't, ``ModelMissing`` when the bundled one isn't installed."""
        self.model_id = model
        self.batch_size = batch_size
        source = str(bundled.smollm2(models_dir)) if model == bundled.SMOLLM2.name else model
        self._tokenizer, self._model = _load(source, device, dtype)
        limit = getattr(self._model.config, "max_position_embeddings", None) or context_window
        self.context_window = min(context_window, limit)
        self._stop_ids = _stop_ids(self._model, self._tokenizer)
        self._turn = TurnLock()
        self._scorer = PrefixScorer(self._model, batch_size)

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        """Batches of similar prompt length, ``batch_size`` at most. See ``Generator.generate``."""
        rows = [self._row(index, request) for index, request in enumerate(requests)]
        by_length = sorted(rows, key=lambda row: (len(row.prompt), row.prompt))
        for start in range(0, len(rows), self.batch_size):
            part = by_length[start : start + self.batch_size]
            decoding.decode(
                self._model,
                part,
                stop_ids=self._stop_ids,
                turn=self._turn,
                on_text=on_text,
                should_stop=should_stop,
            )
        return [row.result() for row in rows]

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        """Prompts with one-token candidates go in batches, others one by one on a shared cache. See ``Generator.score``."""
        encoded = [self._encode_candidates(index, request) for index, request in enumerate(requests)]
        results: list[list[float]] = [[] for _ in requests]
        short = [
            i for i, (prefix, rest) in enumerate(encoded) if prefix and rest and all(len(ids) == 1 for ids in rest)
        ]
        short = short if len(short) > 1 else []
        for part in _batches(sorted(short, key=lambda i: len(encoded[i][0])), self.batch_size):
            with self._turn:
                found = next_logprobs(
                    self._model, [encoded[i][0] for i in part], [[ids[0] for ids in encoded[i][1]] for i in part]
                )
            for index, values in zip(part, found, strict=True):
                results[index] = values
        for index in sorted(set(range(len(requests))) - set(short), key=lambda i: encoded[i][0]):
            with self._turn:
                results[index] = self._scorer.score(*encoded[index])
        return results

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        """One reply after the other: batches of long texts are no faster on a CPU. See ``Reader.read``."""
        return [self._read(request) for request in requests]

    def _read(self, request: ReadRequest) -> tuple[TokenLogprob, ...]:
        prompt = self.prompt_text(request.messages)
        encoded = self._tokenizer(prompt + request.reply, add_special_tokens=False, return_offsets_mapping=True)
        ids, places = encoded["input_ids"][: self.context_window], encoded["offset_mapping"][: self.context_window]
        start = next((i for i, (_, end) in enumerate(places) if end > len(prompt)), len(ids))
        if start >= len(ids):
            return ()
        with self._turn:
            logprobs, entropies = reply_logprobs(self._model, ids, start)
        found, read = [], len(prompt)
        for (_, end), logprob, entropy in zip(places[start:], logprobs, entropies, strict=True):
            found.append(TokenLogprob((prompt + request.reply)[read:end], logprob, entropy))
            read = max(read, end)
        return tuple(found)

    def prompt_text(self, messages: Sequence[Message]) -> str:
        """The messages in the model's chat template, up to where the assistant's reply begins."""
        chat = [{"role": message.role, "content": message.content} for message in messages]
        return str(self._tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _row(self, index: int, request: GenerationRequest) -> decoding.Row:
        prompt = self._encode(self.prompt_text(request.messages))
        room = self.context_window - request.max_new_tokens
        if len(prompt) > room:
            raise GeneratorError(
                f"The prompt is {len(prompt)} tokens long, but the model reads {self.context_window} and "
                f"{request.max_new_tokens} of them are kept for the answer. Shorten the item, its context or the guidelines "
                f"by {len(prompt) - room} tokens, put fewer lessons in the prompt, or lower the answer's length.",
                index=index,
            )
        seed = request.seed if request.seed is not None else random.getrandbits(64)
        return decoding.Row(index, prompt, request, decoding.Detokenizer(self._tokenizer), random.Random(seed))

    def _encode_candidates(self, index: int, request: ScoreRequest) -> tuple[list[int], list[list[int]]]:
        """Prefix and candidate tokens, cut where all tokenisations still agree with the prompt's own."""
        prompt = self.prompt_text(request.messages) + request.reply_prefix
        whole = [self._encode(prompt + candidate) for candidate in request.candidates]
        cut = decoding.common_prefix([self._encode(prompt), *whole])
        longest = max(map(len, whole), default=cut)
        if longest > self.context_window:
            raise GeneratorError(
                f"Prompt and candidate are {longest} tokens long, but the model reads {self.context_window}. "
                "Shorten the item, its context or the guidelines, or put fewer lessons in the prompt.",
                index=index,
            )
        return (whole[0][:cut] if whole else []), [ids[cut:] for ids in whole]


def _batches(indices: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(indices), size):
        yield indices[start : start + size]


def _load(source: str, device: str, dtype: str) -> tuple[Any, Any]:
    """Tokenizer and model in evaluation mode on the device."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    place = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    try:
        tokenizer = AutoTokenizer.from_pretrained(source)
        model = AutoModelForCausalLM.from_pretrained(source, dtype=_dtype(dtype, place), use_safetensors=True)
    except (OSError, ValueError) as error:
        raise GeneratorError(
            f"The model {source!r} can't be loaded: {error} Set CORRIGENDA_MODEL to the bundled {bundled.SMOLLM2.name}, to a "
            "folder with safetensors weights, or to a model id while the network is allowed."
        ) from error
    if not tokenizer.chat_template:
        raise GeneratorError(f"The model {source!r} has no chat template. Choose an instruction-tuned model.")
    model.to(torch.device(place))  # type: ignore[arg-type]
    model.eval()  # type: ignore[no-untyped-call]
    return tokenizer, model


def _dtype(name: str, device: str) -> torch.dtype:
    import torch

    if name == "auto":
        return torch.bfloat16 if device.startswith("cuda") else torch.float32
    chosen: torch.dtype = getattr(torch, name)
    return chosen


def _stop_ids(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends an answer, by the generation config and by the tokenizer."""
    ids = model.generation_config.eos_token_id
    listed = ids if isinstance(ids, list) else [ids]
    return frozenset(i for i in [*listed, tokenizer.eos_token_id] if i is not None)
