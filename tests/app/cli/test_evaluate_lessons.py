"""The command on small folders of our own, with the bundled models."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.main import app

pytestmark = pytest.mark.models

PLACES = ("Rome", "Oslo", "Lima", "Cairo", "Paris", "Delhi", "Quito", "Berne", "Seoul", "Tunis", "Accra", "Sofia")
PEOPLE = ("Ada", "Bob", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hana", "Ivo", "Jane", "Kim", "Leo")


def run(*words: str) -> Any:
    return CliRunner().invoke(app, ["eval", "lessons", *words])


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labelled")
    rows = [
        *({"id": f"p{n}", "text": f"where is {name} ?", "label": "place"} for n, name in enumerate(PLACES)),
        *({"id": f"n{n}", "text": f"who is {name} ?", "label": "person"} for n, name in enumerate(PEOPLE)),
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_a_stream_of_labels_teaches_and_the_last_line_is_one_object(
    labelled: Path, tmp_path: Path, models_dir: Path
) -> None:
    (tmp_path / "models").symlink_to(models_dir)  # converted once for all tests
    words = ("--data", str(labelled), "--corrections", "12", "--seeds", "2", "--in-prompt", "2", "--json")
    done = run(*words, "--data-dir", str(tmp_path))
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout.strip().splitlines()[-1])
    assert list(found["accuracy_by_corrections"]) == ["0", "12"]
    assert found["accuracy_by_corrections"]["12"] == 1.0
    names = {"no_memory", "nearest_past_item", "linear_probe", "all_history_in_prompt", "all_rules_in_prompt"}
    assert names == set(found["baselines"]) and 0 <= found["break_rate"] <= 1
    assert found["over_seeds"]["accuracy_12"]["mean"] == 1.0
    assert "corrections per item by quarter" in done.stdout


def test_intents_are_found_again(tmp_path: Path) -> None:
    asked = [{"ques": f"What is the opposite of < {name} > ?", "type": "ant"} for name in PLACES]
    asked += [{"ques": f"expand on < {name} > ?", "type": "defn"} for name in PEOPLE]
    (tmp_path / "intents_en.jsonl").write_text("".join(json.dumps(row) + "\n" for row in asked))
    done = run(
        "--data", str(tmp_path), "--format", "memprompt", "--corrections", "12", "--json", "--data-dir", str(tmp_path)
    )
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.strip().splitlines()[-1])["hit_at_1"] == 1.0


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--corrections", "5000"), "--corrections"),
        (("--seeds", "0"), "--seeds"),
        (("--format", "nothing"), "no format"),
    ],
)
def test_what_cannot_be_says_so(
    labelled: Path, tmp_path: Path, models_dir: Path, words: tuple[str, ...], says: str
) -> None:
    (tmp_path / "models").symlink_to(models_dir)
    done = run("--data", str(labelled), *words, "--data-dir", str(tmp_path))
    assert done.exit_code == 1 and says in done.output
    assert "Traceback" not in done.output
