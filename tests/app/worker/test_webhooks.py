"""Webhooks to a real receiver: signed, tried again, switched off, sent once more, and never to where they may not go."""

from __future__ import annotations

import _socket
import json
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from app.client import BadSignature, verify_webhook
from app.worker import posting
from app.worker.handlers.webhook import send
from app.worker.posting import NotSent, post
from core.webhooks import MOST_ATTEMPTS, Event, sign
from store import jobs as rows
from store import queue, reviews, tables, webhooks
from store.engine import Database
from tests.app.worker.conftest import Bench, until
from tests.app.worker.receiver import Receiver, receiving
from tests.factories import build, review_of, scene


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def private(bench: Bench) -> Bench:
    bench.settings.webhooks_private = True
    return bench


def added(db: Database, url: str, *events: Event, project_id: int | None = None) -> tables.Webhook:
    with db.write() as session:
        return webhooks.add(session, url, events or list(Event), project_id=project_id, user_id=None)


def told(db: Database, event: Event = Event.LESSON_ACCEPTED, **data: Any) -> None:
    with db.write() as session:
        webhooks.emit(session, event, None, **data)


def log(db: Database, webhook: tables.Webhook) -> list[tables.WebhookDelivery]:
    with db.read() as session:
        return list(webhooks.deliveries(session, webhook.id))


def now_due(db: Database) -> None:
    """As if the pause before the next try were over."""
    from store.clock import now

    with db.write() as session:
        for row in session.query(tables.WebhookDelivery):
            row.next_at = now()


def test_a_review_is_told_signed_and_once(private: Bench, receiver: Receiver) -> None:
    db = private.db
    with db.write() as session:
        made = scene(session)
        other = build(session, tables.Project).id
    hook = added(db, receiver.url, Event.REVIEW_SUBMITTED, Event.JOB_FINISHED, project_id=made.project_id)
    added(db, receiver.url, Event.REVIEW_SUBMITTED, project_id=other)
    private.start({"webhook": send})
    with db.write() as session:
        claim = queue.claim_next(session, made.users[0], made.project_id)
        assert claim is not None
        done = reviews.submit(session, review_of(claim, made.users[0]), None, claim.token)
    until(lambda: len(receiver.got) > 0)
    until(lambda: log(db, hook)[0].state == "delivered")
    headers, body = receiver.got[0]
    event = verify_webhook(hook.secret, headers, body)
    assert event.type == "review.submitted" and event.data["review_id"] == done.review_id
    assert event.data["project_id"] == made.project_id and event.id == log(db, hook)[0].message_id
    for wrong in (body + b" ", body.replace(b"review", b"Review")):
        with pytest.raises(BadSignature):
            verify_webhook(hook.secret, headers, wrong)
    with pytest.raises(BadSignature, match="too old"):
        verify_webhook(hook.secret, headers, body, now=time.time() + 301)
    with pytest.raises(BadSignature, match="needed"):
        verify_webhook(hook.secret, {}, body)
    with pytest.raises(BadSignature, match="no signature fits"):
        verify_webhook("whsec_AAAA", headers, body)
    assert verify_webhook(["whsec_AAAA", hook.secret], headers, body).id == event.id
    time.sleep(0.5)
    assert len(receiver.got) == 1, "another project's address, and jobs that tell, are not told"


def test_the_signature_is_that_of_the_standard() -> None:
    """The example of the specification (standardwebhooks.com)."""
    body = b'{"test": 2432232314}'
    found = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_what_is_rolled_back_is_not_told(db: Database) -> None:
    hook = added(db, "https://example.org/hook")
    with pytest.raises(RuntimeError), db.write() as session:
        webhooks.emit(session, Event.LESSON_ACCEPTED, None, lesson_id=1)
        raise RuntimeError
    assert log(db, hook) == []


def test_a_refusal_is_tried_again_later_under_the_same_id(private: Bench, receiver: Receiver) -> None:
    receiver.answers = [500, 302]
    receiver.headers = {"location": receiver.url + "/elsewhere"}
    hook = added(private.db, receiver.url)
    told(private.db, lesson_id=7)
    private.start({"webhook": send})
    for tries in (1, 2):
        until(lambda tries=tries: log(private.db, hook)[0].attempts == tries)
        [row] = log(private.db, hook)
        assert (row.state, row.status) == ("waiting", [500, 302][tries - 1])
        assert 3.9 < (row.next_at - row.first_at).total_seconds() < 25
        now_due(private.db)
    until(lambda: log(private.db, hook)[0].state == "delivered")
    assert len(receiver.got) == 3, "no redirect was followed"
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 1


def test_an_address_where_nobody_answers_is_switched_off_and_on_again(private: Bench, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}/"
    hook = added(private.db, nobody)
    told(private.db, lesson_id=1)
    told(private.db, lesson_id=2)
    private.start({"webhook": send})
    for tries in range(1, MOST_ATTEMPTS + 1):
        until(lambda tries=tries: log(private.db, hook)[1].attempts == tries)
        first = log(private.db, hook)
        assert first[0].attempts == 0 and first[0].next_at >= first[1].next_at, "the rest waits as long"
        if tries < MOST_ATTEMPTS:
            with private.db.write() as session:
                session.get_one(tables.WebhookDelivery, first[1].id).next_at = first[1].created_at
    with private.db.read() as session:
        off = webhooks.get(session, hook.id)
    assert (
        not off.active
        and "Connect" in off.off_why
        and "tries" in off.off_why
        and log(private.db, hook)[1].state == "failed"
    )
    told(private.db, lesson_id=3)
    assert len(log(private.db, hook)) == 2, "nothing is collected for an address that is off"
    with private.db.write() as session:
        webhooks.change(session, hook.id, user_id=None, url=receiver.url, active=True)
    until(lambda: log(private.db, hook)[0].state == "delivered")
    with private.db.write() as session:
        webhooks.send_again(session, hook.id, log(private.db, hook)[1].id)
    until(lambda: len(receiver.got) == 2)
    assert [json.loads(body)["data"]["lesson_id"] for _, body in receiver.got] == [2, 1]


def test_gone_switches_off_at_once(private: Bench, receiver: Receiver) -> None:
    receiver.otherwise = 410
    hook = added(private.db, receiver.url)
    told(private.db)
    private.start({"webhook": send})
    until(lambda: log(private.db, hook)[0].attempts == 1)
    with private.db.read() as session:
        off = webhooks.get(session, hook.id)
    assert not off.active and "gone for good" in off.off_why and "410" in off.off_why and "tries" not in off.off_why


def test_a_failed_job_is_told_and_a_worker_that_dies_tells_nothing_twice(private: Bench, receiver: Receiver) -> None:
    hook = added(private.db, receiver.url, Event.JOB_FAILED)

    def broken(*_: Any) -> dict[str, Any]:
        raise ValueError("no such file")

    private.start({"webhook": send, "broken": broken})
    job = private.wait(private.enqueue("broken"))
    until(lambda: len(receiver.got) == 1)
    event = verify_webhook(hook.secret, *receiver.got[0])
    assert event.data == {"project_id": None, "job_id": job.id, "kind": "broken"}
    assert rows.TELLING == "webhook"


FORBIDDEN = (
    "http://127.0.0.1:9/",
    "http://localhost:9/",
    "http://[::1]:9/",
    "http://[::ffff:127.0.0.1]:9/",
    "http://0.0.0.0:9/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://2130706433:9/",
    "http://0x7f.1:9/",
)


@pytest.mark.parametrize("url", FORBIDDEN)
def test_nothing_goes_to_this_machine_or_a_private_network(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_a_network(host: str, port: int, **_: Any) -> Any:
        number = "127.0.0.1" if host == "localhost" else host
        return _socket.getaddrinfo(number, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)

    monkeypatch.setattr(socket, "getaddrinfo", without_a_network)
    with pytest.raises(NotSent, match="private network"):
        post(url, b"{}", {}, private=False)


def test_a_name_that_changes_its_address_leads_nowhere(monkeypatch: pytest.MonkeyPatch, receiver: Receiver) -> None:
    """The resolver says a public address, the socket is connected to this machine: the peer is what counts."""
    port = int(receiver.url.split(":")[2].split("/")[0])
    real = posting.httpcore.SyncBackend.connect_tcp

    def rebound(self: Any, host: str, *args: Any) -> Any:
        return real(self, "127.0.0.1", port, *args[1:])

    public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.216.34", port))]
    resolve: Any = socket.getaddrinfo
    named = "rebound.example"
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda host, *a, **k: public if host == named else resolve(host, *a, **k)
    )
    monkeypatch.setattr(posting.httpcore.SyncBackend, "connect_tcp", rebound)
    with pytest.raises(NotSent, match="private network"):
        post(f"http://{named}:{port}/", b"{}", {}, private=False)
    assert receiver.got == []


def test_who_answers_a_byte_at_a_time_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.6)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
                    try:
                        peer.send(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(NotSent, match="no answer"):
            post(f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}, private=True)
        assert time.monotonic() - begun < 3
        thread.join()
