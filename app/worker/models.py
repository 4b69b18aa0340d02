"""The models and indexes of this worker: each loaded once, when first needed, with a note for the pages while it loads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from app.settings import Settings
from core.generators.base import Generator
from store.engine import Database

if TYPE_CHECKING:
    from app.worker.indexing import WorkerIndex
    from core.batching import MicroBatcher
    from core.embedding import Embedder, Vectors
    from core.image_encoders.base import ImageEncoder
    from core.lessons.index_set import Hit, IndexSet

MakeGenerator = Callable[[Settings], Generator]
MakeEmbedder = Callable[[Settings], "Embedder"]
MakeImageEncoder = Callable[[Settings], "ImageEncoder"]


def make_generator(settings: Settings) -> Generator:
    """The backend that the settings name. Raises ``GeneratorError`` saying which setting to change."""
    from core.generators import REGISTRY

    if settings.generator == "openai_http":
        key = settings.model_api_key.get_secret_value() if settings.model_api_key else None
        return REGISTRY.make(
            "openai_http", url=settings.model_url, model=settings.model, api_key=key, sees=settings.model_sees_images
        )
    return REGISTRY.make(
        settings.generator,
        model=settings.model,
        models_dir=settings.models_dir,
        device=settings.device,
        dtype=settings.dtype,
        batch_size=settings.batch_size,
    )


def make_embedder(settings: Settings) -> Embedder:
    from core.embedding import Embedder

    return Embedder(settings.embedder, device=settings.device)


def make_image_encoder(settings: Settings) -> ImageEncoder:
    """``layout``, or CLIP from a folder or model id. Raises ``EncoderError`` saying which setting to change."""
    from core.image_encoders import REGISTRY

    if settings.image_encoder in REGISTRY and settings.image_encoder != "clip":
        return REGISTRY.make(settings.image_encoder)
    return REGISTRY.make("clip", settings.image_encoder, device=settings.device)


class Models:
    """Thread-safe. ``note`` says in words what is being loaded, and is empty otherwise."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        make_generator: MakeGenerator = make_generator,
        make_embedder: MakeEmbedder = make_embedder,
        make_image_encoder: MakeImageEncoder = make_image_encoder,
    ) -> None:
        self._notes: dict[str, str] = {}
        self._settings = settings
        self._db = db
        self._make_generator = make_generator
        self._make_embedder = make_embedder
        self._make_image_encoder = make_image_encoder
        self._batcher: MicroBatcher | None = None
        self._embedder: Embedder | None = None
        self._image_encoder: ImageEncoder | None = None
        self._index: WorkerIndex | None = None
        self._image_index: WorkerIndex | None = None
        names = ("generator", "embedder", "image_encoder", "index", "image_index")
        self._loading = {name: threading.Lock() for name in names}

    @property
    def note(self) -> str:
        return "; ".join(dict(self._notes).values())

    @contextmanager
    def _saying(self, what: str, note: str) -> Iterator[None]:
        self._notes[what] = note
        try:
            yield
        finally:
            del self._notes[what]

    @property
    def batcher(self) -> MicroBatcher:
        """The generator behind a queue in which a person who waits goes first; ``.at(priority)`` is a ``Generator``."""
        with self._loading["generator"]:
            if self._batcher is None:
                from core.batching import MicroBatcher

                with self._saying("generator", self._loading_note()):
                    generator = self._make_generator(self._settings)
                # A server over HTTP schedules by itself; in this process batches pause for a person.
                self._batcher = MicroBatcher(
                    generator, max_batch=self._settings.batch_size, pause=self._settings.generator != "openai_http"
                )
            return self._batcher

    def _loading_note(self) -> str:
        from core import bundled

        bundled_one = self._settings.generator == "transformers" and self._settings.model == bundled.SMOLLM2.name
        if bundled_one and not any(self._settings.models_dir.glob(f"{bundled.SMOLLM2.name}-*")):
            return "converting the model, once; this takes about half a minute"
        return "loading the model"

    @property
    def generator_name(self) -> str:
        """What is stored as the model of an output: backend and model."""
        return f"{self._settings.generator}:{self._settings.model}"

    @property
    def embedder(self) -> Embedder:
        with self._loading["embedder"]:
            if self._embedder is None:
                with self._saying("embedder", "loading the sentence encoder"):
                    self._embedder = self._make_embedder(self._settings)
            return self._embedder

    def embedder_ready(self) -> bool:
        """Whether the encoder is there; if not, it begins to load, so that a later question is answered."""
        if self._embedder is None and not self._loading["embedder"].locked():
            threading.Thread(target=lambda: self.embedder, name="encoder", daemon=True).start()
        return self._embedder is not None

    @property
    def index(self) -> IndexSet:
        """The indexes, brought up to date with the database's feed."""
        embedder = self.embedder
        with self._loading["index"]:
            if self._index is None:
                from app.worker.indexing import WorkerIndex

                self._index = WorkerIndex(self._db, self._settings.index_dir, embedder.model_id, embedder.dim)
        return self._index.followed()

    def search(self, project_id: int, scopes: Sequence[str], vector: Vectors, k: int) -> list[Hit]:
        """Up to ``k`` proposals of each scope, best first. The database has the last word on lessons: ask it again."""
        return self.index.search(project_id, scopes, vector, k, model_id=self.embedder.model_id)

    @property
    def image_encoder(self) -> ImageEncoder:
        with self._loading["image_encoder"]:
            if self._image_encoder is None:
                with self._saying("image_encoder", "loading the image encoder"):
                    self._image_encoder = self._make_image_encoder(self._settings)
            return self._image_encoder

    def search_images(self, project_id: int, vector: Vectors, k: int) -> list[Hit]:
        """Up to ``k`` pictures of the project's items on which lessons were of use, the most alike first."""
        encoder = self.image_encoder
        with self._loading["image_index"]:
            if self._image_index is None:
                from app.worker.indexing import WorkerIndex

                self._image_index = WorkerIndex(self._db, self._settings.index_dir, encoder.model_id, encoder.dim)
        index = self._image_index.followed()
        return index.search(project_id, ["image"], vector, k, model_id=encoder.model_id)

    def stop(self) -> None:
        """Stop generating at the next token; whatever waits for the model gets ``Stopped``."""
        if (batcher := self._batcher) is not None:  # without the lock: a model that is still loading is not waited for
            batcher.close()
