"""Looking again: at once when something was heard, else after a while."""

import asyncio
from collections.abc import Callable
from typing import NoReturn


async def look_again(heard: asyncio.Event, look: Callable[[], None], every_s: float) -> NoReturn:
    """Call `look` now, then whenever `heard` is set, and after so many seconds at the latest."""
    while True:
        heard.clear()
        look()
        try:
            async with asyncio.timeout(every_s):
                await heard.wait()
        except TimeoutError:
            continue
