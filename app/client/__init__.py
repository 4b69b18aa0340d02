"""A small client of the API for Python programs. It needs httpx and nothing else of this product: the folder can be copied away.

    from app.client import Client, Output

    with Client("http://127.0.0.1:7860", token) as corrigenda:
        pushed = corrigenda.push_outputs(project_id, [Output("It is 8.", "my-model", item=Item("q1", "What is 3 + 4?"))])
        for review in corrigenda.wait_for_reviews(project_id, [one.id for one in pushed.outputs]):
            print(review.verdict, [correction.text for correction in review.corrections])

``AsyncClient`` has the same methods, to be awaited.
"""

from app.client.admin_values import Claim, Decided, NewRule, Person, Rule, RuleTried, Webhook
from app.client.asynchronous import AsyncClient
from app.client.errors import ApiError, BadSignature, ConnectionFailed, CorrigendaError, WaitedTooLong
from app.client.queue_values import Case, DecidedReview, Opinion, QueueMember, QueueProgress
from app.client.sync import Client
from app.client.values import (
    Correction,
    Export,
    Import,
    Item,
    ItemsPushed,
    Job,
    Lesson,
    Output,
    OutputsPushed,
    Page,
    Project,
    PushedOutput,
    Retrieved,
    Review,
    WebhookEvent,
)
from app.client.webhooks import verify_webhook

__all__ = [
    "ApiError",
    "AsyncClient",
    "BadSignature",
    "Case",
    "Claim",
    "Client",
    "ConnectionFailed",
    "Correction",
    "CorrigendaError",
    "Decided",
    "DecidedReview",
    "Export",
    "Import",
    "Item",
    "ItemsPushed",
    "Job",
    "Lesson",
    "NewRule",
    "Opinion",
    "Output",
    "OutputsPushed",
    "Page",
    "Person",
    "Project",
    "PushedOutput",
    "QueueMember",
    "QueueProgress",
    "Retrieved",
    "Review",
    "Rule",
    "RuleTried",
    "WaitedTooLong",
    "Webhook",
    "WebhookEvent",
    "verify_webhook",
]
