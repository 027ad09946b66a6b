"""Exchange keys at rest: sealed, closed to others, shown nowhere."""

import os
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import hash_secret_raw

from arbiter.access import venue_keys
from arbiter.access.venue_keys import Credentials, VenueKeyStore
from arbiter.model.errors import BadConfig, NotFound, Unauthenticated
from arbiter.model.ids import VenueId

BINANCE, BYBIT = VenueId("binance"), VenueId("bybit")
KEYS = Credentials(api_key="public-half-1234", secret="the-secret-half")
PASSPHRASE = "correct horse"


def cheaply(secret: bytes, salt: bytes, **cost: Any) -> bytes:
    return hash_secret_raw(secret, salt, **{**cost, "time_cost": 1, "memory_cost": 64})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VenueKeyStore:
    """Derives its key as it does, at a thousandth of the work."""
    monkeypatch.setattr(venue_keys, "hash_secret_raw", cheaply)
    return VenueKeyStore(tmp_path / "keys.json", os.urandom)


def test_key_comes_back_with_the_passphrase_alone(tmp_path: Path) -> None:
    store = VenueKeyStore(tmp_path / "keys.json", os.urandom)
    store.add(BINANCE, KEYS, PASSPHRASE, 7)
    assert store.open(PASSPHRASE) == {BINANCE: KEYS}
    with pytest.raises(Unauthenticated):
        store.open("wrong horse")
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


def test_file_and_representation_hold_no_secret(store: VenueKeyStore, tmp_path: Path) -> None:
    store.add(BINANCE, KEYS, PASSPHRASE, 7)
    text = (tmp_path / "keys.json").read_text()
    assert KEYS.secret not in text
    assert KEYS.api_key not in text
    assert KEYS.secret not in f"{KEYS} {KEYS!r}"
    (row,) = store.rows()
    assert (row.venue, row.hint) == (BINANCE, "1234")


def test_all_keys_are_under_one_passphrase(store: VenueKeyStore) -> None:
    store.add(BINANCE, KEYS, PASSPHRASE, 7)
    with pytest.raises(Unauthenticated):
        store.add(BYBIT, KEYS, "another one", 8)
    store.add(BYBIT, KEYS, PASSPHRASE, 8)
    assert set(store.open(PASSPHRASE)) == {BINANCE, BYBIT}


def test_sealed_key_is_bound_to_its_venue(store: VenueKeyStore, tmp_path: Path) -> None:
    store.add(BINANCE, KEYS, PASSPHRASE, 7)
    path = tmp_path / "keys.json"
    path.write_text(path.read_text().replace('"binance"', '"bybit"'))
    with pytest.raises(Unauthenticated):
        store.open(PASSPHRASE)


def test_removed_key_is_gone(store: VenueKeyStore) -> None:
    store.add(BINANCE, KEYS, PASSPHRASE, 7)
    store.remove(BINANCE)
    assert store.open(PASSPHRASE) == {}
    with pytest.raises(NotFound):
        store.remove(BINANCE)


def test_file_that_others_can_read_is_refused(store: VenueKeyStore, tmp_path: Path) -> None:
    store.add(BINANCE, KEYS, PASSPHRASE, 7)
    (tmp_path / "keys.json").chmod(0o644)
    with pytest.raises(BadConfig, match="chmod 600"):
        store.open(PASSPHRASE)


def test_short_passphrases_and_broken_credentials_are_refused(store: VenueKeyStore) -> None:
    with pytest.raises(BadConfig, match="at least 8"):
        store.add(BINANCE, KEYS, "short", 7)
    with pytest.raises(BadConfig):
        Credentials(api_key="a key", secret=" with a space")


PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\nOgIB\n-----END RSA PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    "text", [PEM, PEM.rstrip(), PEM.replace("\n", "\\n"), PEM.replace("\n", "\r\n")]
)
def test_private_key_of_several_lines_is_kept_as_it_is(store: VenueKeyStore, text: str) -> None:
    store.add(VenueId("kalshi"), Credentials(api_key="one", secret=text), "a long phrase", 1)
    assert store.open("a long phrase")[VenueId("kalshi")].secret == text


@pytest.mark.parametrize("text", ["two\nlines", f" {PEM}", f"{PEM}\x00"])
def test_lines_are_for_private_keys_alone(text: str) -> None:
    with pytest.raises(BadConfig):
        Credentials(api_key="one", secret=text)
