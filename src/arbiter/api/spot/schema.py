"""The surface's OpenAPI document, made without an engine: ``python -m arbiter.api.spot.schema``."""

import json
import sys
from typing import Any, cast

from arbiter.api.spot.app import SCHEMA_VERSION, create_spot_app
from arbiter.api.spot.deps import SpotApiSettings, SpotDeps


class _Nothing:
    """Stands for an engine nobody asks anything of."""

    def __getattr__(self, name: str) -> Any:
        return _Nothing()


def document() -> dict[str, Any]:
    """Give the document of all routes."""
    nothing = {
        name: cast(Any, _Nothing())
        for name in SpotDeps.__struct_fields__
        if name not in {"settings", "version"}
    }
    app = create_spot_app(SpotDeps(settings=SpotApiSettings(), version=SCHEMA_VERSION, **nothing))
    return app.openapi()


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
