"""Where log lines go and how they look: one handler under both structlog and logging.

Lines of other libraries take the same way, so they too have a time and no secret in them.
"""

import logging
import logging.handlers
import sys
from pathlib import Path

import structlog
from structlog.typing import EventDict, WrappedLogger

from arbiter.app.config_sections import LogFormat, Logging, LogLevel
from arbiter.model.errors import StorageUnavailable
from arbiter.observe.redact import Redactor

FILE_BYTES = 10_000_000
FILES_KEPT = 5

_REDACTOR = Redactor()
_NOISY = ("uvicorn", "watchfiles", "sqlalchemy", "alembic", "ccxt")
"""Heard from warnings on. ccxt would tell every request and answer with keys and tokens in them."""
_STEPS: tuple[structlog.typing.Processor, ...] = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.processors.StackInfoRenderer(),
)


def configure(settings: Logging, file: Path | None = None) -> None:
    """Log to `file`, kept small by rotation, or to stderr where None.

    Raises `StorageUnavailable` when the file cannot be opened.
    """
    if file is None:
        handler: logging.Handler = logging.StreamHandler(sys.stderr)
    else:
        try:
            handler = logging.handlers.RotatingFileHandler(
                file, maxBytes=FILE_BYTES, backupCount=FILES_KEPT, encoding="utf-8"
            )
        except OSError as error:
            raise StorageUnavailable(
                f"cannot write the log {file}: {error.strerror or error}"
            ) from error
    colours = file is None and sys.stderr.isatty()
    handler.setFormatter(_formatter(settings.format, colours=colours))
    root = logging.getLogger()
    for former in tuple(root.handlers):
        root.removeHandler(former)
    root.addHandler(handler)
    root.setLevel(_LEVEL[settings.level])
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_STEPS,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


_LEVEL = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


def _formatter(form: LogFormat, *, colours: bool) -> logging.Formatter:
    last: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if form is LogFormat.JSON
        else structlog.dev.ConsoleRenderer(
            colors=colours, exception_formatter=structlog.dev.plain_traceback
        )
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=list(_STEPS),
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _mask,
            last,
        ],
    )


def _mask(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Tracebacks are plain text by now: what they show is masked with the rest."""
    return {key: _REDACTOR.value(key, value) for key, value in event.items()}
