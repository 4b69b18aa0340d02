"""The locked-down process in which the code of an answer meets its unit tests; ``core.sandbox`` starts it and reads what it says.

It runs as a script of its own (``python -I -S``) and imports nothing of ours. Before any foreign code runs it leaves everything
behind: it becomes nobody, without capabilities, in a network namespace without a network, with its own processes (all of which end
when the first one ends), and a file system in memory that holds an empty folder and, read-only, Python's own library. Where one of
these cannot be had it says "refused" and runs nothing.

A program that sets out to deceive its tests can do so, since it runs beside them; it cannot reach out of its box.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
import types

NEWNS, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET = (0x20000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
RDONLY, NOSUID, NODEV, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
KEPT = {os.ST_NOEXEC: 8, os.ST_NOATIME: 1024, os.ST_NODIRATIME: 2048, os.ST_RELATIME: 1 << 21}
PDEATHSIG, CAPBSET_DROP, NO_NEW_PRIVS = 1, 24, 38
DETACH = 2
NOBODY = 65534
MOST_TESTS, QUOTED = 200, 300
SHELL = "/tmp"  # noqa: S108 (a mount point that every system has; what is mounted there is seen by this process alone)


class Refused(Exception):
    """Something that locks the process down cannot be had here."""


class Libc:
    """System calls that Python 3.11 has no name for; each raises ``Refused`` when the kernel says no."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def __call__(self, name: str, *args: object) -> None:
        if getattr(self._libc, name)(*args) != 0:
            raise Refused(f"{name}: {os.strerror(ctypes.get_errno())}")

    def mount(self, source: str | None, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
        texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
        try:
            self("mount", texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3])
        except Refused as problem:
            raise Refused(f"{problem} at {target}") from None

    def drop_capabilities(self) -> None:
        for number in range(64):
            self._libc.prctl(CAPBSET_DROP, number, 0, 0, 0)  # those that this kernel does not know are an error
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        self("capset", header, (ctypes.c_uint32 * 6)())
        self("prctl", NO_NEW_PRIVS, 1, 0, 0, 0)


def main() -> None:
    job = json.load(sys.stdin)
    out = os.dup(1)
    root = os.geteuid() == 0
    nothing = os.open(os.devnull, os.O_RDWR)
    for place in (0, 1, 2):
        os.dup2(nothing, place)
    os.close(nothing)
    try:
        leave(libc := Libc())
    except (Refused, OSError) as problem:
        tell(out, refused=str(problem))
        return
    first = os.fork()
    if first:
        os.waitpid(first, 0)
        return
    try:
        settle(libc, job, root)
    except (Refused, OSError, ValueError) as problem:
        tell(out, refused=str(problem))
        os._exit(1)
    tell(out, begun=True)
    watch(out, job)
    os._exit(0)


def tell(out: int, **said: object) -> None:
    os.write(out, json.dumps(said).encode() + b"\n")


def leave(libc: Libc) -> None:
    """Leave the namespaces of this machine. Root needs no user namespace for that, and becomes nobody in ``settle``."""
    libc("prctl", PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    uid, gid = os.geteuid(), os.getegid()
    libc("unshare", NEWNS | NEWNET | NEWPID | NEWIPC | NEWUTS | (NEWUSER if uid else 0))
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            write(f"/proc/self/{name}", text)
        with contextlib.suppress(OSError):  # older kernels: then a namespace within this one, as powerless, can be made
            write("/proc/sys/user/max_user_namespaces", "0")


def write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def settle(libc: Libc, job: dict, root: bool) -> None:  # type: ignore[type-arg]
    """As the first process of the new namespaces: build the empty file system, move in, and give up every right."""
    libc("prctl", PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    libc.mount("none", "/", None, REC | PRIVATE)
    libc.mount("tmpfs", SHELL, "tmpfs", NOSUID | NODEV, f"size={job['files']},nr_inodes=2000,mode=755")
    for path in job["paths"]:
        target = SHELL + path
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if os.path.islink(path):
            os.symlink(os.readlink(path), target)
            continue
        os.makedirs(target, exist_ok=True)
        libc.mount(path, target, None, BIND | REC)
        kept = sum(flag for bit, flag in KEPT.items() if os.statvfs(target).f_flag & bit)
        libc.mount(None, target, None, BIND | REMOUNT | RDONLY | NOSUID | NODEV | kept)
    os.chdir(SHELL)
    libc("pivot_root", b".", b".")
    libc("umount2", b".", DETACH)
    os.chdir("/")
    os.mkdir("tmp", 0o700)
    if root:
        become_nobody(libc)
    os.chdir(SHELL)  # the new one
    libc.drop_capabilities()
    for name, most in job["limits"].items():
        resource.setrlimit(getattr(resource, name), (most, most))


def become_nobody(libc: Libc) -> None:
    """In a user namespace of its own where that can be had, so that its processes are counted apart from those of other boxes."""
    os.chown("tmp", NOBODY, NOBODY)
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)
    libc("prctl", PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # changing the user has cleared it
    with contextlib.suppress(Refused):
        libc("unshare", NEWUSER)


def watch(out: int, job: dict) -> None:  # type: ignore[type-arg]
    """Run the tests in a second process and say how it ended; when this process ends, the kernel ends all others of the namespace."""
    worker = os.fork()
    if not worker:
        try:
            run(out, job["code"], job["tests"])
        finally:
            os._exit(0)
    while True:
        pid, status = os.wait()
        if pid == worker:
            tell(out, ended=os.waitstatus_to_exitcode(status))
            return


def run(out: int, code: str, tests: str) -> None:
    module = types.ModuleType("answer")
    sys.modules["answer"] = module
    problem = attempt(code, "answer", module)
    tell(out, code=problem)
    if problem is not None:
        return
    try:
        statements = ast.parse(tests).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        tell(out, tests=describe(error))
        return
    number = 0
    for statement in statements:
        counts = is_test(statement)
        source = ast.unparse(statement)
        problem = attempt(source, "tests", module)
        if counts or problem is not None:
            tell(out, test=number, source=source[:QUOTED], error=problem)
            number += 1
        if number >= MOST_TESTS or (problem is not None and not counts):
            break
    tell(out, all=number)


def is_test(statement: ast.stmt) -> bool:
    """A statement that asserts something when it is run; a definition only says what could be run."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return False
    return any(isinstance(node, ast.Assert) for node in ast.walk(statement))


def attempt(source: str, name: str, module: types.ModuleType) -> str | None:
    """What went wrong, in words; ``None`` when nothing did."""
    try:
        exec(compile(source, name, "exec"), module.__dict__)  # noqa: S102 (the one place where it is allowed: see above)
    except BaseException as error:
        return describe(error)
    return None


def describe(error: BaseException) -> str:
    try:
        said = " ".join(str(error).split())[:QUOTED]
    except BaseException:
        said = ""
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


if __name__ == "__main__":
    main()
