"""The card of a data set: what is in it, where it came from, who judged it, what was left out, and what may be done with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.exporters.base import Exporter
from core.exporters.writing import Manifest

_SIZES = ((1000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_LLAMAFACTORY: dict[str, Mapping[str, object]] = {
    "sft_llamafactory": {
        "columns": {"prompt": "instruction", "query": "input", "response": "output", "system": "system"}
    },
    "dpo_llamafactory": {
        "formatting": "sharegpt",
        "ranking": True,
        "columns": {"messages": "conversations", "chosen": "chosen", "rejected": "rejected", "system": "system"},
    },
    "kto_llamafactory": {
        "formatting": "sharegpt",
        "columns": {"messages": "messages", "kto_tag": "label"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "system_tag": "system",
        },
    },
}


@dataclass(frozen=True, slots=True)
class Annotator:
    """One person, without a name: how many reviews, the median of the seconds they took, and the verdicts."""

    number: int
    reviews: int
    seconds: float | None
    verdicts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class People:
    """Everybody who judged, and on how many of the pairs of judgements of one output two people agree."""

    annotators: tuple[Annotator, ...] = ()
    pairs: int = 0
    agreed: int = 0


@dataclass(frozen=True, slots=True)
class Source:
    """What a card says besides the manifest."""

    project: str
    people: People = field(default_factory=People)
    summary: str = ""  # of the format
    dropped: Mapping[str, int] = field(default_factory=dict)
    gate: Mapping[str, Any] | None = None  # what the quality gate says of itself
    rewards: str = ""  # what adjusted rewards are adjusted for, and what is not claimed


def card(manifest: Manifest, exporter: Exporter, source: Source, data_file: str) -> str:
    """README.md of the data set, with the head that ``datasets`` reads to find the file."""
    return "\n".join(
        [
            *_head(manifest, source.project, data_file),
            f"# {_line(source.project)}: {exporter.title}",
            "",
            source.summary,
            "",
            *_facts(manifest),
            "",
            *_people(source.people),
            "",
            *_gate(manifest, source.gate),
            *_rewards(source.rewards),
            *_dropped(source.dropped),
            *_use(manifest, data_file),
        ]
    )


def _head(manifest: Manifest, project: str, data_file: str) -> list[str]:
    size = next((name for most, name in _SIZES if manifest.rows < most), "1M<n<10M")
    return [
        "---",
        f"pretty_name: {json.dumps(f'{_line(project)} ({manifest.format})')}",
        "license: other",
        f"license_name: {json.dumps(_line(manifest.licence) or 'not stated')}",
        f"size_categories: [{json.dumps(size)}]",
        "tags: [corrigenda, human-feedback]",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        f"    path: {data_file}",
        "---",
        "",
    ]


def _facts(manifest: Manifest) -> list[str]:
    named = ((name, value) for name, value in sorted(manifest.filters.items()) if value and name != "quality")
    filters = ", ".join(f"{name}: {value}" for name, value in named) or "none"
    rows = [
        ("rows", f"{manifest.rows:,}"),
        ("format", f"`{manifest.format}`, schema version {manifest.schema_version}"),
        ("filters", _line(filters)),
        ("licence", _line(manifest.licence) or "not stated: ask the project's owner before you pass this on"),
        ("SHA-256 of the file", f"`{manifest.sha256}`"),
        ("SHA-256 of the rows", f"`{manifest.rows_sha256 or manifest.sha256}`"),
        ("asked for at", manifest.created_at),
    ]
    return ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows)]


def _people(people: People) -> list[str]:
    lines = ["## Who judged", ""]
    if not people.annotators:
        return [*lines, "No reviews; the rows come from corrections alone."]
    lines += ["| annotator | reviews | median seconds | verdicts |", "|---|---|---|---|"]
    for one in people.annotators:
        verdicts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in one.verdicts.items())
        lines.append(f"| {one.number} | {one.reviews} | {'-' if one.seconds is None else one.seconds} | {verdicts} |")
    share = (
        f"{people.agreed / people.pairs:.2f} of {people.pairs} pairs"
        if people.pairs
        else "nobody judged the same output"
    )
    return [*lines, "", f"Agreement on the verdict: {share}."]


def _gate(manifest: Manifest, gate: Mapping[str, Any] | None) -> list[str]:
    """The rule with its version and options, and the means of the indicators, which a training run is recorded with."""
    if gate is None:
        return []
    lines = ["## Quality gate", "", f"{gate['kept']} of {gate['rows']} items went in."]
    if gate["rule"]:
        lines.append(f"They were ranked by the rule `{_line(gate['rule'])}`{_fitted(gate)}.")
    options = {name: value for name, value in manifest.filters.get("quality", {}).items() if name != "rule"}
    lines += [
        "",
        "| option | value |",
        "|---|---|",
        *(f"| {k} | {_line(str(v))} |" for k, v in sorted(options.items())),
    ]
    lines += ["", "| indicator | mean |", "|---|---|", *(f"| {k} | {v:.4g} |" for k, v in gate["means"].items()), ""]
    return lines


def _rewards(said: str) -> list[str]:
    if not said:
        return []
    keys = "`corrigenda.reward` has the `raw` and the `adjusted` score of each output where people judged it."
    return ["## Rewards", "", f"{keys} {_line(said)}", ""]


def _fitted(gate: Mapping[str, Any]) -> str:
    if "runs" not in gate:
        return ", which was not fitted to training runs" if gate["rule"] == "default-1" else ""
    return f", fitted to {gate['runs']} training runs (R2, each left out: {gate['r2']:.2f})"


def _dropped(dropped: Mapping[str, int]) -> list[str]:
    if not dropped:
        return []
    return ["## Left out", "", *(f"- {count}: {why}" for why, count in sorted(dropped.items())), ""]


def _use(manifest: Manifest, data_file: str) -> list[str]:
    lines = [
        "## Loading",
        "",
        "```python",
        "from datasets import load_dataset",
        'rows = load_dataset(".", split="train")',
        "```",
    ]
    if manifest.format in _LLAMAFACTORY:
        about = {manifest.format: {"file_name": data_file, **_LLAMAFACTORY[manifest.format]}}
        lines += ["", "For LLaMA-Factory, in `dataset_info.json`:", "", "```json", json.dumps(about, indent=2), "```"]
    return [*lines, ""]


def _line(text: str) -> str:
    """One line that cannot end a table cell or the head."""
    return " ".join(text.split()).replace("|", "\\|").replace("`", "'")
