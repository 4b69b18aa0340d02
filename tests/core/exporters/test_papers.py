"""What the papers ask of their formats, by hand-worked figures and on the public files."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from core import edits as E
from core.answers import final_answer, same
from core.exporters import REGISTRY
from core.exporters.base import ExportAttempt, ExportRecord, ExportRollout
from core.exporters.cct import CctExporter
from core.exporters.critique_refine import takes_a_shortcut
from core.exporters.edit_pairs import cut
from core.exporters.intervention import leaks
from core.exporters.masks import IGNORED, segment, token_labels, train_spans
from core.exporters.revise import ReviseExporter
from core.exporters.sorm import reachable, uses
from core.exporters.stepwise import bare_step, tagged
from core.exporters.thought_template import parse
from core.exporters.trajectories import MARKERS
from core.exporters.two_attempts import TwoAttemptsExporter, shaped
from core.types import CorrectionText, Critique, Question, StepLabel, Verdict
from tests.core.exporters.records import FIXED, GUIDED, RESTARTED, RICH, SOLVED, STEPS, attempt, item

R, W = StepLabel.RIGHT, StepLabel.WRONG


def rows(name: str, *records: ExportRecord) -> list[dict[str, Any]]:
    return list(REGISTRY.make(name).rows(records))


def said(row: dict[str, Any]) -> str:
    text: str = row["completion"][-1]["content"]
    return text


# --- paper 2


def test_cross_dpo_shows_nothing_of_the_wrong_step() -> None:
    for row in rows("cross_dpo", *RICH):
        assert f"Step {row['first_error_step']}:" not in row["prompt"]
        assert STEPS[1] not in row["prompt"] and row["chosen"] != row["rejected"]
    first, *_ = rows("cross_dpo", SOLVED)
    assert first["prompt"].endswith("Step 1: 3 apples cost 6 dollars.\n\n")
    assert first["inspector"] == {"rounds": 2, "passed": True}


def test_thought_templates_parse_whatever_people_wrote() -> None:
    (row,) = rows("thought_template", SOLVED)
    read = parse(said(row))
    assert read["answer"] == "10" and read["generalized"] == "Find the price of one first."
    assert [step["key"] for step in read["steps"]] == ["", "One apple costs 2 dollars, so five cost 10.", ""]
    assert parse(f"{tagged('Step1', 'a </Step1> b <Key>x')}<Generalized>g</Generalized><Answer>1</Answer>")[
        "steps"
    ] == [{"text": "a < /Step1 > b < Key >x", "key": ""}]
    with pytest.raises(ValueError, match="no <Step1>"):
        parse("<Step1>x</Step1>")


# --- paper 3


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_the_share_of_clt_rows_is_kept(share: float) -> None:
    exporter = CctExporter(share)
    got = list(exporter.rows([SOLVED, RESTARTED, GUIDED] * 40))
    clt = sum(row["kind"] == "clt" for row in got)
    assert clt <= share * len(got) + 1e-9
    assert share != 0.4 or (clt == 80 and len(got) == 200)
    for row in got:
        question, first, again = row["prompt"][-3:]
        assert question == again and (first["content"] == said(row)) is (row["kind"] == "clt")
    with pytest.raises(ValueError, match="from 0 to 1"):
        CctExporter(2)


# --- paper 5


@pytest.mark.parametrize("name", ["fix_continue", "fresh_restart"])
def test_trajectories_hold_the_wrong_step_one_turn_and_the_right_end(name: str) -> None:
    by_output = {a.output_id: (r, a) for r in RICH for a in r.attempts}
    for row in rows(name, *RICH):
        record, wrong = by_output[row["corrigenda"]["outputs"][0]]
        text = row["messages"][-1]["content"]
        k = row["first_error_step"]
        assert text.startswith("\n".join(wrong.steps[:k]))  # word for word, the wrong one with them
        assert sum(text.count(marker) for marker in MARKERS) == 1
        end = final_answer(text)
        assert end is None or same(end, record.reference or "")
        if name == "fix_continue":
            assert text.endswith(said(rows("refine_local", record)[0]))


def test_a_trajectory_that_ends_wrong_is_left_out() -> None:
    exporter = REGISTRY.make("fix_continue")
    assert list(exporter.rows([replace(SOLVED, reference="12")])) == []
    assert sum(exporter.dropped.values()) == 1


# --- paper 12


def test_only_the_revised_spans_are_learnt() -> None:
    for row in rows("revise", *RICH):
        spans = [row["result"][a:b] for a, b in row["loss_spans"]]
        assert spans == [one["target"] for one in row["revise"]]
        text = row["draft"]
        for one in row["revise"]:
            assert text.count(one["org"]) == 1 and row["draft"].count(one["org"]) == 1
            text = text.replace(one["org"], one["target"])
        assert text == row["result"]


def test_equal_length_by_any_tokenizer() -> None:
    by_letters = ReviseExporter(len)
    for row in by_letters.rows(RICH):
        assert all(len(one["org"]) == len(one["target"]) for one in row["revise"])
    assert {len(row["revise"]) for row in rows("revise_equal", SOLVED)} == {2}


# --- papers 13 and 38


def test_documents_are_cut_where_no_edit_crosses() -> None:
    lines = [f"Line number {n} of a long text that goes on for a while." for n in range(40)]
    text = "\n".join(lines)
    better = text.replace("number 7", "number seven").replace("while.\nLine number 20", "while; line number 20")
    found = E.extract(text, better)
    spans = cut(text, found)
    assert len(spans) > 2 and "".join(text[a:b] for a, b in spans) == text
    draft = replace(
        attempt(1, steps=tuple(lines), verdict=Verdict.FAULTY), corrections=(CorrectionText(1, "", rewrite=better),)
    )
    got = rows("edit_pairs", item(1, draft))
    got.sort(key=lambda row: row["segment_id"])
    assert "".join(row["source"] for row in got) == text and "".join(row["target"] for row in got) == better
    assert [row["segment_id"] for row in got] == list(range(len(spans)))


def test_cutting_spells_the_text_whatever_the_edits() -> None:
    rng = random.Random(38)
    for _ in range(300):
        source, target = ("".join(rng.choice("ab \n.é中") for _ in range(rng.randrange(60))) for _ in range(2))
        found = E.extract(source, target)
        spans = cut(source, found, most=8)
        assert "".join(source[a:b] for a, b in spans) == source
        draft = ExportAttempt(
            1, 1, source, "m", (), Verdict.FAULTY, corrections=(CorrectionText(1, "", rewrite=target or "x"),)
        )
        got = sorted(rows("edit_pairs", item(1, draft)), key=lambda row: row["segment_id"])
        assert not source.strip() or "".join(row["target"] for row in got) == (target or "x")


def test_a_pair_without_an_index_is_read_and_an_ambiguous_one_refused() -> None:
    exporter = REGISTRY.make("edit_pairs")
    row = {"source": "teh cat", "edits": [{"error": "teh", "correction": "the"}]}
    assert exporter.read(row).attempts[0].corrections[0].rewrite == "the cat"
    with pytest.raises(ValueError, match="stands in 2 places"):
        exporter.read({"source": "teh teh", "edits": row["edits"]})


# --- paper 14


def test_a_critique_has_one_block_per_step_and_the_answer() -> None:
    for name in ("critique_initial", "critique_sft"):
        for row in rows(name, *RICH):
            text = said(row)
            number = int(text.rsplit("\\boxed{", 1)[1].rstrip("}"))
            blocks = text.count("**Step ")
            assert number in (-1, blocks)


def test_critiques_that_people_contradict_are_not_learnt() -> None:
    text = said(rows("critique_sft", SOLVED)[0])
    assert "Five apples cost five more." not in text and "6 + 5 is 11, but a sum is not wanted." in text
    assert "One apple costs 2 dollars, so five cost 10." in text


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "all_rows", "faulty_rows"), [("mr_gsm8k/solutions", 688, 366), ("processbench/gsm8k", 199, 106)]
)
def test_public_solutions_give_critique_rows_with_their_labels(
    shared: Path, name: str, all_rows: int, faulty_rows: int
) -> None:
    """The parts that are here: paper 2 counts 173 wrong ones in another part, paper 14 400 solutions with 207 wrong ones."""
    lines = (shared / f"data/{name}.jsonl").read_bytes().splitlines()
    records = []
    for number, row in enumerate(map(orjson.loads, lines), 1):
        wrong = row["label"] if row["label"] >= 0 else None
        steps = tuple(row["steps"])
        where = wrong if wrong is not None else len(steps) - 1
        words = Critique(where, "a", R if wrong is None else W, "because", 1.0)
        verdict = Verdict.ACCEPTABLE if wrong is None else Verdict.FAULTY
        fix = (CorrectionText(1, "the human reason", step_index=wrong),) if wrong is not None else ()
        made = ExportAttempt(
            number, 1, "\n".join(steps), "m", steps, verdict, wrong, corrections=fix, critiques=(words,)
        )
        records.append(ExportRecord(number, str(number), Question(row["problem"]), (made,)))
    critiques = rows("critique_sft", *records)
    assert len(critiques) == len(records)
    for row, record in zip(critiques, records, strict=True):
        first = record.attempts[0].first_wrong_step
        blocks = len(record.attempts[0].steps) if first is None else first + 1
        assert said(row).count("**Step ") == blocks and said(row).endswith(
            f"\\boxed{{{-1 if first is None else blocks}}}"
        )
    pairs = rows("cross_dpo", *records)
    faulty = [r for r in records if r.attempts[0].first_wrong_step is not None]
    assert len(pairs) == len(faulty)
    for row in pairs:
        k = row["first_error_step"]
        assert row["prompt"].count("\nStep ") == k - 1 and "the human reason" in row["chosen"]
        assert f"\nStep {k}: " not in row["prompt"]
    shepherd = REGISTRY.make("math_shepherd")
    again = [shepherd.read(row) for row in shepherd.rows(records)]
    assert [r.attempts[0].first_wrong_step for r in again] == [r.attempts[0].first_wrong_step for r in records]
    assert (len(records), len(pairs)) == (all_rows, faulty_rows)
    assert all(row["first_error_step"] >= 1 for row in pairs)
    print(f"{name}: {len(critiques)} critique rows, {len(pairs)} pairs at the first wrong step of {len(faulty)}")


@pytest.mark.shared_data
def test_public_math_shepherd_and_llamafactory_rows_are_read(shared: Path) -> None:
    folder = shared / "data/prm_formats"
    exporter = REGISTRY.make("math_shepherd")
    lines = (folder / "math-shepherd.jsonl").read_bytes().splitlines()
    for row in map(orjson.loads, lines):
        record = exporter.read(row)
        (again,) = exporter.rows([record])
        # up to the first wrong step, where ours ends, the texts are the same to the character
        assert row["input"].startswith(again["input"]) and row["label"].startswith(again["label"])
        whole = record.attempts[0]
        assert row["label"].count("+\n") + row["label"].count("-\n") + 1 == len(whole.steps) == len(whole.step_labels)
    ours = {
        "llamafactory_kto_en_demo": rows("kto_llamafactory", *RICH)[0],
        "llamafactory_dpo_en_demo": rows("dpo_llamafactory", *RICH)[0],
        "llamafactory_alpaca_en_demo": rows("sft_llamafactory", *RICH)[0],
    }
    for name, row in ours.items():
        theirs = orjson.loads((folder / f"{name}.jsonl").read_bytes().splitlines()[0])
        assert set(theirs) <= set(row), name
        for column, value in theirs.items():
            assert type(row[column]) is type(value), (name, column)
            if isinstance(value, list):
                assert set(value[0]) == set(row[column][0])
    print(f"{len(lines)} public Math-Shepherd rows read and written again")


# --- paper 15


def test_shaped_rewards_are_the_papers() -> None:
    assert [shaped(a, b) for a, b in ((False, True), (True, True), (True, False), (False, False))] == [11, 1, -10, 0]


def test_on_policy_means_this_very_version() -> None:
    (row,) = rows("two_attempts", RESTARTED)
    assert (row["r1"], row["r2"], row["shaped"], row["on_policy"]) == (0, 1, 11.0, True)
    first, second = RESTARTED.attempts
    for other in (replace(first, origin="imported"), replace(first, model="older")):
        (row,) = rows("two_attempts", replace(RESTARTED, attempts=(other, second)))
        assert row["on_policy"] is False
    assert next(iter(TwoAttemptsExporter("older").rows([RESTARTED])))["on_policy"] is False
    (row,) = rows("two_attempts", replace(RESTARTED, attempts=(first, replace(second, text=first.text + "!"))))
    assert row["collapse"] is True


# --- paper 19


@pytest.mark.parametrize(
    ("content", "answers", "leak"),
    [
        ("So the answer is 10.", ["10"], True),
        ("Divide by 100.", ["10"], False),
        ("Use 10.5 here", ["10"], False),
        ("it is x=10", ["10"], True),
        ("That gives Ten Apples.", ["ten apples"], True),
        ("Anything", [None, "", " . "], False),
    ],
)
def test_leaks(content: str, answers: list[str | None], leak: bool) -> None:
    assert leaks(content, answers) is leak


@pytest.mark.shared_data
def test_interventions_on_public_chains(shared: Path) -> None:
    """Prefix byte for byte at every place, planted answers refused, nothing after the intervention."""
    kept = leaked = mistakes = 0
    for line in (shared / "data/bigbench_mistake").glob("*.jsonl"):
        for number, row in enumerate(map(orjson.loads, line.read_bytes().splitlines())):
            steps, wrong = tuple(row.get("steps", ())), row.get("mistake_index")
            if wrong is None or not steps or wrong >= len(steps):
                continue
            mistakes += 1
            text = "\n\n".join(steps)
            answer = f"answer-{number}"
            for content in ("Look at the order again.", f"It must be {answer}."):
                fixed = "\n\n".join([*steps[:wrong], content, *steps[wrong + 1 :]])
                fix = (CorrectionText(1, "no", rewrite=fixed),)
                made = ExportAttempt(number + 1, 1, text, "m", steps, Verdict.FAULTY, wrong, corrections=fix)
                got = rows("intervention", ExportRecord(1, "x", Question("q"), (made,), answer))
                leaked += not got and answer in content
                for one in got:
                    assert answer not in one["intervention"]
                    place = text.find(steps[wrong], len("\n\n".join(steps[:wrong])))
                    prefix = said(one).removesuffix(one["intervention"])
                    assert text.startswith(prefix) and len(prefix) <= max(place, 0)
                    assert one["train_spans"][-1][1] == len(said(one)) and one["add_eos"] is False
                    kept += 1
    print(f"bigbench_mistake: {kept} interventions, {leaked} planted leaks refused")
    assert (mistakes, kept, leaked) == (
        764,
        764,
        764,
    )  # of the 1,000 chains that are here; paper 19 asks for 1,000 with a mistake


# --- paper 22


def test_pairs_dominate_strictly_in_both() -> None:
    got = rows("orpo", *RICH)
    for row in got:
        (good, high), (bad, low) = row["scores"]["chosen"], row["scores"]["rejected"]
        assert good > bad and high > low
    many = tuple(attempt(n, n, (f"step {n}",), verdict=Verdict.FAULTY, step_labels=(W,)) for n in range(1, 20))
    best = attempt(20, 20, ("right",), verdict=Verdict.ACCEPTABLE, step_labels=(R,))
    assert len(rows("orpo", item(1, *many, best))) == 10


# --- papers 25 and 32


@pytest.mark.parametrize("name", ["draft_to_fix", "draft_to_reference"])
def test_masks_cover_the_answer_and_nothing_else(name: str) -> None:
    for row in rows(name, *RICH):
        whole = "".join(one["text"] for one in row["segments"])
        assert [whole[a:b] for a, b in row["train_spans"]] == [said(row)]
        assert [one["text"] for one in row["segments"][:-1]] == [m["content"] for m in row["prompt"]]


def test_token_labels_follow_the_spans() -> None:
    pieces = [segment("ab", False), segment("cd", True), segment("", True), segment("e", False)]
    assert train_spans(pieces) == [[2, 4]]
    offsets = [(0, 0), (0, 2), (2, 3), (3, 5)]  # a special token first, and a last one that reaches over the end
    assert token_labels([9, 1, 2, 3], offsets, train_spans(pieces)) == [IGNORED, IGNORED, 2, 3]


@pytest.mark.models
def test_masks_with_a_real_tokenizer(models_dir: Path) -> None:
    from transformers import AutoTokenizer

    from core.bundled import smollm2

    tokenizer = AutoTokenizer.from_pretrained(smollm2(models_dir))
    for row in rows("draft_to_fix", *RICH):
        whole = "".join(one["text"] for one in row["segments"])
        made = tokenizer(whole, return_offsets_mapping=True, add_special_tokens=False)
        labels = token_labels(made["input_ids"], made["offset_mapping"], row["train_spans"])
        learnt = tokenizer.decode([token for token in labels if token != IGNORED])
        assert learnt == said(row) or said(row).endswith(learnt.lstrip())


# --- paper 40


def test_the_guard_against_shortcuts() -> None:
    draft = "2 * 3 = 6, 6 / 3 = 2, so 2 * 5 is 10 and not 9."
    assert takes_a_shortcut("The answer is 10.", draft, "1 2 3 4 5")
    assert takes_a_shortcut("The answer is 10.", draft) and not takes_a_shortcut("2 and 5 make 10.", draft, "10")
    assert not takes_a_shortcut(FIXED, "\n".join(STEPS), "\n".join(STEPS))
    exporter = REGISTRY.make("critique_refine")
    short = replace(SOLVED.attempts[0], text=draft, corrections=(CorrectionText(1, "no", rewrite="10."),))
    assert list(exporter.rows([item(1, short)])) == [] and sum(exporter.dropped.values()) == 1


@pytest.mark.shared_data
def test_the_guard_passes_real_revisions(shared: Path) -> None:
    lines = (shared / "data/mathcritique/gsm8k_critique_revision.jsonl").read_bytes().splitlines()
    found = [orjson.loads(line) for line in lines]
    passed = sum(not takes_a_shortcut(row["revision"], row["draft"]) for row in found)
    print(f"mathcritique: the guard passes {passed} of {len(found)} real revisions")
    assert passed >= 0.95 * len(found)


# --- paper 45


def rolled(*outcomes: tuple[int, bool], steps: tuple[str, ...] = ("a", "b", "c")) -> ExportAttempt:
    return attempt(1, steps=steps, rollouts=tuple(ExportRollout(k, "so", ok) for k, ok in outcomes))


def test_reachable_prefixes_make_shorter_ones_reachable() -> None:
    got = reachable(rolled((0, False), (1, False), (1, False), (2, True), (3, False)))
    assert [(one["k"], one["n"], one["n_success"], one["label"]) for one in got] == [
        (0, 1, 0, 1),
        (1, 2, 0, 1),
        (2, 1, 1, 1),
        (3, 1, 0, 0),
    ]
    assert reachable(rolled((7, True))) == []  # beyond the answer


def test_a_trace_must_use_the_results() -> None:
    assert uses(["2 + 3 = 5"], "5 * 2 = 10") and not uses(["2 + 3 = 5"], "so 10")
    assert uses(["2 + 3 = 5", "5 * 4 = 20"], "20 it is")  # 5 is used by the second step
    ignoring = attempt(1, steps=("2 + 3 = 5",), rollouts=(ExportRollout(1, "It is 10.", True),))
    assert reachable(ignoring)[0]["label"] == 0


def test_labels_are_balanced_per_length() -> None:
    rng = random.Random(45)
    many = [item(n, rolled(*((rng.randrange(3), rng.random() < 0.3) for _ in range(3)))) for n in range(200)]
    got = rows("sorm", *many)
    counts = Counter((row["k"], row["label"]) for row in got)
    assert len(got) > 100
    assert all(abs(counts[k, 0] - counts[k, 1]) <= 1 for k in range(3))


def test_bad_stands_before_the_first_wrong_step() -> None:
    row = rows("refine_local", SOLVED)[0]
    marked = row["prompt"][-2]["content"]
    assert marked == f"{STEPS[0]}\n[BAD] {STEPS[1]}\n{STEPS[2]}"
    assert STEPS[0] + "\n" + said(row) == FIXED
    without = replace(SOLVED.attempts[0], corrections=())
    assert said(rows("refine_local", item(1, without))[0]) == SOLVED.attempts[0].rollouts[0].text


@pytest.mark.shared_data
def test_global_pairs_of_public_solutions(shared: Path) -> None:
    folder = shared / "data/gsm8k_solutions"
    by_question: dict[Any, list[ExportAttempt]] = {}
    wrong_and_right = 0
    for row in map(orjson.loads, (folder / "solutions_6b.jsonl").read_bytes().splitlines()):
        verdict = Verdict.ACCEPTABLE if row["is_correct"] else Verdict.FAULTY
        known = by_question.setdefault(row["question_id"], [])
        known.append(ExportAttempt(len(known) + 1, len(known) + 1, row["solution"], row["model"], (), verdict))
    for known in by_question.values():
        verdicts = [a.verdict for a in known]
        if Verdict.ACCEPTABLE in verdicts:
            wrong_and_right += verdicts.count(Verdict.FAULTY)
    records = [ExportRecord(n, str(q), Question("q"), tuple(known)) for n, (q, known) in enumerate(by_question.items())]
    got = rows("refine_global", *records)
    print(f"gsm8k_solutions: {len(got)} wrong and right pairs of {len(records)} questions")
    # Two of the four models, 637 of the 1,319 questions: of these 185 have one right and one wrong. Paper 45 counts 2,429 on all.
    assert (len(by_question), len(got), wrong_and_right) == (637, 185, 185)


def test_a_step_is_not_numbered_twice() -> None:
    assert bare_step("Step 3: So it is.") == "So it is." and bare_step("Stepwise") == "Stepwise"
    assert rows("prm_chat", item(1, attempt(1, steps=("Step 1: a", "b"), verdict=Verdict.ACCEPTABLE)))[0]["messages"][
        0
    ]["content"].endswith("\n\nStep 1: a")
