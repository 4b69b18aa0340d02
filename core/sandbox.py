"""Runs the code of an answer against unit tests in a locked-down process: no network, no files, few resources, and nothing survives it.

The only place where foreign code runs at all (off unless a project asks for it). It needs Linux namespaces. Where they are missing
``NotAvailable`` is raised and nothing runs: there is no less safe way that is taken instead. ``core.sandbox_child`` is the process.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from core.generators.base import NotAvailable

LONGEST = 100_000  # characters of code, and of tests
_CHILD = Path(__file__).with_name("sandbox_child.py")
_LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64")  # what Python's own extension modules are linked to


@dataclass(frozen=True, slots=True)
class Limits:
    """``memory`` in bytes of address space per process, ``files`` and ``output`` in bytes in all, ``processes`` with threads."""

    cpu_seconds: int = 5
    wall_seconds: float = 10.0
    memory: int = 384 << 20
    files: int = 8 << 20
    output: int = 128 << 10
    processes: int = 6


@dataclass(frozen=True, slots=True)
class TestResult:
    """One assertion: its text, and what went wrong, empty when it held."""

    __test__ = False  # to pytest

    source: str
    problem: str


@dataclass(frozen=True, slots=True)
class Ran:
    """``tests`` that were reached, in order. ``problem`` is why it did not come to the end of them, empty when it did."""

    tests: tuple[TestResult, ...]
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem and bool(self.tests) and not any(test.problem for test in self.tests)


def run_tests(code: str, tests: str, limits: Limits | None = None, *, tag: str = "") -> Ran:
    """``tests`` is Python text whose top-level assertions are run one after the other in the namespace of ``code``.

    Never raises for what the code does; raises ``NotAvailable`` where a process cannot be locked down. Process lists show ``tag``.
    """
    if why := missing():
        raise NotAvailable(why)
    if max(len(code), len(tests)) > LONGEST:
        return Ran((), f"the code or its tests have more than {LONGEST:,} characters")
    return _run(code, tests, limits or Limits(), tag)


@lru_cache(maxsize=1)
def missing() -> str:
    """Why tests cannot be run on this machine, in words; empty when they can. Tried out once."""
    if not sys.platform.startswith("linux"):
        return "unit tests need Linux namespaces to be run safely, and this is no Linux; nothing was run"
    try:
        found = _run("x = 1", "assert x == 1", Limits(), "probe")
    except NotAvailable as problem:
        return str(problem)
    return "" if found.passed else f"unit tests cannot be run safely on this machine: {found.problem}"


def _run(code: str, tests: str, limits: Limits, tag: str) -> Ran:
    job = {"code": code, "tests": tests, "paths": _paths(), "files": limits.files, "limits": _rlimits(limits)}
    process = subprocess.Popen(  # noqa: S603 (our own file; the code is read by it from a pipe, after it locked itself down)
        [sys.executable, "-I", "-S", str(_CHILD), tag],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
    )
    try:
        said, why = _listen(process, json.dumps(job).encode(), limits)
    finally:
        _end(process)
    return _read(said, why, limits)


def _listen(process: subprocess.Popen[bytes], job: bytes, limits: Limits) -> tuple[bytes, str]:
    """All that the process says until it ends, and why it was not waited for any longer, if so."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(job)
        process.stdin.close()
    except OSError:
        return b"", "it could not be started"
    end, said = time.monotonic() + limits.wall_seconds, b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while (left := end - time.monotonic()) > 0:
            if not waiting.select(left):
                continue
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                return said, ""
            said += part
            if len(said) > limits.output:
                return said[: limits.output], f"it wrote more than {limits.output >> 10} kB"
    return said, f"it took longer than {limits.wall_seconds:g} seconds"


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group; with the first process of its namespace everything that was started inside ends."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert process.stdin is not None and process.stdout is not None
    with selectors.DefaultSelector() as waiting:  # the pipe closes when the last process inside has gone
        waiting.register(process.stdout, selectors.EVENT_READ)
        while waiting.select(5) and os.read(process.stdout.fileno(), 1 << 16):
            pass
    process.stdin.close()
    process.stdout.close()


def _read(said: bytes, why: str, limits: Limits) -> Ran:
    results: list[TestResult] = []
    begun = finished = False
    for one in _events(said):
        if "refused" in one and not begun:
            raise NotAvailable(
                f"unit tests need Linux namespaces to be run safely, which this machine does not allow ({one['refused']}); "
                "nothing was run"
            )
        begun = begun or "begun" in one
        if one.get("code") is not None:
            return Ran((), f"the code fails: {one['code']}")
        if "tests" in one:
            return Ran((), f"the tests cannot be read: {one['tests']}")
        if "test" in one and len(results) == one["test"]:
            results.append(TestResult(str(one.get("source", "")), str(one.get("error") or "")))
        if "all" in one:
            finished = True
        if "ended" in one and not why and not finished:
            why = _ending(one["ended"], limits)
    if not finished and not why and not any(result.problem for result in results):
        why = "it ended before its tests did" if begun else "it could not be started"
    if finished and not results:
        why = "the tests assert nothing"
    return Ran(tuple(results), why if not finished or not results else "")


def _events(said: bytes) -> Iterator[dict[str, Any]]:
    for line in said.split(b"\n"):
        try:
            one = json.loads(line)
        except ValueError:
            continue  # the code wrote it, or it was cut off
        if isinstance(one, dict):
            yield one


def _ending(code: Any, limits: Limits) -> str:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        return f"it used more than {limits.cpu_seconds} seconds of the processor"
    if isinstance(code, int) and code < 0:
        return f"it was ended by {signal.Signals(-code).name}"
    return "it ended before its tests did"


def _paths() -> list[str]:
    """Folders that are shown inside, read-only; a link stands for itself."""
    wanted = [*_LIBRARIES, sysconfig.get_path("stdlib"), str(sysconfig.get_config_var("DESTSHARED"))]
    found: list[str] = []
    for path in dict.fromkeys(wanted):
        inside = any(path == other or path.startswith(f"{other}/") for other in found)
        if os.path.isdir(path) and not inside:
            found.append(path)
    return found


def _rlimits(limits: Limits) -> dict[str, int]:
    return {
        "RLIMIT_AS": limits.memory,
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_FSIZE": limits.files,
        "RLIMIT_NOFILE": 64,
        "RLIMIT_NPROC": limits.processes,
        "RLIMIT_CORE": 0,
    }
