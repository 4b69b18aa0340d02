"""Hierarchical thoughts (SuperCorrect, paper 2): solutions as ``<Step1>..``, with a ``<Key>`` in hard steps, ``<Generalized>``,
``<Answer>``.

Steps are those of the accepted text; the key of a step is what a person said of it, the strategy the active lessons that came
from the item's corrections. Unlike the paper people wrote all of it, not a teacher model. Schema 1.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from core.answers import final_answer
from core.exporters.base import REGISTRY, ExportRecord, Format, Need
from core.exporters.chat import Accepted, accepted, prompt_messages, provenance, turn
from core.exporters.stepwise import bare_step, tagged
from core.steps import split

INSTRUCTION = (
    "Solve the problem step by step in XML: each step as <Step1>, <Step2> and so on, in hard steps a <Key> that says what matters, "
    "then <Generalized> with the strategy for problems of this kind, then <Answer>."
)
_PARTS = re.compile(r"<(Step\d+|Generalized|Answer)>(.*?)</\1>", re.DOTALL)
_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)


@REGISTRY.register("thought_template")
class ThoughtTemplateExporter(Format):
    name = "thought_template"
    title = "Hierarchical thought templates (SFT)"
    needs = (Need.ACCEPTED, Need.LESSON)
    extras = frozenset({"lessons"})

    def rows(self, records: Iterable[ExportRecord]) -> Iterable[dict[str, Any]]:
        for record in records:
            final = accepted(record)
            if final is None:
                continue
            if not record.lessons:
                self.dropped["no active lesson came from the item"] += 1
                continue
            asked = [turn("system", INSTRUCTION), *(m for m in prompt_messages(record.question) if m["role"] == "user")]
            yield {
                "prompt": asked,
                "completion": [turn("assistant", template(record, final))],
                "corrigenda": provenance(record, self.schema_version, final.origin, [final.attempt.output_id]),
            }


def template(record: ExportRecord, final: Accepted) -> str:
    """The accepted text as XML."""
    steps = [step.text for step in split(final.text)] or [final.text]
    keys = _keys(record, steps)
    parts = []
    for k, step in enumerate(steps):
        key = f"\n{tagged('Key', keys[k])}" if k in keys else ""
        body = tagged(f"Step{k + 1}", bare_step(step))
        parts.append(body.replace("</Step", f"{key}\n</Step") if key else body)
    strategy = "\n".join(dict.fromkeys(lesson.text.strip() for lesson in record.lessons))
    answer = final_answer(final.text) or steps[-1]
    return "\n".join([*parts, tagged("Generalized", strategy), tagged("Answer", answer)])


def _keys(record: ExportRecord, steps: list[str]) -> dict[int, str]:
    """What people said of each step of earlier attempts, by the number of the step."""
    said = [c for a in record.attempts for c in a.corrections if c.step_index is not None and c.text.strip()]
    return {c.step_index: c.text.strip() for c in said if c.step_index is not None and c.step_index < len(steps)}


def parse(text: str) -> Mapping[str, Any]:
    """``{steps: [{text, key}], generalized, answer}`` of such a text; raises ``ValueError`` where a part is missing."""
    parts = _PARTS.findall(text)
    found = {name: body.strip() for name, body in parts if not name.startswith("Step")}
    steps = [body for name, body in parts if name.startswith("Step")]
    if not steps or set(found) != {"Generalized", "Answer"}:
        raise ValueError("the text has no <Step1>, <Generalized> and <Answer>")
    read = [{"text": _KEY.sub("", step).strip(), "key": "".join(_KEY.findall(step)).strip()} for step in steps]
    return {"steps": read, "generalized": found["Generalized"], "answer": found["Answer"]}
