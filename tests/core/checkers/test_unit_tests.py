"""Unit tests in the locked-down process: what a program might try, each answered as a failed check, and nothing survives it."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import sandbox
from core.checkers.unit_tests import UnitTestsChecker, code_in
from core.generators.base import NotAvailable
from core.sandbox import Limits, run_tests
from tests.conftest import missing

SHORT = Limits(cpu_seconds=1, wall_seconds=3.0)
PATIENT = Limits(
    cpu_seconds=20, wall_seconds=60.0
)  # where something else is to run out first, however busy the machine
FLOOD = "import os\nfor fd in range(3, 9):\n    try:\n        while True: os.write(fd, b'x' * 1000)\n    except OSError: pass"
TAG = f"tests-{secrets.token_hex(8)}"


@pytest.fixture(autouse=True)
def _can_be_locked_down() -> None:
    if why := sandbox.missing():
        missing(why)


def left_over() -> list[str]:
    """Processes whose command line carries our tag."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if TAG.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found


@pytest.fixture
def nothing_survives() -> Iterator[None]:
    yield
    assert left_over() == []


def problem(code: str, tests: str = "assert True", limits: Limits = SHORT) -> str:
    ran = run_tests(code, tests, limits, tag=TAG)
    assert not ran.passed
    return ran.problem or next(test.problem for test in ran.tests if test.problem)


def test_each_assertion_is_a_finding() -> None:
    text = "Here it is:\n```python\ndef double(x):\n    return 2 * x if x < 3 else 7\n```\nDone."
    tests = (
        "import math\nassert double(1) == 2\nassert double(3) == 6\nfor k in range(2):\n    assert double(k) == 2 * k"
    )
    found = UnitTestsChecker(tests).check(text)
    assert [f.ok for f in found] == [True, False, True]
    assert found[1].message == "Test 2 fails: assert double(3) == 6 (AssertionError)."
    assert text[found[1].start : found[1].end].startswith("def double") and found[1].error_class == "failed_test"


def test_where_the_code_is() -> None:
    assert code_in("```py\nx = 1\n```\nand\n```\ny = 2\n```")[0] == "x = 1\ny = 2"
    assert code_in("def f():\n    return 1")[0].startswith("def f")
    assert code_in("It is 7.") == ("", 0, 0)
    assert [f.message for f in UnitTestsChecker("assert 1").check("It is 7.")] == ["There is no Python code to test."]
    assert code_in("```python\ndef f(): return 1")[0] == "def f(): return 1", "a block that was cut off"


@pytest.mark.parametrize(
    ("code", "tests", "says"),
    [
        ("def f(:", "assert 1", "the code fails: SyntaxError"),
        ("1 / 0", "assert 1", "the code fails: ZeroDivisionError: division by zero"),
        ("x = 1", "assert (", "the tests cannot be read: SyntaxError"),
        ("x = 1", "y = 1\ndef test():\n    assert False", "the tests assert nothing"),
        ("x = 1", "y = z\nassert x", "NameError: name 'z' is not defined"),
        ("import os\nos._exit(0)", "assert 1", "it ended before its tests did"),
        ("raise SystemExit", "assert 1", "the code fails: SystemExit"),
        ("import os\ndef f(): os._exit(0)", "assert 1\nf()\nassert 1", "it ended before its tests did"),
        ("x = " + "1" * 100_001, "assert 1", "more than 100,000 characters"),
    ],
)
def test_what_is_no_pass(code: str, tests: str, says: str) -> None:
    assert says in problem(code, tests)


@pytest.mark.usefixtures("nothing_survives")
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("while True: pass", "more than 1 seconds of the processor"),
        ("import time\ntime.sleep(60)", "longer than 3 seconds"),
        ("import os\nwhile True: os.fork()", "Resource temporarily unavailable"),
        ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "longer than 3 seconds"),
        ("x = bytearray(10 * 10**9)", "MemoryError"),
        ("x = []\nwhile True: x.append(bytearray(10**7))", "MemoryError"),
        ("f = open('x', 'w')\nwhile True: f.write('x' * 10**6)", "File too large"),
        ("i = 0\nwhile True:\n    i += 1\n    open(str(i), 'w').write('x' * 10**6)", "No space left on device"),
        (FLOOD, "more than 128 kB"),
        ("import os\nos.kill(-1, 9)", "No such process"),
        ("import os\nos.kill(os.getppid(), 9)\nos.abort()", "SIGABRT"),
    ],
    ids=["loop", "sleep", "forks", "forks-caught", "10GB", "memory", "file", "files", "output", "kill-all", "abort"],
)  # fmt: skip
def test_what_is_used_up(code: str, says: str) -> None:
    begun = time.monotonic()
    assert says in problem(code, limits=SHORT if "seconds" in says else PATIENT)
    assert time.monotonic() - begun < 60


@pytest.mark.usefixtures("nothing_survives")
def test_there_is_no_network() -> None:
    for call in ("s.connect(('127.0.0.1', 5432))", "s.connect(('192.0.2.1', 80))", "s.sendto(b'x', ('127.0.0.1', 53))"):
        kind = "SOCK_DGRAM" if "sendto" in call else "SOCK_STREAM"
        said = problem(f"import socket\ns = socket.socket(socket.AF_INET, socket.{kind})\ns.settimeout(1)\n{call}")
        assert "Network is unreachable" in said


def test_no_file_of_this_machine_can_be_read_or_written(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    secret.chmod(0o644)
    assert "No such file" in problem(f"open({str(secret)!r}).read()")
    for path in ("/etc/passwd", "/proc/1/environ", str(Path(__file__).resolve()), os.path.expanduser("~/.bashrc")):
        assert "No such file" in problem(f"open({path!r}).read()")
    said = problem("import os\nopen(os.__file__, 'a')")
    assert "Permission denied" in said or "Read-only" in said
    assert run_tests("open('mine', 'w').write('x')", "assert open('mine').read() == 'x'", tag=TAG).passed
    assert "No such file" in problem("open('mine')"), "the folder of one run is not that of the next"


def test_the_surroundings_are_empty() -> None:
    os.environ["CORRIGENDA_SECRET_FOR_TEST"] = "hidden"
    try:
        tests = "import os\nassert not [k for k in os.environ if 'CORRIGENDA' in k]\nassert os.listdir('.') == []"
        assert run_tests("x = 1", tests, tag=TAG).passed
    finally:
        del os.environ["CORRIGENDA_SECRET_FOR_TEST"]


@pytest.mark.usefixtures("nothing_survives")
def test_rights_cannot_be_taken_back() -> None:
    for call in (
        "unshare(0x10000000)",
        "mount(b'none', b'/tmp', b'tmpfs', 0, None)",
        "chroot(b'/tmp')",
        "setuid(0) or 1",
    ):
        assert run_tests(f"import ctypes\nr = ctypes.CDLL(None).{call}", "assert r != 0", tag=TAG).passed, call


@pytest.mark.usefixtures("nothing_survives")
def test_what_is_left_running_ends_with_the_tests() -> None:
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: time.sleep(600)\n    os._exit(0)"
    )
    assert run_tests(code, "assert True", tag=TAG).passed


def test_without_namespaces_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text('import json\nprint(json.dumps({"refused": "unshare: Operation not permitted"}))\n')
    monkeypatch.setattr(sandbox, "_CHILD", child)
    sandbox.missing.cache_clear()
    try:
        with pytest.raises(NotAvailable, match=r"does not allow \(unshare: Operation not permitted\); nothing was run"):
            UnitTestsChecker("assert 1").check("def f(): return 1")
    finally:
        sandbox.missing.cache_clear()


def test_the_code_cannot_pretend_that_nothing_was_run() -> None:
    code = 'import os\nfor fd in range(3, 9):\n    try: os.write(fd, b\'{"refused": "x"}\\n\')\n    except OSError: pass\nos._exit(0)'
    assert "ended before" in problem(code)
