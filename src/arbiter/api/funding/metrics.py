"""`/metrics`: what telemetry is exported, or Prometheus text for a scraper that asks for it."""

from collections.abc import Callable, Iterable

from fastapi import APIRouter, Request
from starlette.responses import Response

from arbiter.api.common.apps import json_response
from arbiter.observe.metrics import Kind, Labels, Reading

USUAL_ENDPOINT = "http://localhost:4317"
TEXT = "text/plain; version=0.0.4; charset=utf-8"
_WORDS = ("openmetrics", "version=0.0.4")


def metrics_routes(readings: Callable[[], Iterable[Reading]], endpoint: str) -> APIRouter:
    """`endpoint` is the collector's, empty where nothing is exported."""
    routes = APIRouter(tags=["metrics"])

    @routes.get("/metrics")
    async def metrics(request: Request) -> Response:
        accept = request.headers.get("accept", "").lower()
        if any(word in accept for word in _WORDS):
            return Response(exposition(readings()), media_type=TEXT)
        return json_response(
            {
                "status": "operational",
                "backend": "OpenTelemetry OTLP",
                "endpoint": endpoint or USUAL_ENDPOINT,
                "protocol": "gRPC",
                "exporting": bool(endpoint),
            }
        )

    return routes


def exposition(readings: Iterable[Reading]) -> str:
    """Write metrics in Prometheus' text format; a histogram becomes a summary."""
    lines: list[str] = []
    last = ""
    for told in readings:
        if told.name != last:
            last = told.name
            kind = "summary" if told.kind is Kind.HISTOGRAM else told.kind.value
            lines += [f"# HELP {told.name} {_escaped(told.help)}", f"# TYPE {told.name} {kind}"]
        lines += _samples(told)
    return "\n".join(lines) + "\n"


def _samples(told: Reading) -> list[str]:
    if told.kind is not Kind.HISTOGRAM:
        return [f"{told.name}{_labels(told.labels)} {_number(told.value)}"]
    quantiles = (("0.5", told.p50), ("0.99", told.p99))
    return [
        *(
            f"{told.name}{_labels((*told.labels, ('quantile', q)))} {value}"
            for q, value in quantiles
        ),
        f"{told.name}_sum{_labels(told.labels)} {told.total}",
        f"{told.name}_count{_labels(told.labels)} {_number(told.value)}",
    ]


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
