"""Corrections of texts as edits (papers 12, 13, 38): the stored form of every rewrite, and the shapes in which edits travel."""

from core.edits.diffs import Op, StepChange, step_diff, word_diff
from core.edits.json_form import from_json, to_json
from core.edits.limits import change, limited
from core.edits.m2 import Sentence, read_m2, write_m2
from core.edits.pairs import from_pairs, segments, to_pairs
from core.edits.parsed import Parsed, Problem
from core.edits.places import Place, places, spread
from core.edits.scores import EditScore, score
from core.edits.spans import BadEdits, Edit, Edits, Kind, accepted, apply, extract, target_span
from core.edits.strings import as_target, from_string, from_target, to_string
from core.edits.tokens import tokenize, words
from core.edits.types import EditType, edit_type

__all__ = [
    "BadEdits",
    "Edit",
    "EditScore",
    "EditType",
    "Edits",
    "Kind",
    "Op",
    "Parsed",
    "Place",
    "Problem",
    "Sentence",
    "StepChange",
    "accepted",
    "apply",
    "as_target",
    "change",
    "edit_type",
    "extract",
    "from_json",
    "from_pairs",
    "from_string",
    "from_target",
    "limited",
    "places",
    "read_m2",
    "score",
    "segments",
    "spread",
    "step_diff",
    "target_span",
    "to_json",
    "to_pairs",
    "to_string",
    "tokenize",
    "word_diff",
    "words",
    "write_m2",
]
