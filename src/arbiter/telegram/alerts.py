"""What happens, told to every linked chat as it happens."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from html import escape

import structlog
from aiogram.exceptions import TelegramAPIError, TelegramForbiddenError, TelegramRetryAfter
from aiogram.utils.backoff import Backoff, BackoffConfig

import arbiter_pb2 as pb
from arbiter.client import ArbiterApiError, ArbiterClient, NotAllowed, SignInNeeded
from arbiter.telegram import words
from arbiter.telegram.links import Links
from arbiter.telegram.offers import Said

log = structlog.get_logger()

Say = Callable[[int, Said], Awaitable[None]]

RECENT = 50
_REMEMBERED = 4 * RECENT
LOST_AFTER_S = 15.0
MOST_WAITING = 1_000
_BACKOFF = BackoffConfig(min_delay=0.5, max_delay=15.0, factor=1.7, jitter=0.1)


class _Heard:
    """Tells news from what a stream says once more after a break.

    Several alerts may carry one time: a trade's end and the limit it breaks do.
    """

    def __init__(self, since_ns: int) -> None:
        self._since_ns = since_ns
        self._heard: OrderedDict[tuple[int, str, str], None] = OrderedDict()

    def is_news(self, alert: pb.Alert, *, replayed: bool) -> bool:
        """Note an alert; False if it was heard, or `replayed` from before anybody listened."""
        at_ns = alert.at.ToNanoseconds()
        key = (at_ns, alert.code, alert.text)
        if key in self._heard or (replayed and at_ns < self._since_ns):
            return False
        self._since_ns = min(self._since_ns, at_ns)
        self._heard[key] = None
        if len(self._heard) > _REMEMBERED:
            self._heard.popitem(last=False)
        return True


class Alerts:
    """One stream a chat, read as its own user; `run` until cancelled."""

    def __init__(self, links: Links, say: Say, least: pb.AlertSeverity, window_s: float) -> None:
        self._links = links
        self._say = say
        self._least = least
        self._window_s = window_s
        self._changed = asyncio.Event()
        links.on_change = self._changed.set

    async def run(self) -> None:
        """Follow the chats that are linked, whichever these are at any time."""
        following: dict[int, tuple[ArbiterClient, asyncio.Task[None]]] = {}
        try:
            while True:
                self._changed.clear()
                for chat, (client, task) in list(following.items()):
                    if self._links.client(chat) is not client:
                        task.cancel()
                        del following[chat]
                for chat in self._links.chats - following.keys():
                    client = self._links.speaker(chat)
                    task = asyncio.create_task(self._follow(chat, client), name="alerts")
                    following[chat] = client, task
                await self._changed.wait()
        finally:
            tasks = [task for _, task in following.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _follow(self, chat: int, client: ArbiterClient) -> None:
        waiting: asyncio.Queue[str] = asyncio.Queue(MOST_WAITING)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(chat, client, waiting))
            group.create_task(self._tell(chat, waiting))

    async def _listen(self, chat: int, client: ArbiterClient, waiting: asyncio.Queue[str]) -> None:
        loop = asyncio.get_running_loop()
        backoff = Backoff(_BACKOFF)
        heard, recent = _Heard(time.time_ns()), 0
        lost_at: float | None = None
        told = False
        while True:
            try:
                async for alert in _alerts(client, self._least, recent):
                    if told:
                        _put(waiting, "The engine answers again.")
                    lost_at, told = None, False
                    backoff.reset()
                    if heard.is_news(alert, replayed=recent > 0):
                        _put(waiting, words.alert(alert))
            except (SignInNeeded, NotAllowed) as error:
                _put(waiting, f"No alerts any more: {escape(str(error))}")
                return
            except ArbiterApiError as error:
                log.info("alerts interrupted", chat=chat, why=str(error))
            recent = RECENT
            lost_at = loop.time() if lost_at is None else lost_at
            if not told and loop.time() - lost_at >= LOST_AFTER_S:
                told = True
                _put(waiting, "<b>The engine does not answer.</b>")
            await backoff.asleep()

    async def _tell(self, chat: int, waiting: asyncio.Queue[str]) -> None:
        while True:
            lines = [await waiting.get()]
            try:
                async with asyncio.timeout(self._window_s):
                    while len(lines) < MOST_WAITING:
                        lines.append(await waiting.get())
            except TimeoutError:
                pass
            for text in _messages(lines):
                await self._send(chat, Said(text=text))

    async def _send(self, chat: int, said: Said) -> None:
        """Send one message; what Telegram refuses for good is given up, not the chat."""
        backoff = Backoff(_BACKOFF)
        while True:
            try:
                await self._say(chat, said)
            except TelegramRetryAfter as error:
                await asyncio.sleep(error.retry_after)
            except TelegramForbiddenError:
                log.warning("a chat has shut the bot out: its link is dropped", chat=chat)
                await self._links.drop(chat)
                return
            except TelegramAPIError as error:
                log.warning("an alert was not sent", chat=chat, why=str(error))
                if backoff.counter >= 10:
                    return
                await backoff.asleep()
            else:
                return


async def _alerts(
    client: ArbiterClient, least: pb.AlertSeverity, recent: int
) -> AsyncIterator[pb.Alert]:
    async for alert in client.streams.alerts(least, recent=recent):
        yield alert


def _put(waiting: asyncio.Queue[str], line: str) -> None:
    """The newest counts: where nothing is taken for long, the oldest go."""
    if waiting.full():
        waiting.get_nowait()
    waiting.put_nowait(line)


def _messages(lines: Iterable[str]) -> list[str]:
    texts: list[str] = []
    for line in lines:
        if texts and len(texts[-1]) + len(line) + 1 <= words.LONGEST:
            texts[-1] += f"\n{line}"
        else:
            texts.append(line[: words.LONGEST])
    return texts
