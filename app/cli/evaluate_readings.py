"""What a model made of texts that it read, kept for the next run of ``corrigenda eval``: 900 solutions take it half an hour."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.evaluate_cache import Say
from app.settings import Settings
from core.generators.base import Capability, NotAvailable, ReadRequest
from core.types import TokenLogprob

if TYPE_CHECKING:
    from core.generators.base import Reader

AT_ONCE = 20  # solutions between two writes


class KeptReader:
    """A ``Reader`` that asks the model only for what it has not read before. ``make`` loads the model when it is first needed."""

    def __init__(self, settings: Settings, make: Callable[[], Any], say: Say) -> None:
        self._make, self._say = make, say
        name = hashlib.sha256(f"{settings.generator} {settings.model}".encode()).hexdigest()[:12]
        self._path = settings.data_dir / "cache" / "eval" / f"readings-{name}.jsonl"
        self._known = _load(self._path)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return frozenset({Capability.READ})

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        """Raises ``NotAvailable`` where something is new and the backend does not read."""
        new = [one for one in requests if _key(one) not in self._known]
        if new:
            reader: Reader = self._make()
            if Capability.READ not in reader.capabilities:
                raise NotAvailable("this backend gives no log-probs of texts that it did not write")
            self._path.parent.mkdir(parents=True, exist_ok=True)
            for start in range(0, len(new), AT_ONCE):
                part = new[start : start + AT_ONCE]
                self._keep(part, reader.read(part))
                self._say(f"read {min(start + AT_ONCE, len(new)):,} of {len(new):,} solutions")
        return [self._known[_key(one)] for one in requests]

    def _keep(self, requests: Sequence[ReadRequest], found: Sequence[tuple[TokenLogprob, ...]]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            for one, tokens in zip(requests, found, strict=True):
                self._known[_key(one)] = tokens
                told = [[t.text, round(t.logprob, 5), round(t.entropy or 0.0, 5)] for t in tokens]
                file.write(json.dumps([_key(one), told]) + "\n")


def _key(request: ReadRequest) -> str:
    parts = [[message.role, message.content] for message in request.messages]
    return hashlib.sha256(json.dumps([parts, request.reply]).encode()).hexdigest()[:24]


def _load(path: Path) -> dict[str, tuple[TokenLogprob, ...]]:
    """A line that was cut off is left out."""
    found: dict[str, tuple[TokenLogprob, ...]] = {}
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            name, told = json.loads(line)
            found[name] = tuple(TokenLogprob(*token) for token in told)
        except ValueError:
            continue
    return found
