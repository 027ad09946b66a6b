"""Tokens: JWT HS256, one audience per API surface, access and refresh never interchangeable.

Claims: ``sub``, ``aud``, ``iat``, ``exp`` (epoch seconds), ``jti``, ``token_type``; access tokens
carry the user's ``stamp``, refresh tokens their ``family``. Expiry is judged by the clock handed
in, not by the library's.
"""

from collections import OrderedDict
from enum import StrEnum
from typing import Literal, TypeVar
from uuid import UUID

import jwt
import msgspec

from arbiter.access.token_settings import TokenSettings
from arbiter.access.users import User, UserId
from arbiter.model.errors import BadConfig, Unauthenticated
from arbiter.model.time import NS_PER_S
from arbiter.ports.clock import Clock, IdSource

_ALGORITHM = "HS256"
_MAX_TOKEN_LENGTH = 4_096
_MIN_SECRET_BYTES = 32
_REMEMBERED = 1_024


class Audience(StrEnum):
    """The surface a token is good for, and the only one."""

    CONTROL = "arbiter-control"
    SPOT = "arbiter-spot"
    FUNDING = "arbiter-funding"
    AGENTS = "arbiter-agents"
    DESK = "arbiter-desk"


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    sub: UserId
    aud: Audience
    iat: int
    exp: int
    jti: UUID


class AccessClaims(_Claims, frozen=True, kw_only=True):
    token_type: Literal["access"] = "access"
    stamp: UUID


class RefreshClaims(_Claims, frozen=True, kw_only=True):
    token_type: Literal["refresh"] = "refresh"
    family: UUID
    """The sign-in the token descends from; all its tokens are revoked together."""


class Issued(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    token_id: UUID
    expires_ns: int

    def __repr__(self) -> str:
        return f"Issued({self.token_id})"


class TokenPair(msgspec.Struct, frozen=True, kw_only=True):
    """What a sign-in or a refresh hands out."""

    access: Issued
    refresh: Issued


ClaimsT = TypeVar("ClaimsT", AccessClaims, RefreshClaims)


class Tokens:
    """Issues and reads tokens; knows nothing of what has been revoked."""

    def __init__(self, secret: bytes, settings: TokenSettings, clock: Clock, ids: IdSource) -> None:
        if len(secret) < _MIN_SECRET_BYTES:
            raise BadConfig(f"the JWT secret needs at least {_MIN_SECRET_BYTES} bytes")
        self._secret = secret
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._verified: OrderedDict[tuple[str, Audience], AccessClaims] = OrderedDict()

    def issue_access(self, user: User, audience: Audience) -> Issued:
        issued = self._now()
        return self._sign(
            AccessClaims(
                sub=user.user_id,
                aud=audience,
                iat=issued,
                exp=issued + self._settings.access_expiry_seconds,
                jti=self._ids.new_id(),
                stamp=user.stamp,
            )
        )

    def issue_refresh(self, user_id: UserId, audience: Audience, family: UUID) -> Issued:
        issued = self._now()
        return self._sign(
            RefreshClaims(
                sub=user_id,
                aud=audience,
                iat=issued,
                exp=issued + self._settings.refresh_expiry_seconds,
                jti=self._ids.new_id(),
                family=family,
            )
        )

    def read_access(self, text: str, audience: Audience) -> AccessClaims:
        """Verify an access token; every fault is `Unauthenticated`.

        A caller shows the same token with every call, so the last signatures found good are
        remembered; its times are judged anew.
        """
        known = self._verified.get((text, audience))
        if known is None:
            known = self._read(text, audience, AccessClaims)
            self._remember(text, audience, known)
        self._check_times(known)
        return known

    def read_refresh(self, text: str, audience: Audience) -> RefreshClaims:
        """Verify a refresh token; every fault is `Unauthenticated`."""
        claims = self._read(text, audience, RefreshClaims)
        self._check_times(claims)
        return claims

    def _remember(self, text: str, audience: Audience, claims: AccessClaims) -> None:
        self._verified[text, audience] = claims
        if len(self._verified) > _REMEMBERED:
            self._verified.popitem(last=False)

    def _now(self) -> int:
        return self._clock.now_ns() // NS_PER_S

    def _sign(self, claims: AccessClaims | RefreshClaims) -> Issued:
        payload = msgspec.to_builtins(claims)
        return Issued(
            text=jwt.encode(payload, self._secret, algorithm=_ALGORITHM),
            token_id=claims.jti,
            expires_ns=claims.exp * NS_PER_S,
        )

    def _read(self, text: str, audience: Audience, kind: type[ClaimsT]) -> ClaimsT:
        if len(text) > _MAX_TOKEN_LENGTH or not text.isascii():
            raise Unauthenticated("the token is not one of ours; sign in again")
        try:
            payload = jwt.decode(
                text,
                self._secret,
                algorithms=[_ALGORITHM],
                audience=audience.value,
                options={
                    "strict_aud": True,
                    "require": ["sub", "aud", "iat", "exp", "jti", "token_type"],
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                },
            )
            return msgspec.convert(payload, kind)
        except jwt.InvalidAudienceError:
            raise Unauthenticated(
                "the token was issued for another API; sign in at this one"
            ) from None
        except (jwt.InvalidTokenError, msgspec.ValidationError, RecursionError):
            raise Unauthenticated("the token does not verify; sign in again") from None

    def _check_times(self, claims: AccessClaims | RefreshClaims) -> None:
        now, leeway = self._now(), self._settings.leeway_seconds
        if now >= claims.exp + leeway:
            raise Unauthenticated(f"the {claims.token_type} token has expired")
        if claims.iat > now + leeway:
            raise Unauthenticated("the token is from the future; check the machine's clock")
