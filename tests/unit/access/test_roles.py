"""viewer < trader < admin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arbiter.access.roles import Principal, Role, allows, parse_role
from arbiter.model.errors import Forbidden, InvalidValue
from arbiter.model.ids import Actor

ROLES = st.sampled_from(Role)


def test_each_role_may_do_what_the_one_below_may_and_more() -> None:
    assert allows(Role.TRADER, Role.VIEWER)
    assert allows(Role.ADMIN, Role.TRADER)
    assert not allows(Role.VIEWER, Role.TRADER)
    assert not allows(Role.TRADER, Role.ADMIN)


@given(ROLES)
def test_every_role_may_do_its_own_part(role: Role) -> None:
    assert allows(role, role)


@given(ROLES, ROLES)
def test_of_two_roles_one_may_do_all_the_other_may(one: Role, other: Role) -> None:
    assert allows(one, other) or allows(other, one)
    assert (allows(one, other) and allows(other, one)) == (one is other)


@given(ROLES, ROLES, ROLES)
def test_what_a_weaker_role_may_a_stronger_may_too(high: Role, middle: Role, low: Role) -> None:
    if allows(high, middle) and allows(middle, low):
        assert allows(high, low)


def test_viewer_is_told_which_role_an_action_needs() -> None:
    viewer = Principal(actor=Actor("user:eve"), user_id="eve", role=Role.VIEWER)
    viewer.require(Role.VIEWER)
    with pytest.raises(Forbidden, match="user:eve is a viewer; this needs the role trader"):
        viewer.require(Role.TRADER)


def test_unknown_role_is_refused_with_the_valid_ones() -> None:
    assert parse_role(" Trader ") is Role.TRADER
    with pytest.raises(InvalidValue, match="use viewer, trader, admin"):
        parse_role("root")
