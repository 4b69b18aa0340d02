"""All scopes of one embedding model, each built when it is first searched and kept in step by the database's feed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from core.lessons.index import FLAT_UP_TO, Matrix, ScopeIndex, WrongVectors
from core.lessons.index_inverted import LISTS, Arrays

Key = tuple[int, str]  # project and scope
Loader = Callable[[int, str, Sequence[int] | None], Iterable[tuple[Sequence[int], Matrix]]]
Saved = Callable[[int, str, ScopeIndex], Sequence[int] | None]
SAVE_AFTER, SAVE_SHARE = (
    5000,
    0.05,
)  # changes, at least so many and this share, after which a snapshot is worth its time


@dataclass(frozen=True, slots=True)
class Hit:
    owner_id: int
    scope: str
    score: float


class FeedEntry(Protocol):
    """A change in a scope, as the database's feed lists it; ``op`` is add or remove."""

    @property
    def seq(self) -> int: ...
    @property
    def project_id(self) -> int: ...
    @property
    def scope(self) -> str: ...
    @property
    def owner_id(self) -> int: ...
    @property
    def op(self) -> str: ...


@dataclass(eq=False, slots=True)
class _Building:
    """A scope that one thread builds; ``missed`` is what the feed brought meanwhile."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    missed: dict[int, str] = field(default_factory=dict)


class IndexSet:
    """Thread-safe. ``applied_seq`` is how far the feed has been followed; ``generation`` counts changes.

    ``loader(project_id, scope, ids)`` reads vectors of this model from the database, all of the scope when ``ids`` is None, as
    pieces of (ids, matrix). ``saved(project_id, scope, index)`` fills an empty index from a snapshot and returns the ids that
    changed after it was taken, or None where there is none that holds; what it filled is thrown away then.
    """

    def __init__(
        self,
        model_id: str,
        dim: int,
        loader: Loader,
        applied_seq: int = 0,
        *,
        saved: Saved = lambda project_id, scope, index: None,
        flat_up_to: int = FLAT_UP_TO,
        lists: int = LISTS,
    ) -> None:
        self.model_id = model_id
        self.dim = dim
        self.applied_seq = applied_seq
        self.generation = 0
        self._load = loader
        self._saved = saved
        self._sizes = flat_up_to, lists
        self._scopes: dict[Key, ScopeIndex] = {}
        self._building: dict[Key, _Building] = {}
        self._kept: dict[Key, tuple[int, int]] = {}  # changes and moves of a scope at its last snapshot
        self._lock = threading.RLock()

    def scope(self, project_id: int, scope: str) -> ScopeIndex:
        """The index of one scope, built now if it is not there; meanwhile the others answer."""
        key = (project_id, scope)
        with self._lock:
            if key in self._scopes:
                return self._scopes[key]
            building = self._building.setdefault(key, _Building())
        with building.turn:
            with self._lock:
                if key in self._scopes:
                    return self._scopes[key]
                building.missed = {}
            index = self._made(key)
            with self._lock:
                if self._building.get(key) is building:
                    del self._building[key]
                    self._change(key, index, building.missed)
                    self._scopes[key] = index
                    self.generation += 1
                    return index
        return self.scope(project_id, scope)  # dropped while it was built

    def _made(self, key: Key) -> ScopeIndex:
        """From the snapshot, or from all vectors; what changes during this is read again afterwards."""
        index = ScopeIndex(self.dim, *self._sizes)
        changed = self._saved(*key, index)
        if changed is not None:
            self._kept[key] = index.changes, index.moves
            self._change(key, index, dict.fromkeys(changed, "add"))
            return index
        index = ScopeIndex(self.dim, *self._sizes)  # the other may be filled in part
        self._kept[key] = 0, 0
        for ids, matrix in self._load(*key, None):
            index.add(ids, matrix)
        return index

    def search(self, project_id: int, scopes: Sequence[str], vector: Matrix, k: int, *, model_id: str) -> list[Hit]:
        """Up to ``k`` hits of each scope, best first over all. Raises ``WrongVectors`` for a vector of another model."""
        if model_id != self.model_id:
            raise WrongVectors(
                f"this index holds vectors of {self.model_id}, the query is of {model_id}: embed it again"
            )
        hits = [
            Hit(key, scope, score)
            for scope in dict.fromkeys(scopes)
            for key, score in self.scope(project_id, scope).search(vector, k)
        ]
        return sorted(hits, key=lambda hit: (-hit.score, hit.scope, hit.owner_id))

    def apply(self, entries: Iterable[FeedEntry]) -> int:
        """Follow the feed; entries already applied are passed over. Returns ``applied_seq``.

        The last change of an id counts. Scopes not built yet are left alone: when they are built they read the database.
        """
        with self._lock:
            last: dict[Key, dict[int, str]] = {}
            seen = self.applied_seq
            for entry in entries:
                if entry.seq > self.applied_seq:
                    last.setdefault((entry.project_id, entry.scope), {})[entry.owner_id] = entry.op
                    seen = max(seen, entry.seq)
            for key, changes in last.items():
                if key in self._scopes:
                    self._change(key, self._scopes[key], changes)
                    self.generation += 1
                    if self._scopes[key].shrunk:
                        del self._scopes[key]
                elif key in self._building:
                    self._building[key].missed.update(changes)
            self.applied_seq = seen
            return seen

    def _change(self, key: Key, index: ScopeIndex, changes: dict[int, str]) -> None:
        """Take out everything that changed, then put back what the database still holds of the additions."""
        if not changes:
            return
        index.remove(changes)
        added = [owner for owner, op in changes.items() if op == "add"]
        for ids, matrix in self._load(*key, added) if added else ():
            index.add(ids, matrix)

    def worth_saving(self) -> list[Key]:
        """Scopes that changed much since their last snapshot."""
        with self._lock:
            return [key for key, index in self._scopes.items() if self._worth(index, *self._kept[key])]

    @staticmethod
    def _worth(index: ScopeIndex, changes: int, moves: int) -> bool:
        return index.moves > moves or index.changes - changes >= max(SAVE_AFTER, SAVE_SHARE * len(index))

    def state(self, key: Key) -> tuple[int, int, tuple[str, dict[str, Any], Arrays]]:
        """Applied seq, generation and the state of a scope that is built, all of one moment; it counts as saved now."""
        with self._lock:
            index = self._scopes[key]
            self._kept[key] = index.changes, index.moves
            return self.applied_seq, self.generation, index.state()

    def drop(self, project_id: int | None = None) -> None:
        """Forget the indexes of a project, or all; the next search builds them again from the database."""
        with self._lock:
            for known in (self._scopes, self._building):
                for key in [key for key in known if project_id in (None, key[0])]:
                    del known[key]
            self.generation += 1
