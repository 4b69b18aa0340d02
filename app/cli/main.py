"""The ``corrigenda`` command. Each command says what it did and where; errors say what to do and end with 1."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.cli.eval_commands import eval_app
from app.cli.options import DataDir, plain_errors

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

app = typer.Typer(
    help="People's corrections of language-model outputs, turned into behaviour.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
db_app = typer.Typer(help="The database: upgrade, back up.", no_args_is_help=True)
user_app = typer.Typer(help="People who can sign in.", no_args_is_help=True)
index_app = typer.Typer(help="The vector index, a cache of the lessons table.", no_args_is_help=True)
app.add_typer(db_app, name="db")
app.add_typer(user_app, name="user")
app.add_typer(index_app, name="index")
app.add_typer(eval_app, name="eval")


@app.command()
def up(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
) -> None:
    """Start web and worker together; Ctrl-C stops both."""
    from app.cli.setup import settings_with
    from app.cli.together import run_together

    with plain_errors():
        run_together(settings_with(data_dir=data_dir, host=host, port=port))


@app.command()
def web(
    data_dir: DataDir = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
) -> None:
    """Start the web process alone, for machines whose workers run elsewhere."""
    from app.cli.setup import ready, settings_with
    from app.web import serve

    with plain_errors():
        settings = settings_with(data_dir=data_dir, host=host, port=port)
        ready(settings)
        serve(settings)


@app.command()
def worker(data_dir: DataDir = None, parent: Annotated[int | None, typer.Option(hidden=True)] = None) -> None:
    """Start one worker: it holds the models and does all long work."""
    from app.cli.setup import ready, settings_with
    from app.cli.together import end_with
    from app.worker.main import run_worker

    with plain_errors():
        settings = settings_with(data_dir=data_dir)
        ready(settings)
        if parent is not None:
            end_with(parent)
        run_worker(settings)


@app.command()
def demo(
    data_dir: Annotated[Path, typer.Option("--data-dir", help="Where the demo is kept.")] = Path(".corrigenda/demo"),
    port: Annotated[int, typer.Option(help="Port of the page; 0 takes a free one.")] = 7860,
    headless: Annotated[bool, typer.Option("--headless", help="Run the loop without a browser and count.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --headless: one JSON object as the last line.")] = False,
    problems: Annotated[int, typer.Option(help="How many problems are answered (headless: at least 24).")] = 24,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin again in an empty data directory.")] = False,
) -> None:
    """Run the whole loop on the CHAMP problems with the bundled model."""
    from app.cli import demo as demos
    from app.cli import headless as headless_demo

    with plain_errors():
        if headless:
            ok = headless_demo.run(data_dir, problems=problems, as_json=as_json)
            raise typer.Exit(0 if ok else 1)
        demos.run(data_dir, port=port, problems=problems, fresh=fresh)


@app.command(name="import")
def import_file(
    path: Annotated[Path, typer.Argument(help="A JSONL, JSON, CSV or Parquet file.")],
    project: Annotated[str, typer.Option(help="Short name of the project.")],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", help="FIELD=COLUMN, such as prompt=question; repeat it. The rest is guessed."),
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Make the project if there is none of that name.")] = False,
    format_name: Annotated[
        str,
        typer.Option(
            "--format",
            help="items; lessons: a knowledge base; export, or a format's name: exported rows with their reviews.",
        ),
    ] = "items",
    as_they_stand: Annotated[
        bool, typer.Option("--as-they-stand", help="Lessons keep their status; else all are proposed.")
    ] = False,
    data_dir: DataDir = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Import items, and answers if the file has them; a bad row never stops the good ones. Or a knowledge base, or exported rows."""
    from app.cli.data import bring_back_path, import_path
    from app.cli.lessons import import_lessons
    from app.cli.setup import settings_with

    with plain_errors():
        if format_name not in ("items", "lessons"):
            settings = settings_with(data_dir=data_dir)
            bad = bring_back_path(settings, path, project, format_name, create=create, as_json=as_json)
            raise typer.Exit(0 if bad == 0 else 2)
        if format_name == "lessons":
            settings = settings_with(data_dir=data_dir)
            import_lessons(settings, path, project, as_they_stand=as_they_stand, create=create, as_json=as_json)
            return
        bad = import_path(
            settings_with(data_dir=data_dir), path, project, columns or [], create=create, as_json=as_json
        )
        raise typer.Exit(0 if bad == 0 else 2)


@app.command()
def export(
    project: Annotated[str, typer.Option(help="Short name of the project.")],
    format_name: Annotated[
        str, typer.Option("--format", help="sft, dpo, kto, prm800k, edit_spans, lessons, ... (see REFERENCE.md).")
    ],
    out: Annotated[Path, typer.Option("--out", help="The file to write.")],
    container: Annotated[
        str,
        typer.Option("--as", help="jsonl, parquet, csv, dataset (a zipped folder with a card), or m2 of edit_spans."),
    ] = "jsonl",
    rule: Annotated[str, typer.Option(help="Quality gate: default, fitted, or an indicator that ranks rows.")] = "",
    keep: Annotated[int | None, typer.Option(help="Only the best rows, this many.")] = None,
    near_duplicates: Annotated[
        float | None, typer.Option(help="Leave out rows as near to a better one as this cosine, such as 0.97.")
    ] = None,
    held: Annotated[
        Path | None, typer.Option(help="Evaluation file (JSONL, CSV, Parquet) whose items are left out.")
    ] = None,
    max_step_error: Annotated[
        float | None, typer.Option(help="Most wrong steps of an author, as a share from 0 to 1.")
    ] = None,
    data_dir: DataDir = None,
) -> None:
    """Write reviewed and corrected outputs as training data, or the lessons as a knowledge base."""
    from app import exporting
    from app.cli.data import export_path
    from app.cli.lessons import export_lessons
    from app.cli.setup import settings_with
    from core.lessons.knowledge_base import FORMAT
    from core.quality.gate import Gate

    with plain_errors():
        told = {"rule": rule, "keep": keep, "near_duplicates": near_duplicates, "max_step_error": max_step_error}
        if format_name == FORMAT:
            exporting.whole(exporting.container(container), {**told, "held": held})
            export_lessons(settings_with(data_dir=data_dir), project, out)
            return
        kind, gate = exporting.container(container), Gate.of(told)
        export_path(settings_with(data_dir=data_dir), project, format_name, out, kind, gate, held)


@db_app.command("upgrade")
def db_upgrade(data_dir: DataDir = None) -> None:
    """Bring the database to the newest version; an existing SQLite file is backed up first."""
    from app.cli.setup import ready, settings_with

    with plain_errors():
        settings = settings_with(data_dir=data_dir)
        saved = ready(settings)
        typer.echo(f"The database is up to date{f'; the old one was saved as {saved}' if saved else ''}.")


@db_app.command("backup")
def db_backup(
    target: Annotated[Path, typer.Argument(help="The file to write; it must not exist.")], data_dir: DataDir = None
) -> None:
    """Copy the SQLite database while it is in use."""
    from app.cli.setup import settings_with
    from store import migrate

    with plain_errors():
        typer.echo(f"Saved as {migrate.backup(settings_with(data_dir=data_dir).url, target)}.")


@user_app.command("add")
def user_add(
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    password: Annotated[
        str, typer.Option(prompt=True, hide_input=True, confirmation_prompt=True, help="Asked for when not given.")
    ],
    role: Annotated[str, typer.Option(help="annotator, expert or admin.")] = "annotator",
    data_dir: DataDir = None,
) -> None:
    """Add a person who can sign in."""
    from app.cli.setup import add_user, settings_with

    with plain_errors():
        add_user(settings_with(data_dir=data_dir), name, role, password)
        typer.echo(f"{name} can sign in as {role}.")


@index_app.command("verify")
def index_verify(data_dir: DataDir = None) -> None:
    """Compare stored vectors with the lessons table and every index's snapshot with them; ends with 1 when they differ."""
    from app.cli.data import verify_index
    from app.cli.setup import settings_with

    with plain_errors():
        raise typer.Exit(0 if verify_index(settings_with(data_dir=data_dir)) else 1)


@index_app.command("rebuild")
def index_rebuild(
    keep_vectors: Annotated[
        bool, typer.Option("--keep-vectors", help="Only make the indexes anew, from the vectors that are stored.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Compute the vectors of all lessons and corrections anew, and the indexes with them."""
    from app.cli.data import rebuild_index
    from app.cli.setup import settings_with

    with plain_errors():
        rebuild_index(settings_with(data_dir=data_dir), keep_vectors)


if __name__ == "__main__":
    sys.exit(app())
