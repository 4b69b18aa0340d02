"""Asks the model which of two answers is better, this one or another one of its own, in both orders (RBD, paper 16).

Faulty when the other answer wins in both orders, acceptable when this one does. A verdict that changes with the order says nothing of
the answers: an abstention, with that as its evidence. The chips of the audit (``core.critics.judge_audit``) go with the vote, so
that a person can discount it. The worker asks; a project has the signal only if its settings name it, since it costs two model calls
an answer, and two more where the audit finds something.
"""

from __future__ import annotations

from core.critics.judge_audit import Settled, details
from core.signals.base import REGISTRY, SignalInput
from core.types import Verdict, Vote

THIS, OTHER = "1", "2"  # the answer under judgement is always the first of the pair


@REGISTRY.register("judge")
class JudgeSignal:
    name = "judge"

    def vote(self, x: SignalInput) -> Vote:
        if not x.judgements:
            return Vote(self.name, evidence="There was no other answer to compare with.")
        settled = x.judgements[0]
        verdict, said = _verdict(settled)
        notes = [said, settled.audit.says]
        if settled.before is not None:
            notes.append("It was asked once more because of the audit.")
        evidence = " ".join(note for note in notes if note)
        return Vote(self.name, verdict, evidence=evidence, details=details(settled))


def _verdict(settled: Settled) -> tuple[Verdict | None, str]:
    one = settled.judgement
    rival = f'another answer of the same model ("{_end(one.texts[1])}")'
    if one.verdict == THIS:
        return Verdict.ACCEPTABLE, f"Asked in both orders, the model prefers this answer to {rival}."
    if one.verdict == OTHER:
        return Verdict.FAULTY, f"Asked in both orders, the model prefers {rival}."
    if len(one.verdicts) < 2:
        return None, "The model's verdict could not be read in both orders."
    return None, f"The model's verdict on this answer and {rival} changes with the order in which they stand."


def _end(text: str, length: int = 60) -> str:
    """The end of an answer on one line: where the final answer is."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"…{line[-length:]}"
