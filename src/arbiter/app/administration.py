"""Managing users and keys from the command line, beside a running engine or without one.

The change itself goes to the database. Its audit record goes through the journal's one writer:
the running engine, or the offline desk.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine

from arbiter.access.passwords import Passwords, PasswordSettings
from arbiter.access.secrets import jwt_secret
from arbiter.access.service import AccessService, Audit
from arbiter.access.throttle import LoginThrottle, ThrottleSettings
from arbiter.access.tokens import Tokens
from arbiter.app.config import Settings
from arbiter.app.control_socket import ControlClient
from arbiter.app.database_access import open_database
from arbiter.app.offline import offline
from arbiter.model.events import Audited
from arbiter.runtime.clock import SystemClock, SystemIds
from arbiter.storage.access_store import PgAccessStore
from arbiter.storage.database import make_engine


@asynccontextmanager
async def administration(settings: Settings) -> AsyncIterator[AccessService]:
    """Lend the access service; its audit records are durable when this ends."""
    control = ControlClient(settings.home.control_socket)
    if not control.answers():
        async with offline(settings) as desk:
            engine = make_engine(desk.url, pool_size=1)
            try:
                with ThreadPoolExecutor(1) as threads:
                    yield make_access(
                        settings, engine, threads, lambda entry: void(desk.recorder.record(entry))
                    )
            finally:
                await engine.dispose()
        return
    entries: list[Audited] = []
    async with open_database(settings) as engine:
        with ThreadPoolExecutor(1) as threads:
            yield make_access(settings, engine, threads, entries.append)
    if entries:
        body = {"entries": msgspec.to_builtins(entries)}
        await asyncio.to_thread(control.call, "audit", body)


def make_access(
    settings: Settings, engine: AsyncEngine, threads: ThreadPoolExecutor, audit: Audit
) -> AccessService:
    """Wire the access service; `threads` hash passwords."""
    clock, ids = SystemClock(), SystemIds()
    setting = settings.access.jwt_secret.get_secret_value() or None
    secret = jwt_secret(setting, settings.home.jwt_secret, secrets.token_bytes)
    return AccessService(
        store=PgAccessStore(engine),
        passwords=Passwords(PasswordSettings(), threads, secrets.token_bytes),
        tokens=Tokens(secret.value, settings.access.record(), clock, ids),
        throttle=LoginThrottle(ThrottleSettings(), clock),
        clock=clock,
        ids=ids,
        random=secrets.token_bytes,
        audit=audit,
    )


def void(_: object) -> None:
    """Drop a result."""
