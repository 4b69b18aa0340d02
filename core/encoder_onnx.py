"""The sentence encoder by ONNX Runtime, on the CPU: the vectors of torch to 1e-6, in less than half of its time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from core.encoder_graph import IDS, MASK, EncoderGraph

BATCH = 4  # texts of about the same length that go through the graph together; more no longer fit a core's cache


class OnnxEncoder:
    """Thread-safe. ``dim`` is the length of its vectors."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """Raises ``NoGraph`` for another kind of model, ``ImportError`` without ONNX Runtime, ``OSError`` for a missing file."""
        import onnxruntime
        from tokenizers import Tokenizer

        graph = EncoderGraph(folder)
        self.dim = graph.dim
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(graph.window)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        # torch's setting counts here too; threads that wait in a loop would take the time of other processes.
        options.intra_op_num_threads = threads or int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        handed = {name: onnxruntime.OrtValue.ortvalue_from_numpy(array) for name, array in graph.weights.items()}
        options.add_external_initializers(list(handed), list(handed.values()))
        self._session = onnxruntime.InferenceSession(graph.model, options, providers=["CPUExecutionProvider"])

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Unit vectors (n, dim)."""
        # A half of a pair of surrogates, which a program may send, is no text to the tokenizer.
        tokens = [one.ids for one in self._tokenizer.encode_batch_fast([_sound(text) for text in texts])]
        vectors = np.empty((len(texts), self.dim), np.float32)
        order = sorted(range(len(texts)), key=lambda place: len(tokens[place]))
        for start in range(0, len(order), BATCH):
            places = order[start : start + BATCH]
            vectors[places] = self._run([tokens[place] for place in places])
        return vectors

    def _run(self, tokens: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        ids = np.zeros((len(tokens), len(tokens[-1])), np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(tokens):
            ids[row, : len(one)], mask[row, : len(one)] = one, 1
        return np.asarray(self._session.run(None, {IDS: ids, MASK: mask})[0])


def _sound(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
