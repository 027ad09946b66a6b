"""A linked chat steers the engine; nobody else gets as much as a refusal."""

import asyncio
import stat
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import arbiter_pb2 as pb
from arbiter.client import ArbiterClient
from arbiter.telegram.settings import TelegramSettings
from tests.fakes.bot_api import TOKEN, BotApi, Shown
from tests.fakes.control_api import CODE, ControlApi

if TYPE_CHECKING:
    # aiogram takes seconds to import: that is for the process that runs these tests, and not for
    # every one that collects them.
    from arbiter.telegram.bot import TelegramBot

CHAT, STRANGER = 42, 77


class Stand:
    """A person, Telegram, the bot and the engine's API."""

    def __init__(self, telegram: BotApi, engine: ControlApi, bot: "TelegramBot") -> None:
        self.telegram = telegram
        self.engine = engine
        self.bot = bot

    async def link(self) -> None:
        await self.telegram.types(CHAT, f"/link {CODE}")
        await self.sees("Linked: this chat speaks as <b>alice</b> (trader)")

    async def says(self, text: str, answer: str) -> Shown:
        await self.telegram.types(CHAT, text)
        return await self.sees(answer)

    async def handled(self) -> None:
        """Wait until the bot is done with whatever was typed and pressed."""
        await self.telegram.taken()
        await asyncio.gather(*self.bot._dispatcher._handle_update_tasks)

    async def sees(self, words: str) -> Shown:
        return await self.telegram.sees(lambda shown: shown.chat == CHAT and words in shown.text)


@asynccontextmanager
async def running(
    file: Path,
    telegram: BotApi,
    engine: ControlApi,
    alerts_from: pb.AlertSeverity = pb.ALERT_SEVERITY_INFO,
) -> AsyncIterator["TelegramBot"]:
    from arbiter.telegram.bot import TelegramBot

    settings = TelegramSettings(
        token=TOKEN,
        links=file,
        api_url=telegram.url,
        alert_window_s=0.05,
        alerts_from=alerts_from,
    )
    async with ArbiterClient(engine.address) as client:
        bot = TelegramBot(settings, client)
        task = asyncio.create_task(bot.run())
        try:
            yield bot
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    async with (
        BotApi() as telegram,
        ControlApi() as engine,
        running(tmp_path / "telegram" / "links.json", telegram, engine) as bot,
    ):
        yield Stand(telegram, engine, bot)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("/status", "<b>Down</b>: polymarket (silent)"),
        ("/balance kalshi", "USD 90.5 (9.5 locked)"),
        ("/balance nowhere", "no exchange called nowhere"),
        ("/positions", "No open positions."),
        ("/orders", "BUY 10 FED-&lt;DEC&gt; at 0.42 on kalshi: open, 0 filled"),
        ("/arb", "<b>RUNNING</b>"),
        ("/pairs", "Fed &lt;cuts&gt;"),
        ("/copy", "Nobody is copied."),
        ("/copy add", "Say: /copy add"),
        ("/pnl", "Today <b>-$1.50</b>"),
        ("/budget", "spot USDT: unlimited"),
        ("/budget spot", "Say: /budget"),
        ("/agents", "trend-agent: active, 0 opinions by rules-1"),
        ("/resume", "The kill switch is not engaged."),
        ("/help", "/kill stop everything"),
        ("what can you do?", "/kill stop everything"),
        ("/status@arbiter_bot", "<b>sim</b>, ready"),
    ],
)
async def test_a_linked_chat_is_answered_and_nothing_is_changed(
    stand: Stand, command: str, answer: str
) -> None:
    await stand.link()
    before = list(stand.engine.asked)
    await stand.says(command, answer)
    assert stand.engine.asked == before


async def test_strangers_and_groups_get_nothing_not_even_for_a_wrong_code(stand: Stand) -> None:
    await stand.link()
    for text in ("/status", "/kill", "hello", "/link WRONG-CODE", "/start"):
        await stand.telegram.types(STRANGER, text)
    await stand.telegram.types(-100, f"/link {CODE}", kind="group")
    await stand.handled()
    assert {shown.chat for shown in stand.telegram.messages} == {CHAT}


async def test_the_kill_switch_is_pulled_by_a_second_press_and_shows_its_proof(
    stand: Stand,
) -> None:
    await stand.link()
    shown = await stand.says("/kill fire & smoke", "stop all trading until /resume?")
    assert not stand.engine.killed
    await stand.telegram.presses(shown, "Stop everything and close positions")
    await stand.sees("<b>NOT proven flat.</b>\nkalshi: flat\n<b>polymarket: not flat</b>")
    (order,) = [a for a in stand.engine.asked if isinstance(a, pb.EngageKillSwitchRequest)]
    assert (order.reason, order.flatten) == ("fire & smoke", True)
    asked = await stand.says("/resume", "ENGAGED</b> by user:alice: a &lt;look&gt;")
    await stand.telegram.presses(asked, "Trade again")
    await stand.sees("Kill switch: released")
    assert not stand.engine.killed
    shown = await stand.says("/kill once more", "stop all trading until /resume?")
    await stand.telegram.presses(shown, "Stop everything")
    await stand.handled()
    last = [a for a in stand.engine.asked if isinstance(a, pb.EngageKillSwitchRequest)][-1]
    assert (last.reason, last.flatten) == ("once more", False)


async def test_no_is_no_and_a_button_works_once(stand: Stand) -> None:
    from arbiter.telegram.bot import TOO_LATE

    await stand.link()
    shown = await stand.says("/kill", "until /resume?")
    stop = shown.keys["Stop everything"]
    await stand.telegram.presses(shown, "No")
    await stand.sees("Nothing was changed.")
    await stand.telegram.presses_key(shown, stop)
    await stand.telegram.is_told(TOO_LATE)
    assert not stand.engine.killed


async def test_a_button_of_one_chat_does_nothing_for_another(stand: Stand) -> None:
    from arbiter.telegram.bot import TOO_LATE

    await stand.link()
    await stand.telegram.types(STRANGER, f"/link {CODE}")
    await stand.telegram.sees(lambda each: each.chat == STRANGER)
    shown = await stand.says("/kill", "until /resume?")
    await stand.telegram.presses(shown, "Stop everything", by=STRANGER)
    other = Shown(shown.message_id, STRANGER, "", None)
    await stand.telegram.presses_key(other, shown.keys["Stop everything"])
    await stand.telegram.is_told(TOO_LATE)
    await stand.handled()
    assert not stand.engine.killed


async def test_orders_are_cancelled_budgets_set_and_wallets_copied_only_after_a_yes(
    stand: Stand,
) -> None:
    await stand.link()
    telegram, asked = stand.telegram, stand.engine.asked
    ended = pb.OrderResponse()
    ended.CopyFrom(stand.engine.open_orders[0])
    ended.order_id, ended.market_id, ended.status = "o-0", "OLD", pb.ORDER_STATUS_CANCELLED
    stand.engine.open_orders.insert(0, ended)
    shown = await stand.says("/orders", "BUY 10")
    assert len(shown.keys) == 1
    await telegram.presses(shown, "Cancel 10 FED-<DEC>")
    sure = await stand.sees("Cancel this order?")
    assert len(asked) == 1
    await telegram.presses(sure, "Yes, do it")
    await stand.sees("cancelled")
    assert asked[-1] == pb.CancelOrderRequest(exchange=pb.EXCHANGE_KALSHI, order_id="o-1")
    shown = await stand.says("/budget spot usdt 500", "Give spot a budget of 500 usdt?")
    await telegram.presses(shown, "Yes, do it")
    await stand.sees("spot USDT: 500, 0 reserved")
    assert asked[-1] == pb.SetBudgetRequest(strategy="spot", currency="USDT", allocated=500)
    shown = await stand.says("/copy add 0xabc polymarket 0.5 100", "Copy 0xabc on polymarket")
    await telegram.presses(shown, "Yes, do it")
    await stand.sees("0xabc on polymarket: x0.5, at most $100.00 a copy")
    assert asked[-1].size_multiplier == 0.5
    shown = await stand.says("/arb", "<b>RUNNING</b>")
    await telegram.presses(shown, "Stop")
    sure = await stand.sees("Stop prediction-market arbitrage?")
    await telegram.presses(sure, "Yes, do it")
    await stand.sees("STOPPED. stopped")
    assert asked[-1] == pb.SetArbEnabledRequest(enabled=False)


async def test_the_engines_refusal_is_shown_as_it_stands(stand: Stand) -> None:
    await stand.link()
    shown = await stand.says("/copy add 0xabc polymarket 1 5", "Copy 0xabc")
    stand.engine.refusal = "max_position_size: <10> at least"
    await stand.telegram.presses(shown, "Yes, do it")
    await stand.sees("max_position_size: &lt;10&gt; at least")


async def test_alerts_reach_the_chat_once_although_the_stream_breaks(stand: Stand) -> None:
    await stand.link()
    await stand.engine.listening.wait()
    await stand.engine.alerts.put(_alert(1, "Trade 7 made 0.53 <USDT>"))
    await stand.engine.alerts.put(_alert(2, "A leg failed", pb.ALERT_SEVERITY_WARNING))
    await stand.sees("Trade 7 made 0.53 &lt;USDT&gt;")
    await stand.sees("A leg failed")
    stand.engine.said.append(_alert(3, "Said while nobody listened"))
    await stand.engine.alerts.put(None)
    await stand.sees("Said while nobody listened")
    told = "\n".join(shown.text for shown in stand.telegram.messages)
    assert told.count("Trade 7") == told.count("A leg failed") == 1


async def test_two_alerts_of_one_moment_are_both_told(stand: Stand) -> None:
    """A trade's end and the limit it breaks carry one time."""
    await stand.link()
    await stand.engine.listening.wait()
    await stand.engine.alerts.put(_alert(1, "Trade 7 lost 90 USDT"))
    breach = _alert(1, "Limits breach", pb.ALERT_SEVERITY_CRITICAL)
    await stand.engine.alerts.put(breach)
    await stand.sees("Limits breach")
    await stand.engine.alerts.put(None)
    await stand.engine.alerts.put(_alert(2, "Said after the break"))
    await stand.sees("Said after the break")
    told = "\n".join(shown.text for shown in stand.telegram.messages)
    assert told.count("Trade 7") == told.count("Limits breach") == 1


async def test_an_alert_is_told_although_the_stream_broke_before_any_came(stand: Stand) -> None:
    """What was said before the chat was linked is no news, then or after the break."""
    now = time.time_ns() // 1_000_000_000
    stand.engine.said.append(_alert(now - 60, "Said before the link"))
    await stand.link()
    await stand.engine.listening.wait()
    stand.engine.said.append(_alert(now + 60, "Said while nobody listened"))
    await stand.engine.alerts.put(None)
    await stand.sees("Said while nobody listened")
    assert not any("before the link" in shown.text for shown in stand.telegram.messages)


async def test_alerts_wait_when_telegram_asks_for_patience(stand: Stand) -> None:
    await stand.link()
    await stand.engine.listening.wait()
    patience = {"description": "Too Many Requests", "parameters": {"retry_after": 1}}
    stand.telegram.refuse.append((429, patience))
    await stand.engine.alerts.put(_alert(1, "Kill switch engaged"))
    await stand.sees("Kill switch engaged")


async def test_alerts_less_severe_than_wanted_are_not_told(tmp_path: Path) -> None:
    file = tmp_path / "links.json"
    async with (
        BotApi() as telegram,
        ControlApi() as engine,
        running(file, telegram, engine, pb.ALERT_SEVERITY_WARNING) as bot,
    ):
        stand = Stand(telegram, engine, bot)
        await stand.link()
        await engine.listening.wait()
        await engine.alerts.put(_alert(1, "Trade 7 made 0.53 USDT"))
        await engine.alerts.put(_alert(2, "A leg failed", pb.ALERT_SEVERITY_WARNING))
        await stand.sees("A leg failed")
        assert not any("Trade 7" in shown.text for shown in telegram.messages)


async def test_a_chat_that_shuts_the_bot_out_is_forgotten(stand: Stand) -> None:
    await stand.link()
    await stand.engine.listening.wait()
    stand.telegram.refuse.append((403, {"description": "Forbidden: bot was blocked by the user"}))
    await stand.engine.alerts.put(_alert(1, "Kill switch engaged"))
    async with asyncio.timeout(60):
        while stand.bot.links.chats:  # noqa: ASYNC110 - the refusal has no event of its own
            await asyncio.sleep(0.01)
    seen = len(stand.telegram.messages)
    await stand.telegram.types(CHAT, "/status")
    await stand.handled()
    assert len(stand.telegram.messages) == seen


def _alert(second: int, text: str, severity: pb.AlertSeverity = pb.ALERT_SEVERITY_INFO) -> pb.Alert:
    alert = pb.Alert(severity=severity, text=text)
    alert.at.FromSeconds(second)
    return alert


async def test_a_link_survives_a_restart_in_a_file_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "telegram" / "links.json"
    async with BotApi() as telegram, ControlApi() as engine:
        async with running(file, telegram, engine) as bot:
            await Stand(telegram, engine, bot).link()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        async with running(file, telegram, engine) as bot:
            await Stand(telegram, engine, bot).says("/status", "<b>sim</b>, ready")


async def test_a_sign_in_that_has_ended_is_told_and_forgotten(stand: Stand) -> None:
    from arbiter.telegram.bot import LINK_ENDED

    await stand.link()
    stand.engine.signed_in = False
    await stand.says("/status", LINK_ENDED)
    assert stand.bot.links.chats == frozenset()


async def test_an_unlinked_chat_is_a_stranger_again(stand: Stand) -> None:
    await stand.link()
    await stand.says("/unlink", "This chat is forgotten.")
    assert stand.bot.links._file.read_bytes() == b"[]"
    seen = len(stand.telegram.messages)
    await stand.telegram.types(CHAT, "/status")
    await stand.telegram.types(CHAT, f"/link {CODE}")
    await stand.telegram.sees(lambda each: stand.telegram.messages.index(each) >= seen)
    assert "Linked" in stand.telegram.messages[seen].text


async def test_commands_are_answered_again_after_telegram_was_away(stand: Stand) -> None:
    await stand.link()
    await stand.telegram.goes_away()
    await stand.telegram.types(CHAT, "/status")
    stand.telegram.comes_back()
    await stand.sees("<b>sim</b>, ready")


async def test_a_token_that_telegram_does_not_know_is_an_error_by_name(tmp_path: Path) -> None:
    from arbiter.telegram.bot import BadToken, TelegramBot

    async with BotApi() as telegram, ArbiterClient("127.0.0.1:1") as client:
        settings = TelegramSettings(
            token="1:other", links=tmp_path / "links.json", api_url=telegram.url
        )
        with pytest.raises(BadToken, match=r"telegram\.token"):
            await TelegramBot(settings, client).run()
        with pytest.raises(BadToken, match="BotFather"):
            TelegramBot(TelegramSettings(token="no token", links=tmp_path / "links.json"), client)
