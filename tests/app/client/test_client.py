"""The Python client against the real application: over a socket (sync) and in this process (async)."""

from __future__ import annotations

import asyncio
import inspect
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from app.client import ApiError, AsyncClient, Client, ConnectionFailed, Item, NewRule, Output, WaitedTooLong
from app.client.operations import Call
from app.client.transport import may_repeat, pause
from core.types import LessonDraft, LessonKind
from store import exports, lessons, queue, tables
from tests.app.api.test_queues_and_decisions import answers, disputed
from tests.app.api.test_resources import ANSWER, reviewed
from tests.app.programs import Api
from tests.pictures import file


@pytest.fixture
def url(api: Api) -> Iterator[str]:
    """The application on a real socket."""
    server = uvicorn.Server(uvicorn.Config(api.web.app, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.02)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = server.force_exit = True
    thread.join(10)


def written(api: Api, export_id: int, rows: list[dict[str, Any]]) -> None:
    """What the export job does, without a worker."""
    folder = api.web.settings.exports_dir
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{export_id}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with api.web.db.write() as session:
        exports.finish(session, export_id, path=str(path), rows=len(rows), sha256="0" * 64)


def test_the_way_of_a_program_from_push_to_export(api: Api, url: str) -> None:
    with Client(url, api.token()) as client:
        project = client.project("maths")
        items = client.push_items(project.id, [Item("i1", "What is 3 + 4?", reference="7")])
        assert items.added == 1
        assert [client.put_images(items.ids[0], [file(1)], ["a scene"]) for _ in range(2)] == [True, False]
        output = Output(ANSWER, "theirs", external_id="i1", tokens=[("3", -0.5), (" +", -1.5, 0.25)])
        pushed = client.push_outputs(project.id, [output])
        [kept] = pushed.outputs
        assert kept.status == "added" and client.job(pushed.job_id or 0).kind == "analyse"
        with pytest.raises(WaitedTooLong, match="1 of 1"):
            client.wait_for_reviews(project.id, [kept.id], seconds=0.1, every=0.05)
        later = threading.Timer(0.3, reviewed, (api, kept.id))
        later.start()
        [review] = client.wait_for_reviews(project.id, [kept.id], seconds=20, every=0.1)
        later.join()
        assert review.verdict == "faulty" and [one.text for one in review.corrections] == ["7, not 8"]
        page = client.reviews(project.id)
        assert [one.id for one in page.data] == [review.id]
        assert client.reviews(project.id, page.next_cursor).data == []
        started = client.start_export(project.id, "sft", verdict="faulty")
        rows = [{"n": n, "text": "é" * 50} for n in range(500)]
        written(api, started.id, rows)
        assert client.wait_for_export(started.id, seconds=5).rows == 500
        with client.download(started.id) as chunks:
            assert b"".join(chunks).count(b"\n") == 500


def test_rows_of_an_export_come_as_a_stream(api: Api, url: str) -> None:
    rows = [{"n": n} for n in range(3)]
    with Client(url, api.token()) as client:
        seen: list[int] = []

        def write() -> None:
            while not seen:
                with api.web.db.read() as session:
                    seen.extend(row.id for row in exports.list_all(session, api.project))
                time.sleep(0.05)
            written(api, seen[0], rows)

        writer = threading.Thread(target=write)
        writer.start()
        assert list(client.pull_export(api.project, "sft", seconds=20)) == rows
        writer.join()


def test_the_asynchronous_client_does_the_same(api: Api) -> None:
    async def run() -> None:
        transport = httpx.ASGITransport(api.web.app)
        async with AsyncClient("http://127.0.0.1", api.token(), transport=transport) as client:
            many = [Output(f"It is {n}.", "m", item=Item(f"i{n}", f"What is {n}?")) for n in range(130)]
            pushed = await client.push_outputs(api.project, many)
            assert len({one.id for one in pushed.outputs}) == 130
            found = await client.retrieve(api.project, "What is 3 + 4?")
            assert found.lessons == [] and found.prompt == ""
            with api.web.db.write() as session:
                draft = LessonDraft(LessonKind.RULE, "Check sums.", "sums", ())
                lesson = lessons.propose(session, api.project, [draft], author_id=api.admin)[0]
                lessons.accept(session, lesson, api.admin)
            assert [one.text for one in (await client.lessons(api.project)).data] == ["Check sums."]
            with pytest.raises(ApiError) as refused:
                await client.export(999)
            assert (refused.value.status, refused.value.code) == (404, "not_found")
            started = await client.start_export(api.project, "sft")
            written(api, started.id, [{"a": 1}])
            async with client.download(started.id) as chunks:
                assert b"".join([chunk async for chunk in chunks]) == b'{"a": 1}\n'

    asyncio.run(run())


def test_passing_failures_are_tried_again_under_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    seen: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("idempotency-key"))
        if len(seen) == 1:
            raise httpx.ConnectError("gone", request=request)
        done = {"added": 1, "updated": 0, "unchanged": 0, "ids": [1], "job_id": None}
        return httpx.Response(503) if len(seen) == 2 else httpx.Response(201, json=done)

    with Client("http://x", "t", transport=httpx.MockTransport(answer)) as client:
        assert client.push_items(1, [Item("a", "b")]).added == 1
    assert len(seen) == 3 and len(set(seen)) == 1 and seen[0]

    def never(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("gone", request=request)

    with Client("http://x", "t", transport=httpx.MockTransport(never)) as client, pytest.raises(ConnectionFailed):
        client.projects()


def test_what_has_a_second_effect_is_not_repeated() -> None:
    broken = httpx.Response(503, headers={"retry-after": "7"})
    assert not may_repeat(Call("POST", "/x"), broken, 1)
    assert may_repeat(Call("POST", "/x", key="k"), broken, 1)
    assert not may_repeat(Call("GET", "/x"), broken, 4) and not may_repeat(Call("GET", "/x"), httpx.Response(404), 1)
    assert pause(broken, 1) == 7.0 and pause(None, 1) == 0.5


def test_a_program_that_reviews_and_runs_the_installation(api: Api, url: str) -> None:
    with Client(url, api.token()) as client:
        [kept] = client.push_outputs(api.project, [Output(ANSWER, "theirs", item=Item("i1", "What is 3 + 4?"))]).outputs
        with api.web.db.write() as session:
            queue.enqueue_output(session, api.project, kept.id, priority=0.5)
        rule = NewRule("eight", {"pattern": "is 8"}, "faulty")
        assert client.check_rule(api.project, rule).hits == 1
        made = client.add_rule(api.project, rule)
        assert client.change_rule(made.id, enabled=False).enabled is False
        assert [one.name for one in client.rules(api.project)] == ["eight"]
        client.remove_rule(made.id)
        bob = client.add_person("bob", "correct horse", "expert")
        assert client.change_person(bob.id, active=False).active is False and len(client.people()) == 2
        held = client.claim(api.project)
        assert held is not None and held.output["id"] == kept.id and held.token not in repr(held)
        client.release(held)
        held = client.claim(api.project)
        assert held is not None
        done = client.submit(held, text="7, not 8", first_wrong_step=1)
        assert done.verdict == "faulty" and client.claim(api.project) is None
        hook = client.add_webhook("https://example.org/", ["lesson.accepted"], api.project)
        assert hook.secret and client.webhooks()[0].secret is None
        assert client.change_webhook(hook.id, active=False).active is False
        client.remove_webhook(hook.id)
        proposed = client.propose_lesson(api.project, "rule", "Carry the one.", "sums")
        assert client.accept_lesson(proposed.id, text="Carry it.").text == "Carry it."
        assert client.retire_lesson(proposed.id, "wrong") > 0
        assert client.report(api.project, "loop")["queue"]["submitted"] == 1


def test_the_awaited_client_has_the_same_methods() -> None:
    own = {name for name in dir(Client) if not name.startswith("_")}
    assert own == {name for name in dir(AsyncClient) if not name.startswith("_")}
    for name in own - {"download", "pull_export", "close"}:
        assert inspect.signature(getattr(Client, name)) == inspect.signature(getattr(AsyncClient, name)), name


def file_of_rows(folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text('{"question": "What is 1 + 1?", "said": "3"}\n{"question": ""}\n')
    return path


def test_a_file_is_sent_for_an_import(api: Api, url: str, tmp_path: Path) -> None:
    rows, mapping = file_of_rows(tmp_path), {"prompt": "question", "answer": "said"}
    with Client(url, api.token()) as client:
        begun = client.import_file(api.project, rows, mapping)
        assert begun.job.kind == "import" and begun.rows == 0 and begun.errors == []
        with api.web.db.write() as session:
            job = session.get_one(tables.Job, begun.job.id)
            assert job.payload["mapping"] == mapping and Path(job.payload["path"]).read_bytes() == rows.read_bytes()
            job.result = {"rows": 2, "added": 1, "error_count": 1, "errors": [{"row": 2, "message": "no prompt"}]}
        assert client.import_report(begun.job.id).errors == [(2, "no prompt")]
        with pytest.raises(ApiError, match="question"):
            client.import_file(api.project, rows, {"prompt": "none"})
        with pytest.raises(ApiError, match="exported"):
            client.import_file(api.project, rows, back=True)
    assert len(list(api.web.settings.uploads_dir.glob("*.jsonl"))) == 1


def test_a_file_is_sent_again_whole_after_a_passing_failure(api: Api, tmp_path: Path) -> None:
    rows, sent = file_of_rows(tmp_path), []

    async def passing(request: httpx.Request) -> httpx.Response:
        sent.append((request.headers.get("idempotency-key"), await request.aread()))
        if len(sent) == 1:
            return httpx.Response(503, headers={"retry-after": "0"})
        async with httpx.AsyncClient(transport=httpx.ASGITransport(api.web.app)) as inside:
            return await inside.send(request)

    async def go() -> None:
        async with AsyncClient("http://127.0.0.1", api.token(), transport=httpx.MockTransport(passing)) as client:
            begun = await client.import_file(api.project, str(rows), {"prompt": "question"})
            assert (await client.import_report(begun.job.id)).job.state == "queued"

    asyncio.run(go())
    [first, second, _] = sent
    assert first[0] and first[0] == second[0]
    assert rows.read_bytes() in first[1] and rows.read_bytes() in second[1]


def test_queues_and_decisions_of_a_program(api: Api, url: str) -> None:
    output, _ = disputed(api)
    with Client(url, api.token()) as client:
        [case] = client.cases(api.project)
        seen = client.case(case.assignment_id)
        assert [one.verdict for one in seen.reviews] == ["faulty", "acceptable"] and case.reviews == []
        done = client.decide(case.assignment_id, "It is 7.", takes=seen.reviews[0].review_id)
        assert done.verdict == "faulty" and client.case(case.assignment_id).decision_id == done.review_id
        assert client.decisions(unseen=False) == [] and client.mark_seen() == 0
        assert client.add_gold(api.project, output, "faulty", first_wrong_step=1) == 1
        told = client.queue_progress(api.project)
        assert told.gold == 1 and [one.finished for one in told.people] == [1, 1]
        answers(api, 2, "expert")
        held = client.claim(api.project, "expert")
        assert held is not None and client.force_release(held.assignment_id) == api.admin
        held = client.claim(api.project, "expert")
        assert held is not None and len(client.split(held, ["What is 3?", "What is 4?"])) == 2
        bob = next(one.id for one in client.people() if one.name == "bob")
        assert client.assign(api.project, [bob], "expert", limit=1) == 1
        client.set_member(api.project, "expert", person_id=bob)
