"""Sign-in at a provider by OpenID Connect: discovery, authorization code with PKCE, state and nonce, and a verified ID token.

Authlib speaks OAuth 2 and checks signatures; what makes a token one of ours (issuer, audience, expiry, nonce) is asked for here.
Nothing is called until somebody signs in, and then only the issuer that the settings name.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import structlog

from app.auth import is_loopback
from app.settings import Settings
from store.clock import now

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import OAuth2Client

# Signed by the provider's private key only; with a shared secret or none at all anybody with the client's settings could sign.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
LEEWAY = 60  # seconds that two clocks may differ
LIVES = 600  # seconds between the way there and the way back
DISCOVERED_FOR = 3600.0
SECONDS = 10.0  # for one answer of the provider


class SignInFailed(Exception):
    """The provider could not be asked, or what came back is not to be believed; the message is for the person."""


@dataclass(frozen=True, slots=True)
class Pending:
    """What this browser took along; kept in a cookie of its own, and good for one way back."""

    state: str
    nonce: str
    verifier: str
    next: str
    began: int

    def pack(self) -> str:
        return base64.urlsafe_b64encode(json.dumps(asdict(self)).encode()).decode().rstrip("=")

    @classmethod
    def unpack(cls, text: str) -> Pending | None:
        """``None`` for anything that ``pack`` did not make."""
        try:
            found = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            made = cls(**found)
        except (ValueError, TypeError):
            return None
        strings = (made.state, made.nonce, made.verifier, made.next)
        return made if all(isinstance(one, str) and one for one in strings) and isinstance(made.began, int) else None


class Provider:
    """The provider of the settings; one per process. What it says of itself is asked for once an hour."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.issuer = (settings.oidc_issuer or "").rstrip("/")
        self._guard = threading.Lock()
        self._known: tuple[dict[str, Any], Any, float] | None = None
        self._used: dict[str, float] = {}

    def begin(self, redirect_uri: str, next: str) -> tuple[str, Pending]:
        """Where to send the browser, and what it has to bring back."""
        state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
        made = Pending(state, nonce, verifier, next, _seconds())
        with self._client(redirect_uri) as client:
            url, _ = client.create_authorization_url(
                self._metadata()["authorization_endpoint"],
                state=made.state,
                code_verifier=made.verifier,
                nonce=made.nonce,
            )
        return str(url), made

    def finish(self, query: dict[str, str], pending: Pending | None, redirect_uri: str) -> dict[str, Any]:
        """The claims of the verified ID token. Raises ``SignInFailed``."""
        again = "Start again from the sign-in page."
        if pending is None or not secrets.compare_digest(pending.state, query.get("state", "")):
            raise SignInFailed(f"This sign-in was not begun in this browser. {again}")
        if not 0 <= _seconds() - pending.began + LEEWAY <= LIVES + LEEWAY:
            raise SignInFailed(f"This sign-in took too long. {again}")
        self._once(pending.state)
        if query.get("iss", self.issuer).rstrip("/") != self.issuer:
            raise SignInFailed(f"The answer came from another provider. {again}")
        if "error" in query or not query.get("code"):
            raise SignInFailed(f"The provider refused the sign-in ({query.get('error', 'no code')[:60]}). {again}")
        token = self._exchange(query["code"], pending.verifier, redirect_uri)
        return self._verified(token, pending.nonce)

    def _once(self, state: str) -> None:
        moment = time.monotonic()
        with self._guard:
            self._used = {used: when for used, when in self._used.items() if when > moment - LIVES - LEEWAY}
            if state in self._used:
                raise SignInFailed("This sign-in was used already. Start again from the sign-in page.")
            self._used[state] = moment

    def _client(self, redirect_uri: str = "") -> OAuth2Client:
        from authlib.integrations.httpx_client import OAuth2Client

        secret = self.settings.oidc_client_secret
        return OAuth2Client(
            self.settings.oidc_client_id,
            secret.get_secret_value() if secret is not None else None,
            token_endpoint_auth_method="client_secret_basic" if secret is not None else "none",
            scope=self.settings.oidc_scopes,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            timeout=SECONDS,
            trust_env=False,
        )

    def _exchange(self, code: str, verifier: str, redirect_uri: str) -> str:
        try:
            with self._client(redirect_uri) as client:
                given = client.fetch_token(
                    self._metadata()["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                )
            return str(given["id_token"])
        except SignInFailed:
            raise
        except Exception as problem:  # whatever the network and the provider may do
            raise _failed("the code could not be exchanged", problem) from problem

    def _verified(self, token: str, nonce: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.errors import JoseError

        rules = jwt.JWTClaimsRegistry(
            now=_seconds,
            leeway=LEEWAY,
            iss={"essential": True, "value": self._metadata()["issuer"]},
            aud={"essential": True, "value": self.settings.oidc_client_id},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
            sub={"essential": True},
        )
        try:
            try:
                claims = jwt.decode(token, self._keys(), algorithms=ALGORITHMS).claims
            except JoseError:  # the provider may have changed its keys since
                claims = jwt.decode(token, self._keys(anew=True), algorithms=ALGORITHMS).claims
            rules.validate(claims)
        except (JoseError, ValueError, TypeError) as problem:
            raise _failed("the ID token is not to be believed", problem) from problem
        audience, party = claims["aud"], claims.get("azp")
        others = isinstance(audience, list) and len(audience) > 1
        if (others and party is None) or party not in (None, self.settings.oidc_client_id):
            raise SignInFailed("The provider's answer is meant for another program.")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise SignInFailed("The provider's answer names nobody.")
        return dict(claims)

    def _metadata(self) -> dict[str, Any]:
        return self._discovered()[0]

    def _keys(self, *, anew: bool = False) -> Any:
        return self._discovered(anew=anew)[1]

    def _discovered(self, *, anew: bool = False) -> tuple[dict[str, Any], Any]:
        with self._guard:
            known = self._known
        if known is not None and not anew and time.monotonic() - known[2] < DISCOVERED_FOR:
            return known[0], known[1]
        from joserfc.jwk import KeySet

        try:
            trusted(self.issuer)
            with self._client() as client:
                said = client.request("GET", f"{self.issuer}/.well-known/openid-configuration", withhold_token=True)
                metadata = said.raise_for_status().json()
                if str(metadata["issuer"]).rstrip("/") != self.issuer:
                    raise ValueError("it calls itself by another name")
                for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                    trusted(str(metadata[name]))
                found = client.request("GET", metadata["jwks_uri"], withhold_token=True)
                keys = KeySet.import_key_set(found.raise_for_status().json())
        except Exception as problem:  # whatever the network and the provider may do
            raise _failed("the provider cannot be asked", problem) from problem
        with self._guard:
            self._known = (metadata, keys, time.monotonic())
        return metadata, keys


def trusted(url: str) -> str:
    """``url`` if nobody on the way can change what it answers: HTTPS, or this machine. Raises ``ValueError``."""
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname or "")):
        return url
    raise ValueError(f"{url!r} is neither https nor on this machine")


def _failed(what: str, problem: Exception) -> SignInFailed:
    structlog.get_logger("oidc").error("a sign-in failed", what=what, why=f"{type(problem).__name__}: {problem}"[:300])
    return SignInFailed(f"The sign-in failed: {what}. Try again, or tell an admin, who finds more in the log.")


def _seconds() -> int:
    return int(now().timestamp())
