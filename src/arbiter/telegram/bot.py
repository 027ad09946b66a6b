"""The bot: who may speak, what they are answered, and the polling that goes on by itself."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from html import escape

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.default import DefaultBotProperties
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.enums import ChatType, ParseMode
from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramUnauthorizedError
from aiogram.types import BotCommand, CallbackQuery, Message
from aiogram.utils.backoff import Backoff, BackoffConfig
from aiogram.utils.token import TokenValidationError, validate_token

from arbiter.client import ArbiterApiError, ArbiterClient, SignInNeeded
from arbiter.telegram.alerts import Alerts
from arbiter.telegram.commands import COMMANDS, Answer, show_help
from arbiter.telegram.links import Links
from arbiter.telegram.offers import Offers, Said
from arbiter.telegram.settings import TelegramSettings

log = structlog.get_logger()

TOO_LATE = "Too late, or pressed before. Ask anew."
LINK_ENDED = "This sign-in has ended. Make a new code with: arbiter users link USER_ID"
_BACKOFF = BackoffConfig(min_delay=1.0, max_delay=60.0, factor=2.0, jitter=0.1)
_COMMAND = re.compile(r"/(?P<name>[a-z]+)(?:@\w+)?(?:\s+(?P<rest>.*))?\Z", re.DOTALL)
_LINKING = {"link", "start"}


class BadToken(ValueError):
    """Telegram does not know the token, or it is none."""


class TelegramBot:
    """Answers linked private chats; everybody else gets nothing, not even a refusal."""

    def __init__(self, settings: TelegramSettings, client: ArbiterClient) -> None:
        try:
            validate_token(settings.token)
        except TokenValidationError:
            raise BadToken("telegram.token is not a bot token: BotFather gives one") from None
        self.links = Links(settings.links, client)
        self._settings = settings
        self._offers = Offers()
        self._answers: dict[str, Answer] = {each.name: each.answer for each in COMMANDS}
        self._dispatcher = Dispatcher()
        self._dispatcher.message.register(self._on_message)
        self._dispatcher.callback_query.register(self._on_press)

    async def run(self) -> None:
        """Serve until cancelled. `BadToken` if Telegram does not take the token."""
        self.links.load()
        backoff = Backoff(_BACKOFF)
        async with self._bot() as bot:
            while True:
                try:
                    await bot.set_my_commands(
                        [BotCommand(command=c.name, description=c.tells) for c in COMMANDS]
                    )
                    await self._serve(bot)
                except TelegramUnauthorizedError:
                    raise BadToken("Telegram does not know telegram.token") from None
                except TelegramAPIError as error:
                    log.warning("Telegram does not answer", why=str(error))
                await backoff.asleep()

    def _bot(self) -> Bot:
        session = AiohttpSession()
        if self._settings.api_url:
            session = AiohttpSession(api=TelegramAPIServer.from_base(self._settings.api_url))
        properties = DefaultBotProperties(parse_mode=ParseMode.HTML, link_preview_is_disabled=True)
        return Bot(self._settings.token, session=session, default=properties)

    async def _serve(self, bot: Bot) -> None:
        async def say(chat: int, said: Said) -> None:
            keyboard = self._offers.keyboard(chat, said)
            await bot.send_message(chat, said.text, reply_markup=keyboard)

        alerts = Alerts(self.links, say, self._settings.alerts_from, self._settings.alert_window_s)
        telling = asyncio.create_task(alerts.run(), name="telegram alerts")
        polling = asyncio.create_task(
            self._dispatcher.start_polling(bot, handle_signals=False, close_bot_session=False),
            name="telegram polling",
        )
        try:
            await asyncio.wait({telling, polling}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            telling.cancel()
            await self._end(polling)
            ends = await asyncio.gather(telling, polling, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _end(self, polling: asyncio.Task[None]) -> None:
        """Stop the library's own tasks too; a cancellation alone would leave them behind."""
        if not polling.done():
            try:
                await self._dispatcher.stop_polling()
            except RuntimeError:
                polling.cancel()

    async def _on_message(self, message: Message) -> None:
        chat, sender = message.chat, message.from_user
        if chat.type != ChatType.PRIVATE or sender is None or sender.is_bot or not message.text:
            return
        found = _COMMAND.match(message.text.strip())
        name = found["name"] if found else ""
        rest = (found["rest"] or "").strip() if found else ""
        if name in _LINKING and rest:
            await self._link(message, rest)
            return
        client = self.links.client(chat.id)
        if client is None:
            return
        if name == "unlink":
            await self.links.drop(chat.id)
            await message.answer("This chat is forgotten.")
            return
        answer = self._answers.get(name, show_help)
        said = await self._ask(chat.id, client, lambda c: answer(c, rest))
        await message.answer(said.text, reply_markup=self._offers.keyboard(chat.id, said))

    async def _link(self, message: Message, code: str) -> None:
        """Link the chat if the code is right; otherwise say nothing to a stranger."""
        chat = message.chat.id
        try:
            user, role = await self.links.redeem(chat, code)
        except ArbiterApiError as error:
            log.warning("a link code was refused", chat=chat, why=str(error))
            if self.links.client(chat) is not None:
                await message.answer(escape(str(error)))
            return
        log.info("a chat was linked", chat=chat, user=user)
        text = f"Linked: this chat speaks as <b>{escape(user)}</b> ({escape(role)}). /help"
        await message.answer(text)

    async def _on_press(self, press: CallbackQuery) -> None:
        message = press.message
        if message is None or message.chat.type != ChatType.PRIVATE:
            return
        chat = message.chat.id
        client = self.links.client(chat)
        if client is None or press.from_user.id != chat:
            return
        act = self._offers.take(chat, press.data or "")
        if act is None:
            await press.answer(TOO_LATE)
            return
        await press.answer()
        said = await self._ask(chat, client, act)
        keyboard = self._offers.keyboard(chat, said)
        if isinstance(message, Message):
            try:
                await message.edit_text(said.text, reply_markup=keyboard)
            except TelegramBadRequest as error:
                log.info("a message could not be changed", why=str(error))
            else:
                return
        bot = press.bot
        if bot is not None:
            await bot.send_message(chat, said.text, reply_markup=keyboard)

    async def _ask(
        self,
        chat: int,
        client: ArbiterClient,
        act: Callable[[ArbiterClient], Awaitable[Said]],
    ) -> Said:
        try:
            return await act(client)
        except SignInNeeded:
            await self.links.drop(chat)
            return Said(text=LINK_ENDED)
        except ArbiterApiError as error:
            return Said(text=escape(str(error)))
