"""Turning the tokens of decided markets into money, through the venue's relayer.

One market at a time, one transaction each. What leaves is remembered with its signature before it
leaves: without an answer the relayer is asked whether it has it, and what it never had is handed in
as it was, so that the chain can execute it once at most. What is left to do is what the wallet
still holds. Where the relayer does not serve, it is said what is to be redeemed by hand.
"""

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import structlog
from msgspec.structs import replace

from arbiter.model.errors import OutcomeUnknown, TryAgain
from arbiter.model.money import ONE, ZERO
from arbiter.model.time import NS_PER_DAY, NS_PER_S
from arbiter.ports.clock import Clock
from arbiter.venues.common.keys import VenueKeys
from arbiter.venues.common.signed import Answered
from arbiter.venues.polymarket.listing import EventMarket
from arbiter.venues.polymarket.markets import Markets, Tokens
from arbiter.venues.polymarket.relayer import (
    DEADLINE_S,
    KINDS,
    Relayer,
    State,
    Told,
    payload,
    redemption,
)
from arbiter.venues.polymarket.rest import PolymarketRest
from arbiter.venues.polymarket.signing import Wallet

log = structlog.get_logger(__name__)

RELAYER_KEY = "ARBITER_VENUE_POLYMARKET_RELAYER_API_KEY"
_POLL_S = 2.0
"""Between questions about what is under way."""
_LOOK_S = 300.0
_RETRY_S = 30.0
"""After a failure; twice as long after each more."""
_TRIES = 5
_READS = 5
_DENIED = (401, 403)
_BY_HAND = "redeem it at polymarket.com"

Held = list[Tokens]


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """One redemption that left, or was about to."""

    condition: str
    held: Held
    """What it is for."""
    body: dict[str, Any]
    deadline_s: int
    number: str = ""
    """The relayer's; empty while it is not known whether it has it."""
    state: State = State.NEW


class Redeemer:
    def __init__(
        self,
        wallet: Wallet,
        rest: PolymarketRest,
        markets: Markets,
        keys: VenueKeys,
        clock: Clock,
        folder: Path | None,
    ) -> None:
        self._wallet = wallet
        self._rest = rest
        self._markets = markets
        self._clock = clock
        self._relayer = Relayer(rest, wallet, keys.relayer_api_key, keys.relayer_address)
        self._path = None if folder is None else folder / "redemptions"
        self._sent = _load(self._path)
        """By condition; a confirmed one until the wallet is told to hold something else."""
        self._tries: dict[str, tuple[int, int]] = {}
        """Failures of a market, and the monotonic time of the next try."""
        self._pointed_out: set[str] = set()
        self._done: set[str] = set()
        """Decided markets, by condition, of which the wallet holds nothing any more."""
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self.by_hand = _why_by_hand(wallet, keys)
        """Why nothing is redeemed here; empty where it is."""

    async def advice(self) -> str:
        """What the owner should know or mend; empty where all is well."""
        if self.by_hand:
            return self.by_hand
        try:
            await self._relayer.find("")
        except Answered as answer:
            if answer.status in _DENIED:
                return f"the relayer refuses its key: check {RELAYER_KEY}, or {_BY_HAND}"
            return f"the relayer refuses to answer ({answer}): decided markets may have to wait"
        except (TryAgain, OutcomeUnknown) as error:
            return f"the relayer does not answer ({error}): decided markets may have to wait"
        return ""

    def point_out(self, market: EventMarket, worth: Decimal) -> None:
        """A market is decided and pays what is held: redeem it, or say that it is to be done."""
        self._news.set()
        why = self.by_hand
        if market.routed and not why:
            why = f"its tokens are of a newer kind: {_BY_HAND}"
        if why and worth and market.condition not in self._pointed_out:
            self._pointed_out.add(market.condition)
            log.warning(
                "a decided market is to be redeemed by hand",
                market=market.slug,
                worth=str(worth),
                why=why,
            )

    async def worth(self) -> Decimal:
        """What decided markets pay for the tokens that are still there."""
        decided = self._decided()
        if not decided:
            return ZERO
        under_way = self._under_way()
        if under_way is not None:
            with contextlib.suppress(Answered, TryAgain, OutcomeUnknown):
                async with self._turn:
                    await self._follow(under_way)
        total = ZERO
        held_now = await self._held()
        self._note_done(decided, held_now)
        for condition, held in held_now.items():
            sent = self._sent.get(condition)
            landed = sent is not None and sent.state.on_chain and sent.held == held
            if condition in decided and not landed:
                total += _paid(decided[condition], held)
        return total

    async def beside(self, read: Callable[[], Awaitable[Decimal]]) -> tuple[Decimal, Decimal]:
        """What `read` gives and `worth`, of one moment: money on its way is in one of them."""
        worth, told = await self.worth(), await read()
        for _ in range(_READS if self._sent else 0):
            again = await self.worth()
            if again == worth:
                break
            worth, told = again, await read()
        return told, worth

    # The work.

    async def run(self) -> None:
        """Redeem what there is, until that is not possible any more."""
        while not self.by_hand:
            try:
                async with self._turn:
                    pause_s = _POLL_S if await self._step() else _LOOK_S
            except (Answered, TryAgain, OutcomeUnknown) as error:
                log.warning("redeeming waits", why=str(error))
                pause_s = _RETRY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._news.wait()
            self._news.clear()

    async def _step(self) -> bool:
        """Do what is next; False when there is nothing to do."""
        sent = self._under_way()
        if sent is not None:
            await self._follow(sent)
            return True
        held = await self._held()
        for done in list(self._sent.values()):
            if held.get(done.condition) != done.held:
                await self._drop(done)
        self._tries = {name: told for name, told in self._tries.items() if name in held}
        due = next((m for m in self._decided().values() if self._is_due(m, held)), None)
        if due is None:
            return any(tries < _TRIES for tries, _ in self._tries.values())
        await self._send(due, held[due.condition])
        return True

    def _is_due(self, market: EventMarket, held: dict[str, Held]) -> bool:
        mine = held.get(market.condition, [])
        tries, after_ns = self._tries.get(market.condition, (0, 0))
        return (
            not market.routed
            and market.condition not in self._sent
            and tries < _TRIES
            and self._clock.monotonic_ns() >= after_ns
            and all(tokens.redeemable for tokens in mine)
            and _paid(market, mine) > ZERO
        )

    async def _send(self, market: EventMarket, held: Held) -> None:
        nonce, relay = await self._relayer.nonce()
        deadline_s = self._rest.now_s() + DEADLINE_S
        call = redemption(market.condition, neg_risk=market.neg_risk)
        body = payload(self._wallet, call, nonce=nonce, relay=relay, deadline_s=deadline_s)
        sent = Sent(condition=market.condition, held=held, body=body, deadline_s=deadline_s)
        await self._keep(sent)
        log.info("redeeming", market=market.slug, worth=str(_paid(market, held)))
        await self._submit(sent)

    async def _submit(self, sent: Sent) -> None:
        try:
            told = await self._relayer.submit(sent.body)
        except Answered as answer:
            if answer.status >= 500:
                raise
            await self._drop(sent)
            if answer.status in _DENIED:
                self.by_hand = f"the relayer refuses its key: check {RELAYER_KEY}, or {_BY_HAND}"
                log.error("nothing is redeemed here any more", why=self.by_hand)
                self._pointed_out.clear()
            else:
                self._failed(sent, str(answer))
        else:
            await self._take(sent, told)

    async def _follow(self, sent: Sent) -> None:
        """Ask what became of it. What the relayer never had is handed in once more, as it was."""
        if self._sent.get(sent.condition) is not sent:
            return
        told = None
        if sent.number:
            told = await self._known(self._relayer.state(sent.number))
        if told is None:
            told = await self._known(self._relayer.find(str(sent.body["signature"])))
        if told is not None:
            await self._take(sent, told)
        elif (await self._held()).get(sent.condition) != sent.held:
            await self._drop(sent)
        elif self._rest.now_s() > sent.deadline_s:
            await self._drop(sent)
            self._failed(sent, "the relayer never had it")
        else:
            await self._submit(replace(sent, number=""))

    @staticmethod
    async def _known(asked: Awaitable[Told | None]) -> Told | None:
        try:
            return await asked
        except Answered as answer:
            if answer.status != 404:
                raise
            return None

    async def _take(self, sent: Sent, told: Told) -> None:
        name = self._slug(sent.condition)
        if told.state in (State.FAILED, State.INVALID):
            await self._drop(sent)
            self._failed(sent, told.why or told.state)
            return
        now = replace(sent, number=told.number, state=told.state)
        if now != sent:
            await self._keep(now)
        if told.state is State.CONFIRMED:
            self._tries.pop(sent.condition, None)
            log.info("redeemed", market=name, transaction=told.number)

    def _failed(self, sent: Sent, why: str) -> None:
        tries = self._tries.get(sent.condition, (0, 0))[0] + 1
        wait_ns = int(_RETRY_S * 2 ** (tries - 1) * NS_PER_S)
        self._tries[sent.condition] = tries, self._clock.monotonic_ns() + wait_ns
        last = _BY_HAND if tries >= _TRIES else "it is tried again"
        log.warning(
            "a redemption failed",
            market=self._slug(sent.condition),
            why=why,
            tries=tries,
            then=last,
        )

    # What there is.

    def _under_way(self) -> Sent | None:
        return next((s for s in self._sent.values() if s.state is not State.CONFIRMED), None)

    def _decided(self) -> dict[str, EventMarket]:
        """Of those there is something to redeem, or may be."""
        return {
            m.condition: m
            for m in self._markets.all()
            if m.payout is not None and m.condition not in self._done
        }

    def _note_done(self, decided: dict[str, EventMarket], held: dict[str, Held]) -> None:
        """Ask no more for markets that have long been closed and of which nothing is held.

        For a day the venue may not tell yet what was traded last.
        """
        closed_ns = self._clock.now_ns() - NS_PER_DAY
        self._done.update(
            condition
            for condition, market in decided.items()
            if condition not in held
            and condition not in self._sent
            and market.closed_ns < closed_ns
        )

    async def _held(self) -> dict[str, Held]:
        found: dict[str, Held] = {}
        for tokens in await self._markets.tokens_of(self._wallet.holder):
            found.setdefault(tokens.condition, []).append(tokens)
        return {
            condition: sorted(held, key=lambda tokens: tokens.outcome)
            for condition, held in found.items()
        }

    def _slug(self, condition: str) -> str:
        found = [m.slug for m in self._markets.all() if m.condition == condition]
        return found[0] if found else condition

    async def _keep(self, sent: Sent) -> None:
        self._sent[sent.condition] = sent
        await asyncio.to_thread(_save, self._path, list(self._sent.values()))

    async def _drop(self, sent: Sent) -> None:
        self._sent.pop(sent.condition, None)
        await asyncio.to_thread(_save, self._path, list(self._sent.values()))


def _paid(market: EventMarket, held: Held) -> Decimal:
    assert market.payout is not None, "it is decided"
    yes = market.payout
    return sum((t.size * (yes if t.outcome == 0 else ONE - yes) for t in held), ZERO)


def _why_by_hand(wallet: Wallet, keys: VenueKeys) -> str:
    if wallet.kind not in KINDS:
        return f"the wallet's own address would pay for gas: {_BY_HAND}"
    if not keys.relayer_api_key:
        return f"no key of the relayer is set: set {RELAYER_KEY}, or {_BY_HAND}"
    return ""


def _load(path: Path | None) -> dict[str, Sent]:
    if path is None or not path.exists():
        return {}
    try:
        found = msgspec.json.decode(path.read_bytes(), type=list[Sent])
    except msgspec.MsgspecError as error:
        log.warning("what was redeemed cannot be read", path=str(path), why=str(error))
        return {}
    return {sent.condition: sent for sent in found}


def _save(path: Path | None, sent: list[Sent]) -> None:
    """Write all of it anew, safely even should the machine stop."""
    if path is None:
        return
    fresh = path.with_suffix(".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(sent))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
