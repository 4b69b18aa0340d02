"""Links from past use: an item on which a lesson was of use says more of where it belongs than the lesson's own words.

A lesson is linked with the items whose corrections it came from and with those on which people voted it used. The nearest past
items of a new prompt propose their lessons. The paper keeps such links as the features stored with a rule (DROC, paper 9); here they
are looked up in the database at that moment, so that those of a retracted lesson are gone with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

NEAREST = 50  # past items that are looked at
SHARPNESS = 3.0  # how much more a near item tells than a distant one


def link_scores(near: Sequence[tuple[int, float]], links: Mapping[int, Collection[int]]) -> dict[int, float]:
    """For each lesson the chance that it belongs, in [0, 1], were each near item (id, cosine) independent evidence.

    ``links``: lessons of each item. An item counts with its cosine to the power ``SHARPNESS``; negative cosines count for nothing.
    """
    against: dict[int, float] = {}
    for item, cosine in near:
        doubt = 1 - max(0.0, min(cosine, 1.0)) ** SHARPNESS
        for lesson in links.get(item, ()):
            against[lesson] = against.get(lesson, 1.0) * doubt
    return {lesson: 1 - doubt for lesson, doubt in against.items()}


def closest(near: Sequence[tuple[int, float]], links: Mapping[int, Collection[int]]) -> dict[int, float]:
    """For each lesson the cosine of the nearest item with which it is linked."""
    found: dict[int, float] = {}
    for item, cosine in near:
        for lesson in links.get(item, ()):
            found[lesson] = max(cosine, found.get(lesson, -1.0))
    return found
