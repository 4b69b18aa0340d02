"""A BERT sentence encoder as an ONNX graph, made from the weights of its folder in a tenth of a second.

Only standard operators (opset 20) are used: embeddings, post-norm transformer layers, mean over the tokens, unit length (Devlin et al.
2019; Reimers and Gurevych 2019). The graph holds the shapes alone. The weights stay beside it, as ``weights``, and are handed to the
session; so nothing is written to the disk that could be half made, damaged or of another model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
OPSET, IR_VERSION = 20, 10
IDS, MASK, VECTORS = "ids", "mask", "vectors"  # inputs (b, n) as int64, output (b, dim) as float32
MASKED = np.float32(-1e9)  # added to the attention of a token that is there for length only
LARGE = 1024  # bytes from which an array is handed over beside the graph
LAYOUT = ["Transformer", "Pooling", "Normalize"]


class NoGraph(RuntimeError):
    """The folder's model is not one that is known here; the message says what it is."""


class EncoderGraph:
    """``model`` is the serialised graph, ``weights`` its large arrays by name, ``dim`` a vector's length, ``window`` its tokens."""

    def __init__(self, folder: Path) -> None:
        """Raises ``NoGraph``, and ``OSError`` where a file is missing."""
        from safetensors.numpy import load_file

        config, self.window = _known(folder)
        self.dim: int = config["hidden_size"]
        self.weights: dict[str, Array] = {}
        self._heads: int = config["num_attention_heads"]
        self._epsilon: float = config["layer_norm_eps"]
        self._given = load_file(folder / "model.safetensors")
        self._nodes: list[Any] = []
        self._small: dict[str, Array] = {}
        try:
            self._body(config["num_hidden_layers"])
        except KeyError as missing:
            raise NoGraph(f"its weights have no {missing}") from missing
        self.model = self._serialised()
        del self._given, self._nodes, self._small

    def _body(self, layers: int) -> None:
        length = self._op("Shape", IDS, start=1, end=2)
        mask = self._op("Cast", MASK, to=1)  # to float
        x = self._embedded(length)
        unseen = self._op("Mul", self._op("Sub", self._kept("one", np.float32(1)), mask), self._kept("masked", MASKED))
        unseen = self._op("Unsqueeze", unseen, self._kept("middle", np.array([1, 2])))
        for number in range(layers):
            x = self._layer(x, unseen, f"encoder.layer.{number}.")
        second = self._kept("second", np.array([1]))
        summed = self._op("Squeeze", self._op("MatMul", self._op("Unsqueeze", mask, second), x), second)
        self._op("LpNormalization", summed, out=VECTORS, axis=-1, p=2)  # unit length: the mean's divisor falls out

    def _embedded(self, length: str) -> str:
        given = self._given
        places = given["embeddings.position_embeddings.weight"] + given["embeddings.token_type_embeddings.weight"][0]
        words = self._op("Gather", self._kept("words", given["embeddings.word_embeddings.weight"]), IDS)
        place = self._op("Slice", self._kept("places", places), self._kept("first", np.array([0])), length)
        return self._norm(self._op("Add", words, place), "embeddings.LayerNorm")

    def _layer(self, x: str, unseen: str, at: str) -> str:
        attended = self._linear(self._attention(x, unseen, f"{at}attention.self."), f"{at}attention.output.dense")
        x = self._norm(self._op("Add", attended, x), f"{at}attention.output.LayerNorm")
        inner = self._op("Gelu", self._linear(x, f"{at}intermediate.dense"))
        return self._norm(self._op("Add", self._linear(inner, f"{at}output.dense"), x), f"{at}output.LayerNorm")

    def _attention(self, x: str, unseen: str, at: str) -> str:
        size = self.dim // self._heads
        apart = self._kept("apart", np.array([0, 0, self._heads, size]))
        query, key, value = (
            self._op("Transpose", self._op("Reshape", self._linear(x, at + name), apart), perm=order)
            for name, order in (("query", [0, 2, 1, 3]), ("key", [0, 2, 3, 1]), ("value", [0, 2, 1, 3]))
        )
        scores = self._op("Mul", self._op("MatMul", query, key), self._kept("scale", np.float32(size**-0.5)))
        weights = self._op("Softmax", self._op("Add", scores, unseen), axis=-1)
        mixed = self._op("Transpose", self._op("MatMul", weights, value), perm=[0, 2, 1, 3])
        return self._op("Reshape", mixed, self._kept("together", np.array([0, 0, self.dim])))

    def _linear(self, x: str, name: str) -> str:
        weight = self._kept(f"{name}.weight", self._given[f"{name}.weight"].T)
        return self._op("Add", self._op("MatMul", x, weight), self._kept(f"{name}.bias", self._given[f"{name}.bias"]))

    def _norm(self, x: str, name: str) -> str:
        scale, bias = (self._kept(f"{name}.{part}", self._given[f"{name}.{part}"]) for part in ("weight", "bias"))
        return self._op("LayerNormalization", x, scale, bias, axis=-1, epsilon=self._epsilon)

    def _op(self, kind: str, *inputs: str, out: str = "", **attributes: Any) -> str:
        """A further node; returns the name of what comes out."""
        from onnx.helper import make_node

        out = out or f"node{len(self._nodes)}"
        self._nodes.append(make_node(kind, list(inputs), [out], **attributes))
        return out

    def _kept(self, name: str, value: Any) -> str:
        array = np.ascontiguousarray(value) if np.ndim(value) else np.asarray(value)
        (self.weights if array.nbytes >= LARGE else self._small)[name] = array
        return name

    def _serialised(self) -> bytes:
        from onnx import TensorProto, helper, numpy_helper

        held = [numpy_helper.from_array(array, name) for name, array in self._small.items()]
        for name, array in self.weights.items():
            kind = helper.np_dtype_to_tensor_dtype(array.dtype)
            beside = TensorProto(name=name, dims=array.shape, data_type=kind, data_location=TensorProto.EXTERNAL)
            beside.external_data.add(key="location", value="handed over")
            held.append(beside)
        inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["b", "n"]) for name in (IDS, MASK)]
        output = helper.make_tensor_value_info(VECTORS, TensorProto.FLOAT, ["b", self.dim])
        graph = helper.make_graph(self._nodes, "sentence encoder", inputs, [output], held)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION).SerializeToString()  # type: ignore[no-any-return, unused-ignore]


def _known(folder: Path) -> tuple[dict[str, Any], int]:
    """The encoder's configuration and its window. ``NoGraph`` for whatever would be computed in another way."""
    config, modules, reading, pooling = (
        json.loads((folder / name).read_text("utf-8"))
        for name in ("config.json", "modules.json", "sentence_bert_config.json", "1_Pooling/config.json")
    )
    parts = [module["type"].rpartition(".")[2] for module in modules]
    wanted = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}
    usual = {"position_embedding_type": "absolute", "is_decoder": False} | config
    other = [f"{name} {usual.get(name)}" for name, value in wanted.items() if usual.get(name) != value]
    means = [name for name, on in pooling.items() if name.startswith("pooling_mode_") and on]
    if parts != LAYOUT or other or means != ["pooling_mode_mean_tokens"] or reading.get("do_lower_case"):
        told = [*other, f"modules {parts}", f"pooling {means}"]
        raise NoGraph(f"it is no BERT encoder with mean pooling and unit vectors ({', '.join(told)})")
    return config, int(reading["max_seq_length"])
