"""The journal on PostgreSQL: group commit, outages outlived, every batch written exactly once.

One task writes. It takes everything that waits, writes events and merged projections in one
transaction, then calls the callbacks. Each transaction first moves `journal_head` from batch n-1
to n, which does three things at once: a commit whose answer was lost is recognised by its number
and not written twice; a statement of a lost connection that still runs on the server holds the
row, so the retry waits for its end; and an engine that lost its place to another can no longer
write.

Memory: what waits during an outage stays in memory. The gate opens nothing while `healthy` is
False, so little is added; past `max_waiting` events the journal gives up by `on_fatal` rather than
let the machine run out of memory, and the next start recovers from the venues.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import msgspec

from arbiter.model.changes import Changes
from arbiter.model.errors import ArbiterError, InstanceLocked, StorageUnavailable, WillNotWork
from arbiter.model.events import Event
from arbiter.storage import database
from arbiter.storage.rows import Statement, event_statements, projection_statements

logger = logging.getLogger(__name__)

ENGINE_LOCK = 0x61726269_0002
"""Advisory lock of the one process that writes the journal: an engine, or a rebuild."""

_SESSION = {
    "synchronous_commit": "on",
    "idle_in_transaction_session_timeout": "15000",
    "statement_timeout": "0",
    "default_transaction_isolation": "read committed",
}
_STEP = "UPDATE journal_head SET batch = $2 WHERE writer = $1 AND batch = $2 - 1 RETURNING batch"


class JournalSettings(msgspec.Struct, frozen=True, kw_only=True):
    max_batch: int = 2_000
    """Events per transaction."""
    max_waiting: int = 200_000
    """Events waiting in memory before the journal gives up."""
    write_timeout_s: float = 30.0
    """One transaction may take this long before its connection counts as lost."""
    silence_s: float = 3.0
    """A transaction without an answer for this long makes the journal unhealthy."""
    first_retry_s: float = 0.05
    longest_retry_s: float = 2.0
    lock_wait_s: float = 5.0
    """How long `open` waits for the server to notice that a killed engine is gone."""


class _Append(msgspec.Struct, frozen=True):
    events: tuple[Event, ...]
    changes: Changes
    then: Callable[[], None] | None


class _Batch(msgspec.Struct, frozen=True):
    number: int
    appends: int
    """How many of them this is."""
    statements: list[Statement]
    thens: list[Callable[[], None]]


class PgJournal:
    """`ports.Journal` on one connection of its own.

    `open` before anything else, `run` as a supervised task, `drain` and `close` at the end.
    `on_fatal` is called once, on the loop, with an error no retry can mend; nothing is written
    after it.
    """

    def __init__(
        self,
        url: str,
        *,
        on_fatal: Callable[[ArbiterError], None],
        settings: JournalSettings = JournalSettings(),  # noqa: B008 - frozen
    ) -> None:
        self._url = url
        self._on_fatal = on_fatal
        self._settings = settings
        self._writer: UUID = uuid4()
        self._connection: Any = None
        self._waiting: deque[_Append] = deque()
        self._waiting_events = 0
        self._in_batch = 0
        self._batch: _Batch | None = None
        self._written = 0
        self._appended = 0
        self._durable = 0
        """Of what was appended, in its order."""
        self._readers: deque[tuple[int, asyncio.Future[None]]] = deque()
        """Who waits until so many appends are durable."""
        self._due: deque[Callable[[], None]] = deque()
        self._wake = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._healthy = False
        self._fatal: ArbiterError | None = None

    @property
    def healthy(self) -> bool:
        """False before `open`, and from the first write that failed or hangs until none waits."""
        return self._healthy

    @property
    def waiting(self) -> int:
        """Events appended and not yet durable."""
        return self._waiting_events

    async def open(self) -> None:
        """Become the one writer of this database.

        `InstanceLocked` while another engine holds it; `StorageUnavailable` when it cannot be
        reached.
        """
        connection = await database.connect(self._url, settings=_SESSION)
        with ExitStack() as undo:
            undo.callback(connection.terminate)
            try:
                await _take_lock(connection, self._settings.lock_wait_s)
                await connection.execute(
                    "UPDATE journal_head SET writer = $1, batch = 0 WHERE id = 1", self._writer
                )
            except asyncpg.UndefinedTableError as error:
                raise StorageUnavailable(
                    "the database has no schema; run arbiter db upgrade"
                ) from error
            except database.DRIVER_ERRORS as error:
                raise database.unreachable(self._url, error) from error
            undo.pop_all()
        self._connection = connection
        self._healthy = True

    def append(
        self,
        events: Sequence[Event],
        changes: Changes,
        then: Callable[[], None] | None = None,
    ) -> None:
        """Queue a batch; `then` is called once, in order, after its commit. Never blocks."""
        self._waiting.append(_Append(tuple(events), changes, then))
        self._appended += 1
        self._waiting_events += len(events)
        self._settled.clear()
        self._wake.set()
        if self._waiting_events > self._settings.max_waiting:
            self._give_up(
                StorageUnavailable(
                    f"{self._waiting_events} events wait for the database, more than memory is "
                    "set aside for; bring the database back and start again"
                )
            )

    async def run(self) -> None:
        """Write until cancelled, or until an error no retry can mend; may be run again."""
        while self._fatal is None:
            self._call_back()
            if self._batch is None and not self._waiting:
                self._settled.set()
                self._wake.clear()
                await self._wake.wait()
                continue
            try:
                await self._write(self._next_batch())
            except WillNotWork as error:
                self._give_up(error)
                return

    async def drain(self) -> None:
        """Wait until everything appended is durable and called back; `run` must be running.

        Waits as long as the database is away: bound it with a time-out. Raises the fatal error
        after one.
        """
        await self._settled.wait()
        if self._fatal is not None:
            raise self._fatal

    async def written(self) -> None:
        """Wait until what was appended so far can be read; in an outage return at once.

        Whoever heard of an event and then reads the database finds it there.
        """
        if self._healthy and self._durable < self._appended:
            reader: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._readers.append((self._appended, reader))
            await reader

    async def close(self) -> None:
        """Give up the connection and the writer's place; what still waits is lost."""
        connection, self._connection = self._connection, None
        self._end_health()
        if connection is not None:
            try:
                await connection.close(timeout=2)
            except database.DRIVER_ERRORS:
                connection.terminate()

    def _call_back(self) -> None:
        while self._due:
            self._due.popleft()()

    def _give_up(self, error: ArbiterError) -> None:
        if self._fatal is None:
            self._fatal = error
            self._end_health()
            self._settled.set()
            self._wake.set()
            logger.critical("the journal cannot go on: %s", error)
            self._on_fatal(error)

    def _next_batch(self) -> _Batch:
        """Merge what waits into one transaction; a batch that failed stays as it is."""
        if self._batch is None:
            events: list[Event] = []
            changes = Changes()
            thens: list[Callable[[], None]] = []
            appends = 0
            while self._waiting and len(events) < self._settings.max_batch:
                taken = self._waiting.popleft()
                appends += 1
                events += taken.events
                changes.merge(taken.changes)
                if taken.then is not None:
                    thens.append(taken.then)
            self._in_batch = len(events)
            try:
                statements = event_statements(events) + projection_statements(changes)
            except (TypeError, ValueError) as error:
                raise WillNotWork(f"an event cannot be written as JSON: {error}") from error
            self._batch = _Batch(self._written + 1, appends, statements, thens)
        return self._batch

    async def _write(self, batch: _Batch) -> None:
        """Write one batch, however long the database stays away."""
        delay = self._settings.first_retry_s
        silence = TimeoutError(f"no answer for {self._settings.silence_s:g} s")
        while True:
            alarm = asyncio.get_running_loop().call_later(
                self._settings.silence_s, self._note_outage, silence
            )
            try:
                with ExitStack() as undo:
                    undo.callback(self._drop_connection)
                    async with asyncio.timeout(self._settings.write_timeout_s):
                        await self._commit(batch)
                    undo.pop_all()
                break
            except (*database.DRIVER_ERRORS, StorageUnavailable) as error:
                if not database.may_pass(error):
                    raise WillNotWork(
                        f"batch {batch.number} of the journal breaks the database's rules: {error}"
                    ) from error
                self._note_outage(error)
                await asyncio.sleep(delay)
                delay = min(2 * delay, self._settings.longest_retry_s)
            finally:
                alarm.cancel()
        self._note_success(batch)

    async def _commit(self, batch: _Batch) -> None:
        if self._connection is None:
            self._connection = await self._reconnect()
        connection = self._connection
        transaction = connection.transaction()
        await transaction.start()
        if await connection.fetchval(_STEP, self._writer, batch.number) is None:
            await self._find_out(connection, batch)
            await transaction.rollback()
            return
        for sql, arguments in batch.statements:
            await connection.execute(sql, *arguments)
        await transaction.commit()

    async def _find_out(self, connection: Any, batch: _Batch) -> None:
        """The head did not move: the batch is already durable, or this is no longer our journal."""
        head = await connection.fetchrow("SELECT writer, batch FROM journal_head")
        if head is None or head["writer"] != self._writer:
            raise WillNotWork(
                "another engine has taken over this database; this one stops, use one at a time"
            )
        if head["batch"] != batch.number:
            raise WillNotWork(
                f"the journal's head is at batch {head['batch']}, expected {batch.number}: the "
                "database was restored or changed by hand; start again to recover"
            )

    async def _reconnect(self) -> Any:
        connection = await database.connect(self._url, settings=_SESSION)
        with ExitStack() as undo:
            undo.callback(connection.terminate)
            writer = await connection.fetchval("SELECT writer FROM journal_head")
            if writer != self._writer:
                raise WillNotWork(
                    "another engine has taken over this database; this one stops, use one at a time"
                )
            if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ENGINE_LOCK):
                raise StorageUnavailable("the server still holds the lost connection's lock")
            undo.pop_all()
        return connection

    def _drop_connection(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _note_outage(self, error: BaseException) -> None:
        if self._healthy:
            self._end_health()
            logger.error(
                "the journal cannot be written (%s); no new risk is taken and the write is "
                "repeated until it succeeds: %s",
                str(error) or "no answer",
                _mend(error, self._url),
            )

    def _note_success(self, batch: _Batch) -> None:
        self._written = batch.number
        self._batch = None
        self._waiting_events -= self._in_batch
        self._in_batch = 0
        self._due.extend(batch.thens)
        self._durable += batch.appends
        self._let_read(self._durable)
        if not self._healthy and not self._waiting:
            self._healthy = True
            logger.warning("the journal is written again; nothing was lost")

    def _end_health(self) -> None:
        self._healthy = False
        self._let_read(self._appended)

    def _let_read(self, durable: int) -> None:
        while self._readers and self._readers[0][0] <= durable:
            reader = self._readers.popleft()[1]
            if not reader.done():
                reader.set_result(None)


async def _take_lock(connection: Any, wait_s: float) -> None:
    """Take the writer's lock; a killed engine's is let go as soon as the server notices."""
    loop = asyncio.get_running_loop()
    until = loop.time() + wait_s
    while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", ENGINE_LOCK):
        if loop.time() >= until:
            raise InstanceLocked(
                "another engine writes to this database; stop it, or give this one a database "
                "of its own"
            )
        await asyncio.sleep(0.05)


def _mend(error: BaseException, url: str) -> str:
    if isinstance(error, asyncpg.DiskFullError):
        return "free disk space where the database lies"
    if isinstance(error, asyncpg.OutOfMemoryError | asyncpg.TooManyConnectionsError):
        return "the database server is out of memory or connections; give it more"
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return "the server is read-only (a standby?); point DATABASE_URL at the primary"
    return f"bring back the database at {database.shown(url)}"
