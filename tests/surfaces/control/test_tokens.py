"""Signing in, tokens and roles: items 1 and 2, and every status code of the page."""

import asyncio
from typing import Any

import grpc
import grpc.aio
import jwt
import pytest

import arbiter_pb2 as pb
from arbiter.access.roles import Role
from arbiter.access.tokens import Audience
from arbiter.api.control import guard
from arbiter.api.control.services import ADMIN, OPEN, TRADER, needed_role
from arbiter.client import ArbiterClient, NotAllowed, NotFound, SignInNeeded, Tokens, TooMany
from arbiter.model.ids import Actor
from arbiter_pb2_grpc import OperatorServiceStub, TradingServiceStub, UserServiceStub
from tests.surfaces.control.world import PASSWORD, World, bearing, refused

HOUR, WEEK = 3_600, 604_800


async def signed_in(engine: World, role: Role = Role.TRADER) -> pb.AuthResponse:
    await engine.user("telegram:123456", role)
    async with ArbiterClient(engine.address) as client:
        return await client.users.authenticate("telegram:123456", PASSWORD)


def claims(token: str) -> dict[str, object]:
    return jwt.decode(token, options={"verify_signature": False})


async def test_signing_in_gives_an_access_token_of_an_hour_and_a_refresh_token_of_a_week(
    engine: World,
) -> None:
    answer = await signed_in(engine)
    access, refresh = claims(answer.access_token), claims(answer.refresh_token)
    assert access["sub"] == refresh["sub"] == "telegram:123456"
    assert (access["token_type"], refresh["token_type"]) == ("access", "refresh")
    assert access["aud"] == refresh["aud"] == Audience.CONTROL
    assert int(str(access["exp"])) - int(str(access["iat"])) == HOUR
    assert int(str(refresh["exp"])) - int(str(refresh["iat"])) == WEEK
    assert answer.expires_at.seconds == access["exp"]


@pytest.mark.parametrize(
    ("user", "credential", "code", "said"),
    [
        ("telegram:123456", "wrong", grpc.StatusCode.UNAUTHENTICATED, "is wrong"),
        ("nobody", PASSWORD, grpc.StatusCode.UNAUTHENTICATED, "is wrong"),
        ("telegram:123456", "", grpc.StatusCode.UNAUTHENTICATED, "is wrong"),
        ("", PASSWORD, grpc.StatusCode.INVALID_ARGUMENT, "user_id must be set"),
        ("a b", PASSWORD, grpc.StatusCode.INVALID_ARGUMENT, "has spaces"),
    ],
)
async def test_a_wrong_sign_in_says_no_more_than_it_must(
    engine: World, user: str, credential: str, code: grpc.StatusCode, said: str
) -> None:
    await engine.user("telegram:123456", Role.VIEWER)
    async with grpc.aio.insecure_channel(engine.address) as channel:
        request = pb.AuthRequest(user_id=user, credential=credential)
        error = await refused(UserServiceStub(channel).Authenticate(request))
    assert error.code() is code
    assert said in (error.details() or "")


async def test_guessing_is_slowed_down_and_says_for_how_long(engine: World) -> None:
    await engine.user("alice", Role.TRADER)
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub = UserServiceStub(channel)
        wrong = pb.AuthRequest(user_id="alice", credential="a guess")
        for _ in range(5):
            await refused(stub.Authenticate(wrong))
        right = pb.AuthRequest(user_id="alice", credential=PASSWORD)
        error = await refused(stub.Authenticate(right))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "too many failed log-ins; try again in 1 s" in (error.details() or "")
        assert dict(error.trailing_metadata())["retry-after-ms"] == "1000"
        engine.access.clock.wind(1.0)
        assert (await stub.Authenticate(right)).access_token
    async with ArbiterClient(engine.address) as client:
        for _ in range(5):
            with pytest.raises(SignInNeeded):
                await client.sign_in("alice", "a guess")
        with pytest.raises(TooMany, match="try again in"):
            await client.sign_in("alice", PASSWORD)


@pytest.mark.parametrize(
    "metadata",
    [
        (),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", "Bearer not.a.token"),),
        (("authorization", "Basic YWxpY2U6eA=="),),
        (("authorization", f"Bearer {'x' * 5_000}"),),
    ],
)
async def test_without_a_good_token_every_call_is_unauthenticated(
    engine: World, metadata: tuple[tuple[str, str], ...]
) -> None:
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub = UserServiceStub(channel)
        error = await refused(stub.GetPositions(pb.PositionsRequest(), metadata=metadata))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert error.details()


async def test_no_method_but_those_that_give_tokens_answers_without_one(engine: World) -> None:
    async with grpc.aio.insecure_channel(engine.address) as channel:
        for service in pb.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                call: Any = channel.unary_unary(f"/{service.full_name}/{method.name}")
                if method.server_streaming:
                    stream: Any = channel.unary_stream(f"/{service.full_name}/{method.name}")
                    error = await refused(stream(b"").read())
                else:
                    error = await refused(call(b""))
                if method.name in OPEN:
                    assert error.code() is not grpc.StatusCode.PERMISSION_DENIED, method.name
                else:
                    assert error.code() is grpc.StatusCode.UNAUTHENTICATED, method.name


async def test_a_refresh_token_is_no_access_token_nor_the_other_way_round(engine: World) -> None:
    tokens = await signed_in(engine)
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub = UserServiceStub(channel)
        error = await refused(
            stub.GetBalances(pb.BalancesRequest(), metadata=bearing(tokens.refresh_token))
        )
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        request = pb.RefreshTokenRequest(refresh_token=tokens.access_token)
        error = await refused(stub.RefreshToken(request))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_token_of_another_api_is_not_good_here(engine: World) -> None:
    await engine.user("alice", Role.ADMIN)
    pair = await engine.access.service.authenticate("alice", PASSWORD, Audience.DESK, "here")
    async with grpc.aio.insecure_channel(engine.address) as channel:
        error = await refused(
            UserServiceStub(channel).GetBalances(
                pb.BalancesRequest(), metadata=bearing(pair.access.text)
            )
        )
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "issued for another API" in (error.details() or "")


async def test_refreshing_needs_no_live_access_token_and_rotates(engine: World) -> None:
    first = await signed_in(engine)
    engine.access.clock.wind(HOUR + 10)
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub = UserServiceStub(channel)
        error = await refused(
            stub.GetBalances(pb.BalancesRequest(), metadata=bearing(first.access_token))
        )
        assert error.details() == "the access token has expired"
        request = pb.RefreshTokenRequest(refresh_token=first.refresh_token)
        second = await stub.RefreshToken(request, metadata=bearing(first.access_token))
        assert second.refresh_token != first.refresh_token
        assert second.expires_at.seconds == first.expires_at.seconds + HOUR + 10
        await stub.GetBalances(pb.BalancesRequest(), metadata=bearing(second.access_token))


async def test_a_refresh_token_used_twice_ends_the_whole_sign_in(engine: World) -> None:
    first = await signed_in(engine)
    async with grpc.aio.insecure_channel(engine.address) as channel:
        stub = UserServiceStub(channel)
        old = pb.RefreshTokenRequest(refresh_token=first.refresh_token)
        second = await stub.RefreshToken(old)
        error = await refused(stub.RefreshToken(old))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert "used before; sign in again" in (error.details() or "")
        new = pb.RefreshTokenRequest(refresh_token=second.refresh_token)
        error = await refused(stub.RefreshToken(new))
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "refresh_token.reused" in engine.access.actions()


async def test_a_refresh_token_ends_after_a_week(engine: World) -> None:
    tokens = await signed_in(engine)
    engine.access.clock.wind(WEEK + 10)
    async with grpc.aio.insecure_channel(engine.address) as channel:
        request = pb.RefreshTokenRequest(refresh_token=tokens.refresh_token)
        error = await refused(UserServiceStub(channel).RefreshToken(request))
    assert (error.code(), error.details()) == (
        grpc.StatusCode.UNAUTHENTICATED,
        "the refresh token has expired",
    )


async def test_a_viewer_reads_and_changes_nothing(engine: World) -> None:
    async with engine.as_user("eve", Role.VIEWER) as viewer:
        assert await viewer.users.balances()
        assert (await viewer.operator.caller()).role == "viewer"
        for attempt in (
            viewer.trading.place_order(pb.EXCHANGE_BINANCE, "BTCUSDT", pb.SIDE_BUY, 1, 99.0),
            viewer.trading.cancel_order(pb.EXCHANGE_BINANCE, "v-1"),
            viewer.strategy.set_arb_enabled(False),
            viewer.strategy.update_arb_config(min_spread=0.5),
            viewer.strategy.add_copy_trade("0x" + "a" * 40, pb.EXCHANGE_POLYMARKET, 1, 10),
            viewer.strategy.remove_copy_trade("copy-1"),
            viewer.operator.kill("mine"),
            viewer.operator.resume(),
            viewer.operator.set_budget("manual", "USDT", 5),
        ):
            with pytest.raises(NotAllowed, match="user:eve is a viewer; this needs the role"):
                await attempt
    assert engine.outbox.sent == []
    assert not engine.ledger.kill_switch.engaged


async def test_settings_are_for_an_admin(engine: World) -> None:
    async with engine.as_user("alice", Role.TRADER) as trader:
        with pytest.raises(NotAllowed, match="needs the role admin"):
            await trader.strategy.update_arb_config(min_spread=0.5)


async def test_a_new_role_counts_from_the_next_call_on(engine: World) -> None:
    async with engine.as_user("alice", Role.TRADER) as client:
        await engine.access.service.set_role(Actor("test"), "alice", Role.VIEWER)
        with pytest.raises(NotAllowed):
            await client.strategy.set_arb_enabled(True)


def test_every_method_has_a_role_and_no_name_is_left_over() -> None:
    methods = {m.name for s in pb.DESCRIPTOR.services_by_name.values() for m in s.methods}
    assert methods >= OPEN | TRADER | ADMIN
    assert {name for name in methods if needed_role(name) is Role.VIEWER} == {
        name
        for name in methods
        if name.startswith(("Get", "List", "Stream")) or name == "RunDoctor"
    }


async def test_an_unexpected_fault_is_internal_and_tells_nothing(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret words")

    async with engine.as_user("alice", Role.TRADER) as client:
        assert client.tokens is not None
        metadata = bearing(client.tokens.access)
        monkeypatch.setattr(type(engine.desk), "recent", broken)
        async with grpc.aio.insecure_channel(engine.address) as channel:
            error = await refused(
                TradingServiceStub(channel).ListOrders(pb.ListOrdersRequest(), metadata=metadata)
            )
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "an internal error; the engine's log has the details"


async def test_a_database_that_is_away_is_internal_and_says_so(engine: World) -> None:
    await engine.user("alice", Role.TRADER)
    async with ArbiterClient(engine.address) as client:
        await client.sign_in("alice", PASSWORD)

        async def away(*_: object, **__: object) -> None:
            from arbiter.model.errors import StorageUnavailable

            raise StorageUnavailable("the database went away: gone; it is tried again")

        engine.desk._store.order = away  # type: ignore[method-assign]
        assert client.tokens is not None
        async with grpc.aio.insecure_channel(engine.address) as channel:
            request = pb.GetOrderRequest(exchange=pb.EXCHANGE_BINANCE, order_id="x")
            error = await refused(
                TradingServiceStub(channel).GetOrder(
                    request, metadata=bearing(client.tokens.access)
                )
            )
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "the database went away" in (error.details() or "")


# The client renews tokens by itself


async def test_the_client_renews_a_stale_token_once_for_many_calls(engine: World) -> None:
    kept: list[Tokens] = []

    async def keep(tokens: Tokens) -> None:
        kept.append(tokens)

    await engine.user("alice", Role.TRADER)
    async with ArbiterClient(engine.address, keep=keep) as client:
        await client.sign_in("alice", PASSWORD)
        engine.access.clock.wind(HOUR + 10)
        answers = await asyncio.gather(*(client.users.balances() for _ in range(10)))
        assert all(answers)
        assert len(kept) == 2
        assert client.tokens == kept[-1]


async def test_the_client_renews_a_stale_token_before_a_stream_begins(engine: World) -> None:
    await engine.user("alice", Role.VIEWER)
    async with ArbiterClient(engine.address) as client:
        await client.sign_in("alice", PASSWORD)
        engine.access.clock.wind(HOUR + 10)
        stream = client.streams.quotes(pb.EXCHANGE_BINANCE)
        assert (await anext(stream)).market_id == "BTCUSDT"


async def test_a_stream_outlives_its_token_but_not_its_sign_in(
    engine: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "ASK_AGAIN_S", 0.0)
    await engine.user("alice", Role.VIEWER)
    async with ArbiterClient(engine.address) as client:
        await client.sign_in("alice", PASSWORD)
        stream = client.streams.quotes(pb.EXCHANGE_BINANCE, interval_ms=20)
        await anext(stream)
        engine.access.clock.wind(HOUR + 10)
        engine.clock.advance(1)
        engine.quote("BTCUSDT.BINANCE", 101.0, 101.1)
        assert (await anext(stream)).bid == 101.0
        await engine.access.service.change_credential(Actor("test"), "alice", "another one, long")
        engine.clock.advance(1)
        engine.quote("BTCUSDT.BINANCE", 102.0, 102.1)
        with pytest.raises(SignInNeeded, match="the sign-in has ended"):
            await anext(stream)


async def test_the_client_asks_for_a_sign_in_when_it_has_none(engine: World) -> None:
    async with ArbiterClient(engine.address) as client:
        with pytest.raises(SignInNeeded, match="sign in first"):
            await client.users.balances()


# One-time codes


async def test_a_link_code_signs_another_device_in_once(engine: World) -> None:
    await engine.user("alice", Role.TRADER)
    code = await engine.access.service.make_link(Actor("cli"), "alice")
    async with ArbiterClient(engine.address) as client:
        answer = await client.redeem_link_code(code.lower(), "telegram:7")
        assert (answer.user_id, answer.role) == ("alice", "trader")
        assert (await client.operator.caller()).user_id == "alice"
        with pytest.raises(SignInNeeded, match="arbiter users link"):
            await client.redeem_link_code(code, "telegram:8")


async def test_a_link_code_is_good_for_ten_minutes(engine: World) -> None:
    await engine.user("alice", Role.TRADER)
    code = await engine.access.service.make_link(Actor("cli"), "alice")
    engine.access.clock.wind(600)
    async with ArbiterClient(engine.address) as client:
        with pytest.raises(SignInNeeded):
            await client.redeem_link_code(code, "telegram:7")


async def test_a_new_code_voids_the_one_before(engine: World) -> None:
    await engine.user("alice", Role.TRADER)
    first = await engine.access.service.make_link(Actor("cli"), "alice")
    await engine.access.service.make_link(Actor("cli"), "alice")
    async with grpc.aio.insecure_channel(engine.address) as channel:
        request = pb.RedeemLinkCodeRequest(code=first, redeemer="telegram:7")
        error = await refused(OperatorServiceStub(channel).RedeemLinkCode(request))
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_code_for_nobody_cannot_be_made(engine: World) -> None:
    from arbiter.model.errors import NotFound as NoSuchUser

    with pytest.raises(NoSuchUser):
        await engine.access.service.make_link(Actor("cli"), "nobody")
    async with engine.as_user("alice", Role.VIEWER) as client:
        with pytest.raises(NotFound):
            await client.trading.order(pb.EXCHANGE_BINANCE, "v-1")
