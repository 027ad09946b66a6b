"""A surface's OpenAPI document, made without an engine."""

import json
from collections.abc import Collection
from typing import Any, cast

import msgspec
from fastapi import FastAPI


class _Nothing:
    """Stands for an engine nobody asks anything of."""

    def __getattr__(self, name: str) -> Any:
        return _Nothing()

    def __call__(self, *_: object) -> Any:
        return _Nothing()


def nothing(needs: type[msgspec.Struct], *, given: Collection[str]) -> dict[str, Any]:
    """What a surface needs besides what is given."""
    return {name: cast(Any, _Nothing()) for name in needs.__struct_fields__ if name not in given}


def text_of(app: FastAPI) -> str:
    """The document as it is committed."""
    return json.dumps(app.openapi(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
