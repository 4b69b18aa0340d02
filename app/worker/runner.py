"""Runs jobs: hands each to the handler of its kind, keeps its row true, says that this worker lives, and picks up after dead ones."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import getpid
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session

from app.settings import Settings, Takes
from app.worker import engine, jobs
from app.worker.models import Models
from app.worker.payloads import PAYLOADS
from app.worker.place import is_gone, new_worker_id
from app.worker.texts import PartialTexts
from core.generators.base import GeneratorError, Stopped
from store import jobs as rows
from store import webhooks, workers
from store.engine import Database
from store.tables import Job

LOG = structlog.get_logger("worker")
TIDY_SECONDS = 3600.0
TAKES: Mapping[Takes, str] = {"all": "", "model": "; takes what asks the model", "rest": "; takes what asks no model"}


class Cancelled(Exception):
    """Somebody cancelled the job; its handler ends here."""


class Stopping(Exception):
    """This worker is ending; the job goes to another one."""


@dataclass(frozen=True, slots=True)
class Context:
    """What a handler may use. Transactions are short, and no model is called inside one."""

    db: Database
    settings: Settings
    models: Models
    texts: PartialTexts
    job: Job
    _stopping: threading.Event

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Say how far the job is; raises ``Cancelled`` or ``Stopping`` as ``check`` does."""
        with self.db.write() as session:
            rows.progress(session, self.job.id, done, total, message)
        self.check()

    def check(self) -> None:
        """Raises ``Cancelled`` when the job was cancelled or taken over, ``Stopping`` when this worker ends. Ask between steps."""
        if self._stopping.is_set():
            raise Stopping
        if self._lost():
            raise Cancelled

    def should_stop(self) -> bool:
        """``check`` as an answer, for generators."""
        return self._stopping.is_set() or self._lost()

    def _lost(self) -> bool:
        with self.db.read() as session:
            row = rows.get(session, self.job.id)
        return row.cancel_requested or (row.worker_id, row.attempts) != (self.job.worker_id, self.job.attempts)

    def say(self, text: str) -> None:
        """Show what the model has written so far to whoever waits for this job."""
        self.texts.say(self.job.id, text)

    def checkpoint(self, session: Session, state: Mapping[str, Any]) -> None:
        """Keep how far the job is in the transaction of what was done; the next attempt finds it in ``job.result``."""
        if not jobs.holds(session, self.job):
            raise Cancelled
        session.get_one(Job, self.job.id).result = dict(state)

    def enqueue(
        self,
        session: Session,
        kind: str,
        payload: Mapping[str, Any],
        *,
        priority: int | None = None,
        dedupe_key: str | None = None,
        project_id: int | None = None,
    ) -> Job:
        """A job that follows from this one, in the transaction that stores what it follows from; as urgent unless said otherwise."""
        return jobs.enqueue(
            session,
            kind,
            payload,
            priority=priority or self.job.priority,
            dedupe_key=dedupe_key,
            project_id=project_id or self.job.project_id,
            user_id=self.job.created_by,
        )


Handler = Callable[[Context, Any], dict[str, Any]]


class Runner:
    """One worker. ``start`` returns at once; ``stop`` hands back what does not end in time."""

    def __init__(
        self, settings: Settings, db: Database, models: Models, handlers: Mapping[str, Handler], url: str | None = None
    ) -> None:
        self.id = new_worker_id()
        self.texts = PartialTexts()
        self._settings = settings
        self._db = db
        self._models = models
        self._handlers = handlers
        self._url = url
        self._stopping = threading.Event()
        self._draining = threading.Event()
        self._running: Counter[int] = Counter()
        self._counting = threading.Lock()
        self._engine = engine.Engine(settings.url, self.id, self.run_job)
        self._pulse = threading.Thread(target=self._live, name="heartbeat", daemon=True)

    @property
    def running(self) -> set[int]:
        """Ids of the jobs that run here now."""
        with self._counting:
            return set(self._running)

    def start(self) -> None:
        """Say that this worker lives, take over from dead ones, and begin to take jobs."""
        self._beat()
        self._engine.start(self._settings.worker_takes)
        self.rescue()
        self._pulse.start()

    def stop(self, seconds: int = 10, drain_seconds: float = 0) -> bool:
        """Let running jobs go on for ``drain_seconds``, then ask them to end, wait up to ``seconds``, and sign off.

        False when some would not end.
        """
        self._drain(drain_seconds)
        self._stopping.set()
        self._models.stop()
        self._pulse.join()  # it uses the engine
        self._engine.stop(seconds if self.running else 0)
        with self._db.write() as session:
            workers.stop(session, self.id)
        return not self.running

    def _drain(self, seconds: float) -> None:
        """Begin no more jobs; the heartbeat goes on, so that nobody takes this worker for dead."""
        if seconds <= 0:
            return
        self._draining.set()
        self._engine.take_no_more()
        LOG.info("the worker takes no more jobs and lets those that run end", running=len(self.running))
        limit = time.monotonic() + seconds
        while self.running and time.monotonic() < limit:
            time.sleep(0.05)

    def rescue(self) -> None:
        """Queue again what dead workers held: their running jobs, and deliveries they had taken but not begun."""
        dead_after = self._settings.worker_dead_seconds
        with self._db.write() as session:
            for worker in workers.alive(session, dead_after):
                if is_gone(worker.id, worker.pid):
                    workers.stop(session, worker.id)
            again, failed = jobs.rescue(session, dead_after, self.id, self.running)
            alive = {worker.id for worker in workers.alive(session, dead_after)} | {self.id}
        resumed = self._engine.resume_orphans(alive)
        if again or failed or resumed:
            LOG.warning("took over from a dead worker", queued_again=again, failed=failed, deliveries=resumed)

    def run_job(self, job_id: int) -> None:
        """One delivery of the engine, from start to end; never raises."""
        with self._counting:
            self._running[job_id] += 1
        try:
            with structlog.contextvars.bound_contextvars(job_id=job_id):
                job = self._begin(job_id)
                if job is not None:
                    self._attempt(job)
                    self.texts.end(job_id)
        except Exception:  # ``rescue`` finds a row that says "running" and is not
            LOG.exception("the job's row could not be written", job_id=job_id)
        finally:
            with self._counting:
                self._running[job_id] -= 1
                self._running += Counter()  # drops what fell to zero

    def _begin(self, job_id: int) -> Job | None:
        with self._db.write() as session:
            if self._stopping.is_set() or self._draining.is_set():
                jobs.deliver_again(session, job_id)
                return None
            return jobs.begin(session, job_id, self.id, self._settings.worker_dead_seconds)

    def _attempt(self, job: Job) -> None:
        log = LOG.bind(kind=job.kind, attempt=job.attempts)
        begun = time.monotonic()
        context = Context(self._db, self._settings, self._models, self.texts, job, self._stopping)
        try:
            payload = PAYLOADS[job.kind].model_validate(job.payload)
            result = self._handlers[job.kind](context, payload)
        except Cancelled:
            self._end_cancelled(job)
            log.info("job cancelled")
        except (Stopping, Stopped):
            self._end_stopped(context)
            log.info("job stopped")
        except Exception as problem:
            self._end_failed(job, problem, log)
        else:
            with self._db.write() as session:
                jobs.finish(session, job, result)
            log.info("job done", seconds=round(time.monotonic() - begun, 3))

    def _end_cancelled(self, job: Job) -> None:
        with self._db.write() as session:
            jobs.stopped(session, job)

    def _end_stopped(self, context: Context) -> None:
        """A generation was stopped, because the job was cancelled or because this worker ends."""
        if not self._stopping.is_set():
            return self._end_cancelled(context.job)
        with self._db.write() as session:
            jobs.hand_back(session, context.job)

    def _end_failed(self, job: Job, problem: Exception, log: Any) -> None:
        again = is_passing(problem)
        log.warning("job failed", passing=again, exc_info=problem)
        with self._db.write() as session:
            jobs.fail(session, job, readable(problem), retry=again)

    def _live(self) -> None:
        """Beat; look for dead fellows three times within the time after which a silent one is dead."""
        rescued = tidied = time.monotonic()
        while not self._stopping.wait(self._settings.worker_heartbeat_seconds):
            try:
                self._beat()
                self._tell()
                if time.monotonic() - rescued > self._settings.worker_dead_seconds / 3:
                    rescued = time.monotonic()
                    self.rescue()
                if time.monotonic() - tidied > TIDY_SECONDS:
                    tidied = time.monotonic()
                    self._engine.forget_finished()
            except Exception:  # a database that is away for a moment must not end the heartbeat
                LOG.exception("the heartbeat failed and is tried again")

    def _tell(self) -> None:
        """A job for each address that is to be told something now; one that is being told has its job."""
        if rows.TELLING not in self._handlers:
            return
        with self._db.read() as session:
            due = webhooks.due(session)
        for webhook_id in due:
            key = f"{rows.TELLING}:{webhook_id}"
            with self._db.write() as session:
                jobs.enqueue(session, rows.TELLING, {"webhook_id": webhook_id}, dedupe_key=key)

    def _beat(self) -> None:
        note = self._models.note or (f"{len(running)} running" if (running := self.running) else "waiting for work")
        note += TAKES[self._settings.worker_takes] + (
            "; takes no more, because it ends" if self._draining.is_set() else ""
        )
        with self._db.write() as session:
            workers.beat(session, self.id, host=socket.gethostname(), pid=getpid(), url=self._url, note=note)


def is_passing(problem: Exception) -> bool:
    """Whether trying again may help: an overloaded model server, a lost or locked database, a connection that broke."""
    if isinstance(problem, GeneratorError):
        return problem.retryable
    if isinstance(problem, DBAPIError) and problem.connection_invalidated:
        return True
    return isinstance(problem, OperationalError | PoolTimeout | TimeoutError | ConnectionError)


def readable(problem: Exception) -> str:
    """The failure for a page: expected errors speak for themselves, others are named."""
    text = str(problem).strip()
    if isinstance(problem, DBAPIError):
        text = f"The database answered: {problem.orig}"
    elif not isinstance(problem, GeneratorError | ValueError | LookupError | RuntimeError | OSError) or not text:
        text = f"{type(problem).__name__}: {text}"
    return text[:2000]
