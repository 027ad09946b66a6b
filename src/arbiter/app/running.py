"""A running engine, as shown to whoever serves or steers it."""

from collections.abc import Mapping

import msgspec

from arbiter.runtime.bus import CommandBus
from arbiter.runtime.engine import Engine
from arbiter.runtime.hub import EventHub
from arbiter.runtime.queries import Queries


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """What a running engine offers to whoever shows or steers it."""

    engine: Engine
    bus: CommandBus
    queries: Queries
    hub: EventHub
    listeners: Mapping[str, tuple[str, ...]]
    """Addresses by name of the listener."""
