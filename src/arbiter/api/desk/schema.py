"""The desk's OpenAPI document, made without an engine: ``python -m arbiter.api.desk.schema``."""

import sys

from arbiter.api.common.document import nothing, text_of
from arbiter.api.desk.deps import DeskApiSettings, DeskDeps
from arbiter.api.desk.surface import API_VERSION, make_desk


def text() -> str:
    """The document of all routes, as it is committed."""
    rest = nothing(DeskDeps, given=("settings", "version"))
    return text_of(make_desk(DeskDeps(settings=DeskApiSettings(), version=API_VERSION, **rest)).app)


if __name__ == "__main__":
    sys.stdout.write(text())
