"""The client can be copied out of the product: nothing else of ours is in it, and httpx is all it needs."""

from __future__ import annotations

import ast
import subprocess
import sys

from tests.contract.test_rooms import ROOT, imported, modules


def test_the_client_imports_itself_httpx_and_the_standard_library() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules("app/client")
        for name in imported(ast.parse(path.read_text()))
        if not name.startswith("app.client")
        and name.split(".")[0] != "httpx"
        and name.split(".")[0] not in sys.stdlib_module_names
    ]
    assert not wrong, wrong
    assert len(modules("app/client")) > 5


def test_loading_the_client_loads_nothing_else_of_ours() -> None:
    probe = (
        "import sys, app.client\n"
        "rest = [m for m in sys.modules if m.split('.')[0] in ('app', 'core', 'store', 'fastapi', 'sqlalchemy', 'gradio')]\n"
        "print([m for m in rest if m != 'app' and not m.startswith('app.client')])"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
