"""The surface's OpenAPI document, made without an engine: ``python -m arbiter.api.spot.schema``."""

import sys

from arbiter.api.common.document import nothing, text_of
from arbiter.api.spot.app import SCHEMA_VERSION, create_spot_app
from arbiter.api.spot.deps import SpotApiSettings, SpotDeps


def text() -> str:
    """The document of all routes, as it is committed."""
    rest = nothing(SpotDeps, given=("settings", "version"))
    return text_of(
        create_spot_app(SpotDeps(settings=SpotApiSettings(), version=SCHEMA_VERSION, **rest))
    )


if __name__ == "__main__":
    sys.stdout.write(text())
