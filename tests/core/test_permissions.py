"""Who may do what in which project: a table of cases, and what holds of any grants whatever."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.permissions import IN_PROJECT, Grant, may, may_somewhere, role_in, sight, standing
from core.types import Role

ME, OTHER, TEAM, OPEN, CLOSED = 1, 2, 7, 10, 11
A, E, L, ADMIN = Role.ANNOTATOR, Role.EXPERT, Role.LEAD, Role.ADMIN

# own role, granted in the open project, granted in the restricted one -> the role that counts in each
CASES = [
    (A, None, None, A, None),
    (A, E, None, E, None),
    (A, L, None, L, None),
    (A, None, A, A, A),
    (A, None, E, A, E),
    (A, None, L, A, L),
    (E, None, None, E, None),
    (E, A, A, E, A),
    (E, L, None, L, None),
    (E, None, L, E, L),
    (L, None, None, L, None),
    (L, A, E, L, E),
    (ADMIN, None, None, ADMIN, ADMIN),
    (ADMIN, A, A, ADMIN, ADMIN),
]


@pytest.mark.parametrize("by_team", [False, True])
@pytest.mark.parametrize(("own", "in_open", "in_closed", "open_role", "closed_role"), CASES)
def test_the_role_that_counts(
    own: Role, in_open: Role | None, in_closed: Role | None, open_role: Role, closed_role: Role | None, by_team: bool
) -> None:
    whom = {"team_id": TEAM} if by_team else {"user_id": ME}
    grants = [Grant(id_, role, **whom) for id_, role in ((OPEN, in_open), (CLOSED, in_closed)) if role is not None]
    held = standing(ME, own, {TEAM}, {CLOSED}, grants)
    assert (role_in(held, OPEN), role_in(held, CLOSED)) == (open_role, closed_role)
    for wanted, (project, role) in product(Role, ((OPEN, open_role), (CLOSED, closed_role))):
        allowed = role is not None and list(Role).index(role) >= list(Role).index(wanted)
        assert may(held, wanted, project) is allowed
        assert sight(held, wanted).sees(project) is allowed


def test_grants_of_others_and_of_other_teams_give_nothing() -> None:
    grants = [Grant(CLOSED, L, OTHER), Grant(CLOSED, L, team_id=TEAM + 1)]
    held = standing(ME, A, {TEAM}, {CLOSED}, grants)
    assert role_in(held, CLOSED) is None and not may_somewhere(held, E)
    assert not sight(held).sees(CLOSED) and sight(held).sees(OPEN)


projects = st.sampled_from([OPEN, CLOSED, 12])
roles = st.sampled_from(IN_PROJECT)
grant_sets = st.lists(
    st.one_of(
        st.builds(Grant, projects, roles, user_id=st.sampled_from([ME, OTHER])),
        st.builds(Grant, projects, roles, user_id=st.none(), team_id=st.sampled_from([TEAM, TEAM + 1])),
    ),
    max_size=8,
)
people = st.tuples(
    st.sampled_from(list(Role)), st.sets(st.sampled_from([TEAM, TEAM + 1])), st.sets(projects), grant_sets
)


@given(people, grant_sets)
def test_more_grants_and_more_teams_never_take_a_right_away(person: tuple, more: list[Grant]) -> None:  # type: ignore[type-arg]
    own, teams, restricted, grants = person
    before = standing(ME, own, teams, restricted, grants)
    for after in (
        standing(ME, own, teams, restricted, [*grants, *more]),
        standing(ME, own, {*teams, TEAM}, restricted, grants),
    ):
        for wanted, project in product(Role, (OPEN, CLOSED, 12, None)):
            assert may(after, wanted, project) >= may(before, wanted, project)
            assert may_somewhere(after, wanted) >= may_somewhere(before, wanted)
            assert project is None or sight(after, wanted).sees(project) >= sight(before, wanted).sees(project)


@given(people)
def test_what_holds_of_everybody(person: tuple) -> None:  # type: ignore[type-arg]
    own, teams, restricted, grants = person
    held = standing(ME, own, teams, restricted, grants)
    for wanted, project in product(Role, (OPEN, CLOSED, 12)):
        assert sight(held, wanted).sees(project) is may(held, wanted, project), "what is shown is what is allowed"
        if own is Role.ADMIN:
            assert may(held, wanted, project)
        elif wanted is Role.ADMIN:
            assert not may(held, wanted, project), "no grant makes an admin"
        if may(held, wanted, project):
            assert may_somewhere(held, wanted)
        if project in restricted and own is not Role.ADMIN:
            theirs = [g for g in grants if g.project_id == project and (g.user_id == ME or g.team_id in teams)]
            assert (role_in(held, project) is None) is (not theirs), "restricted: members only"
