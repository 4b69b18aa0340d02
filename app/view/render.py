"""HTML from Jinja2 templates in ``assets/templates``: escaped everywhere, a missing value is an error.

Templates are compiled once; what they mark with ``trans`` and ``_`` is looked up in the language that is
current when they are rendered.

Pages pass the result to ``gr.HTML(value=...)`` and nothing else: text of people and models never reaches ``html_template``,
which Gradio evaluates as JavaScript.
"""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from app.view import languages, words
from app.view.languages import _, ngettext
from store.clock import now

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def age(moment: datetime | None) -> str:
    """How long ago in words that change at most once a minute: "just now", "5 min ago", "3 h ago", "2 days ago"."""
    if moment is None:
        return _("never")
    seconds = max(0.0, (now() - moment).total_seconds())
    if seconds < 60:
        return _("just now")
    if seconds < 3600:
        return _("{n} min ago").format(n=int(seconds // 60))
    if seconds < 86400:
        return _("{n} h ago").format(n=int(seconds // 3600))
    days = int(seconds // 86400)
    return ngettext("1 day ago", "{n} days ago", days).format(n=days)


def stamp(moment: datetime | None) -> str:
    """ISO 8601 in UTC to the second, for ``<time datetime>``; ``shell.js`` shows it in the reader's own zone."""
    return "" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def excerpt(text: str, length: int = 120) -> str:
    """The start of a text on one line, cut at a word with an ellipsis."""
    line = " ".join(text[: 4 * length].split())
    if len(line) <= length:
        return line
    return line[: length + 1].rsplit(" ", 1)[0].rstrip()[:length] + "…"


class Scrolls:
    """Attributes of what may be wider than the page: it is reached and moved with the keyboard."""

    def __html__(self) -> str:
        return Markup('tabindex="0" role="group" aria-label="{}"').format(_("Table"))


def count(number: int, one: str, many: str | None = None) -> str:
    """ "1 item", "2 items"."""
    return f"{words.figure(number)} {languages.ngettext(one, many or one + 's', number)}"


@lru_cache
def environment() -> Environment:
    env = Environment(
        loader=FileSystemLoader(ASSETS / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    env.policies["ext.i18n.trimmed"] = True
    env.install_gettext_callables(languages.gettext, languages.ngettext, newstyle=True)  # type: ignore[attr-defined]
    env.filters.update(words.FILTERS, age=age, stamp=stamp, excerpt=excerpt, told=languages.of_error)
    env.globals.update(count=count, scrolls=Scrolls(), language=languages.current, other_languages=languages.others)
    return env


def render(template: str, /, **values: Any) -> str:
    """The template's HTML with every value escaped; raises ``jinja2.UndefinedError`` for a value that is missing."""
    return environment().get_template(template).render(**values)
