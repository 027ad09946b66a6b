"""Buttons under messages: each is good for a while, for one chat and for one press."""

import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable

import msgspec
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from arbiter.client import ArbiterClient

GOOD_FOR_S = 600.0
CONFIRM_WITHIN_S = 60.0
MOST = 2_000


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message in Telegram's HTML, with rows of buttons below it."""

    text: str
    buttons: tuple[tuple["Button", ...], ...] = ()


Act = Callable[[ArbiterClient], Awaitable[Said]]


class Button(msgspec.Struct, frozen=True, kw_only=True):
    """`act` is done at the press; with `sure` set that question is asked first."""

    label: str
    act: Act
    sure: str = ""
    good_for_s: float = GOOD_FOR_S


class _Offer(msgspec.Struct, frozen=True):
    chat: int
    group: str
    act: Act
    until: float


class Offers:
    """What the buttons of shown messages stand for."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._offers: OrderedDict[str, _Offer] = OrderedDict()

    def keyboard(self, chat: int, said: Said) -> InlineKeyboardMarkup | None:
        """Give the markup of a message's buttons; pressing one takes them all back."""
        if not said.buttons:
            return None
        group = secrets.token_urlsafe(9)
        rows = [[self._key(chat, group, button) for button in row] for row in said.buttons]
        return InlineKeyboardMarkup(inline_keyboard=rows)

    def take(self, chat: int, key: str) -> Act | None:
        """Give what a press asks for, once; None where it is too late or another chat's."""
        offer = self._offers.get(key)
        if offer is None or offer.chat != chat:
            return None
        for other in [k for k, each in self._offers.items() if each.group == offer.group]:
            del self._offers[other]
        return offer.act if self._now() <= offer.until else None

    def _key(self, chat: int, group: str, button: Button) -> InlineKeyboardButton:
        key = secrets.token_urlsafe(12)
        act = _asking(button) if button.sure else button.act
        self._offers[key] = _Offer(chat, group, act, self._now() + button.good_for_s)
        while len(self._offers) > MOST:
            self._offers.popitem(last=False)
        return InlineKeyboardButton(text=button.label, callback_data=key)


def question(text: str, *ways: tuple[str, Act]) -> Said:
    """Ask before something is changed: one button a way to do it, and one for not doing it."""
    rows = [(Button(label=label, act=act, good_for_s=CONFIRM_WITHIN_S),) for label, act in ways]
    return Said(text=text, buttons=(*rows, (Button(label="No", act=_nothing),)))


def _asking(button: Button) -> Act:
    async def ask(_client: ArbiterClient) -> Said:
        return question(button.sure, ("Yes, do it", button.act))

    return ask


async def _nothing(_client: ArbiterClient) -> Said:
    return Said(text="Nothing was changed.")
