"""Adapters: public files read as solutions with a known first wrong step. ``rows`` is our own shape.

Each takes a file, or a folder whose fitting files are read one after the other. Nothing of these files is part of the product.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.evaluation.rows import adapted, read_json, read_jsonl
from core.evaluation.steps import NO_ERROR, StepRow, StepSet
from core.steps import split
from core.types import StepLabel
from core.written_critiques import parse

Found = StepRow | str | None  # a row; or why it is left out; or nothing
Reader = Callable[[str, Mapping[str, Any], Path], Found]

_TUTOR = {
    "Misunderstanding of a question": "question_misread",
    "Extra quantity or Missing quantity": "missing_step",
    "Missing / Wrong factual knowledge": "wrong_concept",
    "Calculation error easily solved by a calculator": "calculation_error",
    "Unit conversion error": "unit_error",
    "Reached correct solution but proceeded further": "irrelevant_information",
    "None of the above": "other",
}
_PERTURBED = ("random number", "random operation")  # where the place of the planted error is one certain step


def own(place: str, row: Mapping[str, Any], file: Path) -> Found:
    first, wrong = row["first_error"], row.get("wrong")
    if first is None and not isinstance(wrong, bool):
        raise ValueError(f"{place}: give first_error as a 0-based step or -1, or null and wrong as true or false")
    return _row(place, row, row.get("problem"), first, wrong=wrong, reference=row.get("reference"))


def processbench(place: str, row: Mapping[str, Any], file: Path) -> Found:
    return _row(place, row, row["problem"], row["label"], model=row.get("generator", ""))


def bigbench_mistake(place: str, row: Mapping[str, Any], file: Path) -> Found:
    first = NO_ERROR if row["mistake_index"] is None else row["mistake_index"]
    return _row(place, row, row["input"], first, group=row["task"])


def mr_gsm8k(place: str, row: Mapping[str, Any], file: Path) -> Found:
    return _row(place, row, row["problem"], row["label"])


def champ(place: str, row: Mapping[str, Any], file: Path) -> Found:
    """The step that holds the first character of the marked stretch; the problem and its solution come from ``problems.jsonl``."""
    problem = _problems(file.with_name("problems.jsonl"))[row["problem_id"]]
    steps = split(row["text"])
    start = row["wrong_start"]
    first = NO_ERROR if start is None else next((s.index for s in steps if start < s.end), len(steps) - 1)
    made = {**row, "steps": [step.text for step in steps], "id": row.get("id", place)}
    return _row(place, made, problem["problem"], first, reference=problem["solution_steps"], group=row["problem_id"])


def tutor_first_error(place: str, row: Mapping[str, Any], file: Path) -> Found:
    kind = _TUTOR.get(row.get("error_category", ""), "")
    return _row(place, row, row["problem"], row["first_error"], reference=row.get("reference"), error_type=kind)


def realcritic(place: str, row: Mapping[str, Any], file: Path) -> Found:
    """Outcomes only: no step is labelled."""
    made = {**row, "steps": [step.text for step in split(row["solution"])]}
    return _row(place, made, row["question"], None, wrong=not row["correct"], reference=row.get("reference"))


def mathcritique(place: str, row: Mapping[str, Any], file: Path) -> Found:
    """Drafts are known to be wrong. Critiques that do not parse into steps, or call no step wrong, are left out."""
    said = [(c["step"], c["verdict"] != "Correct") for c in row["step_critiques"]]
    if not said:  # the file does not take apart those whose lines end in spaces
        read = parse(row.get("critique_text", ""))
        said = [(step.sentence, step.label is StepLabel.WRONG) for step in read.steps]
    if not said:
        return "the critique does not parse into steps"
    first = next((place for place, (_, wrong) in enumerate(said) if wrong), None)
    if first is None:
        return "the critique calls no step wrong although the draft is"
    return _row(place, {**row, "steps": [step for step, _ in said]}, row["question"], first)


def step_critics(place: str, row: Mapping[str, Any], file: Path) -> Found:
    if "first_error_step" in row:
        named = row["first_error_step"]
        first = NO_ERROR if row["solution_correct"] == "correct" else _number(named)
        if first is None:
            return "a wrong solution without a numbered first error"
        return _row(place, row, row["question"], first if first == NO_ERROR else first - 1)
    if "error_step" in row:
        if row["error_type"] not in _PERTURBED:
            return f"{row['error_type']}: no single step holds the planted error"
        return _row(
            place, row, row["question"], row["error_step"], reference=row["reference_steps"], group=str(row["problem"])
        )
    return "redundancy ratings say nothing of wrong steps"


def _number(value: Any) -> int | None:
    digits = "".join(c for c in str(value) if c.isdigit())
    return int(digits) if digits else None


def gsm8k_solutions(folder: Path) -> StepSet:
    """Outcomes with reference solutions; ``folder`` may be one ``solutions_*.jsonl`` beside ``questions.jsonl``."""
    files = [folder] if folder.is_file() else sorted(folder.glob("solutions_*.jsonl"))
    home = folder.parent if folder.is_file() else folder
    questions = {row["id"]: row for _, row in read_jsonl(home / "questions.jsonl")}
    rows = []
    for file in files:
        for place, row in read_jsonl(file):
            question = questions.get(row.get("question_id"))
            if question is None:
                raise ValueError(f"{place}: its question {row.get('question_id')!r} is not in questions.jsonl")
            made = {"id": f"{row['model']}:{row['question_id']}", "steps": lines(row["solution"])}
            found = _row(
                place,
                made,
                question["question"],
                None,
                wrong=not row["is_correct"],
                reference=question["reference"],
                group=row["question_id"],
                model=row["model"],
            )
            if isinstance(found, StepRow):
                rows.append(found)
    return StepSet("gsm8k_solutions", tuple(rows))


FAIR = 4.0  # mean human rating from which an image is taken for right


def image_rubrics(folder: Path) -> StepSet:
    """Images as outcomes of prompts: a rubric's checks are the steps, judges' answers are ``said``, people's ratings decide.

    No image is read. A check that a judge did not answer fails, and so does one whose parent fails. ``folder`` has ``rubrics.jsonl``
    and ``images.jsonl``.
    """
    home = folder.parent if folder.is_file() else folder
    rubrics = {row["id"]: row for _, row in read_jsonl(home / "rubrics.jsonl")}
    rows, left_out, others = [], 0, 0
    for place, image in read_jsonl(home / "images.jsonl"):
        rubric = rubrics.get(image["item"])
        if rubric is None:
            raise ValueError(f"{place}: its item {image['item']!r} is not in rubrics.jsonl")
        if not image["judges"] or not image["human_likert"]:
            left_out += 1
            continue
        ratings = list(image["human_likert"].values())
        mean = sum(ratings) / len(ratings)
        checks = rubric["checks"]
        numbers = sorted(str(check["n"]) for check in checks)
        if any(sorted(given) != numbers for given in image["judges"].values()):
            others += 1
            continue
        made = {
            "id": image["id"],
            "steps": [check["question"] for check in checks],
            "said": {judge: answered(checks, given) for judge, given in image["judges"].items()},
            "rating": mean,
        }
        found = _row(
            place, made, rubric["prompt"], None, wrong=mean < FAIR, group=image["item"], model=image["t2i_model"]
        )
        if isinstance(found, StepRow):
            rows.append(found)
    notes = [f"an image is wrong where its mean rating is below {FAIR:g} of 5"]
    notes += [f"{left_out} rows left out: no ratings or no judges"] if left_out else []
    notes += [f"{others} rows left out: their judges answered other checks than their rubric has"] if others else []
    return StepSet("image_rubrics", tuple(rows), tuple(notes))


def answered(checks: Sequence[Mapping[str, Any]], given: Mapping[str, int | None]) -> list[bool]:
    """Yes per check, strictly: what was not answered is No, and so is what depends on a No."""
    yes: dict[int, bool] = {}
    found = []
    for check in checks:
        own = given.get(str(check["n"])) == 1 and all(yes.get(parent, False) for parent in check["depends_on"])
        yes[check["n"]] = own
        found.append(own)
    return found


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


_KEPT: dict[Path, dict[str, Any]] = {}


def _problems(path: Path) -> dict[str, Any]:
    if path not in _KEPT:
        _KEPT[path] = {row["id"]: row for _, row in read_jsonl(path)}
    return _KEPT[path]


def _row(
    place: str,
    row: Mapping[str, Any],
    problem: Any,
    first: Any,
    *,
    wrong: bool | None = None,
    reference: Any = None,
    group: str = "",
    model: str = "",
    error_type: str = "",
) -> Found:
    steps = row.get("steps")
    if not isinstance(problem, str) or not isinstance(steps, list) or not all(isinstance(s, str) for s in steps):
        raise ValueError(f"{place}: a problem and a list of steps, all texts, are needed: is this the format named?")
    if not steps:
        return "there are no steps"
    if isinstance(first, bool) or not isinstance(first, int | None) or not -1 <= (first or 0) < len(steps):
        raise ValueError(f"{place}: first error {first!r} is none of the {len(steps)} steps, counted from 0, nor -1")
    told = lines(reference) if isinstance(reference, str) else [str(part) for part in reference or ()]
    return StepRow(
        id=str(row.get("id", place)),
        problem=problem,
        steps=tuple(steps),
        first_error=first,
        wrong=first != NO_ERROR if first is not None else bool(wrong),
        reference=tuple(told),
        group=group or str(row.get("group") or problem),
        model=model or str(row.get("model") or row.get("generator") or ""),
        error_type=error_type or str(row.get("error_type") or ""),
        columns=row,
    )


def _files(path: Path, pattern: str) -> list[Path]:
    return [path] if path.is_file() else sorted(path.glob(pattern))


def _reading(reader: Reader, pattern: str = "*.jsonl") -> Callable[[Path], StepSet]:
    def read_all(path: Path) -> StepSet:
        rows: list[StepRow] = []
        left_out: dict[str, int] = {}
        for file in _files(path, pattern):
            for place, row in _objects(file):
                made = reader(place, row, file)
                if isinstance(made, StepRow):
                    rows.append(made)
                elif made:
                    left_out[made] = left_out.get(made, 0) + 1
        return StepSet(path.stem, tuple(rows), tuple(f"{n} rows left out: {why}" for why, n in left_out.items()))

    return read_all


def _objects(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """JSON Lines, or one JSON array as some sources publish it."""
    if file.suffix != ".json":
        yield from read_jsonl(file)
        return
    found = read_json(file)
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise ValueError(f"{file.name} is not an array of objects")
    for number, row in enumerate(found):
        yield f"{file.name} row {number}", row


FORMATS: Mapping[str, Callable[[Path], StepSet]] = {
    "rows": _reading(own),
    "processbench": _reading(processbench),
    "bigbench_mistake": _reading(bigbench_mistake),
    "mr_gsm8k": _reading(mr_gsm8k),
    "champ": _reading(champ, "first_wrong_step.jsonl"),
    "tutor_first_error": _reading(tutor_first_error),
    "realcritic": _reading(realcritic),
    "mathcritique": _reading(mathcritique),
    "step_critics": _reading(step_critics),
    "gsm8k_solutions": gsm8k_solutions,
    "image_rubrics": image_rubrics,
}


def read(name: str, path: Path) -> StepSet:
    """Raises ``ValueError`` for an unknown name, a missing file or a row that does not fit."""
    found = adapted(FORMATS, name, path)
    if not found.rows:
        notes: Sequence[str] = found.notes
        raise ValueError(f"{path} has no rows to measure on{': ' + '; '.join(notes) if notes else ''}")
    return found
