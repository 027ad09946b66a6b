"""Telemetry over OTLP/gRPC: metrics, the life of every order as a trace, log lines.

Nothing here is made, and OpenTelemetry is not imported, unless a collector is named. Exporting
happens on threads of its own; a collector that is away costs dropped telemetry and nothing else.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence

from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from arbiter.app.config_funding import Telemetry as TelemetrySettings
from arbiter.model.changes import Changes
from arbiter.model.events import Event, OrderSent, TradeAdvanced, TradeOpened
from arbiter.model.ids import ClientOrderId, TradeId
from arbiter.model.money import plain
from arbiter.model.orders import Order, OrderStatus
from arbiter.observe.metrics import Kind, Metrics, Reading

_FAILED = frozenset({OrderStatus.REJECTED, OrderStatus.DENIED})


class Telemetry:
    """`watch` is a listener of the event hub; `run` and `close` belong to the engine's life."""

    def __init__(self, settings: TelemetrySettings, metrics: Metrics, version: str) -> None:
        resource = Resource.create({"service.name": "arbiter", "service.version": version})
        endpoint = settings.otlp_endpoint
        plaintext = not endpoint.startswith("https://")
        self._every_s = float(settings.export_seconds)
        self._metrics = metrics
        self._readings: dict[str, list[Reading]] = {}
        self._known: set[str] = set()
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=endpoint, insecure=plaintext),
            export_interval_millis=self._every_s * 1_000,
        )
        self._meters = MeterProvider(metric_readers=[reader], resource=resource)
        self._meter = self._meters.get_meter("arbiter")
        self._traces = TracerProvider(resource=resource)
        self._traces.add_span_processor(
            BatchSpanProcessor(
                OTLPSpanExporter(endpoint=endpoint, insecure=plaintext),
                schedule_delay_millis=self._every_s * 1_000,
            )
        )
        self._tracer = self._traces.get_tracer("arbiter")
        self._with_traces = settings.traces
        self._trades: dict[TradeId, Span] = {}
        self._orders: dict[ClientOrderId, Span] = {}
        self._logs = LoggerProvider(resource=resource)
        self._logs.add_log_record_processor(
            BatchLogRecordProcessor(
                OTLPLogExporter(endpoint=endpoint, insecure=plaintext),
                schedule_delay_millis=self._every_s * 1_000,
            )
        )
        self._handler = _Handler(self._logs) if settings.logs else None
        if self._handler is not None:
            root = logging.getLogger()
            formatter = next((h.formatter for h in root.handlers if h.formatter), None)
            self._handler.setFormatter(formatter)
            root.addHandler(self._handler)

    async def run(self) -> None:
        """Take readings on the engine's loop, for the exporter's thread to find."""
        while True:
            self.read()
            await asyncio.sleep(self._every_s / 2)

    def read(self) -> None:
        """Take one set of readings, and declare metrics not seen before."""
        readings: dict[str, list[Reading]] = {}
        for told in self._metrics.read():
            readings.setdefault(told.name, []).append(told)
        self._readings = readings
        for name, rows in readings.items():
            if name not in self._known:
                self._known.add(name)
                self._declare(name, rows[0])

    def watch(self, events: Sequence[Event], changes: Changes) -> None:
        """Open a span with each trade and order, end it with theirs."""
        if not self._with_traces:
            return
        for event in events:
            match event:
                case TradeOpened(trade=trade):
                    self._trades[trade.id] = self._tracer.start_span(
                        f"trade {trade.family}",
                        start_time=trade.started_ns,
                        attributes={
                            "trade.seq": trade.seq,
                            "trade.symbol": trade.symbol,
                            "trade.strategy": trade.strategy,
                        },
                    )
                case OrderSent(client_order_id=key, at_ns=at_ns):
                    self._note(key, "sent", at_ns)
                case TradeAdvanced(trade_id=trade_id, state=state, at_ns=at_ns):
                    span = self._trades.get(trade_id)
                    if span is not None:
                        span.add_event(state, {"reason": event.reason}, timestamp=at_ns)
                        if state.terminal:
                            del self._trades[trade_id]
                            span.end(end_time=at_ns)
        for order in changes.orders.values():
            self._follow(order)

    def close(self) -> None:
        """Export what is left; blocks for some seconds at most."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        self._meters.shutdown()
        self._traces.shutdown()
        self._logs.shutdown()

    def _follow(self, order: Order) -> None:
        span = self._orders.get(order.client_order_id)
        if span is None:
            if order.status.terminal:
                return
            parent = self._trades.get(order.trade_id)
            span = self._tracer.start_span(
                f"order {order.side} {order.venue}",
                context=None if parent is None else set_span_in_context(parent),
                start_time=order.created_ns,
                attributes={
                    "order.id": order.client_order_id,
                    "order.instrument": order.instrument,
                    "order.leg": order.leg,
                    "order.size": plain(order.size),
                },
            )
            self._orders[order.client_order_id] = span
            return
        if order.status.terminal:
            del self._orders[order.client_order_id]
            span.set_attribute("order.status", order.status)
            span.set_attribute("order.filled", plain(order.filled_size))
            if order.status in _FAILED:
                span.set_status(Status(StatusCode.ERROR, order.reason or ""))
            span.end(end_time=order.updated_ns)
        else:
            span.add_event(order.status, timestamp=order.updated_ns)

    def _note(self, key: ClientOrderId, what: str, at_ns: int) -> None:
        span = self._orders.get(key)
        if span is not None:
            span.add_event(what, timestamp=at_ns)

    def _declare(self, name: str, first: Reading) -> None:
        if first.kind is Kind.COUNTER:
            self._meter.create_observable_counter(
                name, callbacks=[self._values(name, _value)], description=first.help
            )
            return
        if first.kind is Kind.GAUGE:
            self._meter.create_observable_gauge(
                name, callbacks=[self._values(name, _value)], description=first.help
            )
            return
        for suffix, take in (("p50", _p50), ("p99", _p99), ("max", _largest)):
            self._meter.create_observable_gauge(
                f"{name}_{suffix}", callbacks=[self._values(name, take)], description=first.help
            )
        self._meter.create_observable_counter(
            f"{name}_count", callbacks=[self._values(name, _value)], description=first.help
        )

    def _values(
        self, name: str, take: Callable[[Reading], float]
    ) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            return [
                Observation(take(told), dict(told.labels)) for told in self._readings.get(name, ())
            ]

        return observe


class _Handler(logging.Handler):
    """Hands every log line on, as it is written for people."""

    def __init__(self, provider: LoggerProvider) -> None:
        super().__init__()
        self._logger = provider.get_logger("arbiter")

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith(("opentelemetry", "grpc")):
            return  # the exporter's own troubles are not exported
        self._logger.emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                severity_text=record.levelname,
                severity_number=_SEVERITY.get(record.levelno, SeverityNumber.INFO),
                body=self.format(record),
                attributes={"logger": record.name},
            )
        )


_SEVERITY = {
    logging.DEBUG: SeverityNumber.DEBUG,
    logging.INFO: SeverityNumber.INFO,
    logging.WARNING: SeverityNumber.WARN,
    logging.ERROR: SeverityNumber.ERROR,
    logging.CRITICAL: SeverityNumber.FATAL,
}


def _value(told: Reading) -> float:
    return told.value


def _p50(told: Reading) -> float:
    return float(told.p50)


def _p99(told: Reading) -> float:
    return float(told.p99)


def _largest(told: Reading) -> float:
    return float(told.largest)
