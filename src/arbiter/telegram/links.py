"""Which chats are linked to which sign-in, kept in a file that only its owner can read."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from arbiter.client import ArbiterClient, Tokens


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A chat and the tokens it speaks with."""

    chat: int
    access: str
    refresh: str
    expires_at: float


class Links:
    """Tokens are written before they are used: an older refresh token never works again."""

    def __init__(self, file: Path, client: ArbiterClient) -> None:
        self._file = file
        self._client = client
        self._links: dict[int, Link] = {}
        self._clients: dict[int, ArbiterClient] = {}
        self._writing = asyncio.Lock()
        self.on_change: Callable[[], None] | None = None
        """Called when a chat comes or goes."""

    def load(self) -> None:
        """Read the file, if there is one. A damaged one is a `ValueError` that names it."""
        try:
            raw = self._file.read_bytes()
        except FileNotFoundError:
            return
        try:
            found = msgspec.json.decode(raw, type=list[Link])
        except msgspec.DecodeError as error:
            raise ValueError(
                f"{self._file} is damaged ({error}): remove it and link anew"
            ) from None
        for link in found:
            self._links[link.chat] = link
            tokens = Tokens(access=link.access, refresh=link.refresh, expires_at=link.expires_at)
            self._clients[link.chat] = self._speaking_for(link.chat, tokens)

    @property
    def chats(self) -> frozenset[int]:
        return frozenset(self._clients)

    def client(self, chat: int) -> ArbiterClient | None:
        """Give the client that speaks for a chat; None where it is not linked."""
        return self._clients.get(chat)

    def speaker(self, chat: int) -> ArbiterClient:
        """Give the client of a chat that is linked."""
        return self._clients[chat]

    async def redeem(self, chat: int, code: str) -> tuple[str, str]:
        """Link a chat by a one-time code; gives user id and role. Raises what the call raises."""
        client = self._speaking_for(chat, None)
        answer = await client.redeem_link_code(code, f"telegram:{chat}")
        self._clients[chat] = client
        self._changed()
        return answer.user_id, answer.role

    async def drop(self, chat: int) -> None:
        """Forget a chat's sign-in."""
        self._clients.pop(chat, None)
        if self._links.pop(chat, None) is not None:
            await self._write()
        self._changed()

    def _speaking_for(self, chat: int, tokens: Tokens | None) -> ArbiterClient:
        async def keep(new: Tokens) -> None:
            self._links[chat] = Link(
                chat=chat, access=new.access, refresh=new.refresh, expires_at=new.expires_at
            )
            await self._write()

        return self._client.as_user(tokens, keep)

    async def _write(self) -> None:
        async with self._writing:
            content = msgspec.json.encode(list(self._links.values()))
            await asyncio.to_thread(_replace, self._file, content)

    def _changed(self) -> None:
        if self.on_change is not None:
            self.on_change()


def _replace(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = file.with_suffix(".new")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        os.fchmod(handle, 0o600)
        out.write(content)
        out.flush()
        os.fsync(handle)
    fresh.replace(file)
