"""A small Bot API server over real HTTP: people type and press, and see what the bot shows them."""

import asyncio
import itertools
import json
from collections.abc import Callable
from typing import Any, Self

from aiohttp import web

TOKEN = "123456:test-token-of-no-bot"
HANGS_S = 90.0


class Shown:
    """One message of the bot in a chat, as it stands after its last change."""

    def __init__(self, message_id: int, chat: int, text: str, markup: Any) -> None:
        self.message_id = message_id
        self.chat = chat
        self.text = text
        self.keys: dict[str, str] = {}
        self.change(text, markup)

    def change(self, text: str, markup: Any) -> None:
        self.text = text
        rows = json.loads(markup)["inline_keyboard"] if markup else []
        self.keys = {key["text"]: key["callback_data"] for row in rows for key in row}


class BotApi:
    """Serves one bot; ``async with`` opens the port."""

    def __init__(self) -> None:
        self.messages: list[Shown] = []
        self.notices: list[str] = []
        self.refuse: list[tuple[int, dict[str, Any]]] = []
        """Answers to give instead of sending the next messages: status and body."""
        self._away = False
        self._failed = 0
        self._updates: list[dict[str, Any]] = []
        self._numbers = itertools.count(1)
        self._turn = asyncio.Condition()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._call)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    # What people do

    async def types(self, chat: int, text: str, *, kind: str = "private") -> None:
        """Someone writes to the bot; in a private chat they are the chat."""
        message = {**self._message(chat, text, kind), "from": self._person(abs(chat))}
        await self._put({"message": message})

    async def presses(self, shown: Shown, label: str, *, by: int | None = None) -> None:
        """Someone presses a button that is shown."""
        await self.presses_key(shown, shown.keys[label], by=by)

    async def presses_key(self, shown: Shown, key: str, *, by: int | None = None) -> None:
        """Someone presses a button that may be gone by now."""
        press = {
            "id": str(next(self._numbers)),
            "from": self._person(shown.chat if by is None else by),
            "chat_instance": "1",
            "data": key,
            "message": {
                **self._message(shown.chat, shown.text, "private"),
                "message_id": shown.message_id,
            },
        }
        await self._put({"callback_query": press})

    async def sees(self, found: Callable[[Shown], bool]) -> Shown:
        """Wait for a message of which something holds; in vain fails with what was shown."""
        try:
            async with asyncio.timeout(HANGS_S), self._turn:
                while True:
                    for shown in self.messages:
                        if found(shown):
                            return shown
                    await self._turn.wait()
        except TimeoutError:
            texts = [shown.text for shown in self.messages]
            raise AssertionError(f"no such message among {texts}") from None

    async def is_told(self, words: str) -> None:
        """Wait for a notice above the buttons."""
        async with self._turn:
            await self._turn.wait_for(lambda: words in self.notices)

    async def taken(self) -> None:
        """Wait until the bot has asked for more after everything that was put in."""
        async with self._turn:
            await self._turn.wait_for(lambda: not self._updates)

    async def goes_away(self) -> None:
        """Let every call fail as a gateway's would; returns once the bot has been told so twice."""
        async with self._turn:
            self._away, self._failed = True, 0
            self._turn.notify_all()
            await self._turn.wait_for(lambda: self._failed > 1)

    def comes_back(self) -> None:
        self._away = False

    async def _gateway_fails(self) -> web.Response:
        async with self._turn:
            self._failed += 1
            self._turn.notify_all()
        return _failed(502, {"description": "Bad Gateway"})

    async def _put(self, update: dict[str, Any]) -> None:
        async with self._turn:
            self._updates.append({"update_id": next(self._numbers), **update})
            self._turn.notify_all()

    @staticmethod
    def _person(number: int) -> dict[str, Any]:
        return {"id": number, "is_bot": False, "first_name": "P"}

    def _message(self, chat: int, text: str, kind: str) -> dict[str, Any]:
        whose = {"id": chat, "type": kind}
        return {"message_id": next(self._numbers), "date": 1, "chat": whose, "text": text}

    # What the bot asks

    async def _call(self, request: web.Request) -> web.Response:
        if request.match_info["token"] != TOKEN:
            return _failed(401, {"description": "Unauthorized"})
        if self._away:
            return await self._gateway_fails()
        given = await request.post()
        answers = {
            "getMe": self._get_me,
            "getUpdates": self._get_updates,
            "sendMessage": self._send_message,
            "editMessageText": self._edit_message_text,
            "answerCallbackQuery": self._answer_callback_query,
        }
        answer = answers.get(request.match_info["method"])
        return _done(True) if answer is None else await answer(given)

    async def _get_me(self, _given: Any) -> web.Response:
        me = {"id": 123456, "is_bot": True, "first_name": "Arbiter", "username": "arbiter_bot"}
        return _done(me)

    async def _get_updates(self, given: Any) -> web.Response:
        offset = int(given.get("offset", 0))
        async with self._turn:
            self._updates = [u for u in self._updates if u["update_id"] >= offset]
            self._turn.notify_all()
            try:
                async with asyncio.timeout(float(given.get("timeout", 0))):
                    await self._turn.wait_for(lambda: bool(self._updates) or self._away)
            except TimeoutError:
                pass
            told = list(self._updates)
        return await self._gateway_fails() if self._away else _done(told)

    async def _send_message(self, given: Any) -> web.Response:
        if self.refuse:
            return _failed(*self.refuse.pop(0))
        async with self._turn:
            chat = int(given["chat_id"])
            number = next(self._numbers)
            self.messages.append(Shown(number, chat, given["text"], given.get("reply_markup")))
            self._turn.notify_all()
        return _done({**self._message(chat, given["text"], "private"), "message_id": number})

    async def _edit_message_text(self, given: Any) -> web.Response:
        async with self._turn:
            number = int(given["message_id"])
            shown = next(each for each in self.messages if each.message_id == number)
            shown.change(given["text"], given.get("reply_markup"))
            self._turn.notify_all()
        return _done(
            {**self._message(shown.chat, shown.text, "private"), "message_id": shown.message_id}
        )

    async def _answer_callback_query(self, given: Any) -> web.Response:
        async with self._turn:
            self.notices.append(given.get("text", ""))
            self._turn.notify_all()
        return _done(True)


def _done(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _failed(status: int, body: dict[str, Any]) -> web.Response:
    return web.json_response({"ok": False, "error_code": status, **body}, status=status)
