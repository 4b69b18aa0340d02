"""A knowledge base as one file: the lessons of a project with their history and lineage, to be kept, read or brought into another.

JSON lines. The first says what the file is: ``{"corrigenda": "lessons", "schema": 1, "lessons": n, "statuses": {status: n}, "sha256":
of the bytes of all further lines, ...}``; each further one is a lesson. Lessons, parents and related lessons are named by ids of the
file, which stay the same wherever it is brought. Vectors are left out: they are computed where the lessons arrive.

A plain JSON list, as memories of other programs are kept (``[{"text": ..., "applicability": ...}]``), is read as well.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import orjson
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from core.lessons.relations import Relation
from core.types import LessonKind, LessonStatus

FORMAT, SCHEMA = "lessons", 1
LONGEST_LINE = 4_000_000  # bytes; a lesson with a long history has some thousands
MOST_PLAIN = 100_000  # entries of a plain list, which is read at once
WORDS = ("text", "memory", "guideline", "guideline_text")  # what a plain entry's wording may be called
WHEN = ("applicability", "when", "condition")
_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE

Wording = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8000)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Status = Literal["proposed", "active", "suspended"]


class BadKnowledgeBase(ValueError):
    """A file that is no knowledge base, or not as it was written; says in which line. Nothing of it was taken."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Form(_Part):
    """A revision: how the lesson stood from then on, by whom (a name) and why."""

    revision: Annotated[int, Field(ge=1)]
    text: str
    applicability: str
    status: LessonStatus
    author: str | None = None
    why: str = ""
    at: AwareDatetime


class Origin(_Part):
    """A correction that the lesson drew on: of which item (its external id), attempt and step (from 0), in whose words."""

    item: str
    attempt: int
    step: int | None = None
    text: str
    author: str | None = None


class Probe(_Part):
    """A question by which the lesson is judged: ``kind`` says whether it is to be found for it."""

    kind: Literal["canonical", "paraphrase", "negative"]
    text: str
    context: str = ""
    answer: str | None = None
    made: Annotated[str, StringConstraints(max_length=20)] = ""


class LessonRow(_Part):
    """One lesson of the file. ``related`` are (id, relation) of lessons that it contradicts, specialises or generalises."""

    id: Name
    kind: LessonKind
    text: Wording
    applicability: Wording
    name: Annotated[str, StringConstraints(max_length=120)] | None = None
    why: str = ""
    status: Status = "proposed"
    author: str | None = None
    extra: dict[str, Any] = Field(default_factory=dict)
    revisions: list[Form] = Field(default_factory=list)
    sources: list[Origin] = Field(default_factory=list)
    parents: list[Name] = Field(default_factory=list)
    related: list[tuple[Name, Relation]] = Field(default_factory=list)
    probes: list[Probe] = Field(default_factory=list)

    @field_validator("revisions")
    @classmethod
    def _in_order(cls, forms: list[Form]) -> list[Form]:
        if any(after.revision <= before.revision for before, after in pairwise(forms)):
            raise ValueError("revisions stand in their order, each once")
        return forms


class Head(BaseModel):
    """The first line. ``left_out`` counts lessons of the project that are not in the file, by why."""

    corrigenda: Literal["lessons"]
    schema_version: Annotated[int, Field(alias="schema")]
    lessons: int
    sha256: str
    statuses: dict[str, int] = Field(default_factory=dict)
    project: str = ""
    licence: str = ""
    created_at: str = ""
    left_out: dict[str, int] = Field(default_factory=dict)


def line_of(row: LessonRow) -> bytes:
    """Equal lessons have equal lines."""
    return orjson.dumps(row.model_dump(mode="json", exclude_defaults=True), option=_OPTIONS)


def write(path: Path, rows: Iterable[LessonRow], about: Mapping[str, Any]) -> Head:
    """Stream the lessons to ``path``; a half-written file never stands there. ``about``: project, licence, created_at, left_out."""
    body, whole = path.with_name(path.name + ".rows.partial"), path.with_name(path.name + ".partial")
    digest, statuses = hashlib.sha256(), Counter[str]()
    try:
        with body.open("wb") as file:
            for row in rows:
                line = line_of(row)
                file.write(line)
                digest.update(line)
                statuses[row.status] += 1
        head = Head(
            corrigenda="lessons",
            schema=SCHEMA,
            lessons=statuses.total(),
            sha256=digest.hexdigest(),
            statuses=dict(sorted(statuses.items())),
            **about,
        )
        with whole.open("wb") as target, body.open("rb") as source:
            target.write(orjson.dumps(head.model_dump(mode="json", by_alias=True), option=orjson.OPT_APPEND_NEWLINE))
            while chunk := source.read(1 << 20):
                target.write(chunk)
        os.replace(whole, path)
    finally:
        body.unlink(missing_ok=True)
        whole.unlink(missing_ok=True)
    return head


def check(path: Path) -> Head | None:
    """Read the whole file once; ``None`` for a plain list. Raises ``BadKnowledgeBase`` where it is damaged or something else."""
    if _is_plain(path):
        for _ in _plain_rows(path):
            pass
        return None
    head, seen = read_head(path), 0
    digest = hashlib.sha256()
    names: dict[str, int] = {}
    for number, line in _lines(path):
        digest.update(line)
        row = _row(number, line)
        if row.id in names:
            raise BadKnowledgeBase(f"line {number}: the id {row.id!r} stands in line {names[row.id]} already")
        names[row.id] = number
        seen += 1
    if seen != head.lessons:
        raise BadKnowledgeBase(
            f"line 1 announces {head.lessons} lessons, and the file ends after line {seen + 1} with {seen}: it is cut off or "
            "was changed; get it again"
        )
    if digest.hexdigest() != head.sha256:
        raise BadKnowledgeBase(
            "the lessons do not match the hash in line 1: the file was changed after it was written; get it again, or bring the "
            "wordings as a plain JSON list"
        )
    return head


def rows(path: Path) -> Iterator[LessonRow]:
    """The lessons of a file that ``check`` has passed, in order."""
    if _is_plain(path):
        yield from _plain_rows(path)
    else:
        yield from (_row(number, line) for number, line in _lines(path))


def read_head(path: Path) -> Head:
    """Raises ``BadKnowledgeBase`` for another kind of file and for a schema that this version does not know."""
    with path.open("rb") as file:
        first = file.readline(LONGEST_LINE)
    try:
        told = orjson.loads(first)
    except orjson.JSONDecodeError as problem:
        raise BadKnowledgeBase(f"line 1 is no JSON ({problem}): a knowledge base begins with its head") from problem
    if not isinstance(told, dict) or told.get("corrigenda") != FORMAT:
        raise BadKnowledgeBase(
            "line 1 is not the head of a knowledge base: export one with the format lessons to see its shape"
        )
    if told.get("schema") != SCHEMA:
        raise BadKnowledgeBase(
            f"line 1: the file has schema {told.get('schema')!r} and this version reads schema {SCHEMA}: update what is older"
        )
    try:
        return Head.model_validate(told)
    except ValidationError as problem:
        _refuse("line 1", problem)


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """(number from 1, line) of all lines after the head."""
    with path.open("rb") as file:
        file.readline(LONGEST_LINE)
        number = 1
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE:
                raise BadKnowledgeBase(f"line {number} is longer than {LONGEST_LINE:,} bytes")
            yield number, line


def _row(number: int, line: bytes) -> LessonRow:
    try:
        return LessonRow.model_validate(orjson.loads(line))
    except orjson.JSONDecodeError as problem:
        raise BadKnowledgeBase(f"line {number} is no JSON ({problem}): the file is damaged; get it again") from problem
    except ValidationError as problem:
        _refuse(f"line {number}", problem)


def _refuse(place: str, problem: ValidationError) -> NoReturn:
    first = problem.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    raise BadKnowledgeBase(f"{place}: {where or 'the whole'}: {first['msg']}") from problem


def _is_plain(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _plain_rows(path: Path) -> Iterator[LessonRow]:
    """Entries of a JSON list as active rules, each named by the hash of its words."""
    try:
        told = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as problem:
        raise BadKnowledgeBase(f"the list is no JSON: {problem}") from problem
    if len(told) > MOST_PLAIN:
        raise BadKnowledgeBase(f"a plain list has at most {MOST_PLAIN:,} entries and this one {len(told):,}: split it")
    seen = set()
    for number, entry in enumerate(told, 1):
        row = _plain_row(f"entry {number}", entry)
        if row.id not in seen:
            seen.add(row.id)
            yield row


def _plain_row(place: str, entry: Any) -> LessonRow:
    if isinstance(entry, str):
        entry = {"text": entry}
    if not isinstance(entry, dict):
        raise BadKnowledgeBase(f'{place} is neither a text nor an object with "text"')
    text = next((entry[word] for word in WORDS if entry.get(word)), None)
    when = next((entry[word] for word in WHEN if entry.get(word)), text)
    said = {"text": text, "applicability": when} | {
        name: entry[name] for name in ("kind", "name", "why") if entry.get(name)
    }
    named = hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).hexdigest()[:24]
    try:
        return LessonRow.model_validate({"kind": LessonKind.RULE, "status": "active", **said, "id": f"plain/{named}"})
    except ValidationError as problem:
        _refuse(place, problem)
