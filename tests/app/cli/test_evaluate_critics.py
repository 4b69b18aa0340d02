"""The command on a file written by hand: the last line of its standard output is one JSON object."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from core.evaluation.steps_formats import read
from tests.core.generators import test_openai_http

ROWS = [
    {"id": "1", "problem": "Two bags of 3?", "steps": ["2 * 3 = 7", "So 7."], "first_error": 0, "model": "m"},
    {"id": "2", "problem": "Two bags of 3?", "steps": ["2 * 3 = 6", "So 6."], "first_error": -1, "model": "m"},
]


def run(tmp_path: Path, *options: str, rows: Sequence[Mapping[str, Any]] = ROWS) -> tuple[int, str, str]:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    found = CliRunner().invoke(app, ["eval", "critics", "--data", str(file), "--data-dir", str(tmp_path), *options])
    return found.exit_code, found.stdout, found.stderr


def test_json_is_the_last_line(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "--critics", "arithmetic,none,shifted,bisect", "--json")
    found = json.loads(out.strip().splitlines()[-1])
    assert code == 0
    assert (found["f1"], found["error_accuracy"], found["clean_accuracy"], found["n"]) == (1.0, 1.0, 1.0, 2)
    assert found["critics"]["none"]["f1"] == 0
    assert found["critics"]["shifted"]["error_accuracy"] == 0
    assert found["critics"]["bisect"]["f1"] == 1 and found["critics"]["bisect"]["over_bound"] == 0
    assert found["by_model"] == {"m": {"calculation_error": 1}}


def test_table(tmp_path: Path) -> None:
    code, out, _ = run(tmp_path, "--critics", "gold")
    assert code == 0 and "together" in out and "2 solutions" in out


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--critics", "nobody"), "there is no critic nobody"),
        (("--format", "what"), "there is no format"),
        (("--train", "x"), "FORMAT:FILE"),
    ],
)
def test_errors_say_what_to_do(tmp_path: Path, options: tuple[str, ...], said: str) -> None:
    code, _, error = run(tmp_path, *options)
    assert code == 1 and said in error


def test_what_critics_said_stands_in_the_rows(tmp_path: Path) -> None:
    told = [{**row, "said": {"good": [n == 1, True], "blind": [True, True]}} for n, row in enumerate(ROWS)]
    code, out, _ = run(tmp_path, "--critics", "column:good,column:blind", "--json", rows=told)
    found = json.loads(out.strip().splitlines()[-1])
    assert code == 0 and set(found["critics"]) == {"column:good", "column:blind"}
    assert (found["critics"]["column:good"]["f1"], found["critics"]["column:good"]["auroc"]) == (1.0, 1.0)
    assert found["critics"]["column:blind"]["error_accuracy"] == 0 and found["disputed"] == 1
    code, _, error = run(tmp_path, "--critics", "column:nobody", rows=told)
    assert code == 1 and "there are: good, blind" in error


def test_critics_with_a_reference_speak_of_rows_that_have_one(tmp_path: Path) -> None:
    code, _, error = run(tmp_path, "--critics", "reference_tests")
    assert code == 1 and "needs a reference in the rows" in error
    code, _, error = run(tmp_path, "--critics", "reference_spare_model")
    assert code == 1 and "needs a reference in the rows" in error


class Server(test_openai_http.FakeServer):
    """Says what each critic wants to hear, by how many tokens it asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = Agreeing


class Agreeing(test_openai_http._Handler):
    def _tokens(self, body: dict[str, Any]) -> list[str]:
        said = {4: "Yes", 8: "Right", 256: "It holds. Verdict: right", 120: "Step 1 shows it."}
        return [said.get(body["max_tokens"], '[{"student_step": 1, "label": "incorrect"}]')]


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def test_any_server_carries_the_critics_that_ask_a_model(tmp_path: Path, server: Server) -> None:
    names = "deliberate,debate,rubric,model_steps,reference_spare_model,rollouts_reference,arithmetic"
    rows = [{**row, "reference": "2 * 3 = 6\n#### 6"} for row in ROWS]
    code, out, _ = run(tmp_path, "--critics", names, "--url", server.url, "--model", "small", "--json", rows=rows)
    assert code == 0
    found = json.loads(out.strip().splitlines()[-1])
    assert set(found["critics"]) == set(names.split(",")) and found["reads_reference"]
    for name, part in found["critics"].items():
        assert {"calls", "tokens", "seconds", "f1", "error_accuracy", "clean_accuracy", "off_by_one", "auroc"} <= set(
            part
        )
        assert (part["calls"] > 0) == (name != "arithmetic"), name
    assert found["critics"]["deliberate"]["clean_accuracy"] == 1 and found["critics"]["deliberate"]["calls"] == 8
    assert found["critics"]["debate"]["calls"] == 2 * (4 * 6 + 4)
    assert found["critics"]["rollouts_reference"]["calls"] == 8, "the model never gets it right: one look and no more"
    assert found["to_experts"] == 2, "generous and strict critics disagree on both"
    assert {body["model"] for body in server.bodies} == {"small"}
    shown = "".join(m["content"] for body in server.asked() for m in body["messages"] if body["max_tokens"] == 256)
    assert "#### 6" not in shown


def test_rubrics_of_images_are_outcomes_with_what_judges_said(tmp_path: Path) -> None:
    checks = [
        {"n": 1, "depends_on": [], "question": "A bear?"},
        {"n": 2, "depends_on": [1], "question": "Is it brown?"},
    ]
    (tmp_path / "rubrics.jsonl").write_text(json.dumps({"id": "a", "prompt": "a brown bear", "checks": checks}))
    image = {"item": "a", "t2i_model": "m"}
    images = [
        {**image, "id": "a|1", "human_likert": {"x": 5, "y": 4}, "judges": {"v": {"1": 1, "2": 1}}},
        {**image, "id": "a|2", "human_likert": {"x": 1, "y": 2}, "judges": {"v": {"1": None, "2": 1}}},
        {**image, "id": "a|3", "human_likert": {"x": 1, "y": 2}, "judges": {"v": {"1": 1}}},
        {**image, "id": "a|4", "human_likert": {"x": 1, "y": 2}, "judges": None},
    ]
    (tmp_path / "images.jsonl").write_text("\n".join(map(json.dumps, images)))
    found = read("image_rubrics", tmp_path)
    assert [(row.wrong, row.first_error, row.columns["said"]["v"]) for row in found.rows] == [
        (False, None, [True, True]),
        (True, None, [False, False]),
    ]
    assert len(found.notes) == 3
    code, out, _ = run(tmp_path, "--critics", "column:v", "--format", "image_rubrics", "--json")
    assert code == 0 and json.loads(out.strip().splitlines()[-1])["critics"]["column:v"]["auroc"] == 1
