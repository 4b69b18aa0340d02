"""Several jobs judge the same outputs at once: each finding is there once, and no job fails."""

from __future__ import annotations

import random

from sqlalchemy import func, select

from core.types import Critique, RiskEstimate, StepLabel, Verdict, Vote
from store import judgements, rules
from store.engine import Database
from store.tables import Critique as CritiqueRow
from store.tables import Output, Risk
from store.tables import Vote as VoteRow
from tests.concurrency.test_claims import together
from tests.factories import scene


def test_jobs_that_judge_the_same_outputs_take_turns(db: Database) -> None:
    with db.write() as session:
        scene(session, n_items=6)
    with db.read() as session:
        ids = list(session.scalars(select(Output.id)))

    def work(n: int) -> None:
        order = random.Random(n).sample(ids, len(ids))
        for _ in range(5):
            with db.write() as session:
                judgements.take_turn(session, order)
                for output_id in order:
                    said = [Vote("agreement", Verdict.FAULTY, evidence=f"job {n}")]
                    rules.save_votes(session, {output_id: said}, ["agreement"])
                    judgements.save(
                        session,
                        output_id,
                        critiques=[Critique(0, "arithmetic", StepLabel.WRONG, "", 1.0)],
                        risk=RiskEstimate(0.5, "vote_share", f"risk-{n}", False, 0),
                    )

    together(work, threads=6)
    with db.read() as session:
        for table in (Risk, VoteRow, CritiqueRow):
            rows = session.execute(select(table.output_id, func.count()).group_by(table.output_id)).all()
            assert dict(rows) == dict.fromkeys(ids, 1)
