"""What the commands share: where everything is kept, and how expected failures are said."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where everything is kept; default: the setting.")]


@contextmanager
def plain_errors() -> Iterator[None]:
    """Expected failures become one sentence on standard error and exit code 1; bugs keep their traceback."""
    from app.cli.champ import DemoDataMissing
    from app.cli.setup import SetupError
    from core.bundled import ModelMissing

    try:
        yield
    except (DemoDataMissing, ModelMissing, SetupError, ValueError, FileNotFoundError, PermissionError) as problem:
        typer.echo(f"corrigenda: {problem}", err=True)
        raise typer.Exit(1) from None
