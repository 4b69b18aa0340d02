import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import bundled
from core.bundled import Bundled, ModelDamaged, ModelMissing

FOLDER = f"{bundled.SMOLLM2.name}-{bundled.SMOLLM2.sha256[:12]}"

# Stands for the conversion in a process of its own: writes two files, slowly, and leaves a line in a log.
CONVERT = """
import sys, time
from pathlib import Path
from core import bundled
target, seconds = Path(sys.argv[1]), float(sys.argv[2])
def fake_convert(source, part):
    (part / "model.safetensors").write_text("half")
    with (target / "log").open("a") as log:
        log.write("begun\\n")
    time.sleep(seconds)
    (part / "model.safetensors").write_text("whole")
bundled.verified = lambda model: Path("unused")
bundled.convert_gguf = fake_convert
print(bundled.smollm2(target))
"""


@pytest.fixture
def fake_convert(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Replaces the real conversion; lists the folders that it was asked to fill."""
    calls: list[Path] = []

    def convert(source: Path, target: Path) -> None:
        calls.append(target)
        (target / "model.safetensors").write_text("whole")

    monkeypatch.setattr(bundled, "verified", lambda model: Path("unused"))
    monkeypatch.setattr(bundled, "convert_gguf", convert)
    return calls


def start(target: Path, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CONVERT, str(target), str(seconds)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )


@pytest.mark.models
@pytest.mark.parametrize("model", [bundled.SMOLLM2, bundled.MINILM], ids=lambda model: model.name)
def test_the_wheels_files_are_the_published_ones_and_no_package_code_runs(model: Bundled) -> None:
    assert bundled.verified(model).is_file()
    assert model.package not in sys.modules


def test_a_missing_package_says_how_to_install_it() -> None:
    with pytest.raises(ModelMissing, match=r"make env.*requirements-models\.txt"):
        bundled.locate(Bundled("some-model", "no-such-dist", "no_such_package_here", "model.bin", "0" * 64))


def test_an_altered_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "altered_model_package"
    package.mkdir()
    (package / "model.bin").write_text("not what was published")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModelDamaged, match="force-reinstall"):
        bundled.verified(Bundled("altered", "altered", "altered_model_package", "model.bin", "0" * 64))


def test_it_is_converted_once(tmp_path: Path, fake_convert: list[Path]) -> None:
    folder = bundled.smollm2(tmp_path)
    assert bundled.smollm2(tmp_path) == folder
    assert len(fake_convert) == 1
    assert (folder / "model.safetensors").read_text() == "whole"


def test_a_damaged_file_is_made_again(tmp_path: Path, fake_convert: list[Path]) -> None:
    folder = bundled.smollm2(tmp_path)
    (folder / "model.safetensors").write_text("whale")
    assert not bundled.is_whole(folder)
    assert (bundled.smollm2(tmp_path) / "model.safetensors").read_text() == "whole"
    assert len(fake_convert) == 2


@pytest.mark.parametrize("manifest", [None, "no json", "{}", json.dumps({"files": {"gone.bin": "0"}})])
def test_a_folder_without_a_right_manifest_is_not_whole(tmp_path: Path, manifest: str | None) -> None:
    if manifest is not None:
        (tmp_path / bundled.MANIFEST).write_text(manifest)
    assert not bundled.is_whole(tmp_path)


def test_a_failed_conversion_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(source: Path, target: Path) -> None:
        (target / "model.safetensors").write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(bundled, "verified", lambda model: Path("unused"))
    monkeypatch.setattr(bundled, "convert_gguf", convert)
    with pytest.raises(OSError, match="disk full"):
        bundled.smollm2(tmp_path)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_two_processes_convert_once(tmp_path: Path) -> None:
    both = [start(tmp_path, 1.0), start(tmp_path, 1.0)]
    printed = {process.communicate(timeout=60)[0].strip() for process in both}
    assert printed == {str(tmp_path / FOLDER)}
    assert (tmp_path / "log").read_text() == "begun\n"


def test_killed_half_way_is_not_taken_for_whole(tmp_path: Path) -> None:
    first = start(tmp_path, 60.0)
    deadline = time.monotonic() + 30
    while not (tmp_path / "log").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert len(list(tmp_path.glob(f"{FOLDER}.part-*"))) == 1
    assert not (tmp_path / FOLDER).exists()
    start(tmp_path, 0.0).communicate(timeout=60)
    assert (tmp_path / FOLDER / "model.safetensors").read_text() == "whole"
    assert list(tmp_path.glob(f"{FOLDER}.part-*")) == []


@pytest.mark.models
def test_the_converted_weights_are_those_of_the_gguf(models_dir: Path) -> None:
    import numpy as np
    from gguf import GGUFReader, dequantize
    from safetensors.numpy import load_file

    weights = load_file(bundled.smollm2(models_dir) / "model.safetensors")
    tensors = {tensor.name: tensor for tensor in GGUFReader(bundled.locate(bundled.SMOLLM2)).tensors}
    for theirs, ours in {
        "token_embd.weight": "model.embed_tokens.weight",
        "blk.0.ffn_down.weight": "model.layers.0.mlp.down_proj.weight",
        "blk.29.attn_v.weight": "model.layers.29.self_attn.v_proj.weight",
        "output_norm.weight": "model.norm.weight",
    }.items():
        tensor = tensors[theirs]
        assert np.array_equal(weights[ours], dequantize(tensor.data, tensor.tensor_type).reshape(weights[ours].shape))
    query = dequantize(tensors["blk.3.attn_q.weight"].data, tensors["blk.3.attn_q.weight"].tensor_type)
    # llama.cpp interleaves the two halves of each head's rotary dimensions
    unmixed = query.reshape(9, 32, 2, 576).swapaxes(1, 2).reshape(576, 576)
    assert np.array_equal(weights["model.layers.3.self_attn.q_proj.weight"], unmixed)


@pytest.mark.models
def test_tokenizer_and_chat_template_are_kept_without_the_hidden_system_message(models_dir: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(bundled.smollm2(models_dir))
    text = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True
    )
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer(text)["input_ids"][0] == tokenizer.convert_tokens_to_ids("<|im_start|>")
