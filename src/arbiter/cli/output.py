"""Results go to stdout, everything else to stderr."""

import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any


def emit_json(value: object) -> None:
    """Print one JSON document: money in plain notation, records by field name."""
    emit_built(built(value))


def built(value: object) -> Any:
    """Give what `emit_json` would print as plain built-ins, to add to before `emit_built`."""
    import msgspec

    return _plain(msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True, enc_hook=str))


def emit_built(value: object) -> None:
    """Print one JSON document of what `built` gave."""
    import msgspec

    text = msgspec.json.format(msgspec.json.encode(value), indent=2)
    sys.stdout.write(f"{text.decode()}\n")


def emit(text: str) -> None:
    """Print a line of the result."""
    sys.stdout.write(f"{text}\n")


def note(text: str) -> None:
    """Tell a person what is going on."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def fail(text: str) -> None:
    note(f"error: {text}")


def emit_table(headers: Sequence[str], rows: Iterable[Sequence[str]], empty: str = "none") -> None:
    """Print columns as wide as their widest cell; plain text, fit for a pipe."""
    lines = [tuple(row) for row in rows]
    if not lines:
        emit(empty)
        return
    widths = [max(len(line[at]) for line in (tuple(headers), *lines)) for at in range(len(headers))]
    for line in (tuple(header.upper() for header in headers), *lines):
        cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        emit("  ".join(cells).rstrip())


def _plain(value: object) -> object:
    """Write every Decimal within built-ins in plain notation."""
    from arbiter.model.money import plain

    def written(each: object) -> object:
        # Asked for the exact types, commonest first: a large result is almost all scalars.
        kind = type(each)
        if kind is str or kind is int:
            return each
        if kind is Decimal:
            return plain(each)  # type: ignore[arg-type]
        if isinstance(each, dict):
            return {name: written(part) for name, part in each.items()}
        if isinstance(each, list | tuple):
            return [written(part) for part in each]
        return each

    return written(value)
