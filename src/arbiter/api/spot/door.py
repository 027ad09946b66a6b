"""Who may do what here: reading needs a viewer, trading a trader, settings an admin."""

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from arbiter.access.tokens import Audience
from arbiter.api.common.admission import admission
from arbiter.api.common.auth import Door
from arbiter.api.spot import bodies
from arbiter.api.spot.answers import FAILURES, answer
from arbiter.api.spot.deps import STRANGER, SpotDeps
from arbiter.api.spot.errors import invalid
from arbiter.model.errors import InvalidValue, Unauthenticated
from arbiter.model.time import NS_PER_S

needs = admission("ARBOT_API_KEY or a key made", "The access_token of /auth/login")


def make_door(deps: SpotDeps) -> Door:
    return Door(
        deps.access,
        audience=Audience.SPOT,
        required=deps.settings.auth_required,
        fixed_key=deps.settings.api_key,
        stranger=STRANGER,
    )


def login_routes(deps: SpotDeps) -> APIRouter:
    routes = APIRouter(tags=["authentication"])
    form = {"schema": bodies.Credentials.model_json_schema()}
    content = {"application/x-www-form-urlencoded": form, "application/json": form}

    @routes.post(
        "/auth/login",
        response_model=bodies.Token,
        responses=FAILURES,
        openapi_extra={"requestBody": {"required": True, "content": content}},
    )
    async def login(request: Request) -> Response:
        """Sign in with a form or JSON; the token goes into `Authorization: Bearer`."""
        given = await _credentials(request)
        peer = request.client.host if request.client is not None else "unknown"
        try:
            pair = await deps.access.authenticate(
                given.username, given.password, Audience.SPOT, peer
            )
        except InvalidValue:
            raise Unauthenticated("the user id or the credential is wrong") from None
        left_ns = pair.access.expires_ns - deps.clock.now_ns()
        return answer(
            bodies.Token(access_token=pair.access.text, expires_in=max(left_ns // NS_PER_S, 0))
        )

    return routes


async def _credentials(request: Request) -> bodies.Credentials:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        if kind in {"application/x-www-form-urlencoded", "multipart/form-data"}:
            async with request.form(max_files=0, max_fields=10) as form:
                return bodies.Credentials.model_validate(dict(form))
        return bodies.Credentials.model_validate_json(await request.body())
    except ValidationError as error:
        faults = [(".".join(str(part) for part in e["loc"]), e["msg"]) for e in error.errors()]
        raise invalid(
            "; ".join(f"{field}: {said}" if field else said for field, said in faults),
            fields=[field for field, _ in faults if field],
        ) from None
