"""The connections of one feed: each carries its part of what is followed."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from arbiter.ports.venue import QuoteSink
from arbiter.venues.common.frames import FeedTally
from arbiter.venues.common.health import VenueHealth
from arbiter.venues.common.stream import Headers, Link, Stream, StreamSettings, Talk
from arbiter.venues.common.subscriptions import shards
from arbiter.venues.common.wiring import FeedWiring

T = TypeVar("T")
Parts = Sequence[tuple[str, T]]
"""URL of a connection, and what it carries."""


def spread(url: str, rows: Mapping[str, T], most: int) -> list[tuple[str, dict[str, T]]]:
    """Share rows, by the venue's names, out over connections to one address, `most` on each."""
    return [(url, {name: rows[name] for name in share}) for share in shards(sorted(rows), most)]


async def follow(
    wiring: FeedWiring,
    tally: FeedTally,
    parts: Parts[T],
    make_talk: Callable[[Link, T], Talk],
    *,
    settings: StreamSettings | None = None,
    health: QuoteSink | None = None,
    headers: Headers | None = None,
) -> None:
    """Keep every connection up until cancelled; `health` hears when the venue is lost and back."""
    told = None if health is None else VenueHealth(wiring.venue, health, len(parts))
    async with asyncio.TaskGroup() as group:
        for number, (url, part) in enumerate(parts):
            stream = Stream(
                url,
                partial(_talk, make_talk, part),
                on_state=_unheard if told is None else told.listener(number),
                tally=tally,
                settings=settings or wiring.stream,
                draw=wiring.draw,
                headers=headers,
            )
            group.create_task(stream.run(), name=f"{url} {number}")


def _talk(make_talk: Callable[[Link, T], Talk], part: T, link: Link) -> Talk:
    return make_talk(link, part)


def _unheard(_connected: bool, _why: str) -> None:
    """Quotes alone decide whether a venue is up."""
