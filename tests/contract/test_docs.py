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


def routes_told() -> dict[str, tuple[set[str], set[str]]]:
    """Method and path, with every name in braces as {}, and the scopes and roles that stand beside it."""
    found = {}
    for line in section("API for programs").splitlines():
        cells = line.strip("|").split(" | ")
        for method, path in re.findall(r"`([A-Z]+) (/[^`]*)`", cells[0]):
            beside = set(re.findall(r"`([^`]+)`", cells[1])), set(cells[2].strip().split(", "))
            found[f"{method} {re.sub(r'{[^}]*}', '{}', path)}"] = beside
    return found


def test_every_route_of_the_api_is_documented(tmp_path: Path) -> None:
    from app.api import v1
    from app.state import AppState
    from core.scopes import ROLE_FOR
    from store.engine import Database
    from tests.app.api.test_resources import ROUTES

    db = Database(f"sqlite:///{tmp_path / 'none.sqlite'}")
    document = v1.described(v1.create_api(AppState(Settings(data_dir=tmp_path), db)))
    db.dispose()
    there = {
        f"{method.upper()} {re.sub(r'{[^}]*}', '{}', path)}": path
        for path, ways in document["paths"].items()
        for method in ways
    }
    told = routes_told()
    assert set(told) == set(there)
    for method, path, scope in ROUTES:
        [label] = [one for one in there if matches(one, method, path)]
        scopes, roles = told[label]
        assert scope.value in scopes and ROLE_FOR[scope].value in roles, label


def matches(label: str, method: str, path: str) -> bool:
    """Whether a path with values fits one with {} in their places; one with words goes before one with {}."""
    wanted, pattern = label.split(" ")
    shape = re.escape(pattern).replace(r"\{\}", r"(\d+|{p}|annotate|critic|quality)")
    return wanted == method and re.fullmatch(shape, path) is not None


def test_webhook_events_are_documented() -> None:
    from core.webhooks import SAYS, TEST

    told = dict(re.findall(r"^\| `([a-z.]+)` \| (.*) \|$", section("Webhooks"), re.M))
    told.pop(TEST)
    assert told == {event.value: says for event, says in SAYS.items()}


def test_keys_are_documented() -> None:
    keymap = (ROOT / "assets/js/keymap.js").read_text()
    rows = re.findall(r"show: '([^']+)', action: '[^']+', says: '([^']+)'", keymap)
    told = [f"| {' '.join(f'`{key}`' for key in show.split(' '))} | {says} |" for show, says in rows]
    assert len(rows) > 10 and [line for line in section("Keys").splitlines() if line.startswith("| `")] == told


def test_readme_names_the_two_commands() -> None:
    readme = (ROOT / "README.md").read_text()
    assert "make demo" in readme and "make test" in readme
