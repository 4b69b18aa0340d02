"""The container files name commands, settings, files and services that exist."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from app.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = {f"CORRIGENDA_{name.upper()}" for name in Settings.model_fields}
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = {name: service for name, service in COMPOSE["services"].items() if service["image"] == "corrigenda"}


def _commands() -> set[str]:
    from app.cli.main import app

    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", OURS)
def test_services_run_commands_and_set_settings_that_exist(name: str) -> None:
    service = OURS[name]
    assert service["command"][0] == "corrigenda" and service["command"][1] in _commands()
    assert set(service["environment"]) <= SETTINGS
    for volume in service["volumes"]:
        assert volume.split(":")[0] in COMPOSE["volumes"]
    assert set(service["depends_on"]) <= set(COMPOSE["services"])


def test_every_kind_of_job_has_a_worker() -> None:
    takes = {service["environment"].get("CORRIGENDA_WORKER_TAKES") for service in OURS.values()} - {None}
    assert takes == {"model", "rest"}


def test_the_image_takes_what_is_there_and_what_is_sent_to_it() -> None:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if line.startswith("COPY ")]
    taken = {word for line in lines for word in shlex.split(line)[1:-1]}
    assert all((ROOT / name).exists() for name in taken)
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert taken <= let_in
    assert {"app", "core", "store", "migrations", "assets"} <= taken


def test_what_the_page_names_exists() -> None:
    page = (ROOT / "DEPLOYING.md").read_text()
    assert set(re.findall(r"CORRIGENDA_[A-Z_]+", page)) <= SETTINGS
    words = set(re.findall(r"corrigenda (up|web|worker|user|db|[a-z]+)(?= )", page))
    assert {word for word in words if word in _commands()} >= {"web", "user", "db"}
