"""The command line talks to a running engine, and knows when there is none."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from arbiter.app.control_socket import ControlClient, ControlServer, NotRunning
from arbiter.model.errors import (
    Conflict,
    InvalidValue,
    NotFound,
    OutcomeUnknown,
    RateLimited,
    TryAgain,
    UnknownSymbol,
)


class Report(msgspec.Struct):
    venue: str


async def _echo(arguments: dict[str, Any]) -> object:
    return arguments


async def _report(arguments: dict[str, Any]) -> object:
    return [Report(venue="binance")]


async def _refuse(arguments: dict[str, Any]) -> object:
    raise {
        "conflict": Conflict("in use"),
        "limited": RateLimited("wait", retry_after_ms=5),
        "symbol": UnknownSymbol("BTCUSD", ("BTCUSDT",)),
    }[arguments["how"]]


async def _hang(arguments: dict[str, Any]) -> object:
    await asyncio.Event().wait()
    return None


HANDLERS = {"echo": _echo, "report": _report, "refuse": _refuse, "hang": _hang}


@pytest_asyncio.fixture
async def socket(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "run" / "control.sock"
    server = ControlServer(path, HANDLERS)
    await server.start()
    try:
        yield path
    finally:
        await server.close()


async def call(path: Path, name: str, timeout_s: float = 10, **arguments: Any) -> Any:
    return await asyncio.to_thread(ControlClient(path).call, name, arguments, timeout_s=timeout_s)


async def test_call_brings_back_what_the_handler_returned(socket: Path) -> None:
    assert await call(socket, "echo", text="näive\n", number=1) == {"text": "näive\n", "number": 1}
    assert await call(socket, "report") == [{"venue": "binance"}]


async def test_callers_are_answered_side_by_side(socket: Path) -> None:
    waiting = asyncio.create_task(call(socket, "hang", timeout_s=30))
    assert await call(socket, "echo") == {}
    assert not waiting.done()
    waiting.cancel()


async def test_refusal_arrives_as_the_error_it_was(socket: Path) -> None:
    with pytest.raises(Conflict, match="in use"):
        await call(socket, "refuse", how="conflict")
    with pytest.raises(TryAgain, match="wait"):
        await call(socket, "refuse", how="limited")
    with pytest.raises(InvalidValue, match="did you mean BTCUSDT"):
        await call(socket, "refuse", how="symbol")


async def test_unknown_call_is_refused_by_name(socket: Path) -> None:
    with pytest.raises(NotFound, match="no call 'shout'"):
        await call(socket, "shout")


async def test_garbage_is_answered_and_ends_nothing(socket: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(socket))
    writer.write(b"{nonsense\n")
    assert b"cannot be read" in await reader.readline()
    writer.write(b'{"call": "echo"}\n')
    assert msgspec.json.decode(await reader.readline()) == {"result": {}, "error": None}
    writer.close()


async def test_engine_that_does_not_answer_is_an_unknown_outcome(socket: Path) -> None:
    with pytest.raises(OutcomeUnknown, match="did not answer `hang`"):
        await call(socket, "hang", timeout_s=0.05)


async def test_engine_that_dies_during_a_call_is_an_unknown_outcome(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    entered = asyncio.Event()

    async def die(arguments: dict[str, Any]) -> object:
        entered.set()
        return await _hang(arguments)

    server = ControlServer(path, {"die": die})
    await server.start()
    waiting = asyncio.create_task(call(path, "die"))
    await entered.wait()
    await server.close()
    with pytest.raises(OutcomeUnknown, match="went away"):
        await waiting


async def test_no_engine_is_told_with_the_command_that_starts_one(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="arbiter up"):
        await call(tmp_path / "run" / "control.sock", "echo")


async def test_socket_left_by_a_killed_engine_is_replaced(socket: Path) -> None:
    successor = ControlServer(socket, HANDLERS)
    await successor.start()
    assert await call(socket, "echo") == {}
    await successor.close()
    assert not ControlClient(socket).answers()


async def test_only_the_owner_may_connect(socket: Path) -> None:
    assert socket.stat().st_mode & 0o777 == 0o600
    assert socket.parent.stat().st_mode & 0o777 == 0o700


async def test_data_folder_may_lie_deeper_than_a_socket_path_may_be_long(tmp_path: Path) -> None:
    path = tmp_path / ("d" * 100) / ("e" * 100) / "control.sock"
    server = ControlServer(path, HANDLERS)
    await server.start()
    assert await call(path, "echo") == {}
    await server.close()
