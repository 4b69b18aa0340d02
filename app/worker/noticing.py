"""Who tells a worker that a job came: the server's notifications on PostgreSQL, a look at the file's version on SQLite.

Both only save time. A notice that is lost, or a connection through a pooler that drops them, costs a second at most
(``app.worker.bells``); so nothing here may end a worker.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping

import psycopg
import structlog
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from app.worker.bells import Bell

LOG = structlog.get_logger("worker")
CHANNEL = "corrigenda_jobs"
AGAIN = 1.0  # seconds before a connection that broke is made anew
HEARING = 0.5  # seconds: how soon the thread sees that the worker ends
GLANCE = 0.02  # seconds between looks at the version of SQLite's file, which cost a hundredth of a look into the lanes
# Without them a connection that a firewall forgot would look well for hours.
_ALIVE = {"keepalives": "1", "keepalives_idle": "10", "keepalives_interval": "5", "keepalives_count": "3"}
# The second condition is that of the index, which SQLite does not use otherwise.
_WAITS = "SELECT 1 FROM workflow_status WHERE queue_name = ? AND status = 'ENQUEUED' AND status IN ('ENQUEUED', 'PENDING') LIMIT 1"


def tell(session: Session, lane: str) -> None:
    """Tell workers of a job in ``lane`` once ``session`` commits. SQLite's see that the file changed."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_notify(:channel, :lane)"), {"channel": CHANNEL, "lane": lane})


class Notices:
    """A thread that rings the bells of the lanes in which jobs arrive."""

    def __init__(self, url: str, bells: Mapping[str, Bell]) -> None:
        self._url, self._bells = make_url(url), bells
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="notices", daemon=True)

    def start(self) -> None:
        for bell in self._bells.values():
            bell.deaf(AGAIN)  # until the first connection is there
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join(5)

    def _run(self) -> None:
        hear: Callable[[], None] = self._listen if self._url.get_backend_name() == "postgresql" else self._watch
        while not self._ended.is_set():
            try:
                hear()
            except (psycopg.Error, sqlite3.Error, OSError) as problem:
                if not self._ended.is_set():
                    LOG.warning("jobs are looked for, as nobody tells of them for now", why=str(problem).strip())
            for bell in self._bells.values():
                bell.deaf(3 * AGAIN)
            self._ended.wait(AGAIN)

    def _ring(self, lanes: Iterable[str]) -> None:
        for lane in lanes:
            if lane in self._bells:
                self._bells[lane].ring()

    def _listen(self) -> None:
        url = self._url.set(drivername="postgresql").update_query_dict({**_ALIVE, **self._url.query})
        plain = url.render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True, connect_timeout=5) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            self._ring(self._bells)  # what came while nobody listened
            while not self._ended.is_set():
                for notice in connection.notifies(timeout=HEARING):
                    self._ring([notice.payload])

    def _watch(self) -> None:
        """Only a commit of another connection moves the version; which lanes hold jobs is asked then alone."""
        seen = -1
        connection = sqlite3.connect(f"file:{self._url.database}?mode=ro", uri=True, check_same_thread=False)
        try:
            while not self._ended.wait(GLANCE):
                version = connection.execute("PRAGMA data_version").fetchone()[0]
                if version != seen:
                    seen = version
                    self._ring(lane for lane in self._bells if connection.execute(_WAITS, (lane,)).fetchone())
        finally:
            connection.close()
