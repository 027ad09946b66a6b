"""Who may do what here: reading needs a viewer, changing a trader; signing in needs nobody."""

from typing import Annotated

from fastapi import APIRouter, Request, Security
from starlette.responses import Response

from arbiter.access.roles import Principal, Role, allows
from arbiter.access.tokens import Audience, TokenPair
from arbiter.api.common.admission import admission
from arbiter.api.common.auth import Door
from arbiter.api.desk import pages
from arbiter.api.desk.answers import answer, failures
from arbiter.api.desk.deps import STRANGER, DeskDeps
from arbiter.model.errors import InvalidValue, Unauthenticated
from arbiter.model.time import NS_PER_S

needs = admission("A key made with arbiter keys", "The access_token of /api/desk/login")


def make_door(deps: DeskDeps) -> Door:
    return Door(
        deps.access,
        audience=Audience.DESK,
        required=deps.settings.auth_required,
        fixed_key=None,
        stranger=STRANGER,
    )


def session_routes(deps: DeskDeps, door: Door) -> APIRouter:
    routes = APIRouter(prefix="/api/desk", tags=["session"])
    viewer = needs(door, Role.VIEWER)

    @routes.post("/login", response_model=pages.Tokens, responses=failures(429))
    async def login(asked: pages.LogIn, request: Request) -> Response:
        """Sign in; the access token goes into `Authorization: Bearer`."""
        peer = request.client.host if request.client is not None else "unknown"
        try:
            pair = await deps.access.authenticate(
                asked.username, asked.password, Audience.DESK, peer
            )
        except InvalidValue:
            raise Unauthenticated("the user id or the credential is wrong") from None
        return answer(_tokens(pair, deps.clock.now_ns()))

    @routes.post("/refresh", response_model=pages.Tokens, responses=failures())
    async def refresh(asked: pages.Refresh) -> Response:
        """Exchange a refresh token, once, for a new pair of tokens."""
        pair = await deps.access.refresh(asked.refresh_token, Audience.DESK)
        return answer(_tokens(pair, deps.clock.now_ns()))

    @routes.get("/session", response_model=pages.Session, responses=failures())
    async def session(caller: Annotated[Principal, Security(viewer)]) -> Response:
        """Say who is calling and what they may do."""
        return answer(
            pages.Session(
                auth_required=door.required,
                actor=caller.actor,
                role=caller.role,
                can_trade=allows(caller.role, Role.TRADER),
                is_admin=allows(caller.role, Role.ADMIN),
            )
        )

    return routes


def _tokens(pair: TokenPair, now_ns: int) -> pages.Tokens:
    return pages.Tokens(
        access_token=pair.access.text,
        refresh_token=pair.refresh.text,
        expires_in=max((pair.access.expires_ns - now_ns) // NS_PER_S, 0),
    )
