"""The whole of access over the real database."""

import asyncio

import pytest

from arbiter.access.roles import Role
from arbiter.access.tokens import Audience, TokenPair
from arbiter.model.errors import Unauthenticated
from arbiter.model.ids import Actor
from arbiter.storage.access_store import PgAccessStore
from tests.fakes.access import Access

CLI = Actor("cli")
CONTROL = Audience.CONTROL


@pytest.fixture
async def access(store: PgAccessStore) -> Access:
    access = Access(store)
    await access.service.add_user(CLI, "telegram:123456", Role.TRADER, "signed-challenge")
    return access


async def sign_in(access: Access) -> TokenPair:
    return await access.service.authenticate(
        "telegram:123456", "signed-challenge", CONTROL, "127.0.0.1"
    )


async def test_user_signs_in_refreshes_and_is_let_out(access: Access) -> None:
    pair = await sign_in(access)
    renewed = await access.service.refresh(pair.refresh.text, CONTROL)
    principal = await access.service.verify_access(renewed.access.text, CONTROL)
    assert principal.user_id == "telegram:123456"
    await access.service.remove_user(CLI, "telegram:123456")
    with pytest.raises(Unauthenticated):
        await access.service.verify_access(renewed.access.text, CONTROL)
    with pytest.raises(Unauthenticated):
        await access.service.refresh(renewed.refresh.text, CONTROL)


async def test_stolen_refresh_token_used_at_the_same_moment_ends_the_sign_in(
    access: Access,
) -> None:
    pair = await sign_in(access)
    answers = await asyncio.gather(
        *(access.service.refresh(pair.refresh.text, CONTROL) for _ in range(4)),
        return_exceptions=True,
    )
    (winner,) = [one for one in answers if isinstance(one, TokenPair)]
    assert all(isinstance(one, Unauthenticated) for one in answers if one is not winner)
    with pytest.raises(Unauthenticated, match="has ended"):
        await access.service.refresh(winner.refresh.text, CONTROL)
    assert access.actions().count("refresh_token.reused") == 1


async def test_key_revoked_by_the_command_line_is_out_within_moments(access: Access) -> None:
    command_line = access.another_process()
    key = await command_line.create_key(CLI, "grafana", Role.VIEWER)
    assert await access.service.verify_api_key(key.text)
    await command_line.revoke_key(CLI, "grafana")
    access.clock.wind(2)
    with pytest.raises(Unauthenticated):
        await access.service.verify_api_key(key.text)
