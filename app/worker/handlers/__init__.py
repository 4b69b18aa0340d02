"""What a worker can do: one module per kind of job, each a function of the context and the payload that returns the job's result."""

from __future__ import annotations

from collections.abc import Mapping

from app.worker.handlers.analyse import analyse
from app.worker.handlers.distil import distil
from app.worker.handlers.embed import embed
from app.worker.handlers.exporting import export
from app.worker.handlers.fit_critic import fit_critic
from app.worker.handlers.fit_drivers import fit_drivers
from app.worker.handlers.fit_evidence import fit_evidence
from app.worker.handlers.fit_relevance import fit_relevance
from app.worker.handlers.fit_risk import fit_risk
from app.worker.handlers.fit_sufficiency import fit_sufficiency
from app.worker.handlers.generate import generate
from app.worker.handlers.importing import import_file
from app.worker.handlers.importing_lessons import import_lessons
from app.worker.handlers.map_lessons import map_lessons
from app.worker.handlers.order_queue import order_queue
from app.worker.handlers.probe_lessons import probe_lessons
from app.worker.handlers.reask import reask
from app.worker.handlers.redistil import redistil
from app.worker.handlers.retrieve import retrieve
from app.worker.handlers.retry import retry
from app.worker.handlers.revote import revote
from app.worker.handlers.rollouts import sample_rollouts
from app.worker.handlers.score_rows import score_rows
from app.worker.handlers.try_lessons import try_lessons
from app.worker.handlers.unlearn import unlearn
from app.worker.handlers.webhook import send
from app.worker.runner import Handler

HANDLERS: Mapping[str, Handler] = {
    "generate": generate,
    "analyse": analyse,
    "revote": revote,
    "retry": retry,
    "reask": reask,
    "distil": distil,
    "redistil": redistil,
    "unlearn": unlearn,
    "embed": embed,
    "map_lessons": map_lessons,
    "rollouts": sample_rollouts,
    "order_queue": order_queue,
    "fit_risk": fit_risk,
    "fit_evidence": fit_evidence,
    "fit_critic": fit_critic,
    "fit_relevance": fit_relevance,
    "fit_sufficiency": fit_sufficiency,
    "probe_lessons": probe_lessons,
    "try_lessons": try_lessons,
    "retrieve": retrieve,
    "import": import_file,
    "import_lessons": import_lessons,
    "export": export,
    "score_rows": score_rows,
    "fit_drivers": fit_drivers,
    "webhook": send,
}
