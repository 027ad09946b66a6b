"""The surface's OpenAPI document, made without an engine: ``python -m arbiter.api.agents.schema``."""

import json
import sys
from typing import Any, cast

from arbiter.api.agents.deps import AgentsApiSettings, AgentsDeps
from arbiter.api.agents.surface import API_VERSION, make_agents


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
        for name in AgentsDeps.__struct_fields__
        if name not in {"settings", "version"}
    }
    made = make_agents(AgentsDeps(settings=AgentsApiSettings(), version=API_VERSION, **nothing))
    return made.app.openapi()


def text() -> str:
    """The document as it is committed."""
    return json.dumps(document(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(text())
