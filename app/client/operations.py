"""Every operation once, for both clients: a generator that yields what it wants done and is sent the JSON that came back.

A ``Call`` is a request, a ``Sleep`` a pause; the value that the generator returns is the operation's result.
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from app.client.errors import ApiError, CorrigendaError, WaitedTooLong
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
    read,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Call:
    """A request below ``/api/v1``; with a ``key`` it may be sent again. A ``file`` is sent with the fields of a ``form``."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    json: Any = None
    key: str | None = None
    file: Path | None = None
    form: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


Operation: TypeAlias = Generator[Call | Sleep, Any, T]


def post(path: str, body: Any = None) -> Call:
    """With a key of its own, so that it may be sent again."""
    return Call("POST", path, json=body, key=uuid.uuid4().hex)


def projects() -> Operation[list[Project]]:
    found: list[Project] = []
    cursor = None
    while True:
        body = yield Call("GET", "/projects", {"limit": 200, **({"cursor": cursor} if cursor else {})})
        found += [read(Project, row) for row in body["data"]]
        if not body["has_more"]:
            return found
        cursor = body["next_cursor"]


def project(slug: str) -> Operation[Project]:
    known = yield from projects()
    for one in known:
        if one.slug == slug:
            return one
    raise CorrigendaError(f"There is no project {slug!r}. There are: {', '.join(one.slug for one in known) or 'none'}.")


def push_items(project_id: int, items: Sequence[Item], answer: bool, size: int = 500) -> Operation[ItemsPushed]:
    """In as many requests as it takes; ``job_id`` is that of the last one."""
    counts, ids, job_id = {"added": 0, "updated": 0, "unchanged": 0}, [], None
    for start in range(0, len(items), size):
        rows = [asdict(item) for item in items[start : start + size]]
        body = yield post(f"/projects/{project_id}/items", {"items": rows, "answer": answer})
        counts = {name: count + body[name] for name, count in counts.items()}
        ids += body["ids"]
        job_id = body["job_id"] or job_id
    return ItemsPushed(**counts, ids=ids, job_id=job_id)


def put_images(item_id: int, images: Sequence[bytes], captions: Sequence[str]) -> Operation[bool]:
    """Whether the item had other pictures before."""
    said = [*captions, *[""] * len(images)]
    rows = [{"data": base64.b64encode(one).decode(), "caption": said[place]} for place, one in enumerate(images)]
    body = yield Call("PUT", f"/items/{item_id}/images", json={"images": rows}, key=uuid.uuid4().hex)
    return bool(body["changed"])


def import_file(project_id: int, file: Path, mapping: Mapping[str, Any], back: bool) -> Operation[Import]:
    form = {"mapping": json.dumps(dict(mapping)) if mapping else "", "back": "true" if back else "false"}
    path = f"/projects/{project_id}/imports"
    return _import((yield Call("POST", path, key=uuid.uuid4().hex, file=file, form=form)))


def import_report(job_id: int) -> Operation[Import]:
    return _import((yield Call("GET", f"/imports/{job_id}")))


def _import(body: Mapping[str, Any]) -> Import:
    errors = [(row["row"], row["message"]) for row in body["report"]["errors"]]
    return read(Import, body["report"], job=read(Job, body["job"]), errors=errors)


def push_outputs(project_id: int, outputs: Sequence[Output], size: int = 100) -> Operation[OutputsPushed]:
    """In as many requests as it takes; ``job_id`` is that of the last one."""
    kept: list[PushedOutput] = []
    job_id = None
    for start in range(0, len(outputs), size):
        rows = [_output(one) for one in outputs[start : start + size]]
        body = yield post(f"/projects/{project_id}/outputs", {"outputs": rows})
        kept += [read(PushedOutput, row) for row in body["data"]]
        job_id = body["job_id"] or job_id
    return OutputsPushed(kept, job_id)


def _output(one: Output) -> dict[str, Any]:
    names = ("text", "logprob", "entropy")
    body: dict[str, Any] = {"text": one.text, "model": one.model}
    body |= {
        name: getattr(one, name)
        for name in ("external_id", "item_id", "label", "lookup")
        if getattr(one, name) is not None
    }
    if one.item is not None:
        body["item"] = asdict(one.item)
    body["tokens"] = [dict(zip(names, token, strict=False)) for token in one.tokens]
    body["messages"] = [{"role": role, "content": content} for role, content in one.messages]
    return body


def reviews(project_id: int, cursor: str | None, limit: int, output_ids: Sequence[int] = ()) -> Operation[Page[Review]]:
    params: dict[str, Any] = {"limit": limit}
    if cursor:
        params["cursor"] = cursor
    if output_ids:
        params["output_id"] = list(output_ids)
    body = yield Call("GET", f"/projects/{project_id}/reviews", params)
    return Page([_review(row) for row in body["data"]], body["next_cursor"], body["has_more"])


def _review(row: Mapping[str, Any]) -> Review:
    return read(Review, row, corrections=[read(Correction, one) for one in row["corrections"]])


def wait_for_reviews(
    project_id: int, output_ids: Sequence[int], seconds: float, every: float
) -> Operation[list[Review]]:
    """The newest review of each output, in the order given. Raises ``WaitedTooLong`` with those that came."""
    wanted = list(dict.fromkeys(output_ids))
    found: dict[int, Review] = {}
    limit = time.monotonic() + seconds
    while True:
        for start in range(0, len(wanted), 100):
            asked = [one for one in wanted[start : start + 100] if one not in found]
            cursor, more = None, bool(asked)
            while more:
                page = yield from reviews(project_id, cursor, 200, asked)
                found |= {review.output_id: review for review in page.data}
                cursor, more = page.next_cursor, page.has_more
        if len(found) == len(wanted):
            return [found[one] for one in wanted]
        if time.monotonic() + every > limit:
            missing = len(wanted) - len(found)
            raise WaitedTooLong(f"{missing} of {len(wanted)} outputs have no review yet.", tuple(found.values()))
        yield Sleep(every)


def lessons(project_id: int, cursor: str | None, limit: int, status: str | None) -> Operation[Page[Lesson]]:
    params: dict[str, Any] = {"limit": limit}
    params |= {name: value for name, value in (("cursor", cursor), ("status", status)) if value}
    body = yield Call("GET", f"/projects/{project_id}/lessons", params)
    return Page([read(Lesson, row) for row in body["data"]], body["next_cursor"], body["has_more"])


def retrieve(project_id: int, prompt: str, context: str) -> Operation[Retrieved]:
    body = yield Call("POST", f"/projects/{project_id}/lessons/retrieve", json={"prompt": prompt, "context": context})
    return Retrieved([read(Lesson, row) for row in body["data"]], body["prompt"], body["lookup"])


def start_export(project_id: int, format: str, container: str, filters: Mapping[str, str]) -> Operation[Export]:
    body = {"format": format, "container": container, "filters": dict(filters)}
    return read(Export, (yield post(f"/projects/{project_id}/exports", body)))


def export(export_id: int) -> Operation[Export]:
    return read(Export, (yield Call("GET", f"/exports/{export_id}")))


def job(job_id: int) -> Operation[Job]:
    return read(Job, (yield Call("GET", f"/jobs/{job_id}")))


def wait_for_export(export_id: int, seconds: float, every: float) -> Operation[Export]:
    """The export when it can be fetched. Raises ``CorrigendaError`` when it failed or is stale."""
    done = yield from _wait(lambda: export(export_id), lambda x: x.state not in ("waiting", "running"), seconds, every)
    if done.state != "ready":
        raise CorrigendaError(f"Export {export_id} is {done.state}: {done.stale or done.error}")
    return done


def wait_for_job(job_id: int, seconds: float, every: float) -> Operation[Job]:
    """The job at its end: done, failed or cancelled."""
    return (yield from _wait(lambda: job(job_id), lambda x: x.state not in ("queued", "running"), seconds, every))


def _wait(ask: Callable[[], Operation[T]], is_over: Callable[[T], bool], seconds: float, every: float) -> Operation[T]:
    limit = time.monotonic() + seconds
    while True:
        now = yield from ask()
        if is_over(now):
            return now
        if time.monotonic() + every > limit:
            raise WaitedTooLong("It is not finished yet. Ask again later; nothing is lost.", (now,))
        yield Sleep(every)


def refusal(status: int, body: Any, text: str) -> ApiError:
    """The error of an answer of 400 and above."""
    if isinstance(body, dict) and "detail" in body:
        return ApiError(status, str(body.get("code", "error")), str(body["detail"]))
    return ApiError(status, "error", text[:300])
