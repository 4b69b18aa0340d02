"""Rows of any format with what is known of them beside: the ``corrigenda`` column gets further keys, and trainers see no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from core.exporters.base import Exporter, ExportRecord
from core.quality.gate import Mark


class Marked:
    """An exporter whose rows say what a gate found (``quality``) and what was left of labels without their drivers (``reward``).

    ``rewards`` are (raw, adjusted) by output; an output that is in none of them keeps the verdict that the row gives it. Keys and types
    are the same in every row, so that loaders infer one schema. ``admit`` changes what the format sees of a record, not what its rows
    carry for the way back.
    """

    def __init__(
        self,
        inner: Exporter,
        marks: Mapping[int, Mark] | None = None,
        rewards: Mapping[int, tuple[float, float]] | None = None,
        admit: Callable[[ExportRecord], ExportRecord] | None = None,
    ) -> None:
        self._inner, self._marks, self._rewards, self._admit = inner, marks, rewards, admit

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def rows(self, records: Iterable[ExportRecord]) -> Iterator[dict[str, Any]]:
        return self._marked(self._inner.rows(self._admitted(records)))

    def each(self, records: Iterable[ExportRecord]) -> Iterator[dict[str, Any]]:
        return self._marked(self._inner.each(self._admitted(records)))

    def _admitted(self, records: Iterable[ExportRecord]) -> Iterable[ExportRecord]:
        return records if self._admit is None else map(self._admit, records)

    def _marked(self, rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for row in rows:
            info = row.get("corrigenda")
            if isinstance(info, dict):
                row["corrigenda"] = {**info, **self._known(row, info)}
            yield row

    def _known(self, row: Mapping[str, Any], info: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self._marks is not None and (mark := self._marks.get(info.get("item", 0))) is not None:
            found["quality"] = {"rank": mark.rank, "score": mark.score, "weight": mark.weight}
        if self._rewards is not None and info.get("outputs"):
            pairs = self._pairs(self._rewards, row, info)
            found["reward"] = {"raw": [one for one, _ in pairs], "adjusted": [one for _, one in pairs]}
        return found

    @staticmethod
    def _pairs(
        rewards: Mapping[int, tuple[float, float]], row: Mapping[str, Any], info: Mapping[str, Any]
    ) -> list[tuple[float, float]]:
        """By output, in the order of ``outputs``: the last one is wanted, unless the row has a ``label``, and those before it are not.

        What a person wrote has no judgement to adjust: it counts 1."""
        outputs, label = info["outputs"], row.get("label")
        last = float(label) if isinstance(label, bool | int) else 1.0
        kept = [rewards.get(output, (0.0, 0.0)) for output in outputs[:-1]]
        own = (1.0, 1.0) if info.get("origin") == "rewrite" else rewards.get(outputs[-1], (last, last))
        return [*kept, own]
