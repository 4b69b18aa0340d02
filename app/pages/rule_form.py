"""The form of a rule: one group of controls per kind, and the way between what they hold and a rule's values."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import gradio as gr

from app.view.languages import N_, _, choices
from app.view.rules import dimensions
from core.checkers.json_schema import MAX_SCHEMA
from core.signals.rules import MAX_EVIDENCE, MAX_NAME

KINDS = [
    (N_("Pattern"), "pattern"),
    (N_("Number"), "number"),
    (N_("Unit"), "unit"),
    (N_("JSON schema"), "json_schema"),
    (N_("Length"), "length"),
]
FIELDS = [
    (N_("the answer"), "answer"),
    (N_("the prompt"), "prompt"),
    (N_("the context"), "context"),
    (N_("any of them"), "any"),
]
TAKES = [
    (N_("the final answer"), "final"),
    (N_("the first number"), "first"),
    (N_("the last number"), "last"),
    (N_("what a pattern captures"), "pattern"),
]
CHECKS = [
    (N_("is below"), "below"),
    (N_("is at most"), "at_most"),
    (N_("equals"), "equal"),
    (N_("does not equal"), "not_equal"),
    (N_("is at least"), "at_least"),
    (N_("is above"), "above"),
    (N_("is between"), "between"),
    (N_("is not between"), "outside"),
    (N_("is whole"), "whole"),
    (N_("is not whole"), "not_whole"),
]
COUNTS = [
    (N_("characters"), "characters"),
    (N_("words"), "words"),
    (N_("sentences"), "sentences"),
    (N_("steps"), "steps"),
]
RANGES = ("between", "outside")
NO_DIMENSION = "–"
SCHEMA = '{\n  "type": "object",\n  "required": ["answer"]\n}'
NAMES = (
    *("name", "kind", "field", "says", "evidence", "pattern", "absent"),
    *("take", "captures", "check", "value", "prompt_number", "low", "high"),
    *(
        "unit",
        "dimension",
        "unit_check",
        "where",
        "schema",
        "schema_check",
        "of",
        "at_least",
        "at_most",
        "length_check",
    ),
)
FIGURES = ("value", "prompt_number", "low", "high", "at_least", "at_most")
EMPTY: dict[str, Any] = {
    "name": "", "kind": "pattern", "field": "answer", "says": "faulty", "evidence": "", "pattern": "", "absent": False,
    "take": "final", "captures": "", "check": "above", "value": "", "prompt_number": "", "low": "", "high": "",
    "unit": "", "dimension": NO_DIMENSION, "unit_check": "missing", "where": "final", "schema": SCHEMA, "schema_check": "fails",
    "of": "words", "at_least": "", "at_most": "", "length_check": "outside",
}  # fmt: skip


def build() -> tuple[dict[str, Any], dict[str, gr.Column]]:
    """The controls by name, and the group of each kind, of which one is seen."""
    c: dict[str, Any] = {}
    c["kind"] = gr.Radio(choices(KINDS), value="pattern", label=_("Kind"), elem_id="rule-kind")
    c["name"] = gr.Textbox(label=_("Name"), max_length=MAX_NAME, max_lines=1, elem_id="rule-name")
    groups = {kind: gr.Column(visible=kind == "pattern", elem_classes="rule-kind") for _, kind in KINDS}
    with groups["pattern"]:
        c["pattern"] = gr.Textbox(
            label=_("Pattern (RE2)"),
            info=_("Such as (?i)as an ai. Look-around and back-references are not available."),
            max_length=1000,
            max_lines=2,
            elem_id="rule-pattern",
            elem_classes="mono",
        )
        c["absent"] = gr.Checkbox(label=_("Votes where the pattern is not found"), elem_id="rule-absent")
    with groups["number"]:
        _number(c)
    with groups["unit"]:
        _unit(c)
    with groups["json_schema"]:
        c["schema"] = gr.Textbox(
            label=_("JSON schema"),
            value=SCHEMA,
            lines=5,
            max_lines=20,
            max_length=MAX_SCHEMA,
            elem_id="rule-schema",
            elem_classes="mono",
        )
        c["schema_check"] = gr.Radio(
            choices([(N_("does not fit it"), "fails"), (N_("fits it"), "passes")]),
            value="fails",
            label=_("Votes where the text"),
        )
    with groups["length"]:
        _length(c)
    with gr.Row():
        c["field"] = gr.Dropdown(
            choices(FIELDS), value="answer", label=_("Looks at"), min_width=140, elem_id="rule-field"
        )
        c["says"] = gr.Dropdown([], label=_("Then the answer is"), min_width=140, elem_id="rule-says")
    c["evidence"] = gr.Textbox(
        label=_("Why, shown to reviewers"), max_length=MAX_EVIDENCE, max_lines=2, elem_id="rule-evidence"
    )
    return c, groups


def _number(c: dict[str, Any]) -> None:
    with gr.Row():
        c["take"] = gr.Dropdown(choices(TAKES), value="final", label=_("Number"), min_width=170, elem_id="rule-take")
        c["check"] = gr.Dropdown(
            choices(CHECKS), value="above", label=_("Votes where it"), min_width=170, elem_id="rule-comparison"
        )
    c["captures"] = gr.Textbox(
        label=_("Pattern that captures it (RE2)"),
        info=_(r"Its first group, such as total of (\S+)."),
        max_length=1000,
        max_lines=1,
        visible=False,
        elem_classes="mono",
        elem_id="rule-captures",
    )
    with gr.Row():
        c["value"] = _figure(_("Value"), "rule-value", info=_("A fixed number, or"), min_width=170)
        c["prompt_number"] = _figure(
            _("Number of the prompt"), "rule-prompt-number", info=_("1 is its first, -1 its last."), min_width=170
        )
        c["low"] = _figure(_("Lowest"), "rule-low", visible=False)
        c["high"] = _figure(_("Highest"), "rule-high", visible=False)


def _figure(label: str, elem_id: str, **more: Any) -> gr.Textbox:
    """A number that may be left out, as text: Gradio's number field turns an empty one into 0 when it is shown again."""
    return gr.Textbox(label=label, max_length=40, max_lines=1, elem_id=elem_id, **{"min_width": 110, **more})


def _dimensions() -> list[tuple[str, str]]:
    return [(NO_DIMENSION, NO_DIMENSION), *((name, key) for key, name in dimensions().items())]


def _unit(c: dict[str, Any]) -> None:
    with gr.Row():
        c["unit"] = gr.Textbox(
            label=_("Unit"),
            info=_("Such as km, dollars, apples or km/h."),
            max_length=40,
            max_lines=1,
            elem_id="rule-unit",
        )
        c["dimension"] = gr.Dropdown(
            _dimensions(), value=NO_DIMENSION, label=_("or dimension"), info=_("Any unit of it.")
        )
    with gr.Row():
        c["unit_check"] = gr.Radio(
            choices([(N_("missing"), "missing"), (N_("there"), "there")]), value="missing", label=_("Votes where it is")
        )
        c["where"] = gr.Radio(
            choices([(N_("the final answer"), "final"), (N_("any number"), "anywhere")]),
            value="final",
            label=_("Beside"),
        )


def _length(c: dict[str, Any]) -> None:
    with gr.Row():
        c["of"] = gr.Dropdown(choices(COUNTS), value="words", label=_("Counts"), min_width=120)
        c["at_least"] = _figure(_("At least"), "rule-least")
        c["at_most"] = _figure(_("At most"), "rule-most")
    c["length_check"] = gr.Radio(
        [(N_("is outside these bounds"), "outside"), (N_("is within them"), "within")],
        value="outside",
        label=_("Votes where the text"),
    )


def visible(kind: Any, check: Any, take: Any) -> list[Any]:
    """Updates of the five groups and of captures, value, prompt_number, low and high, for what was chosen."""
    ranged, alone = check in RANGES, check in ("whole", "not_whole")
    shown = [take == "pattern", not ranged and not alone, not ranged and not alone, ranged, ranged]
    return [*(gr.update(visible=kind == name) for _, name in KINDS), *(gr.update(visible=one) for one in shown)]


def rule_values(form: Mapping[str, Any]) -> dict[str, Any]:
    """What ``core.signals.rules.spec`` takes. Raises ``ValueError`` on a schema that is not JSON."""
    kind = str(form["kind"])
    return {
        "name": _text(form["name"]),
        "kind": kind,
        "field": str(form["field"]),
        "options": _options(kind, form),
        "says": _text(form["says"]),
        "evidence": _text(form["evidence"]),
    }


def _options(kind: str, form: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "pattern":
        return {"pattern": str(form["pattern"] or ""), **({"absent": True} if form["absent"] else {})}
    if kind == "number":
        check, take = form["check"], form["take"]
        used = (
            ("low", "high")
            if check in RANGES
            else ()
            if check in ("whole", "not_whole")
            else ("value", "prompt_number")
        )
        captures = {"pattern": str(form["captures"] or "")} if take == "pattern" else {}
        return {"take": take, **captures, "check": check, **_given(form, used)}
    if kind == "unit":
        dimension = {} if form["dimension"] in (NO_DIMENSION, None) else {"dimension": form["dimension"]}
        unit = {"unit": _text(form["unit"])} if _text(form["unit"]) else {}
        return {**unit, **dimension, "check": form["unit_check"], "where": form["where"]}
    if kind == "json_schema":
        try:
            schema = json.loads(str(form["schema"] or ""))
        except (ValueError, RecursionError) as problem:
            raise ValueError(f"the schema is not JSON: {problem}") from None
        return {"schema": schema, "check": form["schema_check"]}
    return {"of": form["of"], **_given(form, ("at_least", "at_most")), "check": form["length_check"]}


def form_values(rule: Mapping[str, Any]) -> list[Any]:
    """What the controls hold for a rule, in the order of ``NAMES``."""
    options = rule["options"]
    form = {**EMPTY, **{name: rule[name] for name in ("name", "kind", "field", "says", "evidence")}}
    match rule["kind"]:
        case "pattern":
            form |= options
        case "number":
            form |= {("captures" if name == "pattern" else name): value for name, value in options.items()}
        case "unit":
            form |= {("unit_check" if name == "check" else name): value for name, value in options.items()}
        case "json_schema":
            form |= {"schema": json.dumps(options["schema"], indent=2, ensure_ascii=False)}
            form["schema_check"] = options.get("check", "fails")
        case "length":
            form |= {("length_check" if name == "check" else name): value for name, value in options.items()}
    return [str(form[name]) if name in FIGURES else form[name] for name in NAMES]


def _given(form: Mapping[str, Any], names: Sequence[str]) -> dict[str, int | float]:
    """The numbers that were filled in. Raises ``ValueError`` on what is no number."""
    return {name: _number_of(name, text) for name in names if (text := _text(form[name]))}


def _number_of(name: str, text: str) -> int | float:
    try:
        value = float(text.replace(",", "").replace("\u2212", "-"))
    except ValueError:
        raise ValueError(f"options.{name}: {text!r} is not a number") from None
    return int(value) if value.is_integer() else value


def _text(value: Any) -> str:
    return str(value or "").strip()
