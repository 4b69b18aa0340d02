"""A transformers encoder with a linear head, as POLAR (paper 1) fine-tunes it: the [CLS] vector of a text to class scores.

Where entities of the text are marked, the mean of each one's token vectors stands beside [CLS] (relation extraction, same paper).
Weights load from safetensors only, and code that comes with a model is never run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    import torch

Spans = Sequence[
    Sequence[tuple[int, int]]
]  # per text the (start, end) in characters of each entity, as many in every text
Dtype = Literal["auto", "float32", "bfloat16"]
LONGEST = 512  # tokens read of a text, or fewer where the encoder's window is smaller
TOKENIZED_AT_ONCE = 1000


class EncoderError(ValueError):
    """The encoder, or a saved harmonizer, can't be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """One text as the encoder reads it, and the places of each entity's tokens in ``ids``; empty for one beyond the window."""

    ids: list[int]
    entities: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Network:
    """``parts`` holds "encoder" and "head". ``mixed``: the encoder works in bfloat16 while weights and head stay float32."""

    tokenizer: Any
    parts: torch.nn.ModuleDict
    entities: int
    place: torch.device
    mixed: bool

    @property
    def window(self) -> int:
        """Tokens that are read of a text, [CLS] and [SEP] included."""
        positions = getattr(self.parts["encoder"].config, "max_position_embeddings", None) or LONGEST
        return min(int(positions), int(self.tokenizer.model_max_length), LONGEST)

    def tokens(
        self, texts: Sequence[str], spans: Spans | None, check: Callable[[], None] | None = None
    ) -> list[Tokens]:
        """Texts cut to the window. ``ValueError`` when the spans are not as many as they were in training, or lie outside a text."""
        _check_spans(texts, spans, self.entities)
        found: list[Tokens] = []
        for start in range(0, len(texts), TOKENIZED_AT_ONCE):
            if check:
                check()
            part = list(texts[start : start + TOKENIZED_AT_ONCE])
            read = self.tokenizer(
                part, truncation=True, max_length=self.window, return_offsets_mapping=bool(self.entities)
            )
            for place, ids in enumerate(read["input_ids"]):
                marked = spans[start + place] if spans is not None else ()
                where = read["offset_mapping"][place] if marked else []
                found.append(Tokens(ids, tuple(_inside(where, low, high) for low, high in marked)))
        return found

    def logits(self, rows: Sequence[Tokens]) -> torch.Tensor:
        """Class scores (n, k), float32, on the network's device."""
        import torch

        longest = max(len(row.ids) for row in rows)
        ids = torch.full((len(rows), longest), int(self.tokenizer.pad_token_id))
        seen = torch.zeros_like(ids)
        pool = torch.zeros(
            len(rows), 1 + self.entities, longest
        )  # weight of each token in [CLS] and in the entities' means
        pool[:, 0, 0] = 1
        for i, row in enumerate(rows):
            ids[i, : len(row.ids)] = torch.tensor(row.ids)
            seen[i, : len(row.ids)] = 1
            for number, places in enumerate(row.entities, start=1):
                if places:
                    pool[i, number, list(places)] = 1 / len(places)
        ids, seen, pool = ids.to(self.place), seen.to(self.place), pool.to(self.place)
        with torch.autocast(self.place.type, dtype=torch.bfloat16, enabled=self.mixed):
            hidden = self.parts["encoder"](input_ids=ids, attention_mask=seen).last_hidden_state
        scores: torch.Tensor = self.parts["head"]((pool @ hidden.float()).flatten(1))
        return scores


def build(
    source: str | Path, n_classes: int, entities: int, device: str, dtype: Dtype, *, only_local: bool = False
) -> Network:
    """Encoder and tokenizer of a folder or model id, with a new head; ``EncoderError`` when they are not what they should be."""
    import torch

    place, mixed = _place(device, dtype)
    tokenizer, encoder = load(source, only_local=only_local)
    width = int(encoder.config.hidden_size)
    parts = torch.nn.ModuleDict({"encoder": encoder, "head": torch.nn.Linear(width * (1 + entities), n_classes)})
    return Network(tokenizer, parts.to(place), entities, place, mixed)


def load(source: str | Path, *, only_local: bool = False) -> tuple[Any, Any]:
    """Tokenizer and float32 encoder, from safetensors alone and without running code that lies beside them."""
    import torch
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    name, options = str(source), {"trust_remote_code": False, "local_files_only": only_local}
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(name, **options)
        encoder, told = AutoModel.from_pretrained(
            name, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **options
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise EncoderError(
            f"The encoder {name!r} can't be loaded: {error} Name a folder with safetensors weights and a tokenizer, or a "
            "model id while the network is allowed."
        ) from error
    missing = sorted(key for key in told["missing_keys"] if not key.startswith("pooler."))  # the pooler is not used
    if missing:
        raise EncoderError(
            f"The weights of {name!r} lack {missing[0]!r} and {len(missing) - 1} more. Fetch the model again."
        )
    _check_kind(name, tokenizer, encoder)
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    return tokenizer, encoder


def batches(rows: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _check_kind(name: str, tokenizer: Any, encoder: Any) -> None:
    if tokenizer.pad_token_id is None or tokenizer.cls_token_id is None or encoder.config.is_encoder_decoder:
        raise EncoderError(f"{name!r} is no encoder with a [CLS] token and padding. Choose one of BERT's kind.")
    if tokenizer("a")["input_ids"][:1] != [tokenizer.cls_token_id]:
        raise EncoderError(
            f"The tokenizer of {name!r} does not begin texts with its [CLS] token. Choose one of BERT's kind."
        )


def _place(device: str, dtype: Dtype) -> tuple[torch.device, bool]:
    """The device, and whether the encoder works in bfloat16 there."""
    import torch

    if dtype not in get_args(Dtype):
        raise ValueError(f"an encoder is not fine-tuned in {dtype!r}; there are: {', '.join(get_args(Dtype))}")
    place = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
    if place.type == "cuda" and not torch.cuda.is_available():
        raise EncoderError("There is no CUDA device here. Set the device to auto or cpu, or run this on a GPU worker.")
    able = place.type == "cuda" and torch.cuda.is_bf16_supported()
    return place, dtype == "bfloat16" or (dtype == "auto" and able)


def _check_spans(texts: Sequence[str], spans: Spans | None, entities: int) -> None:
    if entities and spans is None:
        raise ValueError(f"this encoder was taught with {entities} entities in each text: give their spans")
    if spans is None:
        return
    if len(spans) != len(texts):
        raise ValueError(f"there are spans of {len(spans)} texts, but {len(texts)} texts")
    for number, (text, marked) in enumerate(zip(texts, spans, strict=True)):
        if len(marked) != entities:
            raise ValueError(f"text {number} has {len(marked)} spans; this encoder takes {entities} in each")
        if not all(0 <= low < high <= len(text) for low, high in marked):
            raise ValueError(f"a span of text {number} is empty or lies outside it ({len(text)} characters)")


def _inside(where: Sequence[tuple[int, int]], low: int, high: int) -> tuple[int, ...]:
    return tuple(place for place, (start, end) in enumerate(where) if start < end and start < high and end > low)
