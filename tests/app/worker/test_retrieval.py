"""Looking lessons up: what is embedded for it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from app.worker.retrieval import plain_text, query_text, vectors_of
from core.types import Question
from tests.app.worker.fakes import FakeEmbedder


def test_prompts_with_quoted_terms_are_embedded_in_the_one_call_for_all() -> None:
    embedder = FakeEmbedder()
    questions = [Question('Spell "Ostrava" in capitals.'), Question("What is left?"), Question("What is left?")]
    made = vectors_of(SimpleNamespace(embedder=embedder), questions)  # type: ignore[arg-type]
    assert embedder.texts == [], "nothing is embedded before it is asked for"
    assert made() is made()
    assert embedder.texts == [query_text(questions[0]), "What is left?", plain_text(questions[0])]
    for place, question in enumerate(questions):
        assert np.array_equal(made().query[place], embedder.embed([query_text(question)])[0])
        assert np.array_equal(made().plain[place], embedder.embed([plain_text(question)])[0])
