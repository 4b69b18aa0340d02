"""Webhooks over the API: addresses that are told of events, and the log of what was sent to each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from app.api.access import Caller, needs
from app.api.common import LARGEST, Body, Id, Key, Page, Paging, State, once
from app.api.problems import Problem, documented
from core.scopes import Scope
from core.webhooks import MAX_URL, Event
from store import listing, webhooks
from store.tables import Webhook, WebhookDelivery

router = APIRouter(tags=["webhooks"], prefix="/webhooks")
Writer = Annotated[Caller, needs(Scope.WEBHOOKS_WRITE)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL)]
Events = Annotated[list[Event], Field(min_length=1, max_length=len(Event))]


class NewWebhook(Body):
    """``url`` is http or https. Without ``project_id`` it is told of what happens in all projects and of what has none."""

    url: Url
    events: Events
    project_id: Annotated[int, Field(ge=1, le=LARGEST)] | None = None


class WebhookChanges(Body):
    """What is left out stays. Switched on again, what waits is sent at once."""

    url: Url | None = None
    events: Events | None = None
    active: bool | None = None


class WebhookOut(BaseModel):
    """``off_why`` is the last error, where the program switched it off; ``delivered_at`` when it last took a message."""

    id: int
    project_id: int | None
    url: str
    events: list[str]
    active: bool
    off_why: str
    delivered_at: datetime | None
    created_at: datetime


class WebhookSecret(WebhookOut):
    """The secret is shown this once; keep it where messages are received."""

    secret: str


class DeliveryOut(BaseModel):
    """``message_id`` is the header ``webhook-id``; ``status`` that of the last answer, null where nobody answered."""

    id: int
    message_id: str
    event: str
    data: dict[str, Any]
    state: Literal["waiting", "delivered", "failed"]
    attempts: int
    next_at: datetime
    status: int | None
    error: str
    created_at: datetime
    delivered_at: datetime | None


def _told(row: Webhook) -> WebhookOut:
    return WebhookOut.model_validate(row, from_attributes=True)


def _delivery(row: WebhookDelivery) -> DeliveryOut:
    return DeliveryOut.model_validate(row, from_attributes=True)


def _own(session: Any, webhook_id: int, caller: Caller) -> Webhook:
    """A token of one project sees the addresses of that project alone."""
    row = webhooks.get(session, webhook_id)
    if caller.project_id is not None and row.project_id != caller.project_id:
        raise Problem(403, "other_project", "This token opens another project only.")
    return row


@router.get("", responses=documented())
def list_webhooks(
    state: State,
    caller: Writer,
    where: Paging,
    project_id: Annotated[int | None, Query(ge=1, le=LARGEST, description="of this project only")] = None,
) -> Page[WebhookOut]:
    if project_id is not None:
        caller.in_project(project_id)
    only = project_id or caller.project_id
    with state.db.read() as session:
        rows = listing.webhooks(session, project_id=only, after=where.after, limit=where.limit + 1)
    return Page[WebhookOut](**where.page([_told(row) for row in rows], [row.id for row in rows]))


@router.post("", status_code=201, response_model=WebhookSecret, responses=documented(404, 409))
def add_webhook(request: Request, new: NewWebhook, caller: Writer, key: Key = None) -> Response:
    """The secret is in this answer and nowhere else; sent again under its key, the same answer comes for a week."""
    if caller.project_id is not None and new.project_id != caller.project_id:
        raise Problem(403, "other_project", "This token opens one project only: name it as project_id.")

    def act(session: Any) -> WebhookSecret:
        row = webhooks.add(session, new.url, new.events, project_id=new.project_id, user_id=caller.person.id)
        return WebhookSecret.model_validate(row, from_attributes=True)

    return once(request, caller, key, new, act)


@router.get("/{webhook_id}", responses=documented(404))
def get_webhook(webhook_id: Id, state: State, caller: Writer) -> WebhookOut:
    with state.db.read() as session:
        return _told(_own(session, webhook_id, caller))


@router.patch("/{webhook_id}", responses=documented(404))
def change_webhook(webhook_id: Id, changes: WebhookChanges, state: State, caller: Writer) -> WebhookOut:
    with state.db.write() as session:
        _own(session, webhook_id, caller)
        given: dict[str, Any] = changes.model_dump(exclude_none=True)
        return _told(webhooks.change(session, webhook_id, user_id=caller.person.id, **given))


@router.delete("/{webhook_id}", status_code=204, responses=documented(404))
def remove_webhook(webhook_id: Id, state: State, caller: Writer) -> Response:
    """What waits for it is not sent any more, and its log goes."""
    with state.db.write() as session:
        _own(session, webhook_id, caller)
        webhooks.remove(session, webhook_id, user_id=caller.person.id)
    return Response(status_code=204)


@router.post("/{webhook_id}/secret", response_model=WebhookSecret, responses=documented(404, 409))
def renew_secret(request: Request, webhook_id: Id, caller: Writer, key: Key = None) -> Response:
    """Another secret, shown this once; from now on everything is signed with it."""

    def act(session: Any) -> WebhookSecret:
        _own(session, webhook_id, caller)
        row = webhooks.renew_secret(session, webhook_id, user_id=caller.person.id)
        return WebhookSecret.model_validate(row, from_attributes=True)

    return once(request, caller, key, None, act, 200)


@router.post("/{webhook_id}/test", status_code=201, response_model=DeliveryOut, responses=documented(404, 409))
def test_webhook(request: Request, webhook_id: Id, caller: Writer, key: Key = None) -> Response:
    """Sends ``webhook.test``; look at its delivery for what came of it."""

    def act(session: Any) -> DeliveryOut:
        _own(session, webhook_id, caller)
        return _delivery(webhooks.test(session, webhook_id))

    return once(request, caller, key, None, act)


@router.get("/{webhook_id}/deliveries", responses=documented(404))
def list_deliveries(webhook_id: Id, state: State, caller: Writer, where: Paging) -> Page[DeliveryOut]:
    """The newest first; those that are at rest are kept for a month."""
    with state.db.read() as session:
        _own(session, webhook_id, caller)
        rows = webhooks.deliveries(session, webhook_id, after=where.after, limit=where.limit + 1)
    return Page[DeliveryOut](**where.page([_delivery(row) for row in rows], [row.id for row in rows]))


@router.post(
    "/{webhook_id}/deliveries/{delivery_id}/resend", response_model=DeliveryOut, responses=documented(404, 409)
)
def resend(request: Request, webhook_id: Id, delivery_id: Id, caller: Writer, key: Key = None) -> Response:
    """The same message under the same id, with all its tries."""

    def act(session: Any) -> DeliveryOut:
        _own(session, webhook_id, caller)
        return _delivery(webhooks.send_again(session, webhook_id, delivery_id))

    return once(request, caller, key, None, act, 200)
