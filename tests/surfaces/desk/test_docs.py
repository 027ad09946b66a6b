"""The documented curl calls run as they stand."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest

from tests.surfaces.desk.world import World

PAGE = Path(__file__).parents[3] / "docs" / "apis" / "desk.md"
CALLS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    for line in block.splitlines()
    if line.startswith("curl ")
]


def test_every_documented_call_is_found() -> None:
    assert len(CALLS) == 32


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
async def test_documented_calls_answer(desk: World) -> None:
    for order in await desk.arbitrage():
        desk.complete(order)
    await desk.settled()
    for call in CALLS:
        here = call.replace("http://localhost:8000", desk.base).replace("curl -s", "curl -s -f")
        done = await asyncio.create_subprocess_shell(here, stdout=asyncio.subprocess.PIPE)
        said, _ = await done.communicate()
        assert done.returncode == 0, call
        assert said or "-X DELETE" in call, call
