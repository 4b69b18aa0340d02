"""One registry per family: a member registers itself by name, and pages, command and docs list what is registered.

A family is a folder of ``core/`` with one ``Protocol`` in ``base.py`` and one member per file. Importing the folder imports
its members; heavy libraries are imported inside functions, so that listing a family costs nothing.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


class UnknownMember(LookupError):
    """A name that no member of the family carries; the message lists those that exist."""


@dataclass(frozen=True, slots=True)
class Member(Generic[T]):
    """A registered member: its name, what makes one, and the docstring of its module."""

    name: str
    make: Callable[..., T]
    doc: str

    @property
    def summary(self) -> str:
        """The first paragraph of the module's docstring on one line."""
        return " ".join(self.doc.split("\n\n")[0].split())


class Registry(Generic[T]):
    """Members of one family by name, in the order of their names."""

    def __init__(self, family: str) -> None:
        self.family = family
        self._members: dict[str, Member[T]] = {}

    def register(self, name: str) -> Callable[[Callable[..., T]], Callable[..., T]]:
        """Decorator for a class or factory; ``ValueError`` when the name is taken."""

        def keep(make: Callable[..., T]) -> Callable[..., T]:
            if name in self._members:
                raise ValueError(f"{self.family}: two members are called {name!r}")
            module = inspect.getmodule(make)
            self._members[name] = Member(name, make, inspect.getdoc(module) or "" if module else "")
            return make

        return keep

    def get(self, name: str) -> Member[T]:
        """The member of that name; raises ``UnknownMember``."""
        try:
            return self._members[name]
        except KeyError:
            raise UnknownMember(f"no {self.family} is called {name!r}; there are: {', '.join(self.names())}") from None

    def make(self, name: str, *args: object, **kwargs: object) -> T:
        return self.get(name).make(*args, **kwargs)

    def names(self) -> list[str]:
        return sorted(self._members)

    def __iter__(self) -> Iterator[Member[T]]:
        return iter(self._members[name] for name in self.names())

    def __contains__(self, name: object) -> bool:
        return name in self._members


def load_members(package: str) -> None:
    """Import every module of a family's folder so that its members register themselves."""
    folder = importlib.import_module(package)
    for info in pkgutil.iter_modules(folder.__path__):
        importlib.import_module(f"{package}.{info.name}")
