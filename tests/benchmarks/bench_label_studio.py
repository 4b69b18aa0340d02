"""Ten people at once, ours beside Label Studio in the same run: take the next item, then send one annotation with a choice and words.

Both with what each brings of its own accord, SQLite and one web process, and 10,000 tasks; ours on PostgreSQL too. Label Studio has
one Choices and one TextArea over two texts, sequential sampling. ``LABEL_STUDIO`` is the path of its command, in an environment of its
own: ``python -m venv ls && ls/bin/pip install label-studio==1.23.2``. Where it is not there, its part is not measured.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from app.worker import engine
from store import migrate
from store.engine import Database
from tests.benchmarks import queue_rows
from tests.benchmarks.bench_claims import SERVER
from tests.benchmarks.bench_jobs import database
from tests.benchmarks.bench_store import summary
from tests.benchmarks.web_fleet import Program, Webs, decision, free_port, until

TASKS, PEOPLE, EACH, SENT_AGAIN = 10_000, 10, 12, 20
TOKEN = "0123456789abcdef0123456789abcdef01234567"
CONFIG = """<View><Text name="question" value="$question"/><Text name="answer" value="$answer"/>
<Choices name="verdict" toName="answer"><Choice value="acceptable"/><Choice value="faulty"/></Choices>
<TextArea name="words" toName="answer"/></View>"""
CHOICE = {"from_name": "verdict", "to_name": "answer", "type": "choices", "value": {"choices": ["faulty"]}}
WORDS = {"from_name": "words", "to_name": "answer", "type": "textarea", "value": {"text": ["The sum is wrong."]}}
# Run by Label Studio's own Python: it has no route that makes people with tokens.
MAKE_PEOPLE = """
import os, sys, pathlib, label_studio
sys.path.insert(0, str(pathlib.Path(label_studio.__file__).parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.label_studio")
import django
django.setup()
from organizations.models import Organization, OrganizationMember
from rest_framework.authtoken.models import Token
from users.models import User
organization = Organization.objects.first()
for n in range(int(sys.argv[1])):
    email = f"person{n}@example.org"
    user = User.objects.filter(email=email).first() or User.objects.create_user(email=email, password="a long password")
    OrganizationMember.objects.get_or_create(user=user, organization=organization)
    user.active_organization = organization
    user.save()
    print("token", Token.objects.get_or_create(user=user)[0].key)
"""
Item = Callable[[list[float], list[float]], None]  # one item of one person: milliseconds of next and of submit


def run() -> dict[str, object]:
    figures: dict[str, object] = {"tasks": TASKS, "people": PEOPLE, "items_each": EACH}
    with tempfile.TemporaryDirectory() as folder:
        figures["ours_sqlite"] = _ours(f"sqlite:///{Path(folder) / 'ours.sqlite'}", Path(folder) / "sqlite")
        figures["label_studio"] = _label_studio(Path(folder) / "label-studio")
        try:
            with database(SERVER) as url:
                figures["ours_postgresql"] = _ours(url, Path(folder) / "postgresql")
        except psycopg.OperationalError as problem:
            figures["ours_postgresql"] = f"not measured: {problem}".strip()
    theirs = figures["label_studio"]
    if isinstance(theirs, dict):
        for name in ("ours_sqlite", "ours_postgresql"):
            ours = figures[name]
            if isinstance(ours, dict):
                figures[f"{name}_ratio"] = round(ours["ten"]["items_per_second"] / theirs["ten"]["items_per_second"], 1)
    return figures


def _rounds(people: list[Item]) -> dict[str, Any]:
    """One person first, to warm up and for the figures of one; then all of them at once."""
    _together(people[:1])
    return {"one": _together(people[:1]), "ten": _together(people), "load": round(os.getloadavg()[0], 1)}


def _together(people: list[Item]) -> dict[str, Any]:
    nexts: list[float] = []
    submits: list[float] = []
    problems: list[BaseException] = []

    def work(item: Item) -> None:
        try:
            for _ in range(EACH):
                item(nexts, submits)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(item,)) for item in people]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    if problems:
        raise problems[0]
    return {
        "items_per_second": round(len(submits) / seconds, 1),
        "next_ms": summary(nexts),
        "submit_ms": summary(submits),
    }


def _ours(url: str, folder: Path) -> dict[str, Any]:
    migrate.upgrade(url, None)
    engine.prepare(url)
    db = Database(url)
    try:
        project = queue_rows.make_project(db)
        queue_rows.fill(db, project, TASKS)
        tokens = queue_rows.people(db, PEOPLE)
        with Webs(url, folder, 1) as webs:
            return _rounds([_our_person(Program(webs.ports, token), project) for token in tokens])
    finally:
        db.dispose()


def _our_person(program: Program, project: int) -> Item:
    def item(nexts: list[float], submits: list[float]) -> None:
        begun = time.perf_counter()
        held = program.once(f"/projects/{project}/claims", {})
        between = time.perf_counter()
        done = program.once(f"/claims/{held.body['assignment_id']}/submit", decision(held.body, "The sum is wrong."))
        submits.append((time.perf_counter() - between) * 1000)
        nexts.append((between - begun) * 1000)
        if done.status != 200:
            raise RuntimeError(f"not submitted: {done}")

    return item


def _label_studio(folder: Path) -> dict[str, Any] | str:
    command = shutil.which(os.environ.get("LABEL_STUDIO", "label-studio"))
    if command is None:
        return "not measured: label-studio is not there"
    folder.mkdir()
    port, environment = (
        free_port(),
        os.environ | {"LABEL_STUDIO_BASE_DATA_DIR": str(folder), "LATEST_VERSION_CHECK": "0"},
    )
    environment.pop("PYTHONPATH", None)  # it has modules of the names of ours
    start = [command, "start", "--no-browser", "--port", str(port), "--enable-legacy-api-token", "--user-token", TOKEN]
    start += ["--username", "admin@example.org", "--password", "a long password"]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(start, stdout=log, stderr=log, env=environment, cwd=folder)
    try:
        until(lambda: _is_up(port), 600)  # its first start makes the database
        said = subprocess.run(
            [str(Path(command).parent / "python"), "-c", MAKE_PEOPLE, str(PEOPLE)],
            env=environment, cwd=folder, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        tokens = [line.split()[1] for line in said.splitlines() if line.startswith("token ")]
        admin = Theirs(port, TOKEN)
        made = {"title": "bench", "label_config": CONFIG, "sampling": "Sequential sampling"}
        project = admin.ask("POST", "/api/projects", made)["id"]
        rows = [{"question": f"What is 3 times 4, time {n}?", "answer": queue_rows.ANSWER} for n in range(TASKS)]
        begun = time.perf_counter()
        for at in range(0, TASKS, 1000):
            admin.ask("POST", f"/api/projects/{project}/import", rows[at : at + 1000])
        imported = TASKS / (time.perf_counter() - begun)
        people = [Theirs(port, token) for token in tokens]
        figures = _rounds([_their_person(one, project) for one in people])
        errors = sum(one.errors for one in people)
        return figures | {"errors_of_the_server": errors, "imported_rows_per_second": round(imported)}
    finally:
        server.terminate()
        server.wait()


class Theirs:
    """Label Studio's API over one kept connection, for one person. Errors of its own are counted, and the request sent again."""

    def __init__(self, port: int, token: str) -> None:
        self.port, self.token, self.errors = port, token, 0
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"authorization": f"Token {self.token}", "content-type": "application/json"}
        for _ in range(SENT_AGAIN):
            self.connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            found = self.connection.getresponse()
            said = found.read()
            if found.status < 400:
                return json.loads(said)
            if found.status < 500:
                break
            self.errors += 1
        raise RuntimeError(f"{method} {path}: {found.status} {said[:500]!r}")


def _is_up(port: int) -> bool:
    try:
        Theirs(port, TOKEN).ask("GET", "/api/projects")
    except (OSError, http.client.HTTPException, RuntimeError):
        time.sleep(1)
        return False
    return True


def _their_person(program: Theirs, project: int) -> Item:
    def item(nexts: list[float], submits: list[float]) -> None:
        begun = time.perf_counter()
        task = program.ask("GET", f"/api/projects/{project}/next")
        between = time.perf_counter()
        program.ask("POST", f"/api/tasks/{task['id']}/annotations", {"result": [CHOICE, WORDS], "lead_time": 1.0})
        submits.append((time.perf_counter() - between) * 1000)
        nexts.append((between - begun) * 1000)

    return item
