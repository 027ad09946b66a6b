"""The durable memory of the simulated venues: a snapshot and a log of the steps after it.

A step is written before any report of it leaves, and handed to the operating system each time:
killing the process loses nothing that was told. (Losing power may.) Each log belongs to the
snapshot of its generation; a new snapshot starts a new log, so neither is ever rewritten in place.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from arbiter.markets.leader import LeaderMemory
from arbiter.matching.state import ExchangeState, Step
from arbiter.model.errors import StorageUnavailable
from arbiter.model.ids import VenueId
from arbiter.model.reports import (
    CancelRefused,
    Ended,
    Filled,
    FillSettled,
    ForcedReported,
    FundingReported,
)

_RECORD = struct.Struct("<II")
"""Payload length and CRC-32 of the payload."""

LARGEST_LOG = 64 << 20
"""Past this many bytes the log is folded into a snapshot."""


class Snapshot(msgspec.Struct, kw_only=True):
    generation: int = 0
    venues: list[ExchangeState] = []
    recent: dict[
        VenueId,
        list[Filled | Ended | CancelRefused | FundingReported | ForcedReported | FillSettled],
    ] = {}
    """The last private reports of each venue, to be repeated to a client that lost them."""


class MarketMemory(msgspec.Struct, kw_only=True):
    """What the market goes on from. Losing the last seconds of it costs a small jump in prices."""

    first_ns: int
    starts: int = 0
    offsets: list[float] = []
    resolved: dict[str, int] = {}
    """Rounds of event markets that were paid, by topic."""


_encoder = msgspec.msgpack.Encoder()
_steps = msgspec.msgpack.Decoder(Step)
_snapshots = msgspec.msgpack.Decoder(Snapshot)
_memories = msgspec.msgpack.Decoder(MarketMemory)
_leaders = msgspec.msgpack.Decoder(LeaderMemory)


class Store:
    """One folder; the caller holds its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        """The very folder: another one put in its place later is not ours to write into."""
        self._log: int | None = None
        self._size = 0
        self._generation = 0
        self._failure: str | None = None

    def load(self) -> tuple[Snapshot, list[Step]]:
        """Read the newest state; a record torn by a crash ends the log and is cut off."""
        path = self._folder / "snapshot.msgpack"
        try:
            snapshot = _snapshots.decode(path.read_bytes())
        except FileNotFoundError:
            snapshot = Snapshot()
        except msgspec.MsgspecError as error:
            raise StorageUnavailable(
                f"{path} is damaged ({error}); move {self._folder} away to start the simulated "
                "venues afresh"
            ) from error
        self._generation = snapshot.generation
        log = self._log_path(self._generation)
        data = log.read_bytes() if log.exists() else b""
        steps, good = [], 0
        for step, end in _records(data):
            steps.append(step)
            good = end
        self._open(good)
        for old in self._folder.glob("steps-*.log"):
            if old != log:
                old.unlink(missing_ok=True)
        return snapshot, steps

    def append(self, step: Step) -> None:
        """Write one step. Failure is `StorageUnavailable`: nothing of the step may be told.

        After the first failure every further one fails too: a record behind a torn one is lost.
        """
        if self._failure is not None:
            raise StorageUnavailable(self._failure)
        payload = _encoder.encode(step)
        record = _RECORD.pack(len(payload), zlib.crc32(payload)) + payload
        assert self._log is not None, "load comes first"
        try:
            written = os.write(self._log, record)
        except OSError as error:
            self._failure = f"{self._folder}: a step could not be stored: {error.strerror}"
            raise StorageUnavailable(self._failure) from error
        if written != len(record):
            self._failure = f"{self._folder}: a step was cut short; is the disk full?"
            raise StorageUnavailable(self._failure)
        self._size += written

    @property
    def large(self) -> bool:
        return self._size > LARGEST_LOG

    def compact(self, snapshot: Snapshot) -> None:
        """Put a snapshot in place of snapshot and log."""
        snapshot.generation = self._generation + 1
        self._replace("snapshot.msgpack", _encoder.encode(snapshot), sync=True)
        old = self._log_path(self._generation)
        self._close_log()
        self._generation = snapshot.generation
        self._open(0)
        old.unlink(missing_ok=True)

    def load_market(self) -> MarketMemory | None:
        """Read the market's memory; a damaged one is as good as none."""
        path = self._folder / "market.msgpack"
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            return _memories.decode(path.read_bytes())
        return None

    def save_market(self, memory: MarketMemory) -> None:
        self._replace("market.msgpack", _encoder.encode(memory), sync=False)

    def load_leader(self) -> LeaderMemory | None:
        """Read what the simulated trader did and holds; damaged, he begins anew."""
        with contextlib.suppress(FileNotFoundError, msgspec.MsgspecError):
            return _leaders.decode((self._folder / "leader.msgpack").read_bytes())
        return None

    def save_leader(self, memory: LeaderMemory) -> None:
        self._replace("leader.msgpack", _encoder.encode(memory), sync=False)

    def close(self) -> None:
        """Let go of log and folder: nothing can be stored any more."""
        self._close_log()
        if self._place >= 0:
            os.close(self._place)
            self._place = -1

    def _close_log(self) -> None:
        if self._log is not None:
            os.close(self._log)
            self._log = None

    def _replace(self, name: str, data: bytes, *, sync: bool) -> None:
        """Write beside and rename over: a reader finds the old or the new, never a mixture."""
        beside = f"{name}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        try:
            with open(os.open(beside, flags, 0o600, dir_fd=self._place), "wb") as file:
                file.write(data)
                if sync:
                    file.flush()
                    os.fsync(file.fileno())
            os.replace(beside, name, src_dir_fd=self._place, dst_dir_fd=self._place)
        except OSError as error:
            raise StorageUnavailable(f"{self._folder / name}: {error}") from error

    def _log_path(self, generation: int) -> Path:
        return self._folder / f"steps-{generation}.log"

    def _open(self, size: int) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._log = os.open(self._log_path(self._generation), flags, 0o600)
        os.ftruncate(self._log, size)
        self._size = size


def _records(data: bytes) -> Iterator[tuple[Step, int]]:
    """Give each whole record and where it ends, up to the first that is torn or damaged."""
    at = 0
    while len(data) - at >= _RECORD.size:
        length, crc = _RECORD.unpack_from(data, at)
        start = at + _RECORD.size
        payload = data[start : start + length]
        if len(payload) < length or zlib.crc32(payload) != crc:
            return
        try:
            step = _steps.decode(payload)
        except msgspec.MsgspecError:
            return
        at = start + length
        yield step, at
