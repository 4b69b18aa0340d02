"""How stored values read to people: levels of risk, states and kinds in plain words, and the tone of their badge."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from app.view import languages
from app.view.languages import N_

TONES = {
    "active": "ok",
    "done": "ok",
    "acceptable": "ok",
    "proposed": "brand",
    "running": "brand",
    "suspended": "warn",
    "queued": "",
    "rejected": "",
    "cancelled": "",
    "retracted": "bad",
    "failed": "bad",
    "faulty": "bad",
}
JOBS = {
    "generate": N_("Answer items"),
    "analyse": N_("Judge answers"),
    "revote": N_("Let rules vote again"),
    "retry": N_("Try again with a correction"),
    "reask": N_("Ask again about risky answers"),
    "distil": N_("Distil lessons"),
    "redistil": N_("Distil anew what was suspended"),
    "unlearn": N_("Offer heads without what was taken back"),
    "embed": N_("Embed lessons"),
    "probe_lessons": N_("Run edit suites"),
    "try_lessons": N_("Try lessons with and without"),
    "order_queue": N_("Put a queue in order"),
    "fit_risk": N_("Refit risk"),
    "fit_evidence": N_("Learn where to look"),
    "fit_critic": N_("Train the step critic"),
    "fit_relevance": N_("Fit the relevance gate"),
    "fit_sufficiency": N_("Fit the sufficiency gate"),
    "fit_drivers": N_("Look what drives labels"),
    "score_rows": N_("Score rows for an export"),
    "import": N_("Import"),
    "import_lessons": N_("Import lessons"),
    "map_lessons": N_("Lay out the map of lessons"),
    "export": N_("Export"),
    "webhook": N_("Tell webhooks"),
}


def figure(number: int) -> str:
    """A whole number as the current language groups it: "12,345"."""
    if languages.current() == languages.ENGLISH:
        return f"{number:,}"
    from babel.numbers import format_decimal

    return format_decimal(number, locale=languages.current())


def decimal(value: float, form: str | int = 2) -> str:
    """A number with so many digits or in one of Python's formats, with the marks of the current language: "0.85", German "0,85"."""
    text = format(value, f".{form}f" if isinstance(form, int) else form)
    if languages.current() == languages.ENGLISH:
        return text
    from babel.numbers import get_decimal_symbol, get_group_symbol

    locale = languages.current()
    return text.translate({ord("."): get_decimal_symbol(locale), ord(","): get_group_symbol(locale)})


def risk_level(value: float) -> str:
    """``low`` below 0.3, ``middle`` below 0.6, else ``high``: only for colour, the figure stands beside it."""
    return "low" if value < 0.3 else "middle" if value < 0.6 else "high"


def percent(value: float | None) -> str:
    """ "42 %", or "–" when there is no figure."""
    return "–" if value is None else f"{round(100 * value)} %"


def words(name: str) -> str:
    """ "missing step" for "missing_step", or what that is in the current language (``words.po``)."""
    return languages.gettext(name.replace("_", " "))


def capital(text: str) -> str:
    """The first letter large, and the others as they are: German nouns keep theirs."""
    return text[:1].upper() + text[1:]


def tone(state: str) -> str:
    """The class of the badge that shows a state."""
    return TONES.get(state, "")


def job_name(kind: str) -> str:
    return languages.gettext(JOBS[kind]) if kind in JOBS else capital(words(kind))


FILTERS: Mapping[str, Callable[..., str]] = {
    "risk_level": risk_level,
    "percent": percent,
    "words": words,
    "figure": figure,
    "decimal": decimal,
    "tone": tone,
    "job_name": job_name,
}
