"""``corrigenda eval lessons``: a stream of items with people's corrections, replayed, and what was learnt from it measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cli.evaluate import likelihoods
from app.cli.evaluate_cache import Say, embedded
from app.settings import Settings
from app.worker.models import make_embedder
from core.evaluation import (
    concepts,
    formats,
    intents,
    practice,
    rule_families,
    second_pass,
    transcript_files,
    transcripts,
)
from core.evaluation.lesson_stream import LabelStream, baselines, prompted, replay
from core.evaluation.memories import Embed
from core.evaluation.risk import mean_and_interval
from core.evaluation.rows import EvalSet

STREAM = 1000  # items, where nothing else is said; of transcripts all that there are
HISTORY_CHARS = 6000  # of past items in a prompt: about 2,000 tokens
Evaluate = Callable[
    [Path, int | None, int, Embed], dict[str, Any]
]  # of a path, with the length of the stream, the seed


def _transcripts(path: Path, length: int | None, seed: int, embed: Embed) -> dict[str, Any]:
    train, test, parted = transcript_files.read(path)
    if length is not None and not 1 <= length <= len(train):
        raise ValueError(f"--corrections must be between 1 and {len(train):,}: so many utterances can be streamed here")
    return {**transcripts.evaluate(train, test, length or 0, seed, embed), "parted": parted}


OTHER: Mapping[str, Evaluate] = {  # what is no set of labels
    "memprompt": lambda path, length, seed, embed: intents.evaluate(intents.read(path), length or STREAM, seed, embed),
    "sql_language_feedback": lambda path, _, seed, embed: second_pass.evaluate(second_pass.read(path), seed, embed),
    "champ": lambda path, _, seed, embed: concepts.evaluate(path, seed, embed),
    "rule_families": lambda path, _, seed, embed: rule_families.evaluate(rule_families.read(path), seed, embed),
    "multi_round_rag": lambda path, _, seed, embed: practice.evaluate(path, seed, embed),
    "asr_nbest": _transcripts,
}


def eval_lessons(
    settings: Settings,
    *,
    data: Path,
    form: str,
    corrections: int | None,
    seed: int,
    seeds: int,
    in_prompt: int,
    say: Say,
) -> dict[str, Any]:
    """The figures of seed ``seed`` and, over ``seeds`` seeds, mean and spread. Raises ``ValueError`` that says what to do."""
    if seeds < 1:
        raise ValueError("--seeds must be at least 1")
    if form in OTHER:
        found = OTHER[form](data, corrections, seed, make_embedder(settings).embed)
        return {**found, "data": data.name, "format": form, "seed": seed}
    rows = formats.read(form, data)
    if not rows.labels or rows.ask is None:
        others = ", ".join(OTHER)
        raise ValueError(f"the format {form!r} has no labels to correct: choose a set of labels, or one of {others}")
    say(f"{rows.name}: {len(rows.rows):,} rows, {len(rows.labels)} labels")
    stream = _stream(settings, rows, say)
    runs = [_run(stream, corrections or STREAM, seed + number) for number in range(seeds)]
    found = {name: value for name, value in runs[0].items() if name not in ("stream", "unseen")}
    found |= {"data": data.name, "format": form, "seed": seed, "tokens_per_prompt": 0, "notes": list(rows.notes)}
    if seeds > 1:
        found["over_seeds"] = mean_and_interval([_figures(run) for run in runs])
    if in_prompt:
        found["baselines"] = {**runs[0]["baselines"], **_in_prompt(settings, rows, stream, runs[0], in_prompt, say)}
    return found


def _stream(settings: Settings, rows: EvalSet, say: Say) -> LabelStream:
    """The first text of each row is what the product would embed of it."""
    texts = tuple(row.texts[0] for row in rows.rows)
    gold = np.array([row.gold for row in rows.rows])
    return LabelStream(texts, embedded(settings, texts, say), likelihoods(settings, rows, say), gold)


def _run(stream: LabelStream, corrections: int, seed: int) -> dict[str, Any]:
    """Both ways to learn, and the baselines on the same items."""
    found = replay(stream, corrections, seed)
    strict = replay(stream, corrections, seed, accepted_too=False)
    kept = ("accuracy_by_corrections", "corrections", "fix_rate", "break_rate")
    found["corrected_only"] = {name: strict[name] for name in kept}
    found["baselines"] = baselines(stream, found["stream"], found["unseen"])
    return found


def _in_prompt(
    settings: Settings, rows: EvalSet, stream: LabelStream, run: Mapping[str, Any], count: int, say: Say
) -> dict[str, Any]:
    """The memories that live in the prompt, on the first ``count`` unseen items: each asks the model anew."""
    places: NDArray[np.int64] = run["unseen"][:count]

    def ask(text: str, chosen: Sequence[int]) -> Any:
        few = [rows.rows[place] for place in chosen]
        return likelihoods(settings, rows, say, rows=few, before=text)

    return prompted(stream, run["stream"], places, _names(rows), ask, HISTORY_CHARS)


def _names(rows: EvalSet) -> list[str]:
    """The first of the words that the model chooses from, per label."""
    assert rows.ask is not None
    return [group[0] for group in rows.ask.words]


def _figures(run: Mapping[str, Any]) -> dict[str, float]:
    """What of a run is averaged over seeds."""
    strict = run["corrected_only"]["accuracy_by_corrections"]
    return {
        **{name: run[name] for name in ("corrections", "fix_rate", "break_rate")},
        **{f"accuracy_{point}": value for point, value in run["accuracy_by_corrections"].items()},
        **{f"corrected_only_{point}": value for point, value in strict.items()},
        **{f"baseline_{name}": one["accuracy"] for name, one in run["baselines"].items()},
    }


def table(found: Mapping[str, Any]) -> str:
    """The figures as people read them."""
    if "corrected_only" not in found:
        return "\n".join(_lines(found))
    points = found["accuracy_by_corrections"]
    strict = found["corrected_only"]
    lines = ["items reviewed      " + "".join(f"{point:>8}" for point in points)]
    for name, curve in (("accuracy", points), ("corrected ones only", strict["accuracy_by_corrections"])):
        lines.append(f"{name:<20}" + "".join(f"{value:>8.3f}" for value in curve.values()))
    lines += [f"baseline {name:<24}{one['accuracy']:.3f}" for name, one in found["baselines"].items()]
    rounds = ", ".join(f"{value:.2f}" for value in found["corrections_per_item_by_round"])
    lines.append(f"corrections per item by quarter of the stream: {rounds}")
    lines.append(
        f"fixed {found['fix_rate']:.1%}, broken {found['break_rate']:.1%}, {found['ms_per_item']:.1f} ms a look-up"
    )
    return "\n".join(lines)


def _lines(found: Mapping[str, Any], name: str = "") -> Iterator[str]:
    """Every figure on a line of its own, with the names of what holds it before it."""
    for key, value in found.items():
        here = f"{name} {key}".strip().replace("_", " ")
        if isinstance(value, Mapping):
            yield from _lines(value, here)
        elif isinstance(value, list):
            yield f"{here:<64} {', '.join(_figure(one) for one in value)}"
        else:
            yield f"{here:<64} {_figure(value)}"


def _figure(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
