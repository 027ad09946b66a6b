"""Where a real venue's key comes from: the environment, or the encrypted store."""

import os
from collections.abc import Iterable, Mapping

from arbiter.access.venue_keys import Credentials, VenueKeyStore
from arbiter.app.home import Home
from arbiter.model.errors import BadConfig
from arbiter.model.ids import VenueId
from arbiter.venues.catalogue import connector
from arbiter.venues.common.keys import VenueKeys

PASSPHRASE = "ARBITER_KEYS_PASSPHRASE"
_PREFIX = "ARBITER_VENUE_"


def store_of(home: Home) -> VenueKeyStore:
    return VenueKeyStore(home.root / "venue-keys.json", os.urandom)


def from_environment(venue: VenueId, environment: Mapping[str, str]) -> Credentials | None:
    """``ARBITER_VENUE_BINANCE_API_KEY``, ``…_SECRET`` and, where there is one, ``…_PASSWORD``."""
    stem = f"{_PREFIX}{venue.upper()}_"
    key, secret = environment.get(f"{stem}API_KEY", ""), environment.get(f"{stem}SECRET", "")
    if not key and not secret:
        return None
    if not key or not secret:
        raise BadConfig(f"{stem}API_KEY and {stem}SECRET belong together: set both")
    password = environment.get(f"{stem}PASSWORD", "")
    return Credentials(api_key=key, secret=secret, password=password)


def stored_venues(home: Home) -> set[VenueId]:
    return {row.venue for row in store_of(home).rows()}


def venue_keys(
    venues: Iterable[VenueId], home: Home, environment: Mapping[str, str]
) -> dict[VenueId, VenueKeys]:
    """Give the key of every venue that has one.

    The environment wins over the store. `BadConfig` when the store is needed and no passphrase
    was given, `Unauthenticated` for a wrong one.
    """
    found: dict[VenueId, Credentials] = {}
    missing = []
    for venue in venues:
        told = from_environment(venue, environment)
        if told is None:
            missing.append(venue)
        else:
            found[venue] = told
    stored = stored_venues(home)
    if stored & set(missing):
        passphrase = environment.get(PASSPHRASE, "")
        if not passphrase:
            raise BadConfig(
                f"the venues' keys are sealed: set {PASSPHRASE}, or start from a terminal"
            )
        opened = store_of(home).open(passphrase)
        found |= {venue: opened[venue] for venue in missing if venue in opened}
    return {venue: _keys(venue, told, environment) for venue, told in found.items()}


def _keys(venue: VenueId, told: Credentials, environment: Mapping[str, str]) -> VenueKeys:
    """What a venue's relayer asks for is no part of its key: it is read from the environment."""
    stem = f"{_PREFIX}{venue.upper()}_RELAYER_API_KEY"
    return VenueKeys(
        api_key=told.api_key,
        secret=told.secret,
        password=told.password,
        relayer_api_key=environment.get(stem, ""),
        relayer_address=environment.get(f"{stem}_ADDRESS", ""),
    )


def required_keys(
    venues: Iterable[VenueId], home: Home, environment: Mapping[str, str]
) -> dict[VenueId, VenueKeys]:
    """As `venue_keys`, but a venue without a key is refused, and so is one key for two wallets."""
    wanted = tuple(venues)
    found = venue_keys(wanted, home, environment)
    for venue in wanted:
        if venue not in found:
            stem = f"{_PREFIX}{venue.upper()}"
            raise BadConfig(
                f"live trading on {venue} needs a key of yours: run `arbiter keys add {venue}`, "
                f"or set {stem}_API_KEY and {stem}_SECRET"
            )
    _refuse_one_wallet_twice(found)
    return found


def _refuse_one_wallet_twice(keys: Mapping[VenueId, VenueKeys]) -> None:
    seen: dict[tuple[str, str], VenueId] = {}
    for venue, key in keys.items():
        wallet = connector(venue).wallet
        other = seen.setdefault((wallet, key.api_key), venue) if wallet else venue
        if other != venue:
            raise BadConfig(
                f"{other} and {venue} share one wallet under one key and it would be counted "
                f"twice: give {venue} the key of a subaccount of its own"
            )
