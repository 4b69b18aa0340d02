"""Telling a worker that is gone from one that only says nothing."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from app.worker import place


def test_a_process_that_ended_here_is_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    here = place.new_worker_id().rsplit("-", 3)
    assert place.is_gone("-".join([here[0], here[1], str(child.pid), "abc123"]), child.pid)


def test_this_process_is_not_gone() -> None:
    assert not place.is_gone(place.new_worker_id(), os.getpid())


@pytest.mark.parametrize("worker_id", ["elsewhere-0123456789-999999-abc123", "odd", "a-b-c"])
def test_nothing_is_known_of_other_machines(worker_id: str) -> None:
    assert not place.is_gone(worker_id, 999_999)


def test_ids_are_new_each_time_and_fit_their_column() -> None:
    made = {place.new_worker_id() for _ in range(50)}
    assert len(made) == 50 and all(len(one) <= 80 for one in made)
