"""Adapters: public folders read as rows to measure risk on. ``rows`` is our own shape; each other name is a folder of that shape.

Nothing of these folders is part of the product; an adapter knows their files' fields and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.evaluation.label_prompts import CHEMPROT, SEMEVAL, SMS, TREC, YOUTUBE
from core.evaluation.rows import EvalRow, EvalSet, LabelPrompt, adapted, read_folder, read_json, read_jsonl
from core.signals.base import SignalInput, cast
from core.steps import split
from core.types import Question, Verdict

CHECKS = ("arithmetic", "provenance")
WINDOW = 160  # characters of a relation's sentence that the language model reads, at least


def chemprot_weak(folder: Path) -> EvalSet:
    return _relations(folder, "chemprot_weak", CHEMPROT, swapped=True)


def semeval_weak(folder: Path) -> EvalSet:
    return _relations(folder, "semeval_weak", SEMEVAL)


def _relations(folder: Path, name: str, ask: LabelPrompt, *, swapped: bool = False) -> EvalSet:
    """Two entities in a sentence; embedded are the sentence with A and B in their places, the words between, and the names."""
    labels = _labels(folder / "label_names.json")
    rows = []
    for place, row in read_jsonl(folder / "relations.jsonl"):
        text, spans = _field(place, row, "text"), [tuple(row["span1"]), tuple(row["span2"])]
        one, two = _field(place, row, "entity1"), _field(place, row, "entity2")
        (a, b), marked = sorted(spans), text
        for (start, end), letter in sorted(zip(spans, "AB", strict=True), reverse=True):
            marked = marked[:start] + letter + marked[end:]
        between = text[a[1] : b[0]].strip() or "-"
        room = max(0, (WINDOW - (b[1] - a[0])) // 2)
        seen = " ".join(text[max(0, a[0] - room) : b[1] + room].split())[:300]
        pair = (two, one) if swapped else (one, two)
        made = EvalRow(
            row["id"],
            f"{seen} ({pair[0]}, {pair[1]})",
            gold=int(row["label"]),
            votes=_weak(row),
            texts=(" ".join(marked.split()), between, f"{one} / {two}"),
            columns=row,
            group=row["id"],
        )
        rows.append(made)
    return EvalSet(name, tuple(rows), labels, ask)


def _text_set(name: str, ask: LabelPrompt) -> Callable[[Path], EvalSet]:
    def read(folder: Path) -> EvalSet:
        labels = _labels(folder / f"{name}_labels.json")
        rows = []
        for place, row in read_jsonl(folder / f"{name}.jsonl"):
            text = " ".join(_field(place, row, "text").split())
            votes = _weak(row)
            rows.append(
                EvalRow(
                    row["id"],
                    text[:200],
                    gold=int(row["label"]),
                    votes=votes,
                    texts=(text,),
                    columns=row,
                    group=row["id"],
                )
            )
        return EvalSet(name, tuple(rows), labels, ask)

    return read


def gsm8k_solutions(folder: Path) -> EvalSet:
    """Every ``solutions_*.jsonl`` of the folder; ``train_sample.jsonl`` are worked solutions of other questions."""
    questions = {row["id"]: row["question"] for _, row in read_jsonl(folder / "questions.jsonl")}
    files = sorted(folder.glob("solutions_*.jsonl"))
    if not files:
        raise ValueError(f"{folder} has no solutions_*.jsonl")
    rows = []
    for file in files:
        for place, row in read_jsonl(file):
            question = questions.get(row.get("question_id"))
            if question is None:
                raise ValueError(f"{place}: its question {row.get('question_id')!r} is not in questions.jsonl")
            made = _answer(
                f"{row['model']}:{row['question_id']}",
                question,
                _field(place, row, "solution"),
                wrong=1.0 - bool(row["is_correct"]),
                model=row["model"],
                group=row["question_id"],
                columns=row,
            )
            rows.append(made)
    known, path = set(questions.values()), folder / "train_sample.jsonl"
    pairs = [(row["question"], row["answer"]) for _, row in read_jsonl(path)] if path.exists() else []
    return EvalSet("gsm8k_solutions", tuple(rows), worked=tuple(pair for pair in pairs if pair[0] not in known))


def mt_postedits(folder: Path) -> EvalSet:
    """Every language pair; ``folder`` may also be one ``xx-yy.jsonl``. What was wrong is the share of words that an editor changed."""
    files = [folder] if folder.is_file() else sorted(folder.glob("??-??.jsonl"))
    if not files:
        raise ValueError(f"{folder} has no language pair such as et-en.jsonl")
    rows = []
    for file in files:
        for place, row in read_jsonl(file):
            source, output = _field(place, row, "source"), _field(place, row, "output")
            made = _answer(
                str(row["id"]),
                source,
                output,
                wrong=min(max(float(row["hter"]), 0.0), 1.0),
                model=file.stem,
                group=str(row["id"]),
                columns=row | {"logprob": row["model_score"]},
                signals={"logprob": float(row["model_score"]), **_token_signals(row["subword_logprobs"])},
                checks=(),
            )
            rows.append(made)
    return EvalSet("mt_postedits", tuple(rows), notes=("wrong is HTER, the share of words that an editor changed",))


def _token_signals(values: Sequence[float]) -> dict[str, float]:
    """Statistics of the tokens' log-probs that a mean does not show; higher is better."""
    if not values:
        return {}
    ordered = sorted(values)
    return {
        "logprob_min": ordered[0],
        "logprob_p10": ordered[len(ordered) // 10],
        "logprob_p25": ordered[len(ordered) // 4],
        "logprob_median": ordered[len(ordered) // 2],
        "logprob_sure": sum(value > -0.5 for value in ordered) / len(ordered),
        "logprob_unsure": -sum(value < -1.5 for value in ordered) / len(ordered),
    }


def routing_correctness(folder: Path) -> EvalSet:
    """Two models on MMLU, where only the question is known, and on GSM8K with their answers."""
    rows = []
    for place, row in read_jsonl(folder / "mmlu.jsonl"):
        for model, right in row["correct"].items():
            made = EvalRow(
                f"{row['id']}:{model}",
                _field(place, row, "prompt"),
                wrong=1.0 - bool(right),
                group=row["id"],
                model=model,
                texts=(row["prompt"],),
                columns=row,
            )
            rows.append(made)
    for place, row in read_jsonl(folder / "gsm8k.jsonl"):
        for said in row["answers"]:
            made = _answer(
                f"{row['id']}:{said['model']}",
                _field(place, row, "question"),
                said["text"],
                wrong=1.0 - bool(said["correct"]),
                model=said["model"],
                group=row["id"],
                columns=row,
            )
            rows.append(made)
    return EvalSet("routing_correctness", tuple(rows), notes=("MMLU rows have no answer text: prompt view only",))


def step_critics(folder: Path) -> EvalSet:
    """Solutions with right final answers that twelve critics scored; each critic's lowest step is its signal."""
    rows = []
    for place, row in read_jsonl(folder / "mr-math_invalid_errors.jsonl"):
        if "solution_correct" not in row:
            raise ValueError(f"{place}: 'solution_correct' is missing")
        right = row["solution_correct"] is True or str(row["solution_correct"]).lower() in ("true", "correct", "1")
        signals, votes = {}, {}
        for name, said in row["critics"].items():
            score = _lowest(said)
            if score is not None:
                signals[name] = score
            if isinstance(said, dict) and said.get("verdict") is not None:
                fine = str(said["verdict"]).lower() in ("correct", "true", "1", "right")
                votes[name] = 0 if fine else 1
        made = _answer(
            str(row["id"]),
            _field(place, row, "question"),
            "\n".join(row["steps"]),
            wrong=1.0 - right,
            model=str(row["generator"]),
            group=str(row["question"]),
            columns=row,
            signals=signals,
            votes=votes,
        )
        rows.append(made)
    return EvalSet("step_critics", tuple(rows))


def _lowest(said: Any) -> float | None:
    """The lowest step score of a critic; of (negative, neutral, positive) triples the lowest of one minus negative."""
    if not isinstance(said, list) or not said:
        return None
    values = [1 - value[0] if isinstance(value, list) else value for value in said if value is not None]
    return float(min(values)) if values else None


def llmbar_judges(folder: Path) -> EvalSet:
    """The plain verdict of each judge on each pair (first order shown), with the other plain judges' verdicts as votes."""
    rows = []
    for file in sorted(folder.glob("*.jsonl")):
        for place, row in read_jsonl(file):
            verdicts = _plain_verdicts(row)
            prompt = _field(place, row, "instruction")
            pair = f"{row['output_1']}\n---\n{row['output_2']}"
            for judge, said in verdicts.items():
                votes = {other: int(v != said) for other, v in verdicts.items() if other != judge}
                made = EvalRow(
                    f"{file.stem}:{place}:{judge}",
                    prompt,
                    f"{said}\n{pair}",
                    wrong=float(said != int(row["gold"])),
                    group=f"{file.stem}:{place}",
                    model=judge,
                    votes=votes,
                    texts=(f"{prompt[:400]}\n{pair}",),
                    columns=row,
                )
                rows.append(made)
    if not rows:
        raise ValueError(f"{folder} has no verdicts")
    return EvalSet("llmbar_judges", tuple(rows))


def _plain_verdicts(row: Mapping[str, Any]) -> dict[str, int]:
    """Verdicts of the judges that were asked without aids, in the order shown."""
    found = {}
    for name, said in row["judges"].items():
        judge, _, way = name.partition("|")
        if way == "Vanilla" and str(said[0]) in ("1", "2"):
            found[judge] = int(said[0])
    return found


def label_errors(folder: Path) -> EvalSet:
    """Given labels with a model's probabilities. Only what five reviewers looked at is known; the rest teaches nothing here."""
    rows = []
    for file in sorted(folder.glob("*.jsonl")):
        for _, row in read_jsonl(file):
            reviewers = row.get("reviewers")
            if not reviewers:
                continue
            p, guess = _probability(row["probs"], row["given"]), _probability(row["probs"], row.get("guessed"))
            made = EvalRow(
                row["id"],
                f"label {row['given']}",
                f"probability {p:.3f}, guessed {guess:.3f}",
                wrong=float(reviewers.get("guessed", 0) > sum(reviewers.values()) / 2),
                group=row["id"],
                model=file.stem,
                signals={"given": p, "margin": p - guess},
                columns=row | {"logprob": p},
                texts=(f"given {row['given']}, guessed {row.get('guessed')}",),
            )
            rows.append(made)
    return EvalSet("label_errors", tuple(rows), notes=("only reviewed items count; wrong: most picked the guess",))


def _probability(probs: Any, label: Any) -> float:
    if isinstance(probs, dict):
        return float(probs.get(str(label), 0.0))
    return float(probs[int(label)]) if label is not None and int(label) < len(probs) else 0.0


def _answer(
    row_id: str,
    prompt: str,
    answer: str,
    *,
    wrong: float,
    model: str,
    group: str,
    columns: Mapping[str, Any],
    signals: Mapping[str, float] | None = None,
    votes: Mapping[str, int] | None = None,
    checks: Sequence[str] = CHECKS,
) -> EvalRow:
    """An answer with the votes of the checks that need no model."""
    from core.signals import REGISTRY

    said = dict(votes or {})
    seen = SignalInput(Question(prompt), answer, tuple(split(answer)))
    for name in checks:
        vote = cast(REGISTRY.make(name), seen)
        if vote.verdict in (Verdict.ACCEPTABLE, Verdict.FAULTY):
            said[name] = int(vote.verdict is Verdict.FAULTY)
    texts = (prompt, answer)
    return EvalRow(row_id, prompt, answer, -1, wrong, group, model, said, signals or {}, texts, columns)


def _weak(row: Mapping[str, Any]) -> dict[str, int]:
    return {f"rule {source}": int(label) for source, label in row["weak"]}


def _labels(path: Path) -> tuple[str, ...]:
    names = read_json(path)
    return tuple(str(names[str(place)]) for place in range(len(names)))


def _field(place: str, row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise ValueError(f"{place}: {name!r} must be a text: is this a folder of the format that was named?")
    return value


FORMATS: Mapping[str, Callable[[Path], EvalSet]] = {
    "rows": read_folder,
    "chemprot_weak": chemprot_weak,
    "semeval_weak": semeval_weak,
    "youtube": _text_set("youtube", YOUTUBE),
    "trec": _text_set("trec", TREC),
    "sms": _text_set("sms", SMS),
    "gsm8k_solutions": gsm8k_solutions,
    "mt_postedits": mt_postedits,
    "routing_correctness": routing_correctness,
    "step_critics": step_critics,
    "llmbar_judges": llmbar_judges,
    "label_errors": label_errors,
}


def read(name: str, path: Path) -> EvalSet:
    """Raises ``ValueError`` for an unknown name, a missing file or a row that does not fit."""
    found = adapted(FORMATS, name, path)
    if not found.rows:
        raise ValueError(f"{path} has no rows")
    return found
