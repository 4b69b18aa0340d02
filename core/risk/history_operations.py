"""What right worked solutions teach about new ones, without a single verdict on those: features for the correctness history.

From solutions that are known to be right (references, accepted answers) two things are learnt. Sparse logistic models, one per
kind of planted error and one for any, and a forest tell right calculations from spoilt ones (cf. the outcome verifiers of paper 33,
which need sampled solutions with verdicts and a large model; this needs neither). And a ridge regression tells from a question how
many calculations it takes and how large the result is, which is set against what the answer has. The features, with what each
family of traits adds to the model for any error, go into a ``HistoryRow``'s signals; there verdicts decide what they are worth.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from math import log1p
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.risk.history_equations import LEXICAL, Calculation, Question, read_calculations, read_question, traits
from core.risk.history_features import PROMPT, surface_features
from core.risk.history_heads import ForestHead, log_odds
from core.risk.history_planted import KINDS, planted

Floats = NDArray[np.float64]

FORMAT = 1
FEWEST = 100  # worked solutions
PER_KIND, TRIES = 3, 10
SEEN = 6  # a trait in fewer examples is left out
COST, COST_ALL = 0.01, 0.003  # inverse penalties of the models of one kind and of all kinds
COMMON = 150  # examples with a trait, for the forest to see it
TREES, LEAVES, SMALLEST_LEAF, TRIED = 60, 600, 5, 0.2
VECTOR_SCALE = 5.0  # of a unit vector's numbers beside standardised surface features
ALL = "any"
_Example = tuple[str, dict[str, float]]


class OperationModel:
    """``fit`` on worked solutions that are right, then ``features`` of any prompt and answer. ``state`` is JSON."""

    def __init__(self) -> None:
        self._weights: dict[str, list[float]] = {}  # trait -> one weight per model
        self._shift: Floats = np.zeros(0)
        self._common: list[str] = []
        self._forest = ForestHead()
        self._expected = _Expected()

    def fit(
        self,
        prompts: Sequence[str],
        solutions: Sequence[str],
        vectors: Sequence[NDArray[Any] | None] | None = None,
        seed: int = 0,
    ) -> None:
        """``vectors`` are the prompts' embeddings, all or none. ``ValueError`` below 100 solutions with a calculation."""
        worked = [
            (i, read_question(p), read_calculations(s)) for i, (p, s) in enumerate(zip(prompts, solutions, strict=True))
        ]
        worked = [(i, question, steps) for i, question, steps in worked if steps]
        if len(worked) < FEWEST:
            raise ValueError(
                f"To learn how right answers calculate, {FEWEST} worked solutions with calculations are needed; "
                f"there are {len(worked)}."
            )
        examples: list[_Example] = []
        for i, question, steps in worked:
            examples += _examples(question, steps, random.Random(seed * 1_000_003 + i))
        self._learn(examples, seed)
        rows = [i for i, _, _ in worked]
        chosen = [vectors[i] for i in rows] if vectors is not None else [None] * len(rows)
        self._expected = _Expected().fit([prompts[i] for i in rows], chosen, [steps for _, _, steps in worked])

    def features(self, prompt: str, answer: str, vector: NDArray[Any] | None = None) -> dict[str, float]:
        """Numbers by name for ``HistoryRow.signals``; empty when the answer has no calculation."""
        if not self._weights:
            raise ValueError("fit the operation model first, or load one")
        steps = read_calculations(answer)
        if not steps:
            return {}
        counts = traits(read_question(prompt), steps)
        score, parts = self._shift.copy(), dict.fromkeys(self._families, 0.0)
        for name, count in counts.items():
            weights = self._weights.get(name)
            if weights is not None:
                score += count * np.asarray(weights)
                parts[name.partition(":")[0]] += count * weights[-1]
        found = {f"planted_{kind}": float(value) for kind, value in zip((*KINDS, ALL), score, strict=True)}
        found |= {f"trait_{family}": value for family, value in parts.items()}
        common = np.array([[counts.get(name, 0.0) for name in self._common]])
        found["planted_forest"] = float(log_odds(self._forest.score(common))[0])
        return found | self._expected.compare(prompt, vector, steps)

    def state(self) -> dict[str, Any]:
        if not self._weights:
            raise ValueError("fit the operation model first")
        kind = {"name": "operations", "format": FORMAT, "kinds": [*KINDS, ALL]}
        return {
            **kind,
            "weights": self._weights,
            "shift": self._shift.tolist(),
            **self._grown(),
            "expected": self._expected.state(),
        }

    def _grown(self) -> dict[str, Any]:
        return {"common": self._common, "forest": self._forest.state()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Raises ``ValueError`` on a state that is not its own."""
        if (state.get("name"), state.get("format"), state.get("kinds")) != ("operations", FORMAT, [*KINDS, ALL]):
            raise ValueError("this is not a saved operation model of this version: fit it again")
        self._weights = {name: list(weights) for name, weights in state["weights"].items()}
        self._shift = np.asarray(state["shift"], np.float64)
        self._common, self._forest = list(state["common"]), ForestHead().load(state["forest"])
        self._expected = _Expected.from_state(state["expected"])

    @property
    def _families(self) -> list[str]:
        return sorted({name.partition(":")[0] for name in self._weights})

    def _learn(self, examples: Sequence[_Example], seed: int) -> None:
        from sklearn.feature_extraction import DictVectorizer
        from sklearn.linear_model import LogisticRegression

        seen = Counter(name for _, found in examples for name in found)
        vectorizer = DictVectorizer()
        x = vectorizer.fit_transform([{n: v for n, v in found.items() if seen[n] >= SEEN} for _, found in examples])
        kinds = np.array([kind for kind, _ in examples])
        fitted = []
        for kind in (*KINDS, ALL):
            part = (kinds == "") | (kinds == kind if kind != ALL else kinds != "")
            spoilt = kinds[part] != ""
            weight = np.where(spoilt, 1.0, spoilt.sum() / max(1, (~spoilt).sum()))
            learner = LogisticRegression(C=COST_ALL if kind == ALL else COST, solver="liblinear", max_iter=1000)
            fitted.append(learner.fit(x[part], spoilt, weight / weight.mean()))
        weights = np.round(np.stack([learner.coef_[0] for learner in fitted], axis=1), 5)
        self._shift = np.round(np.array([float(learner.intercept_[0]) for learner in fitted]), 5)
        names = vectorizer.get_feature_names_out()
        self._weights = {str(name): row.tolist() for name, row in zip(names, weights, strict=True) if row.any()}
        often = np.asarray((x > 0).sum(axis=0)).ravel() >= COMMON
        plain = np.array([str(name).partition(":")[0] not in LEXICAL for name in names])
        self._common = [str(name) for name in names[often & plain]]
        spoilt = kinds != ""
        weight = np.where(spoilt, 1.0, spoilt.sum() / max(1, (~spoilt).sum()))
        dense = x[:, np.flatnonzero(often & plain)].toarray()
        self._forest = ForestHead(TREES, LEAVES, SMALLEST_LEAF, TRIED).fit(
            dense, spoilt.astype(np.float64), seed, weight / weight.mean()
        )


def _examples(question: Question, steps: Sequence[Calculation], draw: random.Random) -> list[_Example]:
    """The right solution under the kind "", and up to three different spoilt ones of each kind."""
    found: list[_Example] = [("", traits(question, steps))]
    for kind in KINDS:
        made: list[list[Calculation]] = []
        for _ in range(TRIES):
            spoilt = planted(kind, question, steps, draw)
            if spoilt and spoilt not in made:
                made.append(spoilt)
            if len(made) == PER_KIND:
                break
        found += [(kind, traits(question, spoilt)) for spoilt in made]
    return found


class _Expected:
    """How many calculations a question takes and how large its result is, by ridge regression on its surface and its vector."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.centre: Floats = np.zeros(0)
        self.width: Floats = np.ones(0)
        self.weights: Floats = np.zeros((2, 0))
        self.shift: Floats = np.zeros(2)

    def fit(
        self, prompts: Sequence[str], vectors: Sequence[NDArray[Any] | None], steps: Sequence[Sequence[Calculation]]
    ) -> _Expected:
        from sklearn.linear_model import RidgeCV

        plain = [_prompt_surface(prompt) for prompt in prompts]
        self.names = sorted(plain[0])
        surface = np.array([[found[name] for name in self.names] for found in plain])
        self.centre, self.width = surface.mean(axis=0), surface.std(axis=0) + 1e-9
        x = np.stack([self._row(found, vector) for found, vector in zip(plain, vectors, strict=True)])
        learnt = [RidgeCV(np.logspace(0, 4, 9)).fit(x, target) for target in np.array([_measures(s) for s in steps]).T]
        self.weights = np.round(np.stack([one.coef_ for one in learnt]), 6)
        self.shift = np.round(np.array([float(one.intercept_) for one in learnt]), 6)
        return self

    def compare(self, prompt: str, vector: NDArray[Any] | None, steps: Sequence[Calculation]) -> dict[str, float]:
        x = self._row(_prompt_surface(prompt), vector)
        if len(x) < self.weights.shape[1] and vector is None:
            x = np.concatenate([x, np.zeros(self.weights.shape[1] - len(x))])
        if len(x) != self.weights.shape[1]:
            raise ValueError("this vector is not of the encoder that the operation model was fitted with: fit it again")
        expected, own = self.weights @ x + self.shift, _measures(steps)
        return {
            "prompt_steps_expected": float(expected[0]),
            "steps_differ": float(abs(own[0] - expected[0])),
            "size_over": float(own[1] - expected[1]),
        }

    def _row(self, surface: Mapping[str, float], vector: NDArray[Any] | None) -> Floats:
        own = (np.array([surface[name] for name in self.names]) - self.centre) / self.width
        return own if vector is None else np.concatenate([own, VECTOR_SCALE * np.asarray(vector, np.float64)])

    def state(self) -> dict[str, Any]:
        return {"names": self.names, **{k: getattr(self, k).tolist() for k in ("centre", "width", "weights", "shift")}}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> _Expected:
        made = cls()
        made.names = list(state["names"])
        made.centre, made.width = np.asarray(state["centre"], np.float64), np.asarray(state["width"], np.float64)
        made.weights, made.shift = np.asarray(state["weights"], np.float64), np.asarray(state["shift"], np.float64)
        return made


def _prompt_surface(prompt: str) -> dict[str, float]:
    return {name: value for name, value in surface_features(prompt, "").items() if name.startswith(PROMPT)}


def _measures(steps: Sequence[Calculation]) -> tuple[float, float]:
    return log1p(len(steps)), log1p(abs(steps[-1].result))
