"""What a key may do decides whether the engine starts with it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from arbiter.app import real_world
from arbiter.app.config import Settings
from arbiter.app.event_needs import EventNeeds
from arbiter.model.errors import BadConfig, VenueUnreachable
from arbiter.model.ids import InstrumentId, VenueId
from arbiter.model.instruments import Instrument
from arbiter.ports.clock import Clock
from arbiter.venues.common.account import KeyRights
from arbiter.venues.common.keys import VenueKeys
from tests.fakes.clock import FakeClock
from tests.fakes.wiring import listing
from tests.unit.app.test_real_venues import LIVE, loaded

BINANCE, BYBIT = VenueId("binance"), VenueId("bybit")
KEYS = {venue: VenueKeys(api_key="key", secret="secret") for venue in (BINANCE, BYBIT)}
SAFE = KeyRights(can_trade=True, can_withdraw=False, restricted_to_ip=True)
WITHDRAWING = msgspec.structs.replace(SAFE, can_withdraw=True)
LOOKING = msgspec.structs.replace(SAFE, can_trade=False)


class Account:
    """Lists one market, and tells what its key may do."""

    def __init__(self, venue: VenueId, rights: KeyRights | None) -> None:
        self.venue = venue
        self.closed = False
        self._rights = rights

    async def instruments(self) -> Sequence[Instrument]:
        return [listing("BTCUSDT", self.venue)]

    async def prices(self) -> Mapping[InstrumentId, Decimal]:
        return {}

    async def rights(self) -> KeyRights:
        if self._rights is None:
            raise VenueUnreachable("no answer")
        return self._rights

    async def aclose(self) -> None:
        self.closed = True


async def connect(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *rights: KeyRights | None
) -> list[Account]:
    """Start a live world whose venues tell these rights."""
    told = dict(zip((BINANCE, BYBIT), rights, strict=True))
    made: list[Account] = []

    def make(
        _settings: Settings, venue: VenueId, _keys: VenueKeys, _clock: Clock, _needs: EventNeeds
    ) -> Account:
        made.append(Account(venue, told[venue]))
        return made[-1]

    monkeypatch.setattr(real_world, "make_account", make)
    settings = loaded(folder, LIVE.replace('["binance"]', '["binance", "bybit"]'))
    try:
        await real_world.connect_live(settings, KEYS, FakeClock(), lambda _venue, _ms: None)
    except Exception:
        assert len(made) == 2
        assert all(account.closed for account in made), "no connection is left behind"
        raise
    return made


async def test_an_engine_starts_with_keys_that_may_trade_and_not_withdraw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts = await connect(tmp_path, monkeypatch, SAFE, SAFE)
    assert not any(account.closed for account in accounts)


@pytest.mark.parametrize(
    ("rights", "says"), [(WITHDRAWING, "bybit may withdraw"), (LOOKING, "bybit may not trade")]
)
async def test_an_engine_does_not_start_with_a_key_that_may_do_too_much_or_too_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rights: KeyRights, says: str
) -> None:
    with pytest.raises(BadConfig, match=says):
        await connect(tmp_path, monkeypatch, SAFE, rights)


async def test_an_engine_does_not_start_while_nobody_knows_what_a_key_may_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(VenueUnreachable):
        await connect(tmp_path, monkeypatch, None, SAFE)
