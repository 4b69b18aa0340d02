"""Full-text search of lessons: FTS5 on SQLite, tsvector on PostgreSQL, behind one function.

What people type is never query syntax: only its letters and digits reach the database, as single quoted words. Triggers keep the words
of a lesson in step with its row in the same transaction; the row itself is asked again, so that a lesson which is not active is
never found here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from core.lessons.words import content_words
from store.lessons import is_retrievable
from store.tables import Lesson
from store.upsert import dialect

ASKED = 12  # words of a query whose rarity is looked up: the longest, which are seldom common
RANKED = 6  # of them that are searched for: the rarest
COMMON = 150  # lessons from which a word tells too little to be worth ranking all that have it
_HAVE = text(
    "SELECT value AS word, (SELECT count(*) FROM "
    "(SELECT 1 FROM lesson_words WHERE lesson_words MATCH '\"' || value || '\"' LIMIT :most)) AS lessons "
    "FROM json_each(:words) ORDER BY key"
)
_LEXEMES = text(
    "SELECT (ts_lexize('english_stem', word))[1] AS lexeme, coalesce(freq, 0) * greatest(reltuples, 0) AS rows "
    "FROM unnest(CAST(:words AS text[])) WITH ORDINALITY AS asked(word, place) CROSS JOIN "
    "(SELECT reltuples FROM pg_class WHERE oid = 'lesson_words'::regclass) AS size LEFT JOIN "
    "(SELECT elem, freq FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS common(elem, freq) "
    "WHERE schemaname = current_schema() AND tablename = 'lesson_words' AND attname = 'words') AS known "
    "ON elem = (ts_lexize('english_stem', word))[1] ORDER BY place"
)
CONFIRMED = 25  # lessons whose rows are asked at a time
LOOKED_AT = 200  # of what the words find, best first, until the lessons' own rows are asked
_SQLITE = {  # by whether the words are rare
    True: "SELECT rowid FROM lesson_words WHERE lesson_words MATCH :match ORDER BY bm25(lesson_words, 2, 1, 1), rowid DESC LIMIT :most",
    False: "SELECT rowid FROM lesson_words WHERE lesson_words MATCH :match ORDER BY rowid DESC LIMIT :most",
}
_POSTGRESQL = {
    True: "SELECT lesson_id FROM lesson_words WHERE words @@ CAST(:match AS tsquery) "
    "ORDER BY ts_rank(words, CAST(:words AS tsquery)) DESC, lesson_id DESC LIMIT :most",
    False: "SELECT lesson_id FROM lesson_words WHERE words @@ CAST(:match AS tsquery) ORDER BY lesson_id DESC LIMIT :most",
}


def search(session: Session, project_id: int, query: str, k: int) -> list[int]:
    """Ids of up to ``k`` active lessons whose name, text or applicability shares words with ``query``, best first, then newest.

    A word that more than ``COMMON`` lessons have is passed over where a rarer one finds something; else the newest lessons that have
    the longest two such words together are found. Nothing for a query without words.
    """
    asked = sorted(content_words(query), key=len, reverse=True)[:ASKED]
    if not asked or k <= 0:
        return []
    small = dialect(session) == "sqlite"
    rows = _rows_in_sqlite(session, asked) if small else _rows_in_postgresql(session, asked)
    find = _in_sqlite if small else _in_postgresql
    rare = sorted((word for word, n in rows.items() if n <= COMMON), key=lambda word: rows[word])[:RANKED]
    if rare and (found := _standing(session, project_id, find(session, project_id, rare, rare=True), k)):
        return found
    common = [word for word, n in rows.items() if n > COMMON][:2]
    return _standing(session, project_id, find(session, project_id, common, rare=False), k) if common else []


def _rows_in_sqlite(session: Session, asked: Sequence[str]) -> dict[str, int]:
    """In how many lessons each word is, counted up to ``COMMON`` and one; words that none has are left out."""
    found = session.execute(_HAVE, {"words": json.dumps(list(asked)), "most": COMMON + 1})
    return {row.word: row.lessons for row in found if row.lessons}


def _rows_in_postgresql(session: Session, asked: Sequence[str]) -> dict[str, float]:
    """By the statistics that the database keeps of a large table; what they don't name counts as rare."""
    return {row.lexeme: row.rows for row in session.execute(_LEXEMES, {"words": list(asked)}) if row.lexeme}


def _in_sqlite(session: Session, project_id: int, words: Sequence[str], *, rare: bool) -> list[int]:
    find = text(_SQLITE[rare])
    match = (" OR " if rare else " AND ").join(f'"{word}"' for word in words)
    return list(session.scalars(find, {"match": match, "most": LOOKED_AT}))


def _in_postgresql(session: Session, project_id: int, words: Sequence[str], *, rare: bool) -> list[int]:
    find = _POSTGRESQL[rare]
    quoted = (" | " if rare else " & ").join(f"'{word}'" for word in words)
    given = {"match": f"'p{project_id}' & ({quoted})", "most": LOOKED_AT} | ({"words": quoted} if rare else {})
    return list(session.scalars(text(find), given))


def _standing(session: Session, project_id: int, ids: Sequence[int], k: int) -> list[int]:
    """The first ``k`` of the lessons that may be found now, as their own rows have it.

    The project is compared here: asked of the database, it would walk all lessons of the project instead of these few.
    """
    found: list[int] = []
    for start in range(0, len(ids), CONFIRMED):
        part = ids[start : start + CONFIRMED]
        query = select(Lesson.id, Lesson.project_id).where(Lesson.id.in_(part), is_retrievable())
        standing = {id_ for id_, project in session.execute(query) if project == project_id}
        found += [id_ for id_ in part if id_ in standing]
        if len(found) >= k:
            break
    return found[:k]
