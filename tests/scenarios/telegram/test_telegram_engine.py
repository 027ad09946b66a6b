"""A chat steers a whole engine: linked by a code, it looks, stops everything, and starts again."""

import asyncio
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.bot_api import TOKEN, BotApi
from tests.fakes.ports import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
ARBITER = Path(sys.executable).with_name("arbiter")
CHAT = 4_242


class Engine:
    """`arbiter up --only control` with a bot token, on a data folder of the test's own."""

    def __init__(self, home: Path, telegram: BotApi) -> None:
        self._environment = {
            **os.environ,
            "ARBITER_HOME": str(home),
            "GRPC_ADDR": f"127.0.0.1:{free_port()}",
            "TELEGRAM_BOT_TOKEN": TOKEN,
            "ARBITER__TELEGRAM__API_URL": telegram.url,
            "ARBITER__SIM__SYMBOLS": "10",
            "ARBITER__SIM__QUOTES_PER_SECOND": "200",
        }
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start, and return when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            ARBITER,
            "up",
            "--only",
            "control",
            "--no-view",
            env=self._environment,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert self._process.stderr is not None
        said = b""
        async for line in self._process.stderr:
            said += line
            if b"grpc://" in line:
                break
        else:
            raise AssertionError(f"the engine ended:\n{said.decode(errors='replace')}")
        self._reading = asyncio.create_task(self._process.stderr.read())

    async def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            await self._process.wait()
            await self._reading

    async def run(self, *words: str, said: str = "") -> str:
        """Run a command beside the engine; gives what it printed."""
        process = await asyncio.create_subprocess_exec(
            ARBITER,
            *words,
            env=self._environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, error = await process.communicate(said.encode())
        assert process.returncode == 0, error.decode()
        return out.decode()


@pytest.fixture
async def telegram() -> AsyncIterator[BotApi]:
    async with BotApi() as server:
        yield server


@pytest.fixture
async def engine(telegram: BotApi) -> AsyncIterator[Engine]:
    root = Path(tempfile.mkdtemp(prefix="arbiter-telegram-"))
    home = root / f"h{secrets.token_hex(6)}"
    running = Engine(home, telegram)
    try:
        await running.start()
        yield running
    finally:
        await running.stop()
        shutil.rmtree(root, ignore_errors=True)


async def test_a_linked_chat_sees_the_engine_stops_it_with_proof_and_starts_it_again(
    engine: Engine, telegram: BotApi
) -> None:
    await engine.run("users", "add", "alice", "--role", "trader", said="a long credential\n")
    code = (await engine.run("users", "link", "alice", "--json")).strip()
    await telegram.types(CHAT, f"/link {_code(code)}")
    await telegram.sees(lambda shown: "<b>alice</b> (trader)" in shown.text)

    await telegram.types(CHAT, "/status")
    await telegram.sees(lambda shown: shown.text.startswith("<b>sim</b>"))
    await telegram.types(CHAT, "/balance kraken")
    await telegram.sees(lambda shown: shown.text.startswith("<b>kraken</b>"))

    await telegram.types(CHAT, "/kill look first")
    asked = await telegram.sees(lambda shown: "until /resume?" in shown.text)
    await telegram.presses(asked, "Stop everything")
    await telegram.sees(lambda shown: "kraken: flat" in shown.text)
    assert "look first" in await engine.run("status")

    await telegram.types(CHAT, "/resume")
    sure = await telegram.sees(lambda shown: "Trade again?" in shown.text)
    assert "look first" in sure.text
    await telegram.presses(sure, "Trade again")
    await telegram.sees(lambda shown: "Kill switch: released" in shown.text)

    # What happened was told unasked too.
    await telegram.sees(lambda shown: "look first" in shown.text and not shown.keys)
    assert {shown.chat for shown in telegram.messages} == {CHAT}


def _code(printed: str) -> str:

    code: str = json.loads(printed)["code"]
    return code
