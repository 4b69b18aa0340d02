"""Further answers of the same model to the same prompt, for the agreement signal; kept as rollouts and never drawn twice."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future

from app.worker.asking import Ask, Subject, draw_label, pictures_for, request_for, seed_of
from app.worker.runner import Context
from core.answers import final_answer
from core.generators.base import Generation, Message
from store import outputs
from store.outputs import NewRollout
from store.tables import Output

Wanted = tuple[Output, Subject]


def draw(context: Context, cases: Sequence[Wanted]) -> list[tuple[str, ...]]:
    """The texts of each output's samples; none for outputs of another model, whose agreement with ours would say nothing."""
    numbers = [_numbers(context, output, subject) for output, subject in cases]
    there: dict[str, str] = {}
    with context.db.read() as session:
        for output, _ in cases:
            there |= {row.effect_key: row.text for row in outputs.rollouts(session, output.id) if row.effect_key}
    missing = [
        (output, subject, number)
        for (output, subject), wanted in zip(cases, numbers, strict=True)
        for number in wanted
        if _key(output, number) not in there
    ]
    rows = _rollouts(context, missing)
    if rows:
        with context.db.write() as session:
            outputs.add_rollouts(session, rows)
    there |= {row.effect_key: row.text for row in rows if row.effect_key}
    return [
        tuple(there[_key(output, number)] for number in wanted)
        for (output, _), wanted in zip(cases, numbers, strict=True)
    ]


def _numbers(context: Context, output: Output, subject: Subject) -> range:
    ours = output.model == context.models.generator_name and output.messages
    return range(subject.options.generator.samples if ours else 0)


def _key(output: Output, number: int) -> str:
    return f"output:{output.id}:sample:{number}"


def _rollouts(context: Context, missing: Sequence[tuple[Output, Subject, int]]) -> list[NewRollout]:
    """Labels are drawn from the probabilities that are there already; other answers are all asked for at once."""
    stop = context.should_stop
    waiting: list[tuple[Output, int, int, str | Future[Generation]]] = []
    pictures = pictures_for(context, [subject for _, subject, _ in missing]) if missing else {}
    for output, subject, number in missing:
        seed, temperature = seed_of(output.id, number), subject.options.generator.sample_temperature
        if output.label_scores:
            waiting.append((output, number, seed, draw_label(output.label_scores, temperature, seed)))
            continue
        said = tuple(Message(role, content) for role, content in output.messages)
        ask = Ask(subject, said, images=pictures.get(output.item_id, ()))
        request = request_for(ask, seed=seed, temperature=temperature)
        priority = context.job.priority
        waiting.append(
            (output, number, seed, context.models.batcher.submit(request, priority=priority, should_stop=stop))
        )
    rows = []
    for output, number, seed, found in waiting:
        text = found if isinstance(found, str) else found.result().text
        rows.append(
            NewRollout(
                item_id=output.item_id,
                text=text,
                sampler=context.models.generator_name,
                output_id=output.id,
                answer=text if output.label_scores else final_answer(text),
                seed=seed,
                effect_key=_key(output, number),
            )
        )
    return rows
