"""``corrigenda eval``: one command per judgement that is measured; what it does stands in a module of its own beside this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options import DataDir, plain_errors

eval_app = typer.Typer(help="The product's own judgement, measured on data.", no_args_is_help=True)
Seeds = Annotated[int, typer.Option(help="How many seeds in a row; with more than one, their mean too.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]


@eval_app.callback()
def evaluation() -> None:
    """The product's own judgement, measured on data."""


@eval_app.command("risk")
def eval_risk(
    data: Annotated[Path, typer.Option(help="A folder with rows.jsonl, or in the shape that --format names.")],
    form: Annotated[str, typer.Option("--format", help="rows, or the name of a public folder's shape.")] = "rows",
    train: Annotated[Path | None, typer.Option(help="Another side, reviewed in full, to learn from.")] = None,
    llm: Annotated[str, typer.Option(help="Whose answers: smollm2, or column:NAME of the rows.")] = "smollm2",
    reviews: Annotated[int | None, typer.Option(help="Rows that people have reviewed, drawn at random.")] = None,
    baselines: Annotated[str, typer.Option(help="all or none.")] = "all",
    seed: Annotated[int, typer.Option(help="Of the draw of reviews and of the training.")] = 0,
    seeds: Seeds = 1,
    bootstrap: Annotated[int, typer.Option(help="Bootstrap rounds of the intervals; 0 leaves them out.")] = 200,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Calibration and ranking of the risk that the app would show, beside baselines and an ablation."""
    from app.cli.evaluate import eval_risk as run
    from app.cli.evaluate import table
    from app.cli.setup import settings_with

    with plain_errors():
        if baselines not in ("all", "none"):
            raise ValueError("--baselines is all or none")
        found = run(
            settings_with(data_dir=data_dir),
            data=data,
            form=form,
            train=train,
            llm=llm,
            reviews=reviews,
            compare=baselines == "all",
            seed=seed,
            seeds=seeds,
            rounds=bootstrap,
            say=lambda line: typer.echo(line, err=as_json),
        )
        typer.echo(json.dumps(found) if as_json else table(found))


@eval_app.command("lessons")
def eval_lessons(
    data: Annotated[
        Path, typer.Option(help="A folder of labelled rows, or of questions of many wordings (memprompt).")
    ],
    form: Annotated[str, typer.Option("--format", help="rows, or the name of a public folder's shape.")] = "rows",
    corrections: Annotated[
        int | None,
        typer.Option(help="Length of the stream of items that a person looks at; 1000, of transcripts all."),
    ] = None,
    in_prompt: Annotated[
        int,
        typer.Option(help="Also measure memories that live in the prompt, on so many unseen items; 0 leaves it out."),
    ] = 0,
    seed: Annotated[int, typer.Option(help="Of the order of the stream.")] = 0,
    seeds: Seeds = 1,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """What people's corrections, replayed in order, teach: accuracy by corrections, fixes, breaks, beside memories of other kinds."""
    from app.cli.evaluate_lessons import eval_lessons as run
    from app.cli.evaluate_lessons import table
    from app.cli.setup import settings_with

    with plain_errors():
        found = run(
            settings_with(data_dir=data_dir),
            data=data,
            form=form,
            corrections=corrections,
            seed=seed,
            seeds=seeds,
            in_prompt=in_prompt,
            say=lambda line: typer.echo(line, err=True),
        )
        typer.echo(table(found))
        if as_json:
            typer.echo(json.dumps(found))


@eval_app.command("critics")
def eval_critics(
    data: Annotated[Path, typer.Option(help="A file of solutions, or the folder that holds it.")],
    form: Annotated[str, typer.Option("--format", help="rows, or the name of a public file's shape.")] = "rows",
    critics: Annotated[
        str, typer.Option(help="Names with commas between; gold, none, shifted, bisect check the evaluation.")
    ] = "",
    train: Annotated[
        list[str] | None, typer.Option(help="FORMAT:FILE with further labelled solutions to learn from.")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Only the first so many solutions.")] = None,
    seed: Annotated[int, typer.Option(help="Of the folds and of the training.")] = 0,
    url: Annotated[
        str | None,
        typer.Option(
            help="An OpenAI-compatible server that answers for the critics, such as http://localhost:8000/v1."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model that answers: of that server, or a local one.")] = None,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Where critics find the first wrong step: error accuracy, clean accuracy, F1, and what it cost."""
    from app.cli.evaluate_critics import eval_critics as run
    from app.cli.evaluate_critics import table, training
    from app.cli.setup import settings_with

    with plain_errors():
        found = run(
            settings_with(
                data_dir=data_dir, model_url=url, model=model, generator="openai_http" if url is not None else None
            ),
            data=data,
            form=form,
            critics=critics,
            train=training(train or []),
            limit=limit,
            seed=seed,
            say=lambda line: typer.echo(line, err=as_json),
        )
        typer.echo(json.dumps(found) if as_json else table(found))


@eval_app.command("self-correction")
def eval_self_correction(
    data: Annotated[
        Path | None, typer.Option(help="A file of first and second answers or of questions, or its folder.")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="rows, or the name of a public folder's shape.")] = "rows",
    project: Annotated[str | None, typer.Option(help="Instead of --data: what a project's page shows.")] = None,
    refiners: Annotated[
        str, typer.Option(help="For questions: names with commas between; by default all that need no person.")
    ] = "",
    limit: Annotated[int | None, typer.Option(help="For questions: only the first so many.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draws behind the intervals.")] = 0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """What second answers put right, break and cost, per refiner: of a file, of a project, or of the model that answers now."""
    from app.cli.evaluate_self_correction import eval_self_correction as run
    from app.cli.evaluate_self_correction import table
    from app.cli.setup import settings_with

    with plain_errors():
        found = run(
            settings_with(data_dir=data_dir),
            data=data,
            form=form,
            project=project,
            refiners=[name.strip() for name in refiners.split(",") if name.strip()],
            limit=limit,
            seed=seed,
            say=lambda line: typer.echo(line, err=True),
        )
        typer.echo(json.dumps(found) if as_json else table(found))
