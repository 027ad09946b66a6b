"""The desk's OpenAPI document, made without an engine: ``python -m arbiter.api.desk.schema``."""

import json
import sys
from typing import Any, cast

from arbiter.api.desk.deps import DeskApiSettings, DeskDeps
from arbiter.api.desk.surface import API_VERSION, make_desk


class _Nothing:
    """Stands for an engine nobody asks anything of."""

    def __getattr__(self, name: str) -> Any:
        return _Nothing()

    def __call__(self, *_: object) -> Any:
        return _Nothing()


def document() -> dict[str, Any]:
    """Give the document of all routes."""
    nothing = {
        name: cast(Any, _Nothing())
        for name in DeskDeps.__struct_fields__
        if name not in {"settings", "version"}
    }
    desk = make_desk(DeskDeps(settings=DeskApiSettings(), version=API_VERSION, **nothing))
    return desk.app.openapi()


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
