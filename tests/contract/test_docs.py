"""Every setting, command and family member is in REFERENCE.md, and what stands there exists."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import typer.main

from app.settings import Settings

ROOT = Path(__file__).parents[2]
REFERENCE = (ROOT / "REFERENCE.md").read_text()
FAMILIES = (
    "generators",
    "checkers",
    "signals",
    "risk",
    "critics",
    "refiners",
    "lessons",
    "policies",
    "exporters",
    "recipes",
    "reports",
    "item_types",
    "image_encoders",
)


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", REFERENCE, re.S | re.M)
    assert found, f"REFERENCE.md has no section {title!r}"
    return found[1]


def first_cells(text: str) -> set[str]:
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.M))


def test_settings_are_documented() -> None:
    assert first_cells(section("Settings")) == {f"CORRIGENDA_{name.upper()}" for name in Settings.model_fields}


def test_commands_are_documented() -> None:
    from app.cli.main import app

    group = typer.main.get_command(app)
    names: set[str] = set()

    def walk(command: object, path: str) -> None:
        children = getattr(command, "commands", None)
        if children is None:
            names.add(path)
            return
        for name, child in children.items():
            walk(child, f"{path} {name}")

    walk(group, "corrigenda")
    assert first_cells(section("Commands")) == names


def test_family_members_are_documented() -> None:
    members = {
        f"{family}/{member.name}"
        for family in FAMILIES
        for member in importlib.import_module(f"core.{family}").REGISTRY
    }
    assert first_cells(section("Families")) == members


def test_every_member_opens_with_what_it_does() -> None:
    for family in FAMILIES:
        for member in importlib.import_module(f"core.{family}").REGISTRY:
            assert len(member.summary) > 20, f"{family}/{member.name} has no docstring"


def test_job_kinds_are_documented() -> None:
    from app.worker.payloads import PAYLOADS

    assert first_cells(section("Jobs")) == set(PAYLOADS)


def test_keys_are_documented() -> None:
    keymap = (ROOT / "assets/js/keymap.js").read_text()
    rows = re.findall(r"show: '([^']+)', action: '[^']+', says: '([^']+)'", keymap)
    told = [f"| {' '.join(f'`{key}`' for key in show.split(' '))} | {says} |" for show, says in rows]
    assert len(rows) > 10 and [line for line in section("Keys").splitlines() if line.startswith("| `")] == told


def test_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme and "make test" in readme
