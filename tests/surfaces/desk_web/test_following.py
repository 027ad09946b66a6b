"""What a page follows, without a browser: news that nobody heard is read."""

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace

import pytest

from arbiter.api.desk.web import page as pages
from arbiter.api.desk.web.client import DeskClient, Json


class BrokenOnce(DeskClient):
    """A stream that says nothing, is lost when it is told to be, and comes back."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9")
        self.cut = asyncio.Event()

    async def updates(
        self, topics: list[str], on_link: Callable[[bool], None]
    ) -> AsyncIterator[dict[str, Json]]:
        assert topics == ["audit"]
        on_link(True)
        await self.cut.wait()
        on_link(False)
        on_link(True)
        await asyncio.Event().wait()
        yield {}


async def test_a_page_whose_link_was_lost_reads_again_what_it_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    browser = SimpleNamespace(run_javascript=lambda code: None)
    monkeypatch.setattr(pages, "context", SimpleNamespace(client=browser))
    desk = BrokenOnce()
    page = pages.Page(desk, {"can_trade": True})
    reads: asyncio.Queue[None] = asyncio.Queue()

    async def read() -> None:
        reads.put_nowait(None)

    page.reread({"audit"}, read, every_s=0.0)
    page.start()
    try:
        async with asyncio.timeout(60):
            await reads.get()
            desk.cut.set()
            await reads.get()
    finally:
        await page.end()
