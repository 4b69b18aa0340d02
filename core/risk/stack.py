"""The risk that people see, put together: votes (POLAR, paper 1), past verdicts (GCM, paper 21), and calibration on reviews.

The votes give a risk without any review. Once there are enough reviews the correctness history gives a second one, and the two
are added on log-odds with weights learnt from out-of-fold scores, shrunk towards "the votes alone". What comes out is calibrated.
The same object stands behind the worker's jobs and behind ``corrigenda eval risk``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.projects import ANNOTATORS
from core.risk.base import REGISTRY, RiskModel, RiskRow, Scored
from core.risk.calibrate import FEWEST_REVIEWED, Calibration
from core.risk.calibrate import fit as fit_calibration
from core.risk.calibrators import log_odds, most_probable, sigmoid
from core.risk.history import HistoryModel, HistoryRow, out_of_fold, surface_features
from core.types import RiskEstimate

BEFORE_FIT = "vote_share"
HISTORY = "history"  # its name among the drivers
LEAST_GAIN, FEWEST_HELD = (
    1e-3,
    30,
)  # nats per vote by which an older model must be better to stay, and votes to see it by
SPREAD = (0.5, 0.5, 1.0)  # of the priors around (votes 1, history 0, shift 0)
FOLDS = 5
FEWEST_TO_TUNE, FEWEST_OF_EACH = 60, 10
FEWEST_ELSEWHERE = 10  # reviews that correct a risk which reviews of another place have taught

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RiskCase:
    """One output: what was voted on it, and, where it may be compared with past verdicts, its texts and vectors."""

    row: RiskRow
    history: HistoryRow | None = None


@dataclass(frozen=True, slots=True)
class Blend:
    """log-odds = ``votes`` * log-odds of the votes' risk + ``history`` * log-odds of the history's + ``shift``."""

    votes: float
    history: float
    shift: float

    def odds(self, votes: Floats, history: Floats) -> Floats:
        return self.votes * log_odds(votes) + self.history * log_odds(history) + self.shift


@dataclass(slots=True)
class RiskStack:
    """``fit`` or ``from_state``, then ``estimate``. ``pairs`` are (raw risk, was wrong) of the reviewed outputs, out of fold."""

    model: RiskModel = field(default_factory=lambda: REGISTRY.make(BEFORE_FIT))
    version: str = "1"
    history: HistoryModel | None = None
    blend: Blend | None = None
    calibration: Calibration | None = None
    pairs: tuple[tuple[float, float], ...] = ()
    figures: dict[str, Any] = field(default_factory=dict)  # of the fit: see ``_compare``

    @property
    def method(self) -> str:
        return self.model.name if self.blend is None else f"{self.model.name} + {HISTORY}"

    @classmethod
    def fit(
        cls,
        method: str,
        cases: Sequence[RiskCase],
        wrong: Sequence[float | None],
        n_classes: int,
        *,
        seed: int = 0,
        version: str = "1",
        use_history: bool = True,
        calibrate_on: Sequence[bool] | None = None,
        calibrator: str | None = None,
        options: Mapping[str, Any] | None = None,
        held: Sequence[bool] | None = None,
        incumbent: RiskStack | None = None,
    ) -> RiskStack:
        """Learn from all ``cases``; ``wrong`` is 1, 0 or a share where an output was reviewed and ``None`` elsewhere.

        Too little to learn votes from gives the share of votes; too few reviews leave out the history, then the calibration.
        ``calibrate_on`` keeps some reviews from the calibration, such as those of another model; ``calibrator`` names one.
        ``held`` cases never teach a votes' model, in this version or any other, so that versions can be compared on them: where
        ``incumbent`` predicts their votes better, its votes' model stays and only history and calibration are new.
        """
        stack = cls(version=version)
        kept = np.zeros(len(cases), dtype=bool) if held is None else np.asarray(held, dtype=bool)
        stack._fit_votes(
            method, [case for case, out in zip(cases, kept, strict=True) if not out], n_classes, seed, options or {}
        )
        if incumbent is not None:
            stack._compare(incumbent, [case.row for case, out in zip(cases, kept, strict=True) if out])
        known = [place for place, said in enumerate(wrong) if said is not None]
        if not known:
            return stack
        target = np.array([wrong[place] for place in known], dtype=np.float64)
        judged = [_before_people(cases[place]) for place in known]
        tune = getattr(stack.model, "tune", None)
        if tune is not None and stack.model is not (incumbent.model if incumbent else None) and _enough_to_tune(target):
            tune([case.row for case in judged], target)
        raw = stack._votes(judged)
        if use_history:
            raw = stack._fit_history(judged, raw, target, seed)
        used = np.array([calibrate_on is None or bool(calibrate_on[place]) for place in known])
        stack.pairs = tuple(zip(raw[used].tolist(), target[used].tolist(), strict=True))
        fewest = FEWEST_REVIEWED if used.all() else FEWEST_ELSEWHERE
        stack.calibration = fit_calibration(raw[used].tolist(), target[used].tolist(), method=calibrator, fewest=fewest)
        return stack

    def _fit_votes(
        self, method: str, cases: Sequence[RiskCase], n_classes: int, seed: int, options: Mapping[str, Any]
    ) -> None:
        model = REGISTRY.make(method, **options)
        try:
            model.fit([case.row for case in cases], n_classes, seed)
        except ValueError:
            model = REGISTRY.make(BEFORE_FIT)
        self.model = model

    def _compare(self, incumbent: RiskStack, held: Sequence[RiskRow]) -> None:
        """Keep the incumbent's votes' model where it predicts the held-out votes better."""
        heard = sum(vote >= 0 for row in held for vote in row.votes.values())
        new, old = getattr(self.model, "vote_loss", None), getattr(incumbent.model, "vote_loss", None)
        if new is None or old is None or heard < FEWEST_HELD:
            return
        try:
            losses = float(new(held)), float(old(held))
        except ValueError:  # the old one was fitted on other labels or vectors
            return
        self.figures = {"vote_loss": losses[0], "vote_loss_before": losses[1], "votes_held_out": heard}
        if losses[1] < losses[0] - LEAST_GAIN:
            self.model = incumbent.model
            self.figures["kept"] = incumbent.version

    def _fit_history(self, cases: Sequence[RiskCase], votes: Floats, target: Floats, seed: int) -> Floats:
        """The raw risk of the reviewed cases, in which none had a part in its own history; as it was where history has too little."""
        rows = [case.history for case in cases if case.history is not None]
        if len(rows) < len(cases):
            return votes
        try:
            surface = [surface_features(row.prompt, row.answer) for row in rows]
            held = out_of_fold(rows, target.tolist(), FOLDS, seed, surface=surface)
            history = HistoryModel()
            history.fit(rows, target.tolist(), seed, surface=surface)
        except ValueError:
            return votes
        design = np.stack([log_odds(votes), log_odds(held), np.ones_like(votes)], axis=1)
        theta = most_probable(design, target, np.ones_like(target), np.array([1.0, 0.0, 0.0]), np.array(SPREAD))
        blend = Blend(max(float(theta[0]), 0.0), max(float(theta[1]), 0.0), float(theta[2]))
        if blend.history == 0:
            return votes
        self.history, self.blend = history, blend
        return sigmoid(blend.odds(votes, held))

    def _votes(self, cases: Sequence[RiskCase]) -> Floats:
        return np.array([scored.value for scored in self.model.score([case.row for case in cases])])

    def score(self, cases: Sequence[RiskCase]) -> list[Scored]:
        """Raw risks. A case without texts has no past verdicts, so its votes stand alone."""
        scored = self.model.score([case.row for case in cases])
        if self.blend is None or self.history is None:
            return scored
        places = [place for place, case in enumerate(cases) if case.history is not None]
        if not places:
            return scored
        past = self.history.score([row for case in cases if (row := case.history) is not None])
        votes = np.array([scored[place].value for place in places])
        for place, odds, seen in zip(places, self.blend.odds(votes, past), log_odds(past), strict=True):
            drivers = [(source, self.blend.votes * moved) for source, moved in scored[place].drivers]
            drivers.append((HISTORY, self.blend.history * float(seen)))
            drivers.sort(key=lambda driver: (-abs(driver[1]), driver[0]))
            scored[place] = Scored(float(sigmoid(odds)), tuple(drivers))
        return scored

    def estimate(self, cases: Sequence[RiskCase]) -> list[RiskEstimate]:
        return [self.estimated(scored) for scored in self.score(cases)]

    def estimated(self, scored: Scored) -> RiskEstimate:
        """The risk to show for a raw score."""
        if self.calibration is None:
            return RiskEstimate(
                scored.value,
                self.method,
                self.version,
                reviewed=len(self.pairs),
                drivers=scored.drivers,
                raw=scored.value,
            )
        value, low, high = self.calibration.apply(scored.value)
        reviewed = self.calibration.reviewed
        return RiskEstimate(
            value, self.method, self.version, True, reviewed, low, high, scored.drivers, raw=scored.value
        )

    def state(self) -> dict[str, Any]:
        """JSON values from which ``from_state`` restores the stack exactly."""
        blend = None if self.blend is None else [self.blend.votes, self.blend.history, self.blend.shift]
        return {
            "model": self.model.state(),
            "history": None if self.history is None else self.history.state(),
            "blend": blend,
            "calibration": None if self.calibration is None else self.calibration.state(),
            "pairs": [list(pair) for pair in self.pairs],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], version: str) -> RiskStack:
        """Raises ``ValueError`` on a state of another version of its parts: fit again."""
        model = REGISTRY.make(state["model"]["name"])
        model.load(state["model"])
        stack = cls(model, version)
        if state.get("history") is not None and state.get("blend") is not None:
            stack.history = HistoryModel()
            stack.history.load(state["history"])
            stack.blend = Blend(*map(float, state["blend"]))
        if state.get("calibration") is not None:
            stack.calibration = Calibration.from_state(state["calibration"])
        stack.pairs = tuple((float(raw), float(wrong)) for raw, wrong in state.get("pairs", ()))
        return stack


def _enough_to_tune(target: Floats) -> bool:
    """Sixty reviews, at least ten of either verdict."""
    faulty = float(target.sum())
    return len(target) >= FEWEST_TO_TUNE and min(faulty, len(target) - faulty) >= FEWEST_OF_EACH


def _before_people(case: RiskCase) -> RiskCase:
    """The case as it was before anybody judged it: a risk must not meet a verdict that it knew."""
    if ANNOTATORS not in case.row.votes:
        return case
    votes = {source: vote for source, vote in case.row.votes.items() if source != ANNOTATORS}
    return replace(case, row=replace(case.row, votes=votes))
