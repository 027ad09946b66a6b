"""What must hold at a real venue before money is sent there: `arbiter doctor`, per venue."""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal

from arbiter.app.checks_kinds import Check, bad, ok, warn
from arbiter.app.config import Settings
from arbiter.app.config_sections import Mode
from arbiter.app.real_world import make_account, make_lister
from arbiter.app.venue_credentials import PASSPHRASE, from_environment, stored_venues, venue_keys
from arbiter.model.errors import ArbiterError, Unreadable
from arbiter.model.ids import VenueId
from arbiter.model.instruments import Instrument
from arbiter.model.money import plain
from arbiter.model.time import NS_PER_DAY
from arbiter.runtime.clock import SystemClock
from arbiter.venues.catalogue import EVENT_VENUES, connector
from arbiter.venues.common.account import KeyRights, VenueAccount

FAR_MS = 250
"""A clock further off than this is worth a word, although signatures are corrected."""
_HOPELESS_MS = 60_000
_UNREADABLE = (
    'nothing new is opened there until it can be read; docs/modes.md, "A row that cannot be read", '
    "says what to do"
)


async def check_venues(
    settings: Settings,
    tell: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> list[Check]:
    """Check each venue that is enabled or has a key; nothing where there is neither."""
    surroundings = os.environ if environment is None else environment
    named = {*settings.venues.venues(), *stored_venues(settings.home)}
    wanted = sorted(v for v in named)
    if not wanted:
        return []
    live = settings.engine.mode is Mode.LIVE
    sealed = {v for v in wanted if from_environment(v, surroundings) is None}
    if sealed & stored_venues(settings.home) and not surroundings.get(PASSPHRASE):
        mend = f"set {PASSPHRASE} and run arbiter doctor again"
        return [warn("venue keys", "the venues' keys are sealed and were not checked", mend)]
    try:
        keys = venue_keys(wanted, settings.home, surroundings)
    except ArbiterError as error:
        return [bad("venue keys", str(error))]
    checks: list[Check] = []
    for venue in wanted:
        tell(venue)
        if connector(venue).lists is not None:
            checks.append(await _check_listing(settings, venue))
            continue
        held = keys.get(venue)
        if held is None:
            say = bad if live else warn
            checks.append(say(venue, "no key", f"arbiter keys add {venue}"))
            continue
        try:
            account = make_account(settings, venue, held, SystemClock())
        except ArbiterError as error:
            checks.append(bad(f"{venue} key", str(error), f"arbiter keys add {venue}"))
            continue
        try:
            checks += await _check(account, settings)
        except ArbiterError as error:
            checks.append(bad(venue, str(error), _mend(error)))
        finally:
            await account.aclose()
    return checks


async def _check_listing(settings: Settings, venue: VenueId) -> Check:
    """A venue that is followed on paper alone: does it answer, and list what is wanted?"""
    lister = make_lister(settings, venue, SystemClock())
    try:
        listed = await lister.instruments()
    except ArbiterError as error:
        return bad(venue, str(error), "check the network, and venues.rest if it is set")
    finally:
        await lister.aclose()
    if not listed:
        mend = "name what it lists in venues.symbols"
        return bad(f"{venue} markets", "none of the symbols is listed", mend)
    return ok(f"{venue} markets", f"{len(listed)} followed through ccxt.pro, for paper alone")


async def _check(account: VenueAccount, settings: Settings) -> list[Check]:
    venue = account.venue
    reading = await account.correct_clock()
    if reading is None:
        mend = "check the network, and venues.rest if it is set"
        return [bad(f"{venue} clock", "the venue does not answer", mend)]
    checks = [_clock(venue, reading.offset_ms)]
    rights = await account.rights()
    checks.append(_rights(venue, rights))
    if rights.payouts:
        trouble, _, mend = rights.payouts.partition(": ")
        checks.append(warn(f"{venue} payouts", trouble, mend))
    if rights.advice:
        trouble, _, mend = rights.advice.partition(": ")
        checks.append(warn(f"{venue} key settings", trouble, mend))
    listed = await account.instruments()
    events = venue in EVENT_VENUES
    wanted = settings.venues.events.get(venue, ()) if events else settings.venues.symbols
    if not listed and events:
        mend = (
            f"name markets in venues.events.{venue}; those of approved pairs follow by themselves"
        )
        checks.append(warn(f"{venue} markets", "no market is named there, and none held", mend))
        return [*checks, await _balances(account), await _rows(account)]
    if not listed:
        mend = "name what it lists in venues.symbols"
        checks.append(bad(f"{venue} markets", "none of the symbols is listed", mend))
        return checks
    first = listed[0]
    digits = f" in {first.price_digits} digits" if first.price_digits else ""
    limits = (
        f"{len(listed)} of {len(wanted) or len(listed)} markets; {first.market_id}: tick "
        f"{plain(first.tick)}{digits}, lot {plain(first.lot)}, "
        f"least {plain(first.min_notional)} {first.quote}"
    )
    checks.append(ok(f"{venue} markets", limits))
    checks.append(ok(f"{venue} fees", _fees(first)))
    return [*checks, await _balances(account), await _rows(account)]


async def _balances(account: VenueAccount) -> Check:
    venue = account.venue
    try:
        told = await account.holdings()
    except Unreadable as error:
        return bad(f"{venue} balances", str(error), _UNREADABLE)
    held = {h.asset: h.total for h in told if h.total}
    if not held:
        return warn(f"{venue} balances", "the account is empty", "move funds there")
    shown = ", ".join(f"{plain(total)} {asset}" for asset, total in sorted(held.items())[:8])
    return ok(f"{venue} balances", shown)


async def _rows(account: VenueAccount) -> Check:
    """What a reconciliation reads of the account: can every row of it be understood?"""
    name = f"{account.venue} rows"
    try:
        orders = await account.open_orders()
        fills = await account.fills_since(SystemClock().now_ns() - NS_PER_DAY)
    except Unreadable as error:
        return bad(name, str(error), _UNREADABLE)
    return ok(name, f"{len(orders)} open orders and {len(fills)} fills of the last day are read")


def _fees(instrument: Instrument) -> str:
    fee = instrument.event_fee
    if fee is None:
        return f"maker {_percent(instrument.maker_fee)}, taker {_percent(instrument.taker_fee)}"
    step = f", rounded up to {plain(fee.step)} {instrument.quote}" if fee.step else ""
    return f"{instrument.market_id}: taker {fee.form} {plain(fee.rate)}{step}"


def _clock(venue: VenueId, offset_ms: int) -> Check:
    shown = f"the venue's clock is {offset_ms:+d} ms from this one"
    mend = "set the system clock (timedatectl set-ntp true)"
    if abs(offset_ms) > _HOPELESS_MS:
        return bad(f"{venue} clock", shown, mend)
    if abs(offset_ms) > FAR_MS:
        return warn(f"{venue} clock", f"{shown}; signatures are corrected for it", mend)
    return ok(f"{venue} clock", shown)


def _rights(venue: VenueId, rights: KeyRights) -> Check:
    name = f"{venue} key"
    if rights.can_withdraw:
        how = rights.safe_key or "make a key that may only read and trade"
        mend = f"{how}, and: arbiter keys add {venue}"
        return bad(name, "this key may withdraw; the engine refuses it", mend)
    if not rights.can_trade:
        mend = rights.safe_key or "allow trading for it at the venue"
        return bad(name, "this key may not trade", mend)
    if rights.hindrance:
        trouble, _, mend = rights.hindrance.partition(": ")
        return bad(name, trouble, mend)
    if not rights.restricted_to_ip:
        mend = "restrict it to this machine's address at the venue"
        return warn(name, "may trade and not withdraw, from any address", mend)
    return ok(name, "may trade and not withdraw")


def _percent(fee: Decimal) -> str:
    return f"{plain(fee * 100)} %"


def _mend(error: ArbiterError) -> str:
    code = getattr(error, "code", "")
    if code in (
        "authentication_error",
        "-2014",
        "-2015",
        "10003",
        "10004",
        "-1022",
        "50105",
        "50111",
        "50113",
        "EAPI:Invalid key",
        "EAPI:Invalid signature",
        "UNAUTHORIZED",
    ):
        return "check key and secret: arbiter keys add replaces them"
    return ""
