"""Answers and the arguments that several routes share."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Query
from pydantic_core import to_json
from starlette.responses import Response

from arbiter.api.common.apps import json_response
from arbiter.api.common.errors import HttpFailure
from arbiter.api.desk.bodies import Failure
from arbiter.model.errors import InvalidValue
from arbiter.ports.past import Page

_LARGEST_PAGE = 1_000
_FARTHEST = 1_000_000_000

Text = Annotated[str, Query(max_length=200, pattern=r"^[^\u0000-\u001f]*$")]
"""A filter's text: no control characters, which the database cannot take."""

Limit = Annotated[int, Query(ge=1, le=_LARGEST_PAGE, description="Most rows of the answer.")]
Offset = Annotated[int, Query(ge=0, le=_FARTHEST, description="Rows to leave out first.")]

TOTAL = "X-Total-Count"


def page(limit: int, offset: int) -> Page:
    return Page(limit=limit, offset=offset)


def answer(body: object, *, status: int = 200, total: int | None = None) -> Response:
    """Write bodies as JSON; `total` tells how many rows there are beside this page's."""
    headers = None if total is None else {TOTAL: str(total)}
    return Response(
        to_json(body), status_code=status, media_type="application/json", headers=headers
    )


def render(failure: HttpFailure) -> Response:
    """FastAPI's own shapes: a text, or for a value outside its domain a 422 with a list."""
    if isinstance(failure.error, InvalidValue):
        fault = {"type": "value_error", "loc": ["request"], "msg": failure.message}
        return json_response({"detail": [fault]}, HTTPStatus.UNPROCESSABLE_ENTITY)
    response = json_response({"detail": failure.message}, failure.status)
    if failure.status == HTTPStatus.UNAUTHORIZED:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def failures(*more: int) -> dict[int | str, dict[str, Any]]:
    """Describe what any route may answer instead, and what this one may besides."""
    described = {
        401: "No credential, or one that does not verify; only with authentication on.",
        403: "The caller's role does not suffice, or a page of another site asks.",
        404: "There is no such thing.",
        409: "The thing is in a state that forbids it.",
        429: "Too many failed log-ins.",
        503: "The database is away; try again.",
        504: "The venue has not answered; what happened is being asked for.",
    }
    wanted = (401, 403, 503, *more)
    return {
        status: {"model": Failure, "description": described[status]} for status in sorted(wanted)
    }
