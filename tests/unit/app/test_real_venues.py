"""Settings and keys of real venues: what is refused before anything is connected."""

from pathlib import Path

import pytest

from arbiter.app.config import Settings, load
from arbiter.app.home import Home
from arbiter.app.venue_credentials import required_keys, venue_keys
from arbiter.app.worlds import keep_apart
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId

BINANCE, BYBIT, LINEAR = VenueId("binance"), VenueId("bybit"), VenueId("bybit_futures")
LIVE = """
[engine]
mode = "live"
[venues]
enabled = ["binance"]
symbols = ["BTC/USDT"]
"""


def loaded(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    environment = {"ARBITER_HOME": str(tmp_path / "home")}
    return load(environment=environment, file=file).settings


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('enabled = ["binanse"]', "not supported"),
        ("enabled = []", "name the venues"),
        ("symbols = []", "name what to trade"),
        ('symbols = ["BTCUSDT"]', "no pair"),
        ('rest = { binance = "https://example.com" }', "belong together"),
        ('rest = { binance = "http://example.com" }', "not encrypted"),
        ('stream = { nowhere = "wss://example.com" }', "no such venue"),
    ],
)
def test_live_settings_that_cannot_work_are_refused(tmp_path: Path, line: str, says: str) -> None:
    key = line.split(" ", maxsplit=1)[0]
    kept = [row for row in LIVE.splitlines() if not row.startswith(key)]
    with pytest.raises(BadConfig, match=says):
        loaded(tmp_path, "\n".join([*kept, line]))


def test_live_without_a_key_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(BadConfig, match="arbiter keys add binance"):
        required_keys([BINANCE], home, {})


def test_keys_come_from_the_environment_whole_or_not_at_all(tmp_path: Path) -> None:
    home = Home(tmp_path)
    half = {"ARBITER_VENUE_BINANCE_API_KEY": "public"}
    with pytest.raises(BadConfig, match="set both"):
        venue_keys([BINANCE], home, half)
    whole = half | {"ARBITER_VENUE_BINANCE_SECRET": "private-half"}
    keys = required_keys([BINANCE], home, whole)[BINANCE]
    assert (keys.api_key, keys.secret) == ("public", "private-half")
    assert "private-half" not in repr(keys)


def test_key_of_a_relayer_is_read_beside_the_venues_own(tmp_path: Path) -> None:
    polymarket = VenueId("polymarket")
    stem = "ARBITER_VENUE_POLYMARKET_"
    environment = {f"{stem}API_KEY": "0x1", f"{stem}SECRET": "private-half"}
    plain = venue_keys([polymarket], Home(tmp_path), environment)[polymarket]
    assert (plain.relayer_api_key, plain.relayer_address) == ("", "")
    environment |= {f"{stem}RELAYER_API_KEY": "sender", f"{stem}RELAYER_API_KEY_ADDRESS": "0x2"}
    keyed = venue_keys([polymarket], Home(tmp_path), environment)[polymarket]
    assert (keyed.relayer_api_key, keyed.relayer_address) == ("sender", "0x2")
    assert "sender" not in repr(keyed)


def test_one_wallet_is_not_counted_as_two_venues(tmp_path: Path) -> None:
    environment = {
        f"ARBITER_VENUE_{venue}_{part}": "same"
        for venue in ("BYBIT", "BYBIT_FUTURES")
        for part in ("API_KEY", "SECRET")
    }
    with pytest.raises(BadConfig, match="subaccount"):
        required_keys([BYBIT, LINEAR], Home(tmp_path), environment)


def test_a_data_folder_keeps_the_books_of_one_mode(tmp_path: Path) -> None:
    settings = loaded(tmp_path, LIVE)
    settings.home.prepare()
    keep_apart(settings)
    keep_apart(settings)
    paper = loaded(tmp_path, LIVE.replace('"live"', '"paper"'))
    with pytest.raises(BadConfig, match="books of mode live"):
        keep_apart(paper)
