"""The decoding loop of the local backend: one static batch of prompts, one forward pass per new token.

Our own loop rather than ``model.generate`` because it keeps log-probs and entropies, streams every row, lets each row sample
in its own way and from its own seed, drops rows that are done, and computes a prefix that all prompts share only once.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from core.generators.base import Generation, GenerationRequest, OnText, ShouldStop, Stopped
from core.generators.kv_cache import croppable, new_cache
from core.types import TokenLogprob

if TYPE_CHECKING:
    import torch

MIN_SHARED_PREFIX = 16  # tokens; below this a pass of its own costs more than it saves
NUCLEUS = 256  # candidates looked at before the whole vocabulary is sorted for top-p


class Detokenizer:
    """Text of a growing token sequence, piece by piece: the pieces joined spell the decoded whole.

    Bytes of a character that is not complete yet wait for its last token, which then gets the whole character.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._decode = tokenizer.decode
        self._ids: list[int] = []
        self._start = self._read = 0

    def push(self, token: int) -> str:
        """What this token adds; empty while a character is incomplete."""
        self._ids.append(token)
        known, text = self._window()
        if text.endswith("\ufffd"):
            return ""
        self._start, self._read = self._read, len(self._ids)
        return text[len(known) :]

    def flush(self) -> str:
        """What is left when no token follows: replacement characters for bytes that never became one."""
        known, text = self._window()
        return text[len(known) :]

    def _window(self) -> tuple[str, str]:
        """Text up to the last complete piece and up to now, both from the piece before, so that spaces come out right."""
        ids = self._ids
        return (
            self._decode(ids[self._start : self._read], skip_special_tokens=True),
            self._decode(ids[self._start :], skip_special_tokens=True),
        )


@dataclass(slots=True)
class Row:
    """One prompt in the batch and what has been decoded for it."""

    index: int  # of the request
    prompt: list[int]
    request: GenerationRequest
    detokenizer: Detokenizer
    rng: random.Random
    tokens: list[TokenLogprob] = field(default_factory=list)
    raw: str = ""
    finish_reason: str = ""

    @property
    def text(self) -> str:
        return self.raw.strip()

    def push(self, token: int, logprob: float, entropy: float, stops: bool) -> None:
        """Take one token; a token that stops the answer is not part of it."""
        if stops:
            self._finish("stop")
            return
        piece = self.detokenizer.push(token)
        self.raw += piece
        self.tokens.append(TokenLogprob(piece, logprob, entropy))
        if len(self.tokens) >= self.request.max_new_tokens:
            self._finish("length")

    def _finish(self, reason: str) -> None:
        self.finish_reason = reason
        rest = self.detokenizer.flush()
        if rest and self.tokens:
            last = self.tokens[-1]
            self.raw += rest
            self.tokens[-1] = TokenLogprob(last.text + rest, last.logprob, last.entropy)

    def result(self) -> Generation:
        return Generation(self.text, tuple(self.tokens), self.finish_reason, len(self.prompt), len(self.tokens))


def common_prefix(sequences: Sequence[tuple[int, ...]] | Sequence[list[int]]) -> int:
    """How many leading tokens all sequences share."""
    first, last = min(sequences), max(sequences)  # in dictionary order; all others lie between them
    length = 0
    for a, b in zip(first, last, strict=False):
        if a != b:
            break
        length += 1
    return length


@dataclass(slots=True)
class Batch:
    """Tensors of the rows still running: keys and values, mask (rows, length), next positions (rows, 1), logits (rows, vocabulary)."""

    cache: Any
    mask: torch.Tensor
    positions: torch.Tensor
    logits: torch.Tensor

    def keep(self, rows: list[int]) -> None:
        """Select rows by place, in that order; a place may come more than once."""
        import torch

        places = torch.tensor(rows, device=self.mask.device)
        self.cache.batch_select_indices(places)
        self.mask, self.positions, self.logits = self.mask[places], self.positions[places], self.logits[places]


def prefill(model: Any, prompts: Sequence[list[int]]) -> Batch:
    """Run the prompts: equal ones once, a prefix that all share once, the rest left-padded to one width."""
    import torch

    unique = list({tuple(prompt): None for prompt in prompts})
    shared = min(common_prefix(unique), min(map(len, unique)) - 1)
    cache = new_cache(model.config)
    device = model.device
    if len(unique) == 1 or shared < MIN_SHARED_PREFIX or not croppable(cache):
        shared = 0
    else:
        ids = torch.tensor([unique[0][:shared]], device=device)
        model(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache.batch_repeat_interleave(len(unique))
    width = max(map(len, unique)) - shared
    ids = torch.zeros(len(unique), width, dtype=torch.long, device=device)
    mask = torch.zeros(len(unique), shared + width, dtype=torch.long, device=device)
    mask[:, :shared] = 1
    for place, prompt in enumerate(unique):
        rest = len(prompt) - shared
        ids[place, width - rest :] = torch.tensor(prompt[shared:], device=device)
        mask[place, shared + width - rest :] = 1
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    out = model(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions[:, shared:],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    batch = Batch(cache, mask, positions[:, -1:] + 1, out.logits[:, -1].float())
    if len(unique) < len(prompts):
        places = {prompt: place for place, prompt in enumerate(unique)}
        batch.keep([places[tuple(prompt)] for prompt in prompts])
    return batch


def advance(model: Any, batch: Batch, tokens: torch.Tensor) -> None:
    """One forward pass with the tokens (rows,) just chosen; fills ``batch.logits`` for the next choice."""
    import torch

    batch.mask = torch.cat([batch.mask, batch.mask.new_ones(len(tokens), 1)], dim=1)
    out = model(
        input_ids=tokens[:, None],
        attention_mask=batch.mask,
        position_ids=batch.positions,
        past_key_values=batch.cache,
        use_cache=True,
        logits_to_keep=1,
    )
    batch.positions = batch.positions + 1
    batch.logits = out.logits[:, -1].float()


def choose(logits: torch.Tensor, rows: Sequence[Row]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Next token of each row with its log-prob at temperature 1 and the entropy there in nats; each (rows,)."""
    import torch

    tokens = logits.argmax(-1)
    for place, row in enumerate(rows):
        if row.request.temperature > 0:
            tokens[place] = draw(logits[place], row.request.temperature, row.request.top_p, row.rng.random())
    logprobs = torch.log_softmax(logits, dim=-1)
    entropy = torch.special.entr(logprobs.exp()).sum(-1)
    return tokens, logprobs.gather(1, tokens[:, None])[:, 0], entropy


def draw(logits: torch.Tensor, temperature: float, top_p: float, u: float) -> int:
    """The token at quantile ``u`` in [0, 1) of the tempered nucleus: the most likely tokens that together reach ``top_p``."""
    import torch

    probs = torch.softmax(logits / temperature, dim=-1)
    if top_p >= 1:
        ranked, ids = probs, None
    else:
        ranked, ids = probs.topk(min(NUCLEUS, len(probs)))
        if ranked.sum() < top_p:
            ranked, ids = probs.sort(descending=True)
        before = ranked.cumsum(0) - ranked
        ranked = ranked[before < top_p]
    cumulative = ranked.double().cumsum(0)
    place = int(torch.searchsorted(cumulative, u * cumulative[-1], right=True).clamp(max=len(ranked) - 1))
    return place if ids is None else int(ids[place])


def decode(
    model: Any,
    rows: Sequence[Row],
    *,
    stop_ids: frozenset[int],
    turn: AbstractContextManager[object],
    on_text: OnText | None,
    should_stop: ShouldStop | None,
) -> None:
    """Decode all rows to their end. ``turn`` is held for each forward pass, not between them, so that callers interleave.

    Callbacks run between passes; ``should_stop`` may block there to let others go first. Raises ``Stopped``.
    """
    import torch

    running = list(rows)
    with turn, torch.inference_mode():
        batch = prefill(model, [row.prompt for row in running])
    while True:
        with torch.inference_mode():
            tokens, logprobs, entropies = choose(batch.logits, running)
        for row, token, logprob, entropy in zip(
            running, tokens.tolist(), logprobs.tolist(), entropies.tolist(), strict=True
        ):
            row.push(token, logprob, entropy, token in stop_ids)
            if on_text:
                on_text(row.index, row.text)
        places = [place for place, row in enumerate(running) if not row.finish_reason]
        if not places:
            return
        if should_stop and should_stop():
            raise Stopped("The generation was stopped.")
        with turn, torch.inference_mode():
            if len(places) < len(running):
                batch.keep(places)
                tokens, running = tokens[places], [running[place] for place in places]
            advance(model, batch, tokens)
