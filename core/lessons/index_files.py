"""Snapshots of indexes: one file per scope, written whole or not at all, and read only after its checksum was found right.

A header of 4096 bytes of JSON, then arrays, each at a multiple of 4096 bytes, so that large ones can stay in the file, mapped.
Only plain arrays and FAISS's own form of a quantiser are stored; nothing in a file is run.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from core.lessons.index import ScopeIndex
from core.lessons.index_inverted import Arrays

FORMAT = 2  # 1: byte codes over one range, lists of whole vectors
BLOCK = 4096
PIECE = 1 << 24  # bytes hashed and written at once
TYPES = {"|u1", "<i8", "<f4", "<f2"}


class NoSnapshot(Exception):
    """There is no snapshot that can be used; the message says why, and is empty where none was ever written."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a snapshot is of. ``model`` names revision and hash too; ``database`` is the identity of the project's rows."""

    model: str
    dim: int
    database: str
    project_id: int
    scope: str
    seq: int  # the feed was followed up to here
    generation: int


def path_of(folder: Path, project_id: int, scope: str, model: str) -> Path:
    """Where the snapshot of a scope lies."""
    told = hashlib.sha256(json.dumps([scope, model]).encode()).hexdigest()[:16]
    return folder / f"{project_id}-{told}.index"


def write(folder: Path, stamp: Stamp, state: tuple[str, dict[str, Any], Arrays]) -> Path:
    """Write a file beside its place, to the disk, and then give it its name. A process that is killed leaves the old one.

    What it left half written is removed here: only one process writes at a time.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(folder, stamp.project_id, stamp.scope, stamp.model)
    with FileLock(folder / "write.lock"):
        for leftover in folder.glob("*.part"):
            leftover.unlink()
        handle, name = tempfile.mkstemp(suffix=".part", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                _fill(file, stamp, *state)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    return path


def _fill(file: IO[bytes], stamp: Stamp, kind: str, plain: dict[str, Any], arrays: Arrays) -> None:
    places, at = [], BLOCK
    for name, parts in arrays.items():
        shape = [sum(len(part) for part in parts), *parts[0].shape[1:]]
        places.append([name, parts[0].dtype.str, shape, at])
        at += -(-sum(part.nbytes for part in parts) // BLOCK) * BLOCK
    meta = {"stamp": asdict(stamp), "kind": kind, "plain": plain, "arrays": places}
    digest = hashlib.sha256(_plain(meta))
    file.write(bytes(BLOCK))
    for parts in arrays.values():
        size = sum(_append(file, digest, part) for part in parts)
        _append(file, digest, np.zeros(-size % BLOCK, np.uint8))
    file.seek(0)
    file.write(_plain({"format": FORMAT, "sha256": digest.hexdigest(), "meta": meta}).ljust(BLOCK))


def _append(file: IO[bytes], digest: Any, array: npt.NDArray[Any]) -> int:
    """Returns the number of bytes."""
    data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    for start in range(0, len(data), PIECE):
        digest.update(data[start : start + PIECE])
        file.write(data[start : start + PIECE].data)
    return len(data)


def _plain(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True).encode("ascii")


def read(path: Path, index: ScopeIndex) -> Stamp:
    """Make an empty index what the snapshot says; large arrays stay in the file. Raises ``NoSnapshot``."""
    stamp, meta, body = _checked(path)
    if stamp.dim != index.dim:
        raise NoSnapshot(f"its vectors have {stamp.dim} numbers, not {index.dim}")
    try:
        arrays = {name: _array(body, *place) for name, *place in meta["arrays"]}
        index.restore(meta["kind"], meta["plain"], arrays)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise NoSnapshot(f"it cannot be read: {error}") from error
    return stamp


def _checked(path: Path) -> tuple[Stamp, dict[str, Any], npt.NDArray[np.uint8]]:
    try:
        body = np.memmap(path, np.uint8, "r")
        header = json.loads(bytes(body[:BLOCK]))
        if header["format"] != FORMAT:
            raise NoSnapshot(f"it is of format {header['format']}, this version reads {FORMAT}")
        digest = hashlib.sha256(_plain(header["meta"]))
        for start in range(BLOCK, len(body), PIECE):
            digest.update(body[start : start + PIECE].data)
        if digest.hexdigest() != header["sha256"]:
            raise NoSnapshot("it is damaged: its checksum is wrong")
        return Stamp(**header["meta"]["stamp"]), header["meta"], body
    except FileNotFoundError:
        raise NoSnapshot("") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoSnapshot(f"it is damaged: {error}") from error


def _array(body: npt.NDArray[np.uint8], dtype: str, shape: list[int], at: int) -> npt.NDArray[Any]:
    if dtype not in TYPES:
        raise ValueError(f"an array of type {dtype}")
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    return body[at : at + size].view(dtype).reshape(shape)


def remove_all(folder: Path) -> int:
    """Delete every snapshot; workers build their indexes from the database when they next start."""
    files = list(folder.glob("*.index"))
    for path in files:
        path.unlink(missing_ok=True)
    return len(files)
