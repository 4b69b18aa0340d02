"""Settings of this installation, from the environment (``CORRIGENDA_...``) or a ``.env`` file. Documented in README.md."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from app.view.languages import NAMES
from core.types import Role

Takes = Literal["all", "model", "rest"]  # which jobs a worker takes


class Settings(BaseSettings):
    """Every setting has a default with which one machine works and no other host is contacted."""

    model_config = SettingsConfigDict(env_prefix="CORRIGENDA_", env_file=".env", extra="ignore")

    data_dir: Path = Field(
        Path(".corrigenda"), description="Where database, models, index, exports and uploads are kept."
    )
    files_dir: Path | None = Field(
        None,
        description="Where exports and uploads are kept, if elsewhere: a folder that web and all workers share.",
    )
    database_url: str | None = Field(
        None, description="SQLAlchemy URL; by default SQLite in the data directory. PostgreSQL: postgresql://host/name"
    )
    host: str = Field("127.0.0.1", description="Address the web process listens on.")
    port: int = Field(7860, ge=0, le=65535, description="Port of the web process; 0 takes a free one.")
    trusted_proxies: list[str] = Field(
        default_factory=lambda: ["127.0.0.1", "::1"],
        description="Addresses or networks whose X-Forwarded-For and X-Forwarded-Proto are believed.",
    )
    languages: Annotated[list[str], NoDecode] = Field(
        default_factory=lambda: ["en", "de"],
        description="Languages of the pages, with commas; the first is for those whose browser asks for none of them.",
    )
    demo_sign_in: bool = Field(
        False,
        description="Sign every visitor in as the demo's admin; works only while listening on a loopback address.",
    )
    secure_cookies: bool = Field(False, description="Send the session cookie over HTTPS only; switch on behind TLS.")
    session_idle_hours: int = Field(12, ge=1, description="A session unused for this long ends.")
    session_max_days: int = Field(7, ge=1, description="A session ends after this long, used or not.")
    allowed_origins: list[str] = Field(
        default_factory=list,
        description="Further origins (scheme://host:port) that may send requests, such as a proxy's.",
    )
    password_sign_in: bool = Field(True, description="People may sign in with a password kept here.")
    oidc_issuer: str | None = Field(
        None, description="Address of an OpenID Connect provider; without it nobody signs in through one."
    )
    oidc_client_id: str = Field("", description="What this installation is called at the provider.")
    oidc_client_secret: SecretStr | None = Field(None, description="Its secret there, if the provider gave one.")
    oidc_name: str = Field("single sign-on", description="How the sign-in page names the provider.")
    oidc_scopes: str = Field("openid profile email", description="What the provider is asked to tell.")
    oidc_redirect_url: str | None = Field(
        None,
        description="Where the provider sends people back, if not /login/oidc/callback of the address they came by.",
    )
    oidc_groups_claim: str = Field("groups", description="Claim that holds a person's groups.")
    oidc_roles: dict[str, Role] = Field(
        default_factory=dict,
        description="Role by group; the highest counts, at every sign-in. Empty: roles are set here.",
    )
    oidc_create_people: bool = Field(True, description="Who is not known yet becomes an annotator; else is refused.")
    oidc_link_verified_email: bool = Field(
        False,
        description="Link a new account to the person here whose name is its e-mail, where the provider verified it.",
    )
    worker_host: str = Field("127.0.0.1", description="Address of the worker's local service.")
    worker_port: int = Field(0, ge=0, le=65535, description="Port of the worker's local service; 0 takes a free one.")
    worker_secret: SecretStr | None = Field(
        None, description="Shared by web and worker; by default a file in the data directory, made at first start."
    )
    worker_threads: int = Field(
        8, ge=1, description="How many jobs a worker holds at once; one model serves them in batches."
    )
    worker_takes: Takes = Field(
        "all", description="Jobs of this worker: all, those that ask the language model (model), or the others (rest)."
    )
    worker_drain_seconds: float = Field(
        0.0, ge=0, description="How long a worker that is to end lets running jobs go on before it hands them back."
    )
    worker_heartbeat_seconds: float = Field(2.0, gt=0, description="How often a worker says that it lives.")
    worker_dead_seconds: float = Field(15.0, gt=0, description="A worker silent for this long is taken for dead.")
    generator: str = Field("transformers", description="Backend that answers: transformers, or openai_http.")
    model: str = Field(
        "smollm2-135m-instruct",
        description="For transformers: the bundled model, a local folder or a model id. For openai_http: the server's model name.",
    )
    model_url: str | None = Field(
        None, description="For openai_http: base URL of the server, such as http://localhost:8000/v1"
    )
    model_api_key: SecretStr | None = Field(None, description="For openai_http: bearer token, if the server wants one.")
    device: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where models run; auto takes CUDA when there is one."
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Number type of models; auto is bfloat16 on CUDA and float32 on the CPU."
    )
    batch_size: int = Field(32, ge=1, description="How many prompts one forward pass takes at most.")
    embedder: str = Field(
        "all-minilm-l6-v2", description="Sentence encoder: the bundled one, a local folder or a model id."
    )
    image_encoder: str = Field(
        "layout", description="Image encoder: layout (no weights), or a local folder or model id of CLIP or SigLIP."
    )
    model_sees_images: bool = Field(
        False, description="For openai_http: send the pictures of an item along with its prompt."
    )
    gateway_lookup_seconds: float = Field(
        1.0, gt=0, description="How long the gateway looks for lessons before it asks the model without them."
    )
    max_upload_mb: int = Field(200, ge=1, description="Largest file that the import page takes.")
    webhooks_private: bool = Field(
        False, description="Let webhooks go to this machine and to addresses of private networks."
    )
    metrics_token: SecretStr | None = Field(
        None, description="Bearer token for /metrics; without it only this machine may read them."
    )
    log_json: bool = Field(False, description="Write logs as JSON lines.")

    @field_validator("languages", mode="before")
    @classmethod
    def _by_commas(cls, value: Any) -> Any:
        if isinstance(value, str):
            value = list(dict.fromkeys(part.strip().lower() for part in value.split(",") if part.strip()))
        if not value or not set(value) <= set(NAMES):
            raise ValueError(f"CORRIGENDA_LANGUAGES takes {', '.join(NAMES)}, with commas between them")
        return value

    @model_validator(mode="after")
    def _a_way_in(self) -> Settings:
        if self.oidc_issuer is not None and not self.oidc_client_id:
            raise ValueError("CORRIGENDA_OIDC_ISSUER needs CORRIGENDA_OIDC_CLIENT_ID")
        if self.oidc_issuer is None and not self.password_sign_in:
            raise ValueError("without passwords nobody can sign in: set CORRIGENDA_OIDC_ISSUER")
        return self

    @property
    def url(self) -> str:
        """The database's URL."""
        return self.database_url or f"sqlite:///{self.data_dir.resolve() / 'corrigenda.sqlite'}"

    @property
    def exports_dir(self) -> Path:
        return (self.files_dir or self.data_dir) / "exports"

    @property
    def uploads_dir(self) -> Path:
        return (self.files_dir or self.data_dir) / "uploads"

    @property
    def index_dir(self) -> Path:
        return self.data_dir / "index"

    @property
    def models_dir(self) -> Path:
        return self.data_dir / "models"


@lru_cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()
