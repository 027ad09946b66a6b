"""The access service: who is calling, and may they still."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from uuid import UUID

from arbiter.access.api_keys import (
    PREFIX,
    ApiKey,
    NewKey,
    check_key_name,
    digest_of,
    mint,
)
from arbiter.access.directory import Directory
from arbiter.access.links import LinkCodes
from arbiter.access.passwords import Passwords
from arbiter.access.randomness import TokenSource
from arbiter.access.roles import Principal, Role
from arbiter.access.store import AccessStore, Family, Rotation
from arbiter.access.throttle import LoginThrottle
from arbiter.access.tokens import AccessClaims, Audience, TokenPair, Tokens
from arbiter.access.users import User, UserId, actor_of, check_user_id
from arbiter.model.errors import (
    Conflict,
    NotFound,
    RateLimited,
    StorageUnavailable,
    TryAgain,
    Unauthenticated,
)
from arbiter.model.events import Audited
from arbiter.model.ids import Actor
from arbiter.model.time import NS_PER_MINUTE
from arbiter.ports.clock import Clock, IdSource

Audit = Callable[[Audited], None]
"""Takes one entry of the audit log; never blocks."""

_TOUCH_NS = NS_PER_MINUTE


class AccessService:
    """Signs callers in, verifies what they show, and manages users and keys.

    Methods that take an `actor` change something on that actor's behalf; whether the actor may is
    for the surface to ask (`Principal.require`).
    """

    def __init__(
        self,
        *,
        store: AccessStore,
        passwords: Passwords,
        tokens: Tokens,
        throttle: LoginThrottle,
        clock: Clock,
        ids: IdSource,
        random: TokenSource,
        audit: Audit,
    ) -> None:
        self._store = store
        self._passwords = passwords
        self._tokens = tokens
        self._throttle = throttle
        self._clock = clock
        self._ids = ids
        self._random = random
        self._audit = audit
        self._directory = Directory(store, clock)
        self._links = LinkCodes(clock, random)
        self._touched: dict[UUID, int] = {}

    async def load(self) -> None:
        """Read users and keys ahead, so that callers are known while the database is away."""
        await self._directory.load()

    # Signing in

    async def authenticate(
        self, user_id: str, credential: str, audience: Audience, peer: str
    ) -> TokenPair:
        """Sign a user in at one surface.

        `peer` is the caller's address without the port. Raises `InvalidValue` for a malformed
        user id, `RateLimited` while throttled, `Unauthenticated` without saying what was wrong.
        """
        name = check_user_id(user_id)
        self._admit(name, peer)
        try:
            user = await self._verified_user(name, credential)
            pair = await self._open_family(user, audience) if user else None
        except TryAgain:
            self._throttle.undecided(name, peer)
            raise
        origin = f"{audience} from {peer}"
        if pair is None:
            self._record(Actor(f"peer:{peer}"), "login.failed", actor_of(name), after=origin)
            raise Unauthenticated("the user id or the credential is wrong")
        self._throttle.succeeded(name, peer)
        self._record(actor_of(name), "login.succeeded", actor_of(name), after=origin)
        return pair

    async def refresh(self, refresh_token: str, audience: Audience) -> TokenPair:
        """Exchange a refresh token, once, for a new pair; needs no access token.

        A second use, even at the same moment as the first, revokes the whole family: one of the
        two callers may be a thief, and which cannot be told.
        """
        claims = self._tokens.read_refresh(refresh_token, audience)
        user = await self._store.find_user(claims.sub)
        if user is None:
            raise Unauthenticated("the sign-in has ended; sign in again")
        successor = self._tokens.issue_refresh(user.user_id, audience, claims.family)
        access = self._tokens.issue_access(user, audience)
        outcome = await self._store.rotate(
            claims.family,
            claims.jti,
            successor.token_id,
            successor.expires_ns,
            self._clock.now_ns(),
        )
        actor, entity = actor_of(user.user_id), f"sign-in:{claims.family}"
        if outcome is Rotation.REUSED:
            self._record(actor, "refresh_token.reused", entity, after="revoked")
            raise Unauthenticated("the refresh token was used before; sign in again")
        if outcome is Rotation.GONE:
            raise Unauthenticated("the sign-in has ended; sign in again")
        self._record(actor, "refresh_token.rotated", entity)
        return TokenPair(access=access, refresh=successor)

    async def make_link(self, actor: Actor, user_id: str) -> str:
        """Make a code that signs another device in as this user, once, within ten minutes."""
        name = check_user_id(user_id)
        if await self._store.find_user(name) is None:
            raise _no_user(name)
        self._record(actor, "link.made", actor_of(name))
        return self._links.make(name)

    async def redeem_link(
        self, code: str, redeemer: str, audience: Audience, peer: str
    ) -> tuple[User, TokenPair]:
        """Sign `redeemer` in as the user a code was made for; errors as `authenticate`."""
        name = check_user_id(redeemer)
        self._admit(name, peer)
        named = self._links.take(code)
        try:
            user = None if named is None else await self._store.find_user(named)
            pair = await self._open_family(user, audience) if user else None
        except TryAgain:
            self._throttle.undecided(name, peer)
            raise
        if user is None or pair is None:
            self._record(Actor(f"peer:{peer}"), "link.failed", f"link:{name}")
            raise Unauthenticated("the code is wrong, used or old; make one: arbiter users link")
        self._throttle.succeeded(name, peer)
        origin = f"{audience} from {peer}"
        self._record(actor_of(user.user_id), "link.redeemed", f"link:{name}", after=origin)
        return user, pair

    # Verifying

    async def verify_access(self, token: str, audience: Audience) -> Principal:
        """Say who bears the token, with the role of this moment, not of the token's issue."""
        return await self._bearer(self._tokens.read_access(token, audience))

    async def follow_access(
        self, token: str, audience: Audience
    ) -> Callable[[], Awaitable[Principal]]:
        """Verify for a stream, which may outlive the token: what is given asks anew, at any time
        later, whether its bearer may still, and as what.
        """
        claims = self._tokens.read_access(token, audience)
        await self._bearer(claims)
        return partial(self._bearer, claims)

    async def _bearer(self, claims: AccessClaims) -> Principal:
        user = await self._directory.user(claims.sub)
        if user is None or user.stamp != claims.stamp:
            raise Unauthenticated("the sign-in has ended; sign in again")
        return user.principal()

    async def verify_api_key(self, text: str) -> Principal:
        """Say which key this is; `Unauthenticated` if none, or a revoked one."""
        digest = digest_of(text)
        key = await self._directory.key(digest) if text.startswith(PREFIX) else None
        if key is None or not key.answers_to(digest):
            raise Unauthenticated("the API key is unknown or revoked")
        await self._touch(key)
        return key.principal()

    # Users

    async def add_user(self, actor: Actor, user_id: str, role: Role, credential: str) -> User:
        """Add a user; `Conflict` if the id is taken, `InvalidValue` for id or credential."""
        name = check_user_id(user_id)
        user = User(
            user_id=name,
            role=role,
            password_hash=await self._passwords.hash(credential),
            stamp=self._ids.new_id(),
            created_ns=self._clock.now_ns(),
        )
        if not await self._store.add_user(user):
            raise Conflict(f"a user {name!r} exists already")
        self._directory.forget_user(name)
        self._record(actor, "user.added", actor_of(name), after=role)
        return user

    async def set_role(self, actor: Actor, user_id: str, role: Role) -> None:
        """Change a role; counts from the user's next call on."""
        name = check_user_id(user_id)
        before = await self._store.set_role(name, role)
        if before is None:
            raise _no_user(name)
        self._directory.forget_user(name)
        self._record(actor, "user.role_changed", actor_of(name), before=before, after=role)

    async def change_credential(self, actor: Actor, user_id: str, credential: str) -> None:
        """Set a new credential; every token the user has stops working."""
        name = check_user_id(user_id)
        password_hash = await self._passwords.hash(credential)
        if not await self._store.set_password(name, password_hash, self._ids.new_id()):
            raise _no_user(name)
        self._directory.forget_user(name)
        self._record(actor, "user.credential_changed", actor_of(name))

    async def remove_user(self, actor: Actor, user_id: str) -> None:
        """Remove a user; every token the user has stops working."""
        name = check_user_id(user_id)
        if not await self._store.remove_user(name):
            raise _no_user(name)
        self._directory.forget_user(name)
        self._record(actor, "user.removed", actor_of(name))

    async def list_users(self) -> Sequence[User]:
        return await self._store.list_users()

    # API keys

    async def create_key(self, actor: Actor, name: str, role: Role) -> NewKey:
        """Make a key; its text is in the answer and nowhere else. `Conflict` if the name lives."""
        text = mint(self._random)
        record = ApiKey(
            key_id=self._ids.new_id(),
            name=check_key_name(name),
            role=role,
            digest=digest_of(text),
            created_ns=self._clock.now_ns(),
        )
        if not await self._store.add_key(record):
            raise Conflict(f"an API key {name!r} exists already; revoke it or use another name")
        self._record(actor, "key.created", f"key:{name}", after=role)
        return NewKey(record=record, text=text)

    async def revoke_key(self, actor: Actor, name: str) -> None:
        """Revoke the live key of that name, at once."""
        key = await self._store.revoke_key(check_key_name(name), self._clock.now_ns())
        if key is None:
            raise NotFound(f"no live API key is named {name!r}")
        self._directory.forget_key(key.digest)
        self._touched.pop(key.key_id, None)
        self._record(actor, "key.revoked", f"key:{name}")

    async def list_keys(self) -> Sequence[ApiKey]:
        return await self._store.list_keys()

    # Steps

    def _admit(self, name: UserId, peer: str) -> None:
        wait_ms = self._throttle.admit(name, peer)
        if wait_ms:
            raise RateLimited(
                f"too many failed log-ins; try again in {-(-wait_ms // 1_000)} s",
                retry_after_ms=wait_ms,
            )

    async def _verified_user(self, name: UserId, credential: str) -> User | None:
        user = await self._store.find_user(name)
        verdict = await self._passwords.check(user.password_hash if user else None, credential)
        if user is None or not verdict.matches:
            return None
        if verdict.new_hash is not None:
            await self._store.replace_hash(name, user.password_hash, verdict.new_hash)
        return user

    async def _open_family(self, user: User, audience: Audience) -> TokenPair | None:
        """None if the user was removed or given a new credential since it was checked."""
        now = self._clock.now_ns()
        family = self._ids.new_id()
        pair = TokenPair(
            access=self._tokens.issue_access(user, audience),
            refresh=self._tokens.issue_refresh(user.user_id, audience, family),
        )
        record = Family(
            family=family,
            user_id=user.user_id,
            current=pair.refresh.token_id,
            expires_ns=pair.refresh.expires_ns,
            created_ns=now,
        )
        return pair if await self._store.open_family(record, user.stamp) else None

    async def _touch(self, key: ApiKey) -> None:
        now = self._clock.now_ns()
        last = max(self._touched.get(key.key_id, 0), key.last_used_ns or 0)
        if now - last < _TOUCH_NS:
            return
        self._touched[key.key_id] = now
        try:
            await self._store.touch_key(key.key_id, now)
        except StorageUnavailable:
            # A key must work while the database is away: the kill switch may hang on it.
            return

    def _record(
        self, actor: Actor, action: str, entity: str, *, before: str = "", after: str = ""
    ) -> None:
        self._audit(
            Audited(
                at_ns=self._clock.now_ns(),
                actor=actor,
                action=action,
                entity=entity,
                before=before,
                after=after,
            )
        )


def _no_user(name: UserId) -> NotFound:
    return NotFound(f"there is no user {name!r}")
