"""CLIP from a folder: the real classes of transformers at the smallest size, with weights that were never trained."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core.image_encoders import REGISTRY
from core.image_encoders.base import EncoderError
from tests.pictures import scene


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained CLIP: what it says means nothing, the way from pixels and words to vectors is the real one."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    where = tmp_path_factory.mktemp("clip")
    letters = list("abcdefghijklmnopqrstuvwxyz")
    words = [*letters, *(f"{one}</w>" for one in letters), "<|startoftext|>", "<|endoftext|>"]
    (where / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (where / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer(str(where / "vocab.json"), str(where / "merges.txt"), model_max_length=16)
    pictures = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    CLIPProcessor(pictures, tokenizer).save_pretrained(where)
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    ends = {"bos_token_id": len(words) - 2, "eos_token_id": len(words) - 1, "pad_token_id": len(words) - 1}
    config = CLIPConfig(
        text_config={**small, "vocab_size": len(words), "max_position_embeddings": 16, **ends},
        vision_config={**small, "image_size": 32, "patch_size": 16},
        projection_dim=8,
    )
    torch.manual_seed(1)
    CLIPModel(config).save_pretrained(where)
    return where


def test_pictures_and_words_land_in_one_space(folder: Path) -> None:
    encoder = REGISTRY.make("clip", str(folder), device="cpu")
    assert encoder.dim == 8 and "#" in encoder.model_id
    pictures = encoder.embed([scene(1), scene(2), scene(1)])
    words = encoder.embed_words(["a cat", "a dog " * 60])
    assert words is not None and pictures.shape == (3, 8) and words.shape == (2, 8)
    assert np.allclose(np.linalg.norm([*pictures, *words], axis=1), 1, atol=1e-5)
    assert np.allclose(pictures[0], pictures[2], atol=1e-6) and not np.allclose(pictures[0], pictures[1], atol=1e-4)
    assert encoder.embed([]).shape == (0, 8)


def test_what_cannot_be_loaded_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="CORRIGENDA_IMAGE_ENCODER"):
        REGISTRY.make("clip", str(tmp_path), device="cpu")
