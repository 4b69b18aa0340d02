"""What can be read and what of it has a translation: ``python -m tests.i18n COMMAND [PATH ...]``.

- ``missing [PATH ...]``: msgids of these files (or folders; all by default) without a translation, ready to be pasted into a ``.po``
- ``errors [PATH ...]``: the same for messages of exceptions, with ``{}`` where a value stands, for ``errors.po``
- ``check``: translations whose placeholders differ, empty ones, conflicts between catalogues, and entries that nothing uses

PATH is relative to the project: ``assets/templates/lessons app/pages/lessons.py``.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po
from jinja2 import nodes

from app.view import languages
from app.view.render import environment

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ("assets/templates", "assets/js", "app")
NOT_SHOWN = ("app/cli", "app/api/v1.py", "app/client", "app/gateway")
ERROR_SOURCES = ("core", "store", "app")
MARKS = {"_": 1, "N_": 1, "gettext": 1, "ngettext": 2, "count": 2}
PLACES = re.compile(r"%\(\w+\)s|\{\w*(?:[:!][^{}]*)?\}")


@dataclass(frozen=True)
class Found:
    """One text of the source: its key is the singular, or both forms."""

    key: str | tuple[str, str]
    place: str  # file:line


def files(paths: Iterable[str], endings: set[str]) -> Iterator[Path]:
    for given in paths:
        path = ROOT / given
        yield from sorted(p for p in ([path] if path.is_file() else path.rglob("*")) if p.suffix in endings)


def texts(paths: Iterable[str] = SOURCES) -> list[Found]:
    """Every marked text of templates, Python and scripts."""
    found = []
    for path in files(paths, {".html", ".py", ".js"}):
        name = str(path.relative_to(ROOT))
        if name.startswith(NOT_SHOWN):
            continue
        read = {".html": _template, ".py": _python, ".js": _script}[path.suffix]
        found += [Found(key, f"{name}:{line}") for line, key in read(path)]
    return found


def _template(path: Path) -> Iterator[tuple[int, str | tuple[str, str]]]:
    tree = environment().parse(path.read_text("utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in MARKS:
            key = _key(call.node.name, [a.value if isinstance(a, nodes.Const) else None for a in call.args])
            if key:
                yield call.lineno, key


def _python(path: Path) -> Iterator[tuple[int, str | tuple[str, str]]]:
    for call in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name | ast.Attribute):
            name = call.func.id if isinstance(call.func, ast.Name) else call.func.attr
            for word in call.keywords if path.name == "settings.py" and name == "Field" else ():
                if word.arg == "description" and isinstance(word.value, ast.Constant):
                    yield call.lineno, word.value.value
            if name in MARKS:
                key = _key(name, [a.value if isinstance(a, ast.Constant) else None for a in call.args])
                if key:
                    yield call.lineno, key


def _script(path: Path) -> Iterator[tuple[int, str | tuple[str, str]]]:
    text = path.read_text("utf-8")
    for message in languages.said_in(text):
        yield 1, message


def _key(name: str, given: list[object]) -> str | tuple[str, str] | None:
    if name == "count":  # count(number, "item") or count(number, "entry", "entries")
        one, many = given[1] if len(given) > 1 else None, given[2] if len(given) > 2 else None
        return (one, many if isinstance(many, str) else one + "s") if isinstance(one, str) else None
    if name == "ngettext":
        return (given[0], given[1]) if isinstance(given[0], str) and isinstance(given[1], str) else None
    return given[0] if given and isinstance(given[0], str) and given[0] else None


def errors(paths: Iterable[str] = ERROR_SOURCES) -> list[Found]:
    """The messages of every ``raise Error("…")``, with ``{}`` for the values of an f-string."""
    found = []
    for path in files(paths, {".py"}):
        name = str(path.relative_to(ROOT))
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
                text = _pattern(node.exc.args[0])
                if text and " " in text:
                    found.append(Found(text, f"{name}:{node.lineno}"))
    return found


def _pattern(node: ast.expr) -> str | None:
    if isinstance(node, ast.Constant):
        return node.value.replace("{", "{{").replace("}", "}}") if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [_pattern(part) if isinstance(part, ast.Constant) else "{}" for part in node.values]
        return "".join(part or "" for part in parts)
    return None


def entries(language: str = "de") -> Iterator[tuple[Path, Message]]:
    for path in languages.files(language):
        with path.open("rb") as file:
            yield from ((path, message) for message in read_po(file, locale=language, abort_invalid=True) if message.id)


def translated(message: Message) -> bool:
    return not message.fuzzy and all([message.string] if isinstance(message.string, str) else message.string)


def missing(found: list[Found], language: str = "de") -> list[Found]:
    """Texts without a translation, each once. A plural's singular serves a plain text too."""
    known: set[object] = set()
    for _, message in entries(language):
        if translated(message):
            known.add(message.id)
            if isinstance(message.id, tuple):
                known.add(message.id[0])
    left = {one.key: one for one in reversed(found) if one.key not in known}
    return list(reversed(left.values()))


def faults(language: str = "de") -> list[str]:
    """What is wrong with the catalogues: other placeholders, a plural short of forms, two translations of one text."""
    wrong, seen = [], dict[object, tuple[Path, object]]()
    for path, message in entries(language):
        where = f"{path.name}: {message.id!r}"
        ids = [message.id] if isinstance(message.id, str) else list(message.id)
        strings = [message.string] if isinstance(message.string, str) else list(message.string)
        if isinstance(message.id, tuple) and len(strings) != 2:
            wrong.append(f"{where}: needs two forms")
        wanted = sorted(PLACES.findall(ids[-1]))
        for string in strings:
            numbered = path.name.startswith(languages.PATTERNS) and sorted(re.findall(r"\{\d+\}", string))
            same = len(numbered) == len(wanted) if numbered else sorted(PLACES.findall(string)) == wanted
            if string and not same and not (len(ids) > 1 and string == strings[0]):
                wrong.append(f"{where}: placeholders differ in {string!r}")
        other = seen.setdefault(message.id, (path, message.string))
        if other[1] != message.string:
            wrong.append(f"{where}: {other[0].name} says {other[1]!r}, this {message.string!r}")
    return wrong


def unused(language: str = "de") -> list[str]:
    """Entries whose text stands nowhere; ``words.po`` holds stored values, which no source names."""
    known = {one.key for one in [*texts(), *errors()]}
    known |= {key[0] for key in known if isinstance(key, tuple)}
    return [f"{path.name}: {m.id!r}" for path, m in entries(language) if m.id not in known and path.name != "words.po"]


def _po(found: Iterable[Found]) -> None:
    for one in found:
        print(f"#: {one.place}")
        if isinstance(one.key, str):
            print(f'msgid {_quoted(one.key)}\nmsgstr ""\n')
        else:
            print(f'msgid {_quoted(one.key[0])}\nmsgid_plural {_quoted(one.key[1])}\nmsgstr[0] ""\nmsgstr[1] ""\n')


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def main(command: str, *paths: str) -> int:
    if command == "check":
        wrong = faults()
        print("\n".join([*wrong, *(f"unused: {one}" for one in unused())]))
        return bool(wrong)
    found = errors(paths or ERROR_SOURCES) if command == "errors" else texts(paths or SOURCES)
    left = missing(found)
    _po(left)
    print(f"# {len({one.key for one in found})} texts, {len(left)} without German", file=sys.stderr)
    return bool(left)


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or ["missing"])))
