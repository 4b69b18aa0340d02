"""The local backend with the bundled model: against the library's own generation and against whole sequences."""

import threading
from pathlib import Path
from typing import Any

import pytest

from core.generators import REGISTRY
from core.generators.base import (
    Capability,
    Generation,
    GenerationRequest,
    GeneratorError,
    Message,
    ReadRequest,
    ScoreRequest,
    Stopped,
)

pytestmark = pytest.mark.models

QUESTIONS = (
    "What is 12 * 7? Think step by step.",
    "Name a fruit.",
    "A train leaves at 3 pm and travels 120 km at 60 km per hour. A second one leaves an hour later. When does each arrive?",
    "Translate 'good morning' into French and Japanese.",
    "Write one sentence about the sea.",
)

NEW = 10  # tokens


def ask(text: str, **options: Any) -> GenerationRequest:
    return GenerationRequest((Message("user", text),), **({"max_new_tokens": NEW} | options))


def whole_sequence(generator: Any, prompt: str, continuation_ids: list[int]) -> tuple[list[float], list[float]]:
    """Log-prob and entropy at each continuation token, by one pass over everything."""
    import torch

    ids = generator._tokenizer(prompt, add_special_tokens=False)["input_ids"]
    with torch.inference_mode():
        logits = generator._model(input_ids=torch.tensor([ids + continuation_ids])).logits[0].float()
    logprobs = logits.log_softmax(-1)[len(ids) - 1 : -1]
    entropy = -(logprobs.exp() * logprobs).sum(-1)
    return [float(logprobs[i, token]) for i, token in enumerate(continuation_ids)], entropy.tolist()


def test_greedy_batches_are_those_of_the_library(generator: Any) -> None:
    from transformers import GenerationConfig

    ours = generator.generate([ask(text) for text in QUESTIONS])
    tokenizer, model = generator._tokenizer, generator._model
    for question, generation in zip(QUESTIONS, ours, strict=True):
        prompt = generator.prompt_text((Message("user", question),))
        encoded = tokenizer(prompt, return_tensors="pt", add_special_tokens=False)
        config = GenerationConfig(do_sample=False, max_new_tokens=NEW, eos_token_id=2, pad_token_id=2)
        out = model.generate(**encoded, generation_config=config)[0, encoded.input_ids.shape[1] :]
        assert generation.text == tokenizer.decode(out, skip_special_tokens=True).strip()
        assert generation.prompt_tokens == encoded.input_ids.shape[1]
        assert generation.completion_tokens == len([i for i in out.tolist() if i != 2])
        assert generation.finish_reason == ("stop" if 2 in out.tolist() else "length")


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_logprobs_are_the_models_own_at_temperature_one(generator: Any, temperature: float) -> None:
    requests = [ask(text, temperature=temperature, seed=5, top_p=0.9) for text in QUESTIONS[:3]]
    for request, generation in zip(requests, generator.generate(requests), strict=True):
        tokens = generation.tokens
        assert tokens is not None and len(tokens) == generation.completion_tokens > 0
        assert "".join(token.text for token in tokens).strip() == generation.text
        ids = generator._encode("".join(token.text for token in tokens))
        if len(ids) == len(tokens):  # the text tokenises as it was generated
            logprobs, entropy = whole_sequence(generator, generator.prompt_text(request.messages), ids)
            assert [token.logprob for token in tokens] == pytest.approx(logprobs, abs=1e-3)
            assert [token.entropy for token in tokens] == pytest.approx(entropy, abs=1e-3)


def test_sampling_repeats_for_a_seed_in_any_company(generator: Any) -> None:
    request = ask(QUESTIONS[4], temperature=0.9, top_p=0.95, seed=42)
    alone = generator.generate([request])[0]
    others = [ask(text, temperature=0.9, seed=i) for i, text in enumerate(QUESTIONS)]
    assert generator.generate([*others, request])[-1].text == alone.text
    seeds = {generator.generate([ask(QUESTIONS[4], temperature=0.9, seed=seed)])[0].text for seed in range(3)}
    assert len(seeds) == 3


def test_every_row_streams_its_whole_text(generator: Any) -> None:
    heard: dict[int, list[str]] = {0: [], 1: []}
    results = generator.generate([ask(QUESTIONS[0]), ask(QUESTIONS[1])], lambda i, text: heard[i].append(text))
    for index, generation in enumerate(results):
        assert heard[index][-1] == generation.text
        assert len(heard[index]) >= generation.completion_tokens
        assert all(later.startswith(earlier) for earlier, later in zip(heard[index], heard[index][1:], strict=False))


def test_it_stops_between_tokens(generator: Any) -> None:
    heard: list[str] = []
    with pytest.raises(Stopped):
        generator.generate([ask(QUESTIONS[0])], lambda _, text: heard.append(text), lambda: len(heard) >= 3)
    assert len(heard) == 3


def test_more_requests_than_a_batch_come_back_in_order(generator: Any) -> None:
    requests = [ask(f"Repeat the number {n}.", max_new_tokens=3) for n in range(generator.batch_size + 3)]
    together = generator.generate(requests)
    assert [g.text for g in together[::5]] == [generator.generate([request])[0].text for request in requests[::5]]


def test_a_prompt_that_is_too_long_says_what_to_shorten(generator: Any) -> None:
    with pytest.raises(GeneratorError, match=r"is \d+ tokens long.*reads 2048 and 10.*[Ss]horten the item") as caught:
        generator.generate([ask("Hi"), ask("word " * 2100)])
    assert caught.value.index == 1
    assert not caught.value.retryable
    with pytest.raises(GeneratorError, match="Shorten") as caught:
        generator.score([ScoreRequest((Message("user", "word " * 2100),), ("yes", "no"))])
    assert caught.value.index == 0


def test_messages_are_used_as_given(generator: Any) -> None:
    assert "helpful" not in generator.prompt_text((Message("user", "Hi"),))
    with_system = generator.prompt_text((Message("system", "Be brief."), Message("user", "Hi")))
    assert with_system.startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n")


def test_scores_are_those_of_whole_sequences(generator: Any) -> None:
    messages = (Message("system", "Label the text."), Message("user", "The film was a delight. Positive or negative?"))
    labels = ("positive", "negative", "Positive", "neither of the two", "naïve 🧮", " positive")
    requests = [
        ScoreRequest(messages, labels),
        ScoreRequest((messages[0], Message("user", "I want my money back.")), labels[:3]),
        ScoreRequest(messages, labels[::-1], reply_prefix="The label is: "),  # a space that may join the next token
    ]
    for request, scores in zip(requests, generator.score(requests), strict=True):
        prompt = generator.prompt_text(request.messages) + request.reply_prefix
        whole = [generator._encode(prompt + candidate) for candidate in request.candidates]
        _, cuts = zip(*[generator._encode_candidates(0, request)], strict=True)
        for ids, rest, score in zip(whole, cuts[0], scores, strict=True):
            head = generator._tokenizer.decode(ids[: len(ids) - len(rest)])
            assert score == pytest.approx(sum(whole_sequence(generator, head, rest)[0]), abs=1e-3)


def test_a_generated_answer_scores_the_sum_of_its_logprobs(generator: Any) -> None:
    request = ask("Is the sky blue? Answer in one word.", max_new_tokens=6)
    generation: Generation = generator.generate([request])[0]
    assert generation.tokens is not None
    text = "".join(token.text for token in generation.tokens)
    ((score,),) = generator.score([ScoreRequest(request.messages, (text,))])
    assert score == pytest.approx(sum(token.logprob for token in generation.tokens), abs=1e-3)


def test_threads_get_the_same_answers(generator: Any) -> None:
    expected = [g.text for g in generator.generate([ask(text, max_new_tokens=8) for text in QUESTIONS])]
    score = ScoreRequest((Message("user", "Yes or no?"),), ("yes", "no"))
    scores = generator.score([score])[0]
    got: dict[int, str] = {}
    scored: list[list[float]] = []

    def work(i: int) -> None:
        got[i] = generator.generate([ask(QUESTIONS[i], max_new_tokens=8)])[0].text
        scored.append(generator.score([score])[0])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(QUESTIONS))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[i] for i in range(len(QUESTIONS))] == expected
    assert all(one == pytest.approx(scores, abs=1e-3) for one in scored)


def test_reading_gives_the_log_probs_of_whole_sequences_and_spells_the_reply(generator: Any) -> None:
    asked, reply = (Message("user", QUESTIONS[0]),), "12 * 7 = 84\nDas ist schön: 84 €."
    tokens = generator.read([ReadRequest(asked, reply)])[0]
    ids = generator._tokenizer(reply, add_special_tokens=False)["input_ids"]
    logprobs, entropy = whole_sequence(generator, generator.prompt_text(asked), ids)
    assert "".join(token.text for token in tokens) == reply
    assert [token.logprob for token in tokens] == pytest.approx(logprobs, abs=1e-3)
    assert [token.entropy for token in tokens] == pytest.approx(entropy, abs=1e-3)
    assert generator.read([ReadRequest(asked, "")]) == [()]


def test_reading_ends_at_the_context_window(generator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, reply = (Message("user", "Count."),), "one two three four five six seven eight nine ten"
    whole = generator.read([ReadRequest(asked, reply)])[0]
    prompt = len(generator._tokenizer(generator.prompt_text(asked), add_special_tokens=False)["input_ids"])
    monkeypatch.setattr(generator, "context_window", prompt + 3)
    assert [t.text for t in generator.read([ReadRequest(asked, reply)])[0]] == [t.text for t in whole[:3]]
    monkeypatch.setattr(generator, "context_window", prompt - 1)
    assert generator.read([ReadRequest(asked, reply)]) == [()]


def test_it_is_registered_with_all_capabilities(generator: Any) -> None:
    assert "transformers" in REGISTRY
    assert generator.capabilities == {Capability.GENERATE, Capability.LOGPROBS, Capability.SCORE, Capability.READ}


def test_a_model_that_is_not_there_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(GeneratorError, match=r"can't be loaded.*CORRIGENDA_MODEL"):
        REGISTRY.make("transformers", model=str(tmp_path / "nothing"), models_dir=tmp_path)
