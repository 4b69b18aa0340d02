"""In which language people read: English as it stands in the source, others from gettext catalogues in ``assets/locale``.

The English text is the message id. ``_`` and ``ngettext`` look it up in the language that is current when they are called; ``N_`` only
marks a text. What has no translation is shown in English. The current language is per task and thread: the middleware and
``auth.require`` set it, ``using`` sets it for a block.
"""

from __future__ import annotations

import gettext as gnu
import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

ASSETS = Path(__file__).resolve().parents[2] / "assets"
ENGLISH = "en"
NAMES = {"en": "English", "de": "Deutsch"}  # each in its own words, as the header shows them
PATTERNS = (
    "errors",
    "said",
)  # catalogues, by how their names begin, of what core and store say, with {} where a value stands
_LITERAL = r"""('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
# In our scripts: say('English text', values), and the tables' says: 'English text'; sayCount(n, 'one', 'many').
_SAY = re.compile(rf"\b(?:say\(\s*|(?:says|group): ){_LITERAL}")
_SAY_COUNT = re.compile(rf"\bsayCount\([^'\"]*?,\s*{_LITERAL},\s*{_LITERAL}")
T = TypeVar("T")
_now: ContextVar[str] = ContextVar("language", default=ENGLISH)
_offered: ContextVar[tuple[str, ...]] = ContextVar("offered", default=())


def current() -> str:
    """The language in force, as a key of ``NAMES``."""
    return _now.get()


def use(language: str) -> None:
    """Set the language for the rest of this task; one we do not have is English."""
    _now.set(language if language in NAMES else ENGLISH)


@contextmanager
def using(language: str, offered: Iterable[str] = ()) -> Iterator[None]:
    """The language inside the block, and the languages that its pages offer."""
    now, choice = _now.set(language if language in NAMES else ENGLISH), _offered.set(tuple(offered))
    try:
        yield
    finally:
        _now.reset(now)
        _offered.reset(choice)


def others() -> list[tuple[str, str]]:
    """Code and name of each language that a page offers besides its own."""
    return [(code, NAMES[code]) for code in _offered.get() if code != _now.get()]


def N_(text: str) -> str:
    """Marks a constant for the catalogues; ``_`` translates it where it is shown."""
    return text


def gettext(text: str) -> str:
    """The text in the current language."""
    language = _now.get()
    return text if language == ENGLISH or not text else _catalogue(language).gettext(text)


_ = gettext


def ngettext(one: str, many: str, n: int) -> str:
    """The form for ``n`` in the current language; the caller fills its ``{n}``."""
    language = _now.get()
    if language == ENGLISH:
        return one if n == 1 else many
    return _catalogue(language).ngettext(one, many, n)


def choices(pairs: Iterable[tuple[str, T]]) -> list[tuple[str, T]]:
    """Labels of a choice list in the current language; the keys stay."""
    return [(gettext(label), key) for label, key in pairs]


def of_error(text: str) -> str:
    """An English message of core or store in the current language, found by its pattern; without one, as it is.

    A first letter of the other case and a missing full stop do not matter. Values stay as they were written.
    """
    language = _now.get()
    if language == ENGLISH or not text.strip():
        return text
    exact = _catalogue(language).gettext(text)
    if exact != text:
        return exact
    for pattern, msgstr in _patterns(language):
        if found := pattern.fullmatch(text):
            return msgstr.format(*found.groups())
    return text


def script_texts(language: str) -> str:
    """What our scripts say in that language, as JSON that may stand in a ``<script>``: {English: translation}."""
    return _script_texts(language) if language in NAMES and language != ENGLISH else "{}"


def said_in(script: str) -> list[str | tuple[str, str]]:
    """The texts that a script says; a pair has the forms for one and for many."""
    plain: list[str | tuple[str, str]] = [_unquoted(text) for text in _SAY.findall(script)]
    return plain + [(_unquoted(one), _unquoted(many)) for one, many in _SAY_COUNT.findall(script)]


def _unquoted(literal: str) -> str:
    return re.sub(r"\\(.)", r"\1", literal[1:-1])


def files(language: str) -> list[Path]:
    """The catalogues of a language, one per area of the product."""
    return sorted((ASSETS / "locale" / language).glob("*.po"))


@lru_cache
def _catalogue(language: str) -> gnu.GNUTranslations:
    """All areas as one catalogue. Plural forms go in last: the singular of one serves a plain look-up too."""
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    whole = Catalog(locale=language)
    messages = []
    for path in files(language):
        with path.open("rb") as file:
            messages += [message for message in read_po(file, locale=language, abort_invalid=True) if message.id]
    for message in sorted(messages, key=lambda message: isinstance(message.id, tuple)):
        if not message.fuzzy and message.string and (isinstance(message.string, str) or all(message.string)):
            whole[message.id] = message
    binary = io.BytesIO()
    write_mo(binary, whole)
    binary.seek(0)
    return gnu.GNUTranslations(binary)


@lru_cache
def _patterns(language: str) -> list[tuple[Any, str]]:
    """What core and store say, with the texts that have most words of their own first."""
    from babel.messages.pofile import read_po

    known = []
    for path in files(language):
        if path.name.startswith(PATTERNS):
            with path.open("rb") as file:
                messages = read_po(file, locale=language)
            known += [(str(one.id), str(one.string)) for one in messages if one.id and one.string and not one.fuzzy]
    known.sort(key=lambda pair: -len(pair[0].replace("{}", "")))
    return [(_pattern(msgid), msgstr) for msgid, msgstr in known]


def _pattern(msgid: str) -> Any:
    """``{}`` stands for any text; ``{{`` and ``}}`` are braces, as in ``str.format``. Takes linear time, whatever a message holds."""
    import re2

    texts = re.split(r"(?<!\{)\{\}(?!\})", msgid.removesuffix("."))
    parts = [text.replace("{{", "{").replace("}}", "}") for text in texts]
    first = parts[0]
    start = f"[{re.escape(first[0].upper() + first[0].lower())}]{re.escape(first[1:])}" if first else ""
    return re2.compile("(?s)" + "(.*?)".join([start, *map(re.escape, parts[1:])]) + r"\.?")


@lru_cache
def _script_texts(language: str) -> str:
    texts = {}
    with using(language):
        for path in sorted((ASSETS / "js").glob("*.js")):
            for said in said_in(path.read_text("utf-8")):
                if isinstance(said, str):
                    texts[said] = gettext(said)
                else:
                    texts.update(zip(said, (ngettext(*said, 1), ngettext(*said, 2)), strict=True))
    return json.dumps(texts, ensure_ascii=False).replace("<", "\\u003c")
