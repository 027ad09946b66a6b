"""One open page: its regions, and what it follows."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec
from nicegui import Client, context, ui

from arbiter.api.desk.web import words
from arbiter.api.desk.web.client import DeskClient, DeskError, Json, SignedOut

ROOT = "/ui"
LOGIN = f"{ROOT}/login"

Show = Callable[[Json], Awaitable[None] | None]
Read = Callable[[], Awaitable[None]]


class Page:
    """What one browser tab shows. Handlers `show` regions; the changed ones are sent together."""

    def __init__(self, desk: DeskClient, session: Json) -> None:
        self.desk = desk
        self.session = session
        self.can_trade: bool = session["can_trade"]
        self.client: Client = context.client
        self._regions: dict[str, str] = {}
        self._changed: dict[str, str] = {}
        self._shows: dict[str, list[Show]] = {}
        self._reads: list[_Reading] = []
        self._work: asyncio.Task[None] | None = None

    # Regions

    def region(self, name: str, html: str = "", *, tag: str = "div", classes: str = "") -> ui.html:
        """Place a region here. Its HTML is ours: what the desk said is escaped in it."""
        self._regions[name] = html
        made = ui.html(html, sanitize=False, tag=tag).props(f'data-name="{name}"')
        return made.classes(classes) if classes else made

    def show(self, name: str, html: str) -> None:
        if self._regions.get(name) != html:
            self._regions[name] = self._changed[name] = html

    def flush(self) -> None:
        """Send what changed since the last time."""
        if self._changed:
            changed = msgspec.json.encode(self._changed).decode()
            _ = self.client.run_javascript(f"desk.show({changed})")
            self._changed = {}

    def tell(self, message: str, kind: str = "info") -> None:
        with self.client:
            ui.notify(message, type=kind, position="top", close_button="Close")  # type: ignore[arg-type]

    # What it follows

    def follow(self, topic: str, show: Show) -> None:
        """Call `show` with every new body of the topic, and wait for it where it takes its time.

        The pages live on the engine's loop: what shows much lets others have a turn in between.
        """
        self._shows.setdefault(topic, []).append(show)

    def reread(self, topics: set[str], read: Read, *, every_s: float = 1.0) -> None:
        """Call `read` after news of any of the topics, at most once in `every_s`."""
        self._reads.append(_Reading(topics, read, every_s))

    async def attempt(self, work: Awaitable[Json], done: str = "") -> Json:
        """Do what somebody asked for; a refusal is told and gives None."""
        try:
            result = await work
        except SignedOut:
            self.client.open(LOGIN)
            return None
        except DeskError as error:
            self.tell(str(error), "negative")
            return None
        if done:
            self.tell(done, "positive")
        self.flush()
        return result

    def start(self) -> None:
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._live(), name="desk page")
            OPEN.add(self)

    async def end(self) -> None:
        OPEN.discard(self)
        if self._work is not None:
            self._work.cancel()
            with suppress(asyncio.CancelledError):
                await self._work
        await self.desk.close()

    async def _live(self) -> None:
        topics = set(self._shows).union(*(reading.topics for reading in self._reads))
        later = asyncio.create_task(self._read_on())
        try:
            async for news in self.desk.updates(sorted(topics), self._link):
                for topic, body in news.items():
                    for show in self._shows.get(topic, ()):
                        shown = show(body)
                        if shown is not None:
                            await shown
                for reading in self._reads:
                    if reading.topics & news.keys():
                        reading.wanted.set()
                self.flush()
        except SignedOut:
            self.client.open(LOGIN)
        finally:
            later.cancel()

    def _link(self, up: bool) -> None:
        word = "live" if up else "reconnecting"
        self.show("link", words.pill(word, "good" if up else "bad"))
        self.flush()
        if up:  # what happened before was told to nobody
            for reading in self._reads:
                reading.wanted.set()

    async def _read_on(self) -> None:
        async with asyncio.TaskGroup() as group:
            for reading in self._reads:
                group.create_task(self._read(reading))

    async def _read(self, reading: "_Reading") -> None:
        while True:
            await reading.wanted.wait()
            reading.wanted.clear()
            began = time.monotonic()
            with suppress(DeskError):  # the link says it; the next news reads again
                await reading.read()
                self.flush()
            await asyncio.sleep(max(began + reading.every_s - time.monotonic(), 0))


OPEN: set[Page] = set()
"""Pages that follow the desk."""


async def end_all() -> None:
    """End every page's work and connections: the loop is about to end."""
    for page in tuple(OPEN):
        await page.end()


class _Reading:
    def __init__(self, topics: set[str], read: Read, every_s: float) -> None:
        self.topics = topics
        self.read = read
        self.every_s = every_s
        self.wanted = asyncio.Event()
