"""A small OpenID Connect provider over real HTTP, with real RS256 keys, that can be told to misbehave."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT, SECRET = "corrigenda", "provider's secret: with % and +"


@dataclass
class Account:
    """Who sits before the provider's own sign-in page."""

    subject: str = "u-1"
    claims: dict[str, Any] = field(default_factory=lambda: {"preferred_username": "ann"})


class FakeProvider:
    """``issuer`` is its address. ``twist`` changes claims before they are signed, ``sign`` how."""

    def __init__(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
        self.account = Account()
        self.twist: Callable[[dict[str, Any]], Any] = lambda claims: None
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.metadata: dict[str, Any] = {}
        self.codes: dict[str, dict[str, str]] = {}
        self.issuer = ""
        self.asked: list[str] = []

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None) -> str:
        key = key or self.key
        return jwt.encode({"alg": "RS256", "kid": "k1"}, claims, key)

    def unsigned(self, claims: dict[str, Any]) -> str:
        parts = ({"alg": "none", "typ": "JWT"}, claims)
        return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts) + "."

    def signed_with_the_public_key(self, claims: dict[str, Any]) -> str:
        """The old confusion: the public key's text as a shared secret."""
        return jwt.encode({"alg": "HS256", "kid": "k1"}, claims, OctKey.import_key(self.key.as_pem(private=False)))

    def turn_keys(self) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k2", "use": "sig", "alg": "RS256"})
        self.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "k2"}, claims, self.key)

    def answer(self, path: str, query: dict[str, str]) -> dict[str, Any] | str:
        if path == "/.well-known/openid-configuration":
            ends = {
                "authorization_endpoint": "/authorize",
                "token_endpoint": "/token",
                "jwks_uri": "/keys",
            }
            return {"issuer": self.issuer, **{k: self.issuer + v for k, v in ends.items()}, **self.metadata}
        if path == "/keys":
            return {"keys": [self.key.as_dict(private=False)]}
        assert path == "/authorize", path
        assert query["client_id"] == CLIENT and query["response_type"] == "code", query
        assert query["code_challenge_method"] == "S256" and len(query["nonce"]) > 30 and len(query["state"]) > 30
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        return query["redirect_uri"] + "?" + urlencode({"code": code, "state": query["state"], "iss": self.issuer})

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        asked = self.codes.pop(form["code"], None)  # good once
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        if asked is None or (name, secret) != (CLIENT, SECRET) or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        if form["redirect_uri"] != asked["redirect_uri"] or form["grant_type"] != "authorization_code":
            return 400, {"error": "invalid_request"}
        moment = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.account.subject,
            "aud": CLIENT,
            "exp": moment + 300,
            "iat": moment,
            "nonce": asked["nonce"],
            **self.account.claims,
        }
        self.twist(claims)
        return 200, {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": self.sign(claims)}


@contextmanager
def running_provider() -> Iterator[FakeProvider]:
    provider = FakeProvider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            answer = provider.answer(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()})
            if isinstance(answer, str):
                self.send_response(302)
                self.send_header("location", answer)
                self.end_headers()
            else:
                self._json(200, answer)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {k: v[0] for k, v in parse_qs(body).items()}
            self._json(*provider.token(form, self.headers.get("authorization", "")))

        def _json(self, status: int, body: dict[str, Any]) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
