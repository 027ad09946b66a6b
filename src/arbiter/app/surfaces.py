"""Which APIs are served, where, and what each is given: one function a surface."""

from collections.abc import Iterator

import msgspec
from fastapi import FastAPI

from arbiter.app.config import Settings
from arbiter.app.health_facts import RunningHealth
from arbiter.app.running import Running


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """An app and where it listens; `name` is the prefix of its settings in ``[listen]``."""

    name: str
    app: FastAPI
    host: str
    port: int


def surfaces(
    settings: Settings, running: Running, health: RunningHealth, version: str
) -> Iterator[Surface]:
    """Make every enabled surface. Packages are imported here, so that what is off costs nothing."""
    listen = settings.listen
    if listen.ops_enabled:
        from arbiter.api.funding.surface import make_ops_app

        app = make_ops_app(health, version=version)
        yield Surface(name="ops", app=app, host=listen.ops_host, port=listen.ops_port)
