"""Pictures of items in both databases."""

from __future__ import annotations

import numpy as np
import pytest

from core.images import checked
from store import images, vectors
from store.engine import Database
from store.tables import Item
from tests.factories import scene as people_and_items
from tests.pictures import file


def test_pictures_are_put_in_order_and_replaced_with_their_vectors(db: Database) -> None:
    one, two = checked(file(1), "one"), checked(file(2, "JPEG"))
    with db.write() as session:
        made = people_and_items(session)
        item, other = made.items[0], made.items[1]
        assert images.put(session, item, [one, two]) and images.put(session, other, [two])
        assert not images.put(session, item, [one, two]), "the same again changes nothing"
        project = session.get_one(Item, item).project_id
    with db.write() as session:
        found = images.of_items(session, [item, other, 999])
        assert [(x.place, x.caption, x.media_type) for x in found[item]] == [
            (0, "one", "image/png"),
            (1, "", "image/jpeg"),
        ]
        ids = [x.id for x in found[item]]
        assert images.data_of(session, ids) == {ids[0]: one.data, ids[1]: two.data}
        assert images.at(session, item, 1) == ("image/jpeg", two.data) and images.at(session, item, 2) is None
        assert images.items_of(session, [*ids, 999]) == dict.fromkeys(ids, item)
        for id_ in ids:
            vectors.put(
                session,
                project_id=project,
                scope="image",
                owner_kind="image",
                owner_id=id_,
                model="layout@1",
                vector=np.ones(4),
            )
        assert vectors.models_in(session, "image") == ["layout@1"]
    with db.write() as session:
        assert images.put(session, item, [two])
        assert vectors.of(session, "image", ids, "layout@1") == {}, "vectors go with their pictures"
        assert images.put(session, item, []) and images.of_items(session, [item]) == {}
        with pytest.raises(LookupError):
            images.put(session, 999, [one])


def test_only_pictures_of_items_with_lessons_are_embedded(db: Database) -> None:
    with db.write() as session:
        made = people_and_items(session)
        images.put(session, made.items[0], [checked(file(1))])
        project = session.get_one(Item, made.items[0]).project_id
        assert not images.any_to_embed(session, project) and images.missing(session, project, "layout@1") == []
