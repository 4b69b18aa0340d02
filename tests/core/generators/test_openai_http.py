"""The HTTP backend against a small real server, and against `transformers serve` with the bundled model."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from core.generators import REGISTRY
from core.generators.base import (
    Capability,
    GenerationRequest,
    GeneratorError,
    Message,
    NotAvailable,
    ScoreRequest,
    Stopped,
)
from core.generators.openai_http import OpenAIHTTPGenerator, spelled

KEY = "sk-secret-1234"
Reply = tuple[int, Any, dict[str, str]]


class FakeServer(ThreadingHTTPServer):
    """Speaks enough of the protocol: answers "echo <prompt>", with log-probs when ``logprobs``; ``queue`` replies come first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/v1"
        self.logprobs = True
        self.queue: list[Reply] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.open = self.most_open = 0
        self.between: Callable[[], None] = lambda: None
        self.cuts = 0  # streams that will break off after their first piece
        self.lock = threading.Lock()

    def asked(self) -> list[dict[str, Any]]:
        """Bodies without the probe's."""
        return [body for body in self.bodies if body["messages"][0]["content"] != "Say yes."]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeServer

    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.open += 1
            self.server.most_open = max(self.server.most_open, self.server.open)
            reply = self.server.queue.pop(0) if self.server.queue else None
        try:
            if reply:
                self._send(*reply)
            elif body.get("stream"):
                self._stream(body)
            else:
                self.server.between()
                self._send(200, self._whole(body), {})
        finally:
            with self.server.lock:
                self.server.open -= 1

    def _tokens(self, body: dict[str, Any]) -> list[str]:
        return ["echo", *[f" {word}" for word in body["messages"][-1]["content"].split()]]

    def _logprobs(self, body: dict[str, Any], tokens: list[str]) -> dict[str, Any]:
        if not (self.server.logprobs and body.get("logprobs")):
            return {}
        listed = [{"token": t, "logprob": -0.5, "bytes": list(t.encode())} for t in tokens]
        return {"logprobs": {"content": listed}}

    def _whole(self, body: dict[str, Any]) -> dict[str, Any]:
        tokens = self._tokens(body)
        choice = {"index": 0, "message": {"content": "".join(tokens)}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 9, "completion_tokens": len(tokens)}
        return {"choices": [choice | self._logprobs(body, tokens)], "usage": usage}

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self._event({"choices": [{"index": 0, "delta": {"role": "assistant"}}]})
        tokens = self._tokens(body)
        cut, self.server.cuts = self.server.cuts > 0, self.server.cuts - 1
        for token in tokens[: 1 if cut else None]:
            self.server.between()
            self._event({"choices": [{"index": 0, "delta": {"content": token}} | self._logprobs(body, [token])]})
        self.close_connection = True
        if not cut:
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]})
            self._event({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": len(tokens)}})
            self.wfile.write(b"data: [DONE]\n\n")

    def _event(self, data: dict[str, Any]) -> None:
        self.wfile.write(f"data: {json.dumps(data)}\n\n".encode())
        self.wfile.flush()

    def _send(self, code: int, data: Any, headers: dict[str, str]) -> None:
        raw = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        self.send_response(code)
        for name, value in {"Content-Length": str(len(raw)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)


@pytest.fixture
def server() -> Iterator[FakeServer]:
    made = FakeServer()
    thread = threading.Thread(target=made.serve_forever, args=(0.02,))
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.fixture
def client(server: FakeServer) -> Iterator[OpenAIHTTPGenerator]:
    made = OpenAIHTTPGenerator(url=server.url + "/", model="small", api_key=KEY, parallel=3, backoff=0.01, timeout=5.0)
    yield made
    made.close()


def ask(text: str, **options: Any) -> GenerationRequest:
    return GenerationRequest((Message("user", text),), **options)


def error_of(client: OpenAIHTTPGenerator, *texts: str) -> GeneratorError:
    with pytest.raises(GeneratorError) as caught:
        client.generate([ask(text) for text in texts or ("hi",)])
    return caught.value


def test_an_answer_with_its_logprobs_and_counts(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    request = GenerationRequest(
        (Message("system", "Be brief."), Message("user", "good day")), 12, temperature=0.7, top_p=0.9, seed=4
    )
    (generation,) = client.generate([request])
    assert generation.text == "echo good day"
    assert generation.tokens is not None
    assert [(t.text, t.logprob) for t in generation.tokens] == [("echo", -0.5), (" good", -0.5), (" day", -0.5)]
    assert (generation.finish_reason, generation.prompt_tokens, generation.completion_tokens) == ("stop", 9, 3)
    assert server.asked() == [
        {
            "model": "small",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "good day"}],
            "max_tokens": 12,
            "temperature": 0.7,
            "top_p": 0.9,
            "seed": 4,
            "logprobs": True,
        }
    ]
    assert server.headers[-1]["Authorization"] == f"Bearer {KEY}"


def test_capabilities_are_tried_out_once(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    assert client.capabilities == {Capability.GENERATE, Capability.LOGPROBS}
    client.generate([ask("a"), ask("b")])
    assert client.capabilities == {Capability.GENERATE, Capability.LOGPROBS}
    assert len(server.bodies) - len(server.asked()) == 1


@pytest.mark.parametrize("refusal", [None, 400, 422, 501])
def test_logprobs_that_are_ignored_or_refused_are_not_available(
    server: FakeServer, client: OpenAIHTTPGenerator, refusal: int | None
) -> None:
    server.logprobs = False
    server.queue = [(refusal, {"error": {"message": "logprobs unsupported"}}, {})] if refusal else []
    assert client.capabilities == {Capability.GENERATE}
    (generation,) = client.generate([ask("hi")])
    assert generation.tokens is None
    assert "logprobs" not in server.asked()[0]


def test_what_could_not_be_tried_is_tried_again_later(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    server.queue = [(503, "", {})] * 4
    with pytest.raises(GeneratorError):
        client.capabilities
    assert Capability.LOGPROBS in client.capabilities


def test_scoring_is_not_available(client: OpenAIHTTPGenerator) -> None:
    with pytest.raises(NotAvailable, match="transformers"):
        client.score([ScoreRequest((Message("user", "hi"),), ("yes", "no"))])


def test_answers_stream_and_come_back_in_order(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    heard: dict[int, list[str]] = {0: [], 1: []}
    results = client.generate([ask("one two"), ask("three")], lambda index, text: heard[index].append(text))
    assert heard == {0: ["echo", "echo one", "echo one two"], 1: ["echo", "echo three"]}
    assert [g.text for g in results] == ["echo one two", "echo three"]
    assert [len(g.tokens or ()) for g in results] == [3, 2]
    assert {(g.finish_reason, g.prompt_tokens) for g in results} == {("length", 9)}


def test_requests_go_out_in_parallel_but_not_all_at_once(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    together = threading.Barrier(3, timeout=10)
    assert client.capabilities
    server.between = lambda: together.wait() and None
    assert len(client.generate([ask(str(n)) for n in range(9)])) == 9
    assert server.most_open == 3


@pytest.mark.parametrize("code", [429, 500, 503])
def test_overload_is_tried_again(server: FakeServer, client: OpenAIHTTPGenerator, code: int) -> None:
    assert client.capabilities
    server.queue = [(code, {"error": {"message": "busy"}}, {"Retry-After": "0"})] * 3
    assert client.generate([ask("hi")])[0].text == "echo hi"
    assert len(server.asked()) == 4


def test_overload_that_lasts_is_an_error_that_may_be_retried(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    assert client.capabilities
    server.queue = [(503, {"error": {"message": "all slots busy"}}, {})] * 9
    error = error_of(client)
    assert error.retryable and "4 attempts" in str(error) and "all slots busy" in str(error)
    assert len(server.asked()) == 4


def test_a_server_that_is_not_there_is_an_error_that_may_be_retried() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    client = OpenAIHTTPGenerator(url=url, model="small", backoff=0.01)
    error = error_of(client)
    client.close()
    assert error.retryable and "CORRIGENDA_MODEL_URL" in str(error)


def test_silence_is_an_error_that_may_be_retried(server: FakeServer) -> None:
    held = threading.Event()
    client = OpenAIHTTPGenerator(url=server.url, model="small", timeout=0.3)
    server.between = lambda: held.wait(10) and None
    error = error_of(client)
    held.set()
    client.close()
    assert error.retryable and "silent" in str(error)


def test_a_stream_that_breaks_off_is_tried_again(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    assert client.capabilities
    server.cuts = 3
    assert client.generate([ask("a b")], lambda index, text: None)[0].text == "echo a b"


@pytest.mark.parametrize(
    ("code", "says"),
    [(401, "CORRIGENDA_MODEL_API_KEY"), (403, "CORRIGENDA_MODEL_API_KEY"), (404, "'small'"), (400, "shorten the item")],
)
def test_refusals_say_what_to_do_and_are_not_tried_again(
    server: FakeServer, client: OpenAIHTTPGenerator, code: int, says: str
) -> None:
    assert client.capabilities
    server.queue = [(code, {"error": {"message": f"no: {KEY}"}}, {})]
    error = error_of(client)
    assert says in str(error) and "no: ***" in str(error) and KEY not in str(error)
    assert not error.retryable and error.index == 0
    assert len(server.asked()) == 1


@pytest.mark.parametrize(
    "reply",
    [
        "<html>a proxy</html>",
        [1, 2],
        {"choices": []},
        {"choices": [{"text": "old interface"}]},
        {"object": "list"},
        "null",
    ],
)
def test_foreign_answers_are_named_as_such(server: FakeServer, client: OpenAIHTTPGenerator, reply: Any) -> None:
    assert client.capabilities
    server.queue = [(200, reply, {})]
    error = error_of(client)
    assert "not what an OpenAI-compatible server answers" in str(error) and not error.retryable


def test_the_request_at_fault_is_named(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    assert client.capabilities
    sequential = OpenAIHTTPGenerator(url=server.url, model="small", parallel=1)
    assert sequential.capabilities
    server.between = lambda: server.queue.append((400, {"error": "too long"}, {})) if not server.queue else None
    assert error_of(sequential, "fine", "too long", "never").index == 1
    sequential.close()


def test_it_stops_between_pieces_and_while_it_waits(server: FakeServer, client: OpenAIHTTPGenerator) -> None:
    assert client.capabilities
    heard: list[str] = []
    with pytest.raises(Stopped):
        client.generate([ask("a b c d e")], lambda _, text: heard.append(text), lambda: len(heard) >= 2)
    assert len(heard) == 2
    server.queue = [(429, "", {"Retry-After": "20"})] * 4
    begun = time.monotonic()
    with pytest.raises(Stopped):
        client.generate([ask("a")], None, lambda: time.monotonic() - begun > 0.3)
    assert time.monotonic() - begun < 10


def test_the_key_is_in_no_log(
    server: FakeServer, client: OpenAIHTTPGenerator, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        client.generate([ask("hi")])
        server.queue = [(401, {"error": {"message": KEY}}, {})]
        error_of(client)
    assert caplog.records and KEY not in caplog.text


@pytest.mark.parametrize("url", [None, "", "localhost:8000/v1"])
def test_without_an_address_it_says_what_to_set(url: str | None) -> None:
    with pytest.raises(GeneratorError, match="CORRIGENDA_MODEL_URL"):
        REGISTRY.make("openai_http", url=url, model="small", api_key=None)


def test_characters_split_over_tokens_go_to_the_last_of_them() -> None:
    raw = "é🧮".encode()
    tokens = spelled([{"token": "?", "logprob": -1, "bytes": [byte]} for byte in raw])
    assert [token.text for token in tokens] == ["", "é", "", "", "", "🧮"]
    assert spelled([{"token": " a", "logprob": -0.25, "bytes": None}])[0].text == " a"


@pytest.fixture(scope="module")
def real_server(models_dir: Path) -> Iterator[tuple[str, str]]:
    """`transformers serve` with the bundled model: (base URL, model name)."""
    pytest.importorskip("openai", reason="transformers serve needs it: make env")
    from core import bundled

    folder = str(bundled.smollm2(models_dir))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", folder, "--host", "127.0.0.1"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    process = subprocess.Popen(
        [*command, "--port", str(port), "--device", "cpu"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, process)
        yield f"http://127.0.0.1:{port}/v1", folder
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 180
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    pytest.fail(f"transformers serve did not start (exit code {process.poll()})")


@pytest.mark.models
def test_a_real_server_answers_as_the_local_backend_does(real_server: tuple[str, str], generator: Any) -> None:
    url, model = real_server
    client = OpenAIHTTPGenerator(url=url, model=model)
    assert client.capabilities == {Capability.GENERATE}  # it takes the parameter and gives none
    request = ask("What is 2 + 3?", max_new_tokens=8)
    heard: list[str] = []
    (streamed,) = client.generate([request], lambda _, text: heard.append(text))
    (whole,) = client.generate([request])
    (local,) = generator.generate([request])
    assert streamed.text == whole.text == local.text
    assert heard[-1] == streamed.text and len(heard) > 1
    assert streamed.finish_reason == whole.finish_reason == local.finish_reason
    assert streamed.prompt_tokens == whole.prompt_tokens == local.prompt_tokens
    client.close()
