"""A collector of our own, on loopback, sees metrics, traces and logs over OTLP/gRPC."""

import logging
import threading
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2, logs_service_pb2_grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from arbiter.app.config_funding import Telemetry as TelemetrySettings
from arbiter.app.engine_metrics import EngineMetrics
from arbiter.app.telemetry import Telemetry
from tests.fakes.engine import Desk


class Collector(
    metrics_service_pb2_grpc.MetricsServiceServicer,
    trace_service_pb2_grpc.TraceServiceServicer,
    logs_service_pb2_grpc.LogsServiceServicer,
):
    """Keeps the names of what it is sent; each set is guarded by one condition."""

    def __init__(self) -> None:
        self.metrics: set[str] = set()
        self.spans: dict[str, tuple[bytes, bytes]] = {}
        self.lines: list[str] = []
        self.news = threading.Condition()

    def Export(self, request, context):  # type: ignore[no-untyped-def]  # noqa: N802
        with self.news:
            for group in getattr(request, "resource_metrics", ()):
                for scope in group.scope_metrics:
                    self.metrics.update(metric.name for metric in scope.metrics)
            for group in getattr(request, "resource_spans", ()):
                for scope in group.scope_spans:
                    self.spans.update(
                        {span.name: (span.span_id, span.parent_span_id) for span in scope.spans}
                    )
            for group in getattr(request, "resource_logs", ()):
                for scope in group.scope_logs:
                    self.lines += [row.body.string_value for row in scope.log_records]
            self.news.notify_all()
        if hasattr(request, "resource_metrics"):
            return metrics_service_pb2.ExportMetricsServiceResponse()
        if hasattr(request, "resource_spans"):
            return trace_service_pb2.ExportTraceServiceResponse()
        return logs_service_pb2.ExportLogsServiceResponse()


@pytest.fixture
def collector() -> Iterator[tuple[Collector, str]]:
    collector = Collector()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    logs_service_pb2_grpc.add_LogsServiceServicer_to_server(collector, server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield collector, f"http://127.0.0.1:{port}"
    server.stop(None).wait()


def test_a_collector_sees_metrics_the_life_of_an_order_and_log_lines(
    collector: tuple[Collector, str],
) -> None:
    seen, endpoint = collector
    desk = Desk(hold_commits=True)
    metrics = EngineMetrics(desk.core, desk.clock)
    settings = TelemetrySettings(otlp_endpoint=endpoint, export_seconds=60.0)
    telemetry = Telemetry(settings, metrics.metrics, "0")
    desk.hub.listen(metrics.watch)
    desk.hub.listen(telemetry.watch)
    desk.open_spread()
    desk.journal.commit()
    buy, sell = desk.outbox.sent
    desk.complete(buy)
    desk.complete(sell)
    logging.getLogger("arbiter.test").warning("a line for the collector")
    telemetry.read()
    telemetry.close()
    assert {
        "arbiter_quotes_total",
        "arbiter_orders_total",
        "arbiter_quote_to_order_ns_p99",
        "arbiter_pnl_total_usd",
    } <= seen.metrics
    trade_id, _ = seen.spans["trade spot"]
    assert {seen.spans[f"order {o.side} {o.venue}"][1] for o in (buy, sell)} == {trade_id}
    assert any("a line for the collector" in line for line in seen.lines)
