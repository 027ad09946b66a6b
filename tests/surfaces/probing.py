"""Every operation of a committed schema, asked for in every way that the schema allows."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


def operations(committed: Path) -> Iterator[Any]:
    document = schemathesis.openapi.from_dict(json.loads(committed.read_text()))
    for result in document.get_all_operations():
        assert isinstance(result, Ok)
        yield result.ok()


def probe(
    operation: Any, base: str, examples: int, prepare: Callable[[Any], None] | None = None
) -> int:
    """Call one operation with this many examples; give how many calls were made.

    No answer may be a fault or of an undocumented shape. `prepare` may change a case before it
    is sent.
    """
    called = 0

    def call(case: "schemathesis.Case[Any]") -> None:
        nonlocal called
        called += 1
        if prepare is not None:
            prepare(case)
        response = case.call(base_url=base, timeout=60)
        case.validate_response(response, checks=CHECKS)

    settings(
        max_examples=examples,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )(given(case=operation.as_strategy())(call))()
    return called
