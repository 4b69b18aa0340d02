"""The queues page: what it shows, what its buttons do, and what it refuses in words."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest

from app import auth
from app.pages import queue as page
from app.pages import queue_routing, queue_settings
from app.view import queue as view
from app.worker import engine
from core.types import QueueKind, Role
from store import audit, jobs, projects, queue, tables
from tests.app.conftest import Web
from tests.factories import Scene, scene


@pytest.fixture
def made(web: Web) -> Scene:
    engine.prepare(web.settings.url)
    with web.db.write() as session:
        return scene(session, n_items=4, n_users=2)


def press(web: Web, made: Scene, by: int, **data: Any) -> str:
    event = gr.EventData(None, {name: str(value) for name, value in data.items()})  # type: ignore[arg-type]
    with web.db.write() as session:
        return page._act(session, by, made.project_id, "annotate", event)


def parts(web: Web, made: Scene, kind: QueueKind = QueueKind.ANNOTATE) -> dict[str, str]:
    with web.db.read() as session:
        return view.parts(session, made.project_id, kind)


def test_who_holds_what_is_shown_and_taken_back_by_an_admin(web: Web, made: Scene) -> None:
    ada = auth.make_user(web.db, "ada", None, Role.ADMIN)
    bob = auth.make_user(web.db, "bob <b>", None)
    with web.db.write() as session:
        held = queue.claim_next(session, bob, made.project_id)
    assert held is not None
    html = parts(web, made)
    assert "bob &lt;b&gt;" in html["held"] and f'data-slot="{held.assignment_id}"' in html["held"]
    assert "keeps what they typed" in press(web, made, ada, action="release", slot=held.assignment_id)
    assert "Nobody holds" in parts(web, made)["held"]
    with pytest.raises(ValueError, match="nobody holds"):
        press(web, made, ada, action="release", slot=held.assignment_id)
    for bad in ({"action": "burn"}, {"action": "release", "slot": "x"}, {}):
        with pytest.raises(ValueError, match="no such button"):
            press(web, made, ada, **bad)
    with web.db.read() as session:
        assert any(one.action == "queue.force_release" for one in audit.page(session, limit=20))


def test_skips_are_seen_by_managers_with_their_reasons(web: Web, made: Scene) -> None:
    with web.db.write() as session:
        projects.set_queue(session, made.project_id, "annotate", user_id=None, skip_policy="set_aside")
        held = queue.claim_next(session, made.users[0], made.project_id)
        assert held is not None
        queue.skip(session, held.assignment_id, held.token, made.users[0], "the <i>picture</i> is missing")
    html = parts(web, made)["skips"]
    assert "the &lt;i&gt;picture&lt;/i&gt; is missing" in html and "Put back" in html
    assert press(web, made, made.users[1], action="put-back", slot=held.assignment_id) == "It is back in the queue."


def test_settings_are_kept_at_once_or_not_at_all(web: Web, made: Scene) -> None:
    with web.db.read() as session:
        shown = queue_settings.values(session, made.project_id, QueueKind.ANNOTATE)
    given = dict(zip(queue_settings.NAMES, shown, strict=True))
    assert (given["lease_seconds"], given["agreement_floor"]) == (15, 100)

    def save(**changes: Any) -> str:
        with web.db.write() as session:
            return queue_settings._save(session, made.project_id, "annotate", {**given, **changes}, made.users[0])

    assert save() == "Nothing was changed."
    for bad in ({"overlap": None}, {"overlap": 0, "lease_seconds": 30}, {"audit_share": 101}, {"access": "friends"}):
        with pytest.raises(ValueError):
            save(**bad)
    with web.db.read() as session:
        assert projects.queue_of(session, made.project_id).lease_seconds == 900, "nothing of a refused form is kept"
    assert "worker" in save(overlap=2, access="round_robin", lease_seconds=30)
    assert "4 of 4: no vector of the answer" in save(
        overlap=2, access="round_robin", lease_seconds=30, order_policy="diversity"
    )
    with web.db.read() as session:
        line = projects.queue_of(session, made.project_id)
        assert (line.overlap, line.access, line.lease_seconds) == (2, "round_robin", 1800)
        assert queue.counts(session, made.project_id)["slots"] == 8, "a raised overlap added its slots"
        assert [job.kind for job in jobs.recent(session, made.project_id)] == ["order_queue"]


def test_what_goes_to_experts_is_kept_and_read_back(web: Web, made: Scene) -> None:
    given: dict[str, Any] = dict(zip(queue_routing.NAMES, ("adjudication", "experts", "off", "off", 80), strict=True))
    with web.db.write() as session:
        queue_routing.keep(session, made.project_id, given, made.users[0])
        assert queue_routing.values(session, made.project_id) == list(given.values())
        with pytest.raises(ValueError):
            queue_routing.keep(session, made.project_id, {**given, "disagreements": "shout"}, made.users[0])
        queue_routing.keep(session, made.project_id, {**given, "expert_risk": 0}, made.users[0])
        assert projects.get(session, made.project_id).settings["expert_risk"] is None


def test_gold_is_made_of_decided_answers_and_mixed_out_again(web: Web, made: Scene) -> None:
    with web.db.write() as session:
        line = projects.queue_of(session, made.project_id)
        assert "No gold items" in view.parts(session, made.project_id, QueueKind.ANNOTATE)["people"]
        session.add(tables.Review(output_id=made.outputs[0], user_id=made.users[0], verdict="faulty", decides=True))
    assert press(web, made, made.users[1], action="gold-add").startswith("1 decided answers")
    assert "1 gold item, mixed in at 0 %" in parts(web, made)["people"].replace("</span>", "")
    assert "counted anew" in press(web, made, made.users[1], action="let-go-on", user=made.users[0])
    assert press(web, made, made.users[1], action="gold-retire").startswith("1 gold items")
    with web.db.read() as session:
        assert queue.gold.count(session, line.id) == 0


def test_assigning_says_what_came_of_it(web: Web, made: Scene) -> None:
    def assign(**given: Any) -> str:
        with web.db.write() as session:
            values = {"users": [], "words": "", "risk": 0, "most": 10, **given}
            return page._assign(session, made.users[0], made.project_id, "annotate", values)

    with pytest.raises(ValueError, match="at least one"):
        assign()
    assert "4 slots assigned" in assign(users=made.users) and "nothing was assigned" in assign(users=made.users)
    html = parts(web, made)["people"]
    assert html.count("Take out") == 2
    assert "takes no part any more; 2 of" in press(web, made, made.users[1], action="leave", user=made.users[0])


@pytest.mark.parametrize("kind", list(QueueKind))
def test_every_queue_can_be_shown_empty(web: Web, kind: QueueKind) -> None:
    with web.db.write() as session:
        project = projects.create(session, slug="empty", name="Empty", item_type="text")
        html = view.parts(session, project.id, kind)
        assert "Nothing has come" in html["progress"] and set(html) == set(view.PARTS)
        assert view.ordering(session, project.id, kind) == ""


def test_how_long_what_is_left_takes() -> None:
    assert view.lasts(0, [5]) == view.lasts(5, [0, 0]) == ""
    assert view.lasts(3, [0, 5]) == "less than an hour of work"
    assert view.lasts(100, [0, 5, 15]) == "about 10 hours of work at this pace"
