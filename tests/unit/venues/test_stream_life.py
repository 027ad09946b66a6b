"""When a connection is given up and when it is kept, and how the next one is made: in no time at all."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar, cast

import pytest
from picows import WSFrame, WSMsgType, WSTransport

from arbiter.venues.common import stream
from arbiter.venues.common.account import QUIET
from arbiter.venues.common.frames import BadFrame, FeedTally
from arbiter.venues.common.stream import Link, Stream, StreamSettings, _Connection
from tests.chaos.virtual_loop import VirtualLoop

T = TypeVar("T")
SETTINGS = StreamSettings()
HOUR_S = 3_600.0
PATIENT = StreamSettings(silence_s=HOUR_S)


def virtually(play: Callable[[], Coroutine[Any, Any, T]]) -> T:
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(play())


def now_s() -> float:
    return asyncio.get_running_loop().time()


class Frame:
    """What the socket hands over."""

    def __init__(self, kind: WSMsgType, data: bytes = b"", *, fin: bool = True) -> None:
        self.msg_type = kind
        self.fin = fin
        self._data = data

    def get_payload_as_bytes(self) -> bytes:
        return self._data


class Venue:
    """The other end: what it was sent, and whether it answers pings."""

    def __init__(self, *, pongs: bool = True) -> None:
        self.sent: list[tuple[float, bytes]] = []
        self.pings = 0
        self.connection: _Connection
        self._pongs = pongs

    def send(self, _kind: WSMsgType, data: bytes) -> None:
        self.sent.append((now_s(), data))

    def send_ping(self) -> None:
        self.pings += 1
        if self._pongs:
            self.say(Frame(WSMsgType.PONG))

    def say(self, frame: Frame) -> None:
        self.connection.on_ws_frame(cast(WSTransport, self), cast(WSFrame, frame))

    def tell(self, data: bytes) -> None:
        self.say(Frame(WSMsgType.TEXT, data))


class Talking:
    """Hears text; ``aside`` is no market data, ``bad`` cannot be read."""

    keepalive: bytes | None = None

    def __init__(self, link: Link) -> None:
        self.link = link
        self.heard: list[bytes] = []

    def opened(self) -> None:
        self.link.ready()

    def hear(self, data: bytes) -> None:
        if data == b"bad":
            raise BadFrame("bad")
        if data == b"aside":
            self.link.aside()
        self.heard.append(data)

    def tick(self) -> None: ...

    def closed(self) -> None: ...


class Unanswered(Talking):
    """One whose subscriptions are never granted."""

    def opened(self) -> None: ...


class Pinging(Talking):
    keepalive = b"ping"


class Asking(Talking):
    def opened(self) -> None:
        for number in range(3):
            self.link.send(b"%d" % number)
        self.link.ready()


def connect(
    venue: Venue,
    make: Callable[[Link], Talking] = Talking,
    settings: StreamSettings = SETTINGS,
    tally: FeedTally | None = None,
) -> _Connection:
    venue.connection = _Connection(make, tally or FeedTally(), settings, lambda: None)
    venue.connection.on_ws_connected(cast(WSTransport, venue))
    return venue.connection


async def play(
    connection: _Connection, venue: Venue, say: bytes, every_s: float, for_s: float
) -> str:
    """Let the venue say one thing again and again; gives why the connection ended, if it did."""
    living = asyncio.create_task(connection.until_lost())
    while now_s() < for_s and not living.done():
        await asyncio.sleep(every_s)
        if not living.done():
            venue.tell(say)
    if living.done():
        return living.result()
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    return ""


@pytest.mark.parametrize("settings", [SETTINGS, QUIET], ids=["public", "private"])
def test_a_venue_that_does_not_even_answer_pings_is_given_up_at_once(
    settings: StreamSettings,
) -> None:
    async def silent() -> tuple[str, float, int]:
        venue = Venue(pongs=False)
        why = await connect(venue, settings=settings).until_lost()
        return why, now_s(), venue.pings

    why, at_s, pings = virtually(silent)
    assert why.startswith("silent for")
    assert settings.silence_s <= at_s < 1.5 * settings.silence_s
    assert pings, "it was asked first"


def test_a_private_stream_that_answers_pings_may_say_nothing_for_hours() -> None:
    async def quiet() -> tuple[str, int]:
        venue = Venue()
        connection = connect(venue, settings=QUIET)
        living = asyncio.create_task(connection.until_lost())
        await asyncio.sleep(5 * HOUR_S)
        ended = living.done()
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        return "lost" if ended else "", venue.pings

    ended, pings = virtually(quiet)
    assert not ended
    assert pings > 1_000, "only the answers to them say that it is there"


@pytest.mark.parametrize("said", [b"", b"aside"], ids=["pongs", "heartbeats"])
def test_a_lively_stream_that_goes_on_with_signs_of_life_alone_is_given_up(said: bytes) -> None:
    async def stuck() -> tuple[str, float]:
        venue = Venue()
        connection = connect(venue)
        living = asyncio.create_task(connection.until_lost())
        for _ in range(600):
            venue.tell(b"price")
            await asyncio.sleep(0.1)
        since = now_s()
        while not living.done():
            await asyncio.sleep(0.1)
            if said:
                venue.tell(said)
            assert now_s() - since < 60
        return living.result(), now_s() - since

    why, after_s = virtually(stuck)
    assert why.startswith("no data for")
    assert SETTINGS.silence_s <= after_s < 2 * SETTINGS.silence_s


def test_a_stream_that_has_always_been_slow_is_not_given_up() -> None:
    async def slow() -> str:
        venue = Venue()
        return await play(connect(venue), venue, b"price", 10.0, 600.0)

    assert virtually(slow) == ""


def test_subscriptions_that_nobody_answers_end_a_connection() -> None:
    async def unanswered() -> tuple[str, float]:
        venue = Venue()
        return await play(connect(venue, Unanswered), venue, b"price", 0.1, 60.0), now_s()

    why, at_s = virtually(unanswered)
    assert why.startswith("subscriptions unanswered")
    assert SETTINGS.ready_timeout_s <= at_s < SETTINGS.ready_timeout_s + SETTINGS.silence_s


def test_nothing_but_unreadable_messages_ends_a_connection() -> None:
    async def garbled() -> tuple[str, int]:
        venue, tally = Venue(), FeedTally()
        return await play(connect(venue, tally=tally), venue, b"bad", 0.01, 60.0), tally.bad

    why, bad = virtually(garbled)
    assert why == f"{stream._BAD_IN_A_ROW} undecodable messages in a row"
    assert bad == stream._BAD_IN_A_ROW


def test_unreadable_messages_among_good_ones_do_not_add_up() -> None:
    async def spotted() -> bool:
        venue = Venue()
        connection = connect(venue)
        living = asyncio.create_task(connection.until_lost())
        for _ in range(5 * stream._BAD_IN_A_ROW):
            venue.tell(b"bad")
            venue.tell(b"price")
            await asyncio.sleep(0.01)
        ended = living.done()
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)
        return ended

    assert not virtually(spotted)


def test_a_message_in_parts_is_heard_whole_and_once() -> None:
    async def parted() -> list[bytes]:
        venue = Venue()
        talks: list[Talking] = []

        def make(link: Link) -> Talking:
            talks.append(Talking(link))
            return talks[0]

        connect(venue, make)
        venue.say(Frame(WSMsgType.TEXT, b"pri", fin=False))
        venue.say(Frame(WSMsgType.PONG))
        venue.say(Frame(WSMsgType.CONTINUATION, b"c", fin=False))
        venue.say(Frame(WSMsgType.CONTINUATION, b"e"))
        venue.tell(b"next")
        return talks[0].heard

    assert virtually(parted) == [b"price", b"next"]


def test_what_a_venue_wants_to_hear_of_us_is_said_in_time() -> None:
    async def told() -> list[float]:
        venue = Venue()
        await play(connect(venue, Pinging), venue, b"price", 1.0, 61.0)
        return [at_s for at_s, data in venue.sent if data == b"ping"]

    assert virtually(told) == pytest.approx([15.0, 30.0, 45.0, 60.0])


def test_requests_keep_the_venues_pace() -> None:
    async def asked() -> list[tuple[float, bytes]]:
        venue = Venue()
        await play(connect(venue, Asking), venue, b"price", 0.5, 5.0)
        return venue.sent

    sent = virtually(asked)
    assert [data for _, data in sent] == [b"0", b"1", b"2"]
    gap_s = SETTINGS.request_gap_s
    assert [at_s for at_s, _ in sent] == pytest.approx([0.0, gap_s, 2 * gap_s])


class Doors:
    """Stands in for the making of connections: each lasts as long as the next of `lives` says."""

    def __init__(self, lives: Iterator[float | None]) -> None:
        self.tried: list[float] = []
        self.lost: list[float] = []
        self.frame_limits: list[int] = []
        self._lives = lives

    async def connect(
        self, make: Callable[[], _Connection], _url: str, *, max_frame_size: int, **_: object
    ) -> tuple["Doors", None]:
        self.tried.append(now_s())
        self.frame_limits.append(max_frame_size)
        life_s = next(self._lives)
        if life_s is None:
            self.lost.append(now_s())
            raise ConnectionRefusedError("nobody is there")
        connection = make()
        asyncio.get_running_loop().call_later(life_s, self._end, connection)
        return self, None

    def _end(self, connection: _Connection) -> None:
        self.lost.append(now_s())
        connection.end("gone")

    def disconnect(self, *, graceful: bool) -> None: ...

    async def wait_disconnected(self) -> None: ...

    @property
    def waits(self) -> list[float]:
        return [again - gone for gone, again in zip(self.lost, self.tried[1:], strict=False)]


def reconnecting(
    monkeypatch: pytest.MonkeyPatch, lives: list[float | None], until_s: float
) -> Doors:
    doors = Doors(iter([*lives, *[None] * 100]))
    monkeypatch.setattr(stream, "ws_connect", doors.connect)

    async def run() -> None:
        following = Stream(
            "wss://venue.example",
            Talking,
            on_state=lambda _up, _why: None,
            tally=FeedTally(),
            settings=PATIENT,
            draw=lambda: 0.0,
        )
        running = asyncio.create_task(following.run())
        await asyncio.sleep(until_s)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    virtually(run)
    return doors


def test_each_attempt_in_vain_waits_longer_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = reconnecting(monkeypatch, [None] * 10, 100.0)
    expected = [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 20.0, 20.0]
    assert doors.waits[:9] == pytest.approx(expected)


def test_a_connection_that_breaks_at_once_is_no_reason_to_hurry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doors = reconnecting(monkeypatch, [0.5] * 10, 60.0)
    assert doors.waits[:6] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4])


def test_after_one_that_lasted_the_next_is_made_soon_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    doors = reconnecting(monkeypatch, [None, None, None, None, 30.0], 100.0)
    assert doors.waits[:6] == pytest.approx([0.2, 0.4, 0.8, 1.6, 0.2, 0.4])


def test_no_venue_may_send_a_message_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    doors = reconnecting(monkeypatch, [], 1.0)
    assert set(doors.frame_limits) == {PATIENT.largest_frame}
