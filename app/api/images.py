"""Pictures of items: put over the API, and given to the browsers of people who are signed in, where the pages show them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import BaseModel, Field, StringConstraints

from app import auth
from app.api.access import Caller, needs
from app.api.common import Body, Id, Key, State, once
from app.api.problems import Problem, documented
from app.api.sign_in import state_of
from core import images as pictures
from core.images import MAX_BYTES, MAX_CAPTION, MOST, BadImage, NewImage
from core.scopes import Scope
from core.types import JobPriority
from store import images, items
from store.images import Picture
from store.tables import Item

router = APIRouter(tags=["items"])
for_browsers = APIRouter()
Place = Annotated[int, Path(ge=0, lt=MOST)]
# A picture opened by itself runs nothing, whatever a decoder of a browser makes of it.
ALONE = {"content-security-policy": "default-src 'none'; sandbox", "cache-control": "private, max-age=300"}


class ImageIn(Body):
    """``data`` is base64 or a data URI of a PNG, JPEG, WebP or GIF; ``caption`` says what is shown, for search and screen readers."""

    data: Annotated[str, StringConstraints(min_length=1, max_length=MAX_BYTES * 4 // 3 + 100)]
    caption: Annotated[str, StringConstraints(max_length=MAX_CAPTION)] = ""

    def new(self) -> NewImage:
        return pictures.checked(pictures.bytes_of(self.data), self.caption)


class ImagesIn(Body):
    """All pictures of the item, in their order; an empty list takes them away."""

    images: Annotated[list[ImageIn], Field(max_length=MOST)]


class ImageOut(BaseModel):
    place: int
    media_type: str
    width: int
    height: int
    caption: str


class ImagesOut(BaseModel):
    """``changed`` is false where the item had these pictures already."""

    images: list[ImageOut]
    changed: bool = False


def told(found: list[Picture]) -> list[ImageOut]:
    return [ImageOut.model_validate(one, from_attributes=True) for one in found]


@router.put("/items/{item_id}/images", response_model=ImagesOut, responses=documented(404, 409, 422))
def put_images(
    request: Request, item_id: Id, body: ImagesIn, caller: Annotated[Caller, needs(Scope.ITEMS_WRITE)], key: Key = None
) -> Response:
    """Make these the pictures of an item. They are written anew: what else was in the files, such as places, is not kept."""
    try:
        new = [one.new() for one in body.images]
    except BadImage as problem:
        raise Problem(422, "bad_image", str(problem)) from None

    def act(session: Any) -> ImagesOut:
        from app.worker.jobs import enqueue

        item = items.get(session, item_id)
        caller.in_project(item.project_id)
        changed = images.put(session, item_id, new)
        if changed and images.any_to_embed(session, item.project_id):
            wanted = {"project_id": item.project_id}
            enqueue(session, "embed", wanted, priority=JobPriority.NORMAL, project_id=item.project_id)
        return ImagesOut(images=told(images.of_items(session, [item_id]).get(item_id, [])), changed=changed)

    return once(request, caller, key, body, act, 200)


@router.get("/items/{item_id}/images", responses=documented(404))
def list_images(item_id: Id, state: State, caller: Annotated[Caller, needs(Scope.ITEMS_READ)]) -> ImagesOut:
    with state.db.read() as session:
        caller.in_project(items.get(session, item_id).project_id)
        return ImagesOut(images=told(images.of_items(session, [item_id]).get(item_id, [])))


@router.get(
    "/items/{item_id}/images/{place}",
    responses={200: {"content": {kind: {} for kind in sorted(pictures.MEDIA_TYPES)}}, **documented(404)},
    response_class=Response,
)
def get_image(item_id: Id, place: Place, state: State, caller: Annotated[Caller, needs(Scope.ITEMS_READ)]) -> Response:
    """The picture itself."""
    with state.db.read() as session:
        caller.in_project(items.get(session, item_id).project_id)
        found = images.at(session, item_id, place)
    if found is None:
        raise Problem(404, "no_image", f"Item {item_id} has no picture in place {place}, counted from 0.")
    return Response(found[1], media_type=found[0], headers=ALONE)


@for_browsers.get("/images/{item_id}/{place}")
def shown(item_id: Id, place: Place, request: Request) -> Response:
    """For the pages. Whoever may review sees items, and so their pictures."""
    state = state_of(request)
    if auth.person_of(state, request) is None:
        raise HTTPException(401, "Sign in first.")
    with state.db.read() as session:
        seen = session.get(Item, item_id)  # nobody's whose project the person does not see
        found = images.at(session, item_id, place) if seen is not None else None
    if found is None:
        raise HTTPException(404, "There is no such picture.")
    return Response(found[1], media_type=found[0], headers=ALONE)
