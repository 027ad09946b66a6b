"""Heartbeats: a venue that has had one cancels everything once it hears no more."""

import asyncio

import structlog

from arbiter.model.errors import OutcomeUnknown, TryAgain
from arbiter.model.ids import VenueId
from arbiter.venues.common.signed import Answered
from arbiter.venues.polymarket.rest import PolymarketRest

log = structlog.get_logger(__name__)

_BEAT_S = 4.0
"""The venue cancels 10 s after the last."""


async def beat(api: PolymarketRest, venue: VenueId) -> None:
    """Say that we are there, each time with what was last answered; until cancelled."""
    name = ""
    while True:
        try:
            told = await api.signed("POST", "/v1/heartbeats", body={"heartbeat_id": name})
            name = str(told.get("heartbeat_id") or "") if isinstance(told, dict) else ""
        except Answered as answer:
            name = ""
            log.warning("heartbeat refused", venue=venue, why=answer.text)
        except (TryAgain, OutcomeUnknown) as error:
            log.warning("heartbeat lost", venue=venue, why=str(error))
        await asyncio.sleep(_BEAT_S)
