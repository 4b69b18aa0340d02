"""Real trainers take the files as they are written: two optimiser steps of TRL's SFT, DPO and KTO, and of a step classifier."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import bundled
from core.exporters import REGISTRY
from core.exporters.containers import SUFFIXES, Container
from core.exporters.masks import IGNORED
from core.exporters.writing import write_export
from tests.core.exporters.records import RICH

pytestmark = [
    pytest.mark.models,
    pytest.mark.filterwarnings("ignore"),  # what the trainer's own libraries warn of is not ours
]
STEPS, LENGTH = 2, 128


@pytest.fixture(scope="module")
def model_path(models_dir: Path) -> str:
    return str(bundled.smollm2(models_dir))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def loaded(name: str, folder: Path, container: Container) -> Any:
    """The rows of a format as ``datasets`` loads its file."""
    from datasets import load_dataset

    path = folder / f"{name}{SUFFIXES[container]}"
    write_export(path, REGISTRY.make(name), RICH, filters={}, licence="", created_at="", container=container)
    kind = "json" if container == "jsonl" else container
    return load_dataset(kind, data_files=str(path), cache_dir=str(folder / "cache"), split="train")


def settings(folder: Path) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "out"),
        "max_steps": STEPS,
        "per_device_train_batch_size": 1,
        "learning_rate": 1e-4,
        "logging_steps": 1,
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "seed": 0,
        "disable_tqdm": True,
        "bf16": False,
        "gradient_checkpointing": False,
    }


def trained(trainer: Any) -> None:
    """Two steps are made, each with a finite loss, and a weight moves."""
    weight = next(p for n, p in trainer.model.named_parameters() if n.endswith("layers.0.self_attn.q_proj.weight"))
    before = weight.detach().clone()
    trainer.train()
    losses = [log["loss"] for log in trainer.state.log_history if "loss" in log]
    assert trainer.state.global_step == STEPS
    assert len(losses) == STEPS and all(math.isfinite(loss) and loss > 0 for loss in losses)
    assert not bool((weight.detach() == before).all())


@pytest.mark.parametrize(("name", "container"), [("sft", "jsonl"), ("dpo", "parquet"), ("kto", "jsonl")])
def test_two_steps_of_trl(name: str, container: Container, model_path: str, tmp_path: Path) -> None:
    import trl
    from transformers import AutoModelForCausalLM, AutoTokenizer

    trainer_of = getattr(trl, f"{name.upper()}Trainer")
    config_of = getattr(trl, f"{name.upper()}Config")
    batch = {"per_device_train_batch_size": 2} if name == "kto" else {}  # KTO's own rule: more than one
    trained(
        trainer_of(
            model=AutoModelForCausalLM.from_pretrained(model_path),
            args=config_of(**{**settings(tmp_path), **batch, "max_length": LENGTH}),
            train_dataset=loaded(name, tmp_path, container),
            processing_class=AutoTokenizer.from_pretrained(model_path),
        )
    )


def test_two_steps_of_a_step_classifier(model_path: str, tmp_path: Path) -> None:
    """PRM rows, each step's label at its last token (TRL has no trainer for them any more)."""
    from datasets import Dataset
    from transformers import (
        AutoModelForTokenClassification,
        AutoTokenizer,
        DataCollatorForTokenClassification,
        Trainer,
        TrainingArguments,
    )

    tokenizer = AutoTokenizer.from_pretrained(model_path)
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

    def labelled(row: dict[str, Any]) -> dict[str, Any]:
        ids = tokenizer(row["prompt"] + "\n")["input_ids"]
        labels = [IGNORED] * len(ids)
        for step, right in zip(row["completions"], row["labels"], strict=True):
            more = tokenizer(step + "\n")["input_ids"]
            ids, labels = ids + more, [*labels, *[IGNORED] * (len(more) - 1), int(right)]
        return {"input_ids": ids[:LENGTH], "labels": labels[:LENGTH], "attention_mask": [1] * min(len(ids), LENGTH)}

    data = Dataset.from_list([labelled(row) for row in loaded("prm_stepwise", tmp_path, "parquet")])
    assert {label for row in data for label in row["labels"]} == {IGNORED, 0, 1}
    trained(
        Trainer(
            model=AutoModelForTokenClassification.from_pretrained(model_path, num_labels=2),
            args=TrainingArguments(**settings(tmp_path)),
            train_dataset=data,
            data_collator=DataCollatorForTokenClassification(tokenizer),
        )
    )
