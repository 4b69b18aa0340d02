"""A worker process from start to a clean end: log, service, models, runner, signals."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Mapping
from types import FrameType

import structlog

from app.settings import Settings
from app.worker import engine
from app.worker.handlers import HANDLERS
from app.worker.models import Models
from app.worker.runner import Handler, Runner
from app.worker.secret import shared_secret
from app.worker.service import ServiceThread, create_service
from store.engine import Database

STOP_SECONDS = 10


def run_worker(settings: Settings, *, models: Models | None = None, handlers: Mapping[str, Handler] = HANDLERS) -> None:
    """Run one worker until SIGTERM or SIGINT. The database must be up to date; the engine's tables are made here if need be."""
    set_up_log(settings)
    os.environ |= {"TOKENIZERS_PARALLELISM": "false", "TQDM_DISABLE": "1"}  # no bars in a log
    engine.prepare(settings.url, settings.worker_threads)
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    db = Database(settings.url)
    models = models or Models(settings, db)
    service = ServiceThread(settings.worker_host, settings.worker_port)
    runner = Runner(settings, db, models, handlers, url=service.url)
    chats = settings.worker_takes != "rest"
    service.start(create_service(db, models, runner.texts, shared_secret(settings), chats=chats))
    runner.start()
    log = structlog.get_logger("worker").bind(worker=runner.id)
    log.info("worker started", service=service.url, threads=settings.worker_threads)
    ended.wait()
    log.info("worker is ending")
    clean = runner.stop(STOP_SECONDS, settings.worker_drain_seconds)
    service.stop()
    log.info("worker ended", clean=clean)
    if not clean:  # a handler is deep in foreign code: its job is another worker's now, and its thread must not hold us
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)
    db.dispose()


def set_up_log(settings: Settings) -> None:
    """Lines on standard error: for people, or JSON. Tracebacks are without local variables: those hold people's texts and keys."""
    last: list[structlog.types.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if settings.log_json
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *last,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
