"""The fine-tuned harmonizer on a BERT of two thin layers, made here from a hand-written vocabulary: nothing is downloaded."""

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import encoder_harmonizer as eh
from core.encoder_network import EncoderError
from core.encoder_training import optimiser_of, split

TEXT = "the a box of tea cup tree stone river green is was under near and old new cold warm red blue amber"
WORDS = TEXT.split()
VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "##s"]
RATE = {"learning_rate": 3e-3, "device": "cpu"}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the matrices are tiny
    yield
    torch.set_num_threads(threads)


def make_encoder(folder: Path, **changes: Any) -> Path:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder.mkdir()
    (folder / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", "utf-8")
    BertTokenizer(str(folder / "vocab.txt"), model_max_length=24).save_pretrained(folder)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = BertConfig(vocab_size=len(VOCABULARY), max_position_embeddings=24, **shape | changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("encoders") / "tiny")


@dataclass(frozen=True)
class Planted:
    """Texts, what is true of them (is there amber in it?), and what three sources, each wrong in its own way, say."""

    texts: list[str]
    truth: np.ndarray
    votes: np.ndarray


def planted(n: int, seed: int) -> Planted:
    draw = np.random.default_rng(seed)
    truth = draw.integers(0, 2, n)
    texts = []
    for there in truth:
        words = list(draw.choice(WORDS[:-1], draw.integers(4, 9)))
        if there:
            words[draw.integers(len(words))] = "amber"
        texts.append(" ".join(words))
    columns = []
    for right, silent in ((0.85, 0.2), (0.75, 0.4), (0.7, 0.1)):
        said = np.where(draw.random(n) < right, truth, 1 - truth)
        columns.append(np.where(draw.random(n) < silent, -1, said))
    return Planted(texts, truth, np.stack(columns, axis=1))


SEEN, FRESH = planted(400, 1), planted(200, 2)


@pytest.fixture(scope="module")
def taught(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[eh.EncoderHarmonizer, Path]:
    folder = tmp_path_factory.mktemp("harmonizers") / "v1"
    return eh.fit(SEEN.texts, SEEN.votes, 2, encoder=encoder, folder=folder, epochs=4, **RATE), folder


def test_it_learns_the_rule_that_noisy_sources_hint_at(taught: tuple[eh.EncoderHarmonizer, Path]) -> None:
    shares = taught[0].probabilities(FRESH.texts)
    assert shares.shape == (200, 2) and shares.sum(axis=1) == pytest.approx(1)
    assert (shares.argmax(axis=1) == FRESH.truth).mean() >= 0.9
    assert ((FRESH.votes == FRESH.truth[:, None]).sum(axis=0) / (FRESH.votes >= 0).sum(axis=0) < 0.9).all()


@pytest.mark.parametrize(("scalarizer", "dtype"), [("linear", "float32"), ("square", "bfloat16")])
def test_the_other_ways_learn_too(encoder: Path, tmp_path: Path, scalarizer: Any, dtype: Any) -> None:
    found = eh.fit(
        SEEN.texts, SEEN.votes, 2, encoder=encoder, folder=tmp_path / "h", scalarizer=scalarizer, dtype=dtype, epochs=3, **RATE
    )  # fmt: skip
    assert found.network.mixed == (dtype == "bfloat16")
    assert all(value.dtype.itemsize == 4 for value in found.network.parts.parameters())
    assert (found.probabilities(FRESH.texts).argmax(axis=1) == FRESH.truth).mean() >= 0.9


def held_out_loss(found: eh.EncoderHarmonizer, texts: list[str], votes: np.ndarray, seed: int = 0) -> float:
    """The squared scalarizer on the held-out votes, written anew in numpy."""
    held = split(votes, seed)[1]
    logs = np.log(found.probabilities([texts[place] for place in held]))
    rows = zip(logs, votes[held], strict=True)
    return float(np.mean([(sum(-row[vote] for vote in said if vote >= 0) / 3) ** 2 for row, said in rows]))


def test_training_ends_early_and_the_best_weights_are_kept(encoder: Path, tmp_path: Path) -> None:
    """Votes that mean nothing can only be learnt by heart, so that held-out votes soon get less likely."""
    texts, votes = SEEN.texts[:120], np.random.default_rng(3).integers(0, 2, (120, 3))
    found = eh.fit(texts, votes, 2, encoder=encoder, folder=tmp_path / "h", epochs=40, patience=2, **RATE)
    losses = found.about.losses
    assert len(losses) == found.about.best + 4 < 40
    assert losses[-1] > min(losses) + 1e-4
    assert held_out_loss(found, texts, votes) == pytest.approx(min(losses), rel=1e-5)


def test_what_is_loaded_is_what_was_taught(taught: tuple[eh.EncoderHarmonizer, Path]) -> None:
    import torch

    found, folder = taught
    again = eh.EncoderHarmonizer.load(folder, device="cpu")
    before, after = found.network.parts.state_dict(), again.network.parts.state_dict()
    assert before.keys() == after.keys() and all(torch.equal(before[name], after[name]) for name in before)
    assert again.about == found.about
    assert np.array_equal(found.probabilities(FRESH.texts), again.probabilities(FRESH.texts))
    suffixes = {path.suffix for path in folder.rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".txt", ".safetensors"}
    assert str(folder.parent) not in (folder / eh.ABOUT).read_text()


def test_a_seed_gives_the_same_weights_and_moves_no_other_draws(encoder: Path, tmp_path: Path) -> None:
    import torch

    def once(name: str, seed: int) -> np.ndarray:
        torch.manual_seed(len(name))
        before = torch.get_rng_state()
        found = eh.fit(
            SEEN.texts[:60], SEEN.votes[:60], 2, encoder=encoder, folder=tmp_path / name, epochs=2, seed=seed, **RATE
        )
        assert torch.equal(before, torch.get_rng_state())
        return found.probabilities(FRESH.texts)

    first = once("a", 0)
    assert np.array_equal(first, once("bb", 0)) and not np.array_equal(first, once("c", 1))


def test_entities_tell_what_the_text_alone_cannot(encoder: Path, tmp_path: Path) -> None:
    """The same words twice, with the two entities in either order: only the spans tell the two apart."""
    draw, texts, spans, truth = np.random.default_rng(4), [], [], []
    for number in range(300):
        words = list(draw.choice(WORDS[:-3], 6))
        words[1], words[4] = "red", "blue"
        text = " ".join(words)
        red, blue = ((start := text.index(word), start + len(word)) for word in ("red", "blue"))
        texts.append(text)
        spans.append((red, blue) if number % 2 else (blue, red))
        truth.append(number % 2)
    votes = np.where(draw.random((300, 3)) < 0.85, np.array(truth)[:, None], 1 - np.array(truth)[:, None])
    folder = tmp_path / "h"
    found = eh.fit(
        texts[:200], votes[:200], 2, encoder=encoder, folder=folder, spans=spans[:200], epochs=5, **RATE
    )  # fmt: skip
    assert found.network.parts["head"].weight.shape == (2, 3 * 32)
    shares = eh.EncoderHarmonizer.load(folder, device="cpu").probabilities(texts[200:], spans[200:])
    assert (shares.argmax(axis=1) == truth[200:]).mean() >= 0.9
    with pytest.raises(ValueError, match="give their spans"):
        found.probabilities(texts[:1])
    with pytest.raises(ValueError, match="lies outside"):
        found.probabilities(["red blue"], [((0, 3), (4, 9))])


def test_an_entity_is_the_mean_of_its_tokens(taught: tuple[eh.EncoderHarmonizer, Path]) -> None:
    from dataclasses import replace

    import torch

    network = replace(taught[0].network, entities=2, parts=torch.nn.ModuleDict(dict(taught[0].network.parts.items())))
    network.parts["head"] = torch.nn.Identity()
    texts = ["the red cups", "the " * 22 + "red"]
    rows = network.tokens(texts, [((4, 12), (0, 3)), ((0, 3), (88, 91))])
    assert [row.entities for row in rows] == [((2, 3, 4), (1,)), ((1,), ())]  # [CLS] the red cup ##s; the last is cut
    with torch.inference_mode():
        pooled = network.logits(rows[:1])[0]
        hidden = network.parts["encoder"](torch.tensor([rows[0].ids])).last_hidden_state[0]
        beyond = network.logits(rows)[1]
    expected = torch.cat([hidden[0], hidden[2:5].mean(0), hidden[1]])
    assert torch.allclose(pooled, expected, atol=1e-5)
    assert not beyond[64:].any()


def test_a_text_does_not_depend_on_its_batch(taught: tuple[eh.EncoderHarmonizer, Path]) -> None:
    texts = [*FRESH.texts[:20], "", "unheard-of words", "amber " * 100]
    together = taught[0].probabilities(texts)
    alone = np.concatenate([taught[0].probabilities([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert taught[0].probabilities([]).shape == (0, 2)


def test_weight_decay_reaches_the_optimiser_but_no_bias(taught: tuple[eh.EncoderHarmonizer, Path]) -> None:
    parts = taught[0].network.parts
    decaying, others = optimiser_of(parts, 1e-3, 0.25).param_groups
    assert decaying["weight_decay"] == 0.25 and others["weight_decay"] == 0
    assert all(value.ndim == 1 for value in others["params"])
    assert len(decaying["params"]) + len(others["params"]) == len(list(parts.parameters()))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def another_version(folder: Path) -> None:
    body = json.loads((folder / eh.ABOUT).read_text())
    (folder / eh.ABOUT).write_text(json.dumps(body | {"format": 0}))


DAMAGE: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: flip(folder / "encoder" / "model.safetensors"), "its sha256 differs"),
    (lambda folder: flip(folder / "head.safetensors"), "its sha256 differs"),
    (lambda folder: (folder / "head.safetensors").unlink(), "lacks head.safetensors"),
    (lambda folder: (folder / "encoder" / "adapter_config.json").write_text("{}"), "was not saved with"),
    (lambda folder: (folder / eh.ABOUT).unlink(), "no fine-tuned harmonizer"),
    (lambda folder: (folder / eh.ABOUT).write_text("{"), "is damaged"),
    (lambda folder: (folder / eh.ABOUT).write_text('{"format": 1}'), "is damaged"),
    (another_version, "another version"),
]


@pytest.mark.parametrize(("damage", "says"), DAMAGE)
def test_damaged_folders_are_refused(
    taught: tuple[eh.EncoderHarmonizer, Path], tmp_path: Path, damage: Callable[[Path], object], says: str
) -> None:
    taught[0].save(tmp_path / "h")
    damage(tmp_path / "h")
    with pytest.raises(EncoderError, match=says):
        eh.EncoderHarmonizer.load(tmp_path / "h", device="cpu")


class Enough(Exception):
    pass


@pytest.mark.parametrize("calls", [0, 5, -1])
def test_check_stops_the_work_and_leaves_what_was_there(encoder: Path, tmp_path: Path, calls: int) -> None:
    """At the first question, in the midst of training, and at the last one before the folder is written."""
    asked = 0

    def fit(limit: float) -> eh.EncoderHarmonizer:
        nonlocal asked
        asked = 0

        def check() -> None:
            nonlocal asked
            asked += 1
            if asked > limit:
                raise Enough

        texts, votes = SEEN.texts[:60], SEEN.votes[:60]
        return eh.fit(texts, votes, 2, encoder=encoder, folder=tmp_path / "h", epochs=2, check=check, **RATE)

    first = fit(math.inf).probabilities(FRESH.texts)
    assert asked > 8
    with pytest.raises(Enough):
        fit(calls if calls >= 0 else asked - 1)
    assert [path.name for path in tmp_path.iterdir()] == ["h"]
    assert np.array_equal(eh.EncoderHarmonizer.load(tmp_path / "h", device="cpu").probabilities(FRESH.texts), first)


def test_a_new_one_takes_the_place_of_the_old_one_only_whole(
    taught: tuple[eh.EncoderHarmonizer, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "h"
    (tmp_path / "h.part-killed").mkdir()  # what a killed process leaves
    taught[0].save(folder)
    old = (folder / eh.ABOUT).read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr(eh, "sha256_of", lambda path: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            taught[0].save(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["h"] and (folder / eh.ABOUT).read_bytes() == old
    taught[0].save(folder)
    eh.EncoderHarmonizer.load(folder, device="cpu")
    assert [path.name for path in tmp_path.iterdir()] == ["h"]


def test_a_folder_of_something_else_is_not_replaced(encoder: Path, tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds no harmonizer"):
        eh.fit(SEEN.texts, SEEN.votes, 2, encoder=encoder, folder=tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "mine"


NOTHING = np.full((3, 2), -1)
BAD: list[tuple[np.ndarray, dict[str, Any], str]] = [
    (NOTHING, {}, "two texts with a vote"),
    (NOTHING[:2], {}, "one row per text"),
    (NOTHING.astype(float), {}, "whole numbers"),
    (np.full((3, 2), 2), {}, "a class below 2"),
    (np.zeros((3, 2), int), {"epochs": 0}, "one epoch"),
    (np.zeros((3, 2), int), {"dtype": "float16"}, "not fine-tuned in 'float16'"),
    (np.zeros((3, 2), int), {"spans": [((0, 1),)]}, "spans of 1 texts"),
    (np.zeros((3, 2), int), {"spans": [((0, 1),)] * 2 + [()]}, "0 spans"),
    (np.zeros((3, 2), int), {"learning_rate": 1e30}, "diverged"),
]


@pytest.mark.parametrize(("votes", "options", "says"), BAD)
def test_input_that_teaches_nothing_is_refused(
    encoder: Path, tmp_path: Path, votes: np.ndarray, options: dict[str, Any], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        eh.fit(["tea", "cup", "tree"], votes, 2, encoder=encoder, folder=tmp_path / "h", **{"device": "cpu"} | options)
    assert not any(tmp_path.iterdir())


def as_pickle(folder: Path) -> None:
    """The weights in a form that would have to be unpickled."""
    import torch

    torch.save({}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def with_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "strange", "auto_map": {"AutoConfig": "code.Config", "AutoModel": "code.Model"}}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text("raise SystemExit('code of a model ran')")


def lacking(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.0.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


@pytest.mark.parametrize(("change", "says"), [(as_pickle, "safetensors"), (with_code, "loaded"), (lacking, "lack")])
def test_encoders_that_can_not_be_trusted_are_refused(
    tmp_path: Path, change: Callable[[Path], None], says: str
) -> None:
    folder = make_encoder(tmp_path / "encoder")
    change(folder)
    with pytest.raises(EncoderError, match=says):
        eh.fit(SEEN.texts, SEEN.votes, 2, encoder=folder, folder=tmp_path / "h", device="cpu")
    assert not (tmp_path / "h").exists()


def test_cuda_is_asked_for_in_words_where_there_is_none(encoder: Path, tmp_path: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(EncoderError, match="no CUDA device"):
        eh.fit(SEEN.texts, SEEN.votes, 2, encoder=encoder, folder=tmp_path / "h", device="cuda")


def test_importing_it_loads_no_torch() -> None:
    import subprocess
    import sys

    told = "import sys, core.encoder_harmonizer; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], check=False).returncode == 0
