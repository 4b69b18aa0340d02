"""Correctness history: a predictor of whether an answer is wrong, learnt from reviewed answers of any model (GCM, paper 21).

The paper fine-tunes an 8B model on (model's name, prompt, answer, verdict). This is its processor tier: logistic heads and
forests, on few features (the caller's signals, lengths, the model's identity) and on many (surface features, embeddings, the
verdicts of the nearest past answers besides); their mix is chosen by cross-validation over questions. Three views, as the
paper's conditioning levels: the whole ("full"), the prompt alone ("prompt": will it be right?), the answer alone ("answer").
The score is a risk, not yet calibrated on the place where it is used: see ``core.risk.calibrate``.

A model's identity is its past share of wrong answers, shrunk to the average; a model without a past counts as average.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from core.risk.calibrators import sigmoid
from core.risk.history_features import ANSWER, PROMPT, surface_features
from core.risk.history_heads import Floats, ForestHead, Head, LogisticHead, head_from, log_odds
from core.risk.history_vectors import VectorMemory

__all__ = ["HistoryModel", "HistoryRow", "out_of_fold", "surface_features"]

View = Literal["full", "prompt", "answer"]
Surface = Sequence[Mapping[str, float]]

FORMAT = 1
FEWEST_ROWS, FEWEST_OF_EACH, FEWEST_GROUPS = 30, 5, 10
FOLDS = 5
MODEL_PRIOR = 20.0  # imagined answers with the average share of wrong ones, per model
REACH = 3.0  # standardised features are cut there, so that one odd text is not an outlier of its own kind
FEW, MANY = 30.0, 100.0  # penalties of the logistic heads on few and on many features
MIXES = (
    (0, 1),
    (0,),
    (1,),
    (0, 1, 2, 3),
    (2, 3),
    (2,),
    (3,),
)  # which members are averaged; the first of equals is taken
CORE = frozenset(("prompt_length", "prompt_numbers", "answer_length", "answer_lines", "model"))


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One answer. ``signals`` are further numbers that the caller has, by name; a name that is missing is absent, not zero.

    A signal whose name begins with ``prompt_`` or ``answer_`` belongs to that view too, all others to "full" alone.
    ``group`` is the question's id: rows of one question are never on both sides of a fold.
    """

    prompt: str
    answer: str
    model: str
    prompt_vector: NDArray[Any] | None
    answer_vector: NDArray[Any] | None
    signals: Mapping[str, float]
    group: str


class HistoryModel:
    """``fit``, then ``score``; or ``load`` what ``state`` gave. Texts are read for their surface features unless those are given."""

    def __init__(self, view: View = "full") -> None:
        if view not in get_args(View):
            raise ValueError(
                f"the correctness history has no view called {view!r}; there are: {', '.join(get_args(View))}"
            )
        self.view: View = view
        self._table = _Table(view)
        self._members: list[_Member] = []

    def fit(
        self, rows: Sequence[HistoryRow], wrong: Sequence[float], seed: int = 0, *, surface: Surface | None = None
    ) -> None:
        """Learn from ``wrong``: 1, 0, or a share such as an edit rate; rows in the order of their reviews, the newest last.

        ``ValueError`` below 30 rows, 10 questions, or 5 rows' worth of either verdict. The same seed gives the same model.
        """
        target = np.asarray(wrong, np.float64)
        _enough(rows, target)
        surface = self._surface(rows, surface)
        folds = fold_of([row.group for row in rows], FOLDS, seed)
        held = np.zeros((len(rows), 4))
        for fold in range(FOLDS):
            inside, outside = np.flatnonzero(folds != fold).tolist(), np.flatnonzero(folds == fold).tolist()
            if outside:
                table, members = self._learn(rows, surface, target, inside, seed)
                x = table.matrix([rows[i] for i in outside], [surface[i] for i in outside])
                held[outside] = np.stack([member.score(x) for member in members], axis=1)
        self._table, members = self._learn(rows, surface, target, range(len(rows)), seed)
        self._members = [members[i] for i in _best_mix(held, target)]

    def score(self, rows: Sequence[HistoryRow], *, surface: Surface | None = None) -> Floats:
        """Risk in [0, 1], shape (n,)."""
        if not self._members:
            raise ValueError("fit the correctness history first, or load one")
        x = self._table.matrix(rows, self._surface(rows, surface))
        return sigmoid(np.mean([log_odds(member.score(x)) for member in self._members], axis=0))

    def state(self) -> dict[str, Any]:
        if not self._members:
            raise ValueError("fit the correctness history first")
        kind = {"name": "history", "format": FORMAT, "view": self.view}
        return {**kind, "table": self._table.state(), "members": [member.state() for member in self._members]}

    def load(self, state: Mapping[str, Any]) -> None:
        """Raises ``ValueError`` on a state that is not its own; the state's view wins."""
        if state.get("name") != "history" or state.get("format") != FORMAT:
            raise ValueError("this is not a saved correctness history of this version: fit it again")
        self.view = state["view"]
        self._table = _Table.from_state(self.view, state["table"])
        self._members = [_Member(tuple(kept["columns"]), head_from(kept["head"])) for kept in state["members"]]

    def _surface(self, rows: Sequence[HistoryRow], surface: Surface | None) -> Surface:
        if surface is None:
            return [surface_features(row.prompt, row.answer) for row in rows]
        if len(surface) != len(rows):
            raise ValueError("one set of surface features per row is needed")
        return surface

    def _learn(
        self, rows: Sequence[HistoryRow], surface: Surface, target: Floats, part: Sequence[int], seed: int
    ) -> tuple[_Table, list[_Member]]:
        """Four members: a logistic head and a forest on few features, and the same on all."""
        table = _Table(self.view)
        x = table.fit([rows[i] for i in part], [surface[i] for i in part], target[list(part)])
        signals = {name for i in part for name in _signals(rows[i])}
        few = tuple(i for i, name in enumerate(table.names) if name in CORE or name in signals)
        members = []
        for columns, strength in ((few, FEW), (tuple(range(len(table.names))), MANY)):
            for head in (LogisticHead(strength), ForestHead()):
                members.append(_Member(columns, head.fit(x[:, columns], target[list(part)], seed)))
        return table, members


@dataclass(frozen=True, slots=True)
class _Member:
    """A head and the columns that it reads."""

    columns: tuple[int, ...]
    head: Head

    def score(self, x: Floats) -> Floats:
        return self.head.score(x[:, self.columns])

    def state(self) -> dict[str, Any]:
        return {"columns": list(self.columns), "head": self.head.state()}


def out_of_fold(
    rows: Sequence[HistoryRow],
    wrong: Sequence[float],
    folds: int = 5,
    seed: int = 0,
    *,
    view: View = "full",
    surface: Surface | None = None,
) -> Floats:
    """Risk (n,) of each row by a model that saw no row of its group. Each part must hold enough to learn from, as for ``fit``."""
    if folds < 2:
        raise ValueError("at least two folds are needed")
    surface = HistoryModel(view)._surface(rows, surface)
    place = fold_of([row.group for row in rows], folds, seed + 1)
    risk = np.zeros(len(rows))
    for fold in range(folds):
        inside, outside = np.flatnonzero(place != fold).tolist(), np.flatnonzero(place == fold).tolist()
        if outside:
            model = HistoryModel(view)
            model.fit([rows[i] for i in inside], [wrong[i] for i in inside], seed, surface=[surface[i] for i in inside])
            risk[outside] = model.score([rows[i] for i in outside], surface=[surface[i] for i in outside])
    return risk


def fold_of(groups: Sequence[str], folds: int, seed: int) -> NDArray[np.int64]:
    """The fold of each row; a group is whole in one of them. Depends on the groups' names and the seed, not on the rows' order."""
    ordered = sorted(set(groups), key=lambda group: (zlib.crc32(f"{seed}:{group}".encode()), group))
    place = {group: rank % folds for rank, group in enumerate(ordered)}
    return np.array([place[group] for group in groups], dtype=np.int64)


def _enough(rows: Sequence[HistoryRow], target: Floats) -> None:
    if len(rows) != len(target):
        raise ValueError("one verdict per row is needed")
    if len(target) and not ((target >= 0) & (target <= 1)).all():
        raise ValueError("a verdict is 1 (wrong), 0 (right), or a share between them")
    groups, worth = len({row.group for row in rows}), min(target.sum(), len(target) - target.sum())
    if len(rows) < FEWEST_ROWS or groups < FEWEST_GROUPS or worth < FEWEST_OF_EACH:
        raise ValueError(
            f"The correctness history needs {FEWEST_ROWS} reviewed answers to {FEWEST_GROUPS} questions, at least {FEWEST_OF_EACH} of "
            f"them wrong and {FEWEST_OF_EACH} right; there are {len(rows)} to {groups}, {target.sum():.4g} of them wrong."
        )


def _best_mix(held: Floats, target: Floats) -> tuple[int, ...]:
    """The members whose averaged log-odds have the lowest held-out log loss; the first of equals."""

    def loss(mix: tuple[int, ...]) -> float:
        p = np.clip(sigmoid(log_odds(held[:, mix]).mean(axis=1)), 1e-4, 1 - 1e-4)
        return float(-(target * np.log(p) + (1 - target) * np.log(1 - p)).mean())

    return min(MIXES, key=loss)


class _Table:
    """Rows as a standardised matrix; what that needs is learnt from the history: names, centres, widths, neighbours, models."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.names: list[str] = []
        self.centre: Floats = np.zeros(0)
        self.width: Floats = np.zeros(0)
        self.models: dict[str, float] = {}
        self.memories: dict[str, VectorMemory] = {}

    def fit(self, rows: Sequence[HistoryRow], surface: Surface, wrong: Floats) -> Floats:
        groups = [row.group for row in rows]
        for kind in ("prompt", "answer"):
            if self.view in ("full", kind):
                self.memories[kind] = VectorMemory().fit(_vectors(rows, kind), wrong, groups)
        base = wrong.mean()
        for model in sorted({row.model for row in rows}):
            own = wrong[[row.model == model for row in rows]]
            rate = (own.sum() + MODEL_PRIOR * base) / (len(own) + MODEL_PRIOR)
            self.models[model] = float(log_odds(np.array([rate]))[0] - log_odds(np.array([base]))[0])
        names, x = self._raw(rows, surface, None)
        counts = (~np.isnan(x)).sum(axis=0)
        x = np.where((counts >= FEWEST_OF_EACH)[None, :], x, np.nan)
        centre = np.array([np.nanmean(c) if n else 0.0 for c, n in zip(x.T, counts >= FEWEST_OF_EACH, strict=True)])
        width = np.array([np.nanstd(c) if n else 0.0 for c, n in zip(x.T, counts >= FEWEST_OF_EACH, strict=True)])
        keep = np.flatnonzero(width > 1e-9)
        self.names, self.centre, self.width = [names[i] for i in keep], centre[keep], width[keep]
        return self._standard(x[:, keep])

    def matrix(self, rows: Sequence[HistoryRow], surface: Surface) -> Floats:
        _, x = self._raw(rows, surface, self.names)
        return self._standard(x)

    def _standard(self, x: Floats) -> Floats:
        """A missing number becomes the average one."""
        return np.clip(np.nan_to_num((x - self.centre) / self.width), -REACH, REACH)

    def _raw(
        self, rows: Sequence[HistoryRow], surface: Surface, wanted: Sequence[str] | None
    ) -> tuple[list[str], Floats]:
        """Names and values, ``nan`` where missing; all that the view allows, or those ``wanted``."""
        plain = [{**found, **_signals(row)} for row, found in zip(rows, surface, strict=True)]
        names = (
            sorted({name for found in plain for name in found if self._allowed(name)})
            if wanted is None
            else list(wanted)
        )
        columns = {name: i for i, name in enumerate(names)}
        x = np.full((len(rows), len(names)), np.nan)
        for i, found in enumerate(plain):
            for name, value in found.items():
                place = columns.get(name)
                if place is not None:
                    x[i, place] = value
        more, values = ["model"], [np.array([[self.models.get(row.model, 0.0)] for row in rows]).reshape(-1, 1)]
        for kind, memory in self.memories.items():
            near, found_near = memory.features(kind + "_vector", _vectors(rows, kind), [row.group for row in rows])
            more, values = more + near, [*values, found_near]
        if wanted is None:
            return names + more, np.hstack([x, *values])
        for name, column in zip(more, np.hstack(values).T, strict=True):
            if name in columns:
                x[:, columns[name]] = column
        return names, x

    def _allowed(self, name: str) -> bool:
        return self.view == "full" or name.startswith(PROMPT if self.view == "prompt" else ANSWER)

    def state(self) -> dict[str, Any]:
        memories = {kind: memory.state() for kind, memory in self.memories.items()}
        arrays = {"centre": self.centre.tolist(), "width": self.width.tolist()}
        return {"names": self.names, **arrays, "models": self.models, "memories": memories}

    @classmethod
    def from_state(cls, view: View, state: Mapping[str, Any]) -> _Table:
        made = cls(view)
        made.names, made.models = list(state["names"]), dict(state["models"])
        made.centre, made.width = np.asarray(state["centre"], np.float64), np.asarray(state["width"], np.float64)
        made.memories = {kind: VectorMemory.from_state(memory) for kind, memory in state["memories"].items()}
        return made


def _vectors(rows: Sequence[HistoryRow], kind: str) -> list[NDArray[Any] | None]:
    return [row.prompt_vector if kind == "prompt" else row.answer_vector for row in rows]


def _signals(row: HistoryRow) -> dict[str, float]:
    """Finite signals under names that no other feature has."""
    return {
        name if name.startswith((PROMPT, ANSWER)) else f"signal_{name}": float(value)
        for name, value in row.signals.items()
        if np.isfinite(value)
    }
