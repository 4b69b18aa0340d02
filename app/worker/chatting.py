"""One conversation answered by this worker's model while somebody waits, as lines of JSON for the gateway."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from app.worker.models import Models
from core.generators.base import GenerationRequest, Message
from core.types import JobPriority

if TYPE_CHECKING:
    from app.worker.service import Chat


def answered(models: Models, wanted: Chat) -> Iterator[bytes]:
    """``{"text": the whole so far}`` lines, then one with ``finish_reason`` and counts, or one with ``error``.

    Whoever stops reading stops the model.
    """
    lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
    left = threading.Event()
    request = GenerationRequest(
        tuple(Message(message.role, message.content) for message in wanted.messages),
        max_new_tokens=wanted.max_new_tokens,
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        seed=wanted.seed,
    )

    def work() -> None:
        try:
            future = models.batcher.submit(
                request,
                priority=JobPriority.PERSON_WAITING,
                on_text=lambda text: lines.put({"text": text}),
                should_stop=left.is_set,
            )
            made = future.result()
            counts = {"prompt_tokens": made.prompt_tokens, "completion_tokens": made.completion_tokens}
            tokens = [[token.text, token.logprob, token.entropy] for token in made.tokens or ()]
            lines.put({"text": made.text, "finish_reason": made.finish_reason, "tokens": tokens, **counts})
        except Exception as problem:
            lines.put({"error": str(problem) or type(problem).__name__})
        finally:
            lines.put(None)

    threading.Thread(target=work, name="chat", daemon=True).start()
    try:
        while (line := lines.get()) is not None:
            yield json.dumps(line).encode() + b"\n"
    finally:
        left.set()
