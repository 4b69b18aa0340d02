"""The job engine behind a small port: DBOS keeps who runs what durable, our ``job`` row keeps what the work is and how far it got.

The only module that imports ``dbos``. Its tables sit in schema ``dbos`` on PostgreSQL and in the product's own file on SQLite,
so that a job is enqueued in the transaction that creates its row. Only job ids pass through it, as JSON (its default is pickle).
Delivery is at least once: a job that comes twice finds its row taken and does nothing.

Two lanes: what a person waits for never queues behind a batch that already holds every thread. Each is there twice, so that machines
with a GPU can take what asks the language model and leave the rest to others.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions
from dbos._queue import queue_worker_thread
from sqlalchemy import Engine as DatabaseEngine
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session

from app.settings import Takes
from app.worker.bells import Bell
from app.worker.noticing import Notices, tell
from core.types import JobPriority

LOG = structlog.get_logger("worker")
APPLICATION = "corrigenda"
VERSION = "corrigenda-1"  # fixed: the engine's own version changes with the code, and old jobs would then sit for ever
SCHEMA = "dbos"
WORKFLOW = "corrigenda.job"
PEOPLE, WORK, MODEL = "people", "work", "-model"
LANES: Mapping[str, float] = {  # name: seconds between looks while nobody tells of jobs
    PEOPLE: 0.06,
    WORK: 0.15,
    PEOPLE + MODEL: 0.07,
    WORK + MODEL: 0.25,  # its jobs take seconds
}
PEOPLE_THREADS = 16  # threads that wait are cheap, and what waits together shares one batch
KEEP_FINISHED = timedelta(days=7)
_LOCK = 0x636F7272  # PostgreSQL advisory lock of ``prepare``


def prepare(url: str, threads: int = 8) -> None:
    """Create or migrate the engine's tables and lanes; safe when several processes do it at once. Run before any of them starts."""
    _quiet()
    database = create_engine(make_url(url))
    try:
        with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            if database.dialect.name == "postgresql":
                # Polled: a session that waits inside the call holds a snapshot, for which CREATE INDEX CONCURRENTLY waits in turn.
                while not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _LOCK}):
                    time.sleep(0.1)
            else:  # its migration takes SQLite's write lock itself
                connection.exec_driver_sql("PRAGMA busy_timeout=30000")
                connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            DBOS.migrate(url, schema=SCHEMA)
            _register_lanes(url, threads)
    finally:
        database.dispose()  # ends the session and with it the advisory lock


def lane_of(priority: int, asks_model: bool) -> str:
    """Where a job waits."""
    urgent = PEOPLE if priority <= JobPriority.PERSON_WAITING else WORK
    return urgent + (MODEL if asks_model else "")


def lanes_for(takes: Takes) -> list[str]:
    """The lanes that a worker listens to."""
    return [lane for lane in LANES if takes == "all" or lane.endswith(MODEL) == (takes == "model")]


def enqueue(
    session: Session, job_id: int, priority: int, *, asks_model: bool = False, delay_seconds: float = 0
) -> None:
    """Hand a job to the engine in the transaction of ``session``: a rollback takes it back. Lower ``priority`` runs first."""
    lane = lane_of(priority, asks_model)
    options: EnqueueOptions = {
        "workflow_name": WORKFLOW,
        "queue_name": lane,
        "workflow_id": f"job-{job_id}-{lane}-{secrets.token_hex(6)}",
        "app_version": VERSION,
        "priority": priority,
    }
    if delay_seconds > 0:
        options["delay_seconds"] = delay_seconds
    _client(session.get_bind().dialect.name).enqueue_in_transaction(session, options, job_id)
    if delay_seconds <= 0:
        tell(session, lane)


class Engine:
    """Runs jobs in this process. ``run`` is called with a job's id on a thread of its own and must not raise.

    One at a time in a process: the library keeps its state in globals.
    """

    def __init__(self, url: str, executor_id: str, run: Callable[[int], None]) -> None:
        _quiet()
        self._database = _private_engine(url)
        self._stopped = False
        self._bells = {lane: Bell(pace) for lane, pace in LANES.items()}
        self._notices = Notices(url, self._bells)
        self._lookouts: list[threading.Thread] = []
        event.listen(self._database, "checkin", self._close_late)
        config: DBOSConfig = {
            "name": APPLICATION,
            "system_database_engine": self._database,
            "dbos_system_schema": SCHEMA,
            "executor_id": executor_id,
            "application_version": VERSION,
            "serializer": DBOSPortableJSONSerializer(),
            "run_migrations": False,
            "notification_listener_polling_interval_sec": 0.2,  # it sleeps that long when the worker stops
            "log_level": "WARNING",
        }
        self._library = DBOS(config=config)

        # Our own row counts the attempts, so the engine's limit must never end a job behind its back.
        @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=None)
        def job(job_id: int) -> None:
            bells = self._bells_of(DBOS.workflow_id or "")
            for bell in bells:
                bell.begun()
            try:
                run(job_id)
            finally:
                for bell in bells:
                    bell.ended()

    def start(self, takes: Takes = "all") -> None:
        """Begin to take jobs; raises when ``prepare`` has not been run."""
        DBOS.listen_queues([])  # the library's own look-outs know only a clock
        DBOS.launch()
        for lane in lanes_for(takes):
            lookout = threading.Thread(target=self._look_out, args=(lane,), name=f"lane-{lane}", daemon=True)
            self._lookouts.append(lookout)
            lookout.start()
        self._notices.start()

    def _look_out(self, lane: str) -> None:
        """The library's way of taking jobs from a lane, with our bell for its clock. Nothing that fails may end it."""
        bell = self._bells[lane]
        while not bell.is_set():
            try:
                queue = DBOS.retrieve_queue(lane)
                if queue is not None:  # else nobody has registered it yet
                    queue_worker_thread(bell, self._library, queue)
            except Exception:
                LOG.exception("a lane could not be looked into and is tried again", lane=lane)
            bell.wait()

    def _bells_of(self, delivery: str) -> list[Bell]:
        """The bell of the lane that a delivery's name carries; all of them where it carries none."""
        _, _, lane = delivery.rpartition("-")[0].split("-", 2) if delivery.count("-") > 2 else ("", "", "")
        return [self._bells[lane]] if lane in self._bells else list(self._bells.values())

    def take_no_more(self) -> None:
        """Look into no lane any more; what was taken goes on."""
        for bell in self._bells.values():
            bell.set()
        for lookout in self._lookouts:
            lookout.join(10)

    def stop(self, seconds: int) -> None:
        """Take no more jobs and wait up to ``seconds`` for those that run."""
        self.take_no_more()
        self._notices.stop()
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=seconds)
        self._stopped = True
        self._database.dispose()

    def _close_late(self, _connection: object, record: Any) -> None:
        """A thread that was still at work when the pool was closed gives its connection back to nobody."""
        if self._stopped:
            record.invalidate()

    def resume_orphans(self, alive: Collection[str]) -> int:
        """Queue again what executors that are not ``alive`` had taken; the number of those. Harmless when two workers do it at once."""
        taken = DBOS.list_workflows(status="PENDING", name=WORKFLOW, load_input=False, load_output=False)
        orphans: dict[str, list[str]] = {}
        for workflow in taken:
            if workflow.executor_id not in alive and workflow.queue_name is not None:
                orphans.setdefault(workflow.queue_name, []).append(workflow.workflow_id)
        for lane, ids in orphans.items():
            to = lane if lane in LANES else WORK
            DBOS.resume_workflows(ids, queue_name=to)
            self._bells[to].ring()
        return sum(len(ids) for ids in orphans.values())

    def forget_finished(self, limit: int = 1000) -> int:
        """Delete the engine's records of jobs that ended a week ago; our rows stay."""
        old = DBOS.list_workflows(
            status=["SUCCESS", "ERROR", "CANCELLED"],
            name=WORKFLOW,
            end_time=(datetime.now(UTC) - KEEP_FINISHED).isoformat(),
            limit=limit,
            load_input=False,
            load_output=False,
        )
        DBOS.delete_workflows([workflow.workflow_id for workflow in old])
        return len(old)


def _register_lanes(url: str, threads: int) -> None:
    client = DBOSClient(
        system_database_url=url,
        dbos_system_schema=SCHEMA,
        serializer=DBOSPortableJSONSerializer(),
        application_name=APPLICATION,
    )
    try:
        for name, seconds in LANES.items():
            client.register_queue(
                name,
                worker_concurrency=PEOPLE_THREADS if name.startswith(PEOPLE) else threads,
                polling_interval_sec=seconds,
                on_conflict="always_update",
            )
    finally:
        client.destroy()


@lru_cache
def _client(dialect: str) -> DBOSClient:
    """A client that only ever writes through the sessions it is given: the database it names is not opened."""
    return DBOSClient(
        system_database_engine=create_engine(f"{dialect}://"),
        dbos_system_schema=SCHEMA,
        serializer=DBOSPortableJSONSerializer(),
        application_name=APPLICATION,
        lazy=True,
    )


def _private_engine(url: str) -> DatabaseEngine:
    """The engine's own connection pool. On SQLite its writers begin immediately and wait for the lock; WAL makes NORMAL sync safe."""
    if not url.startswith("sqlite"):
        return create_engine(make_url(url), pool_size=12, max_overflow=4, pool_pre_ping=True)
    database = create_engine(url, pool_size=12, max_overflow=4)

    @event.listens_for(database, "connect")
    def settle(connection: Any, _record: object) -> None:
        connection.isolation_level = "IMMEDIATE"
        connection.execute("PRAGMA busy_timeout=30000")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    return database


class _Forward(logging.Handler):
    """Passes what the engine has to say on to our log: its own handler writes to the console."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger("engine").log(record.levelno, "job engine", detail=record.getMessage())


def _quiet() -> None:
    """Give the library's logger our handler before it installs its own; only warnings and worse pass."""
    logger = logging.getLogger("dbos")
    logger.setLevel(logging.WARNING)
    if not any(isinstance(handler, _Forward) for handler in logger.handlers):
        logger.handlers = [_Forward()]
        logger.propagate = False
