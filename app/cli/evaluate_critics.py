"""``corrigenda eval critics``: where critics find the first wrong step, measured on solutions of which it is known."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.evaluate_cache import Say, embedded
from app.cli.evaluate_readings import KeptReader
from app.settings import Settings
from app.worker.models import make_generator
from core.critics import REGISTRY
from core.critics.base import GENEROUS, NEEDS_MODEL, ROLLOUTS, STRICT, ReferenceInput
from core.critics.bisect import bisect, most_questions
from core.critics.combine import combine, dispute, first_wrong, suspicion
from core.critics.rubric import score
from core.evaluation import steps_formats
from core.evaluation.steps import NO_ERROR, Prediction, StepRow, best_constant, figures
from core.generators.base import Capability, GeneratorError, NotAvailable
from core.types import Critique, StepLabel, TokenLogprob

if TYPE_CHECKING:
    from core.generators.base import (
        Generation,
        GenerationRequest,
        Generator,
        OnText,
        Reader,
        ReadRequest,
        ScoreRequest,
        ShouldStop,
    )

ORACLES = ("gold", "none", "shifted", "bisect")  # they read the labels: checks of the evaluation itself
DEFAULT = "arithmetic,step_head"
HEADS = ("step_head", "step_head_lm")  # trained on the other folds
COLUMN = "column:"  # what a critic said is in the rows


@dataclass
class Counted:
    """A generator that counts its calls and tokens."""

    inner: Generator
    calls: int = 0
    tokens: int = 0
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = self.inner.name

    @property
    def capabilities(self) -> Any:
        return self.inner.capabilities

    def generate(
        self,
        requests: Sequence[GenerationRequest],
        on_text: OnText | None = None,
        should_stop: ShouldStop | None = None,
    ) -> list[Generation]:
        # With a question whether to stop, a server streams: one that is slow is then not taken for one that is silent.
        found = self.inner.generate(requests, on_text, should_stop or (lambda: False))
        self.calls += len(requests)
        self.tokens += sum(one.prompt_tokens + one.completion_tokens for one in found)
        return found

    def score(self, requests: Sequence[ScoreRequest]) -> list[list[float]]:
        self.calls += len(requests)
        return self.inner.score(requests)

    def read(self, requests: Sequence[ReadRequest]) -> list[tuple[TokenLogprob, ...]]:
        if Capability.READ not in self.capabilities:
            raise NotAvailable(f"the backend {self.name} gives no log-probs of texts that it did not write")
        reader: Reader = self.inner  # type: ignore[assignment]
        found = reader.read(requests)
        self.calls += len(requests)
        self.tokens += sum(map(len, found))
        return found


def eval_critics(
    settings: Settings,
    *,
    data: Path,
    form: str,
    critics: str,
    train: Sequence[tuple[Path, str]] = (),
    limit: int | None = None,
    seed: int = 0,
    say: Say,
) -> dict[str, Any]:
    """The figures of the combination on top and of each critic below. Raises ``ValueError`` that says what to do."""
    names = [name.strip() for name in (critics or DEFAULT).split(",") if name.strip()]
    unknown = [n for n in names if n not in REGISTRY and n not in ORACLES and not n.startswith(COLUMN)]
    if unknown:
        known = ", ".join((*REGISTRY.names(), *ORACLES, f"{COLUMN}NAME"))
        raise ValueError(f"there is no critic {', '.join(unknown)}; choose among {known}")
    found = steps_formats.read(form, data)
    rows = found.rows[:limit]
    say(f"{found.name}: {len(rows):,} solutions, {sum(len(row.steps) for row in rows):,} steps")
    run = _Run(settings, rows, [row for path, name in train for row in steps_formats.read(name, path).rows], seed, say)
    parts: dict[str, Any] = {}
    said: dict[str, list[Prediction]] = {}
    try:
        for name in dict.fromkeys(names):
            started, before = time.perf_counter(), (run.calls, run.tokens)
            predictions, extra = run.of(name)
            part = figures(rows, predictions) | extra
            part |= {"seconds": time.perf_counter() - started, "calls": run.calls - before[0] + extra.get("calls", 0)}
            part["tokens"] = run.tokens - before[1]
            parts[name], said[name] = part, predictions
            say(f"{name}: {_line(part)}")
    finally:
        run.close()
    own = run.together([name for name in said if name not in ORACLES]) or said[names[0]]
    result = figures(rows, own) | {"data": data.name, "format": form, "notes": list(found.notes)}
    result |= {"best_constant": best_constant(rows), "reads_reference": any("reference" in name for name in names)}
    result |= {"disputed": run.disputed, "to_experts": run.to_experts}
    return result | {"critics": parts}


@dataclass
class _Run:
    settings: Settings
    rows: Sequence[StepRow]
    train: Sequence[StepRow]
    seed: int
    say: Say
    said: dict[str, list[list[Critique]]] = field(default_factory=dict)
    model: Counted | None = None
    disputed: int = 0
    to_experts: int = 0

    @property
    def calls(self) -> int:
        return self.model.calls if self.model else 0

    @property
    def tokens(self) -> int:
        return self.model.tokens if self.model else 0

    def of(self, name: str) -> tuple[list[Prediction], dict[str, Any]]:
        if name in ORACLES:
            return _oracle(name, self.rows)
        self.said[name] = self.head(name) if name in HEADS else self.ask(name)
        return [Prediction(first_wrong(c), suspicion(c), _kind(c)) for c in self.said[name]], {}

    def ask(self, name: str) -> list[list[Critique]]:
        """Per row what the critic says; nothing of rows without the reference, or the words, that it needs."""
        if name.startswith(COLUMN):
            return [_told(row, name.removeprefix(COLUMN)) for row in self.rows]
        given = [_with_reference(row) if "reference" in name else row.given() for row in self.rows]
        places = [k for k, x in enumerate(given) if not isinstance(x, ReferenceInput) or x.reference or x.tests]
        if not places:
            raise ValueError(f"{name} needs a reference in the rows, and no row has one")
        made = (
            REGISTRY.make(name, self.generator())
            if name in NEEDS_MODEL
            else REGISTRY.make(name, self.embed)
            if name == "reference_spare"
            else REGISTRY.make(name)
        )
        try:
            said = made.critique([given[k] for k in places])
        except (NotAvailable, GeneratorError) as problem:
            raise ValueError(f"{name}: {problem}") from problem
        found: list[list[Critique]] = [[] for _ in self.rows]
        for k, critiques in zip(places, said, strict=True):
            found[k] = critiques
        return found

    def together(self, names: Sequence[str]) -> list[Prediction]:
        if not names:
            return []
        found = [combine({name: self.said[name][place] for name in names}) for place in range(len(self.rows))]
        self.disputed = sum(not one.agreed for one in found)
        sources = {name: ROLLOUTS if name == "rollouts_reference" else name for name in names}
        rows = [{sources[name]: self.said[name][place] for name in names} for place in range(len(self.rows))]
        self.to_experts = sum(dispute(one, GENEROUS, STRICT) is not None for one in rows)
        return [Prediction(one.first_error, one.score, one.error_type) for one in found]

    def head(self, name: str) -> list[list[Critique]]:
        from core.critics.step_head_rows import cross_validated

        reader = KeptReader(self.settings, self.generator, self.say) if name in NEEDS_MODEL else None
        try:
            return cross_validated(self.rows, self.train, reader=reader, seed=self.seed, say=self.say)
        except (NotAvailable, GeneratorError) as problem:
            raise ValueError(f"{name}: {problem}") from problem

    def embed(self, texts: Sequence[str]) -> Any:
        return embedded(self.settings, texts, self.say)

    def generator(self) -> Counted:
        if self.model is None:
            self.model = Counted(make_generator(self.settings))
        return self.model

    def close(self) -> None:
        """Give back the connections of a backend that holds any."""
        close = getattr(self.model.inner, "close", None) if self.model else None
        if close:
            close()


def _with_reference(row: StepRow) -> ReferenceInput:
    given = row.given()
    tests = row.columns.get("tests")
    return ReferenceInput(
        given.question, given.answer, given.steps, row.reference, tests if isinstance(tests, str) else ""
    )


def _told(row: StepRow, name: str) -> list[Critique]:
    """What the row says that a critic said: ``said`` maps its name to true, false or null per step, which add up as in a rubric."""
    told = row.columns.get("said")
    if not isinstance(told, Mapping) or not isinstance(told.get(name), list) or len(told[name]) != len(row.steps):
        known = ", ".join(told) if isinstance(told, Mapping) else "none"
        raise ValueError(f"{row.id}: its said has no {name} with a word on each of its steps; there are: {known}")
    points = score([word is True for word in told[name]])
    return [
        Critique(k, COLUMN + name, StepLabel.RIGHT if word else StepLabel.WRONG, "", max(points, 1 - points))
        for k, word in enumerate(told[name])
    ]


def _kind(critiques: Sequence[Critique]) -> str:
    first = first_wrong(critiques)
    return next((c.error_type for c in critiques if c.step_index == first and c.error_type), "")


def _oracle(name: str, rows: Sequence[StepRow]) -> tuple[list[Prediction], dict[str, Any]]:
    """``gold`` must reach 1, ``none`` an F1 of 0, ``shifted`` no error accuracy; ``bisect`` asks gold by halves."""
    if name == "bisect":
        return _bisected(rows)
    said = []
    for row in rows:
        first = row.first_error
        if name == "none" or first is None:
            first = NO_ERROR
        elif name == "shifted":
            first = first + 1
        said.append(Prediction(first, float(row.wrong if name == "gold" else first != NO_ERROR)))
    return said, {}


def _bisected(rows: Sequence[StepRow]) -> tuple[list[Prediction], dict[str, Any]]:
    said, asked, over = [], 0, 0
    for row in rows:
        first = row.first_error if row.first_error is not None else NO_ERROR
        found = bisect(len(row.steps), lambda k, first=first: first == NO_ERROR or k < first)  # type: ignore[misc]
        asked += found.asked
        over += found.asked > most_questions(len(row.steps))
        said.append(Prediction(found.first_error, float(found.first_error != NO_ERROR)))
    return said, {"calls": asked, "questions": asked / len(rows), "over_bound": over}


def training(given: Sequence[str]) -> list[tuple[Path, str]]:
    """``FORMAT:FILE`` as (file, format)."""
    pairs = [one.partition(":") for one in given]
    wrong = [one for one, (_, colon, path) in zip(given, pairs, strict=True) if not colon or not path]
    if wrong:
        raise ValueError(f"--train {wrong[0]}: write it as FORMAT:FILE, such as mr_gsm8k:solutions.jsonl")
    return [(Path(path), form) for form, _, path in pairs]


def _line(part: Mapping[str, Any]) -> str:
    names = ("f1", "error_accuracy", "clean_accuracy", "auroc")
    shown = [f"{name} {part[name]:.3f}" for name in names if part.get(name) is not None]
    return ", ".join([*shown, f"n {part['n']}", f"{part['seconds']:.1f} s"])


def table(found: Mapping[str, Any]) -> str:
    """The figures as people read them: the combination, then each critic."""
    names = ("f1", "error_accuracy", "clean_accuracy", "off_by_one", "auroc", "mr_score", "calls", "tokens", "seconds")
    rows = [("together", found), *found["critics"].items()]
    width = max(len(title) for title, _ in rows)
    lines = [" " * width + "".join(f"{name:>16}" for name in names)]
    for title, values in rows:
        cells = [values.get(name) for name in names]
        lines.append(title.ljust(width) + "".join(f"{_cell(cell):>16}" for cell in cells))
    constant = found["best_constant"]
    if constant:
        lines.append(
            f"best constant step ({constant['step'] + 1:.0f}): error accuracy {constant['error_accuracy']:.3f}"
        )
    return "\n".join(
        [
            *lines,
            f"{found['n']} solutions with a known first error; {found['disputed']} disputed, {found['to_experts']} for experts",
            *found["notes"],
        ]
    )


def _cell(value: Any) -> str:
    return "-" if value is None else str(value) if isinstance(value, int) else f"{value:.3f}"
