"""Log lines: structlog over the standard library's logging, JSON or for people, on stderr.

Lines of other libraries take the same way, so they too have a time and are redacted.
"""

import logging
import sys
from collections.abc import Collection
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from arbiter.model.errors import BadConfig
from arbiter.observe.redact import Redactor

LEVELS = ("debug", "info", "warning", "error", "critical")


def configure_logging(
    *,
    level: str = "info",
    json: bool = False,
    stream: TextIO | None = None,
    secrets: Collection[str] = (),
) -> None:
    """Send every log line of the process to `stream` (stderr when None), masked.

    Calling it again replaces what the last call set up. `secrets` are values that are masked
    wherever they appear. A level that does not exist is a `BadConfig`.
    """
    if level.lower() not in LEVELS:
        raise BadConfig(f"log level {level!r} is none of {', '.join(LEVELS)}")
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    target = sys.stderr if stream is None else stream
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                structlog.processors.StackInfoRenderer(),
                _masking(Redactor(secrets)),
                *_renderers(json=json, colors=target.isatty()),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Give the logger of a part of the engine: ``get_logger("runtime.core").info("started")``."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger


def _masking(redactor: Redactor) -> Processor:
    def mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {key: redactor.value(key, value) for key, value in event.items()}

    return mask


def _renderers(*, json: bool, colors: bool) -> list[Processor]:
    """Tracebacks are plain text by now: a renderer of its own would print local variables."""
    if json:
        return [
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback
        )
    ]
