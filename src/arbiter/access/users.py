"""Users: who may sign in, and as what."""

from typing import NewType
from uuid import UUID

import msgspec

from arbiter.access.roles import Principal, Role
from arbiter.model.errors import InvalidValue
from arbiter.model.ids import Actor

UserId = NewType("UserId", str)
"""The name a person signs in with: ``alice``, ``telegram:123456``."""

MAX_USER_ID_LENGTH = 128


class User(msgspec.Struct, frozen=True, kw_only=True):
    user_id: UserId
    role: Role
    password_hash: str
    """Encoded argon2id, parameters included."""
    stamp: UUID
    """New at creation and with every new credential; tokens carry it, so that older ones die."""
    created_ns: int

    def __repr__(self) -> str:
        return f"User({self.user_id!r}, {self.role})"

    def principal(self) -> Principal:
        return Principal(actor=actor_of(self.user_id), user_id=self.user_id, role=self.role)


def actor_of(user_id: UserId) -> Actor:
    return Actor(f"user:{user_id}")


def check_user_id(text: str) -> UserId:
    """Accept 1 to 128 printable characters without spaces; else `InvalidValue`."""
    if not text:
        raise InvalidValue("the user id is empty")
    if len(text) > MAX_USER_ID_LENGTH:
        raise InvalidValue(f"the user id has more than {MAX_USER_ID_LENGTH} characters")
    if not text.isprintable() or any(character.isspace() for character in text):
        raise InvalidValue(f"the user id {text!r} has spaces or unprintable characters")
    return UserId(text)
