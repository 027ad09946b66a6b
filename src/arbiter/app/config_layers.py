"""Layers: what the file, the environment and the flags each say, before anything is believed.

Every layer becomes a flat mapping from path to value with its origin. Faults that only the layer
can see are found here: a key written twice, a name in the wrong case, a setting nobody knows.
"""

import difflib
import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Any

import msgspec

from arbiter.app.config_fields import unit_of
from arbiter.app.config_schema import ENV_DELIMITER, ENV_PREFIX, Leaf, Path, Schema
from arbiter.model.errors import BadConfig


class Kind(StrEnum):
    DEFAULT = "default"
    PROFILE = "profile"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


class Origin(msgspec.Struct, frozen=True):
    """Where a value was written."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return self.name


class Value(msgspec.Struct, frozen=True):
    value: Any
    origin: Origin


Layer = dict[Path, Value]

ALIASES: Mapping[str, Path] = {
    "ARBITER_HOME": ("engine", "home"),
    "DATABASE_URL": ("database", "url"),
    "TELEGRAM_BOT_TOKEN": ("telegram", "token"),
    "JWT_SECRET": ("access", "jwt_secret"),
    "JWT_ACCESS_EXPIRY_SECS": ("access", "access_expiry_seconds"),
    "JWT_REFRESH_EXPIRY_SECS": ("access", "refresh_expiry_seconds"),
    "API_PORT": ("listen", "agents_port"),
    "ARBOT_API_KEY": ("spot_api", "api_key"),
    "WEALTH__OBSERVABILITY__METRICS_PORT": ("listen", "ops_port"),
    "WEALTH__OBSERVABILITY__METRICS_BIND_ADDRESS": ("listen", "ops_host"),
}
"""Documented names beside ``ARBITER__SECTION__KEY``."""

GRPC_ADDR = "GRPC_ADDR"
_ADDRESS: tuple[Path, Path] = ("listen", "control_host"), ("listen", "control_port")
"""A documented name that holds two settings: ``host:port``."""

_OURS = (ENV_PREFIX, "WEALTH__")
_NOT_OURS = frozenset({"DATABASE_URI", "APP_PORT"})
"""Names other programs really use that lie one slip from ours."""


def toml_layer(text: str, name: str, schema: Schema) -> Layer:
    """Read a TOML document; `name` is what messages call it."""
    try:
        # With a last line break, a fault of the last line is told with its number.
        document = tomllib.loads(f"{text}\n", parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(_toml_fault(text, name, str(error))) from None
    origin = Origin(Kind.FILE, name)
    return {path: Value(value, origin) for path, value in _flatten(document, (), name, schema)}


def environment_layer(environment: Mapping[str, str], schema: Schema) -> Layer:
    """Take ours out of the environment; what belongs to others is left alone."""
    names = {leaf.env_name: path for path, leaf in schema.leaves.items() if not leaf.open_keys}
    names |= ALIASES
    names[GRPC_ADDR] = _ADDRESS[0]
    layer: Layer = {}
    for name, path, text in _named(environment, names, schema):
        if path is None:
            _refuse_near_miss(name, names, environment)
            continue
        if not text:
            continue
        leaf = schema.leaf_of(path)
        assert leaf is not None
        value = Value(_parse(text, leaf, name), Origin(Kind.ENVIRONMENT, name))
        before = layer.get(path)
        if before is not None and before.value != value.value:
            raise BadConfig(
                f"{'.'.join(path)} is set twice and differently: by {before.origin} and by {name}; "
                "keep one of them"
            )
        layer[path] = value
    return layer


def _named(
    environment: Mapping[str, str], names: Mapping[str, Path], schema: Schema
) -> Iterator[tuple[str, Path | None, str]]:
    for name, text in sorted(environment.items()):
        if name == GRPC_ADDR and text:
            host, colon, port = text.strip().rpartition(":")
            if not colon or not host or not port.isdecimal():
                raise BadConfig(f"{name} must be host:port, for example 127.0.0.1:50051")
            yield name, _ADDRESS[0], host.removeprefix("[").removesuffix("]")
            yield name, _ADDRESS[1], port
        else:
            yield name, names.get(name) or _open_key(name, schema), text


def flag_layer(flags: Mapping[str, Any], schema: Schema) -> Layer:
    """Flags by dotted path, with the flag's own name as ``(name, value)``."""
    layer: Layer = {}
    for dotted, (flag, value) in flags.items():
        path = tuple(dotted.split("."))
        leaf = schema.leaf_of(path)
        if leaf is None:
            raise BadConfig(_unknown(path, flag, schema))
        parsed = _parse(value, leaf, flag) if isinstance(value, str) else value
        layer[path] = Value(parsed, Origin(Kind.FLAG, flag))
    return layer


def profile_layer(values: Mapping[str, Any], name: str) -> Layer:
    """Defaults that a mode replaces."""
    origin = Origin(Kind.PROFILE, name)
    return {tuple(dotted.split(".")): Value(value, origin) for dotted, value in values.items()}


def nested(layer: Layer) -> dict[str, Any]:
    """The layer as the tables it was written in."""
    root: dict[str, Any] = {}
    for path, value in layer.items():
        table = root
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value.value
    return root


def _flatten(
    table: Mapping[str, Any], above: Path, name: str, schema: Schema
) -> Iterator[tuple[Path, Any]]:
    for key, value in table.items():
        path = (*above, key)
        leaf = schema.leaf_of(path)
        if path in schema.sections:
            if not isinstance(value, dict):
                raise BadConfig(f"{name}: {'.'.join(path)} is a table: write [{'.'.join(path)}]")
            yield from _flatten(value, path, name, schema)
        elif leaf is None:
            raise BadConfig(_unknown(path, name, schema))
        elif isinstance(value, dict) and len(path) - len(leaf.path) < leaf.open_keys:
            yield from _flatten(value, path, name, schema)
        else:
            yield path, value


def _unknown(path: Path, name: str, schema: Schema) -> str:
    # Quoted where a space or a dot would otherwise be invisible.
    asked = ".".join(part if re.fullmatch(r"[\w-]+", part) else repr(part) for part in path)
    near = schema.nearest(path)
    if near is not None:
        return f"{name}: {asked} is not a setting; did you mean {near}?"
    return f"{name}: {asked} is not a setting; `arbiter config show` lists what there is"


def _open_key(name: str, schema: Schema) -> Path | None:
    """``ARBITER__BUDGETS__SPOT_ARBITRAGE__USDT``: the last part is a name and keeps its case."""
    for path, leaf in schema.leaves.items():
        keys = name.removeprefix(leaf.env_name + ENV_DELIMITER)
        parts = keys.split(ENV_DELIMITER)
        if leaf.open_keys and keys != name and len(parts) == leaf.open_keys and all(parts):
            return (*path, *(part.lower() for part in parts[:-1]), parts[-1])
    return None


def _refuse_near_miss(name: str, names: Mapping[str, Path], environment: Mapping[str, str]) -> None:
    folded = name.strip().upper()
    ours = folded.startswith(_OURS)
    wrong_case = folded in names
    near = folded if wrong_case else _slip(folded, names, environment)
    if near is None and ours:
        near = _nearest_env(folded, names)
        if near is None:
            raise BadConfig(f"the environment variable {name!r} is not a setting")
    if near is not None:
        shown = name if name == name.strip() else repr(name)
        raise BadConfig(f"the environment variable {shown} is not a setting; did you mean {near}?")


def _nearest_env(name: str, names: Mapping[str, Path]) -> str | None:
    found = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return found[0] if found else None


def _slip(name: str, names: Mapping[str, Path], environment: Mapping[str, str]) -> str | None:
    """A name one slip of the finger from one of ours which is not itself set.

    Anything further away, and any other program's variable, is none of our business; nor is a
    name that has honest neighbours.
    """
    if name in _NOT_OURS:
        return None
    for known in names:
        if known not in environment and _one_slip(name, known):
            return known
    return None


def _one_slip(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > 1 or one == other:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    a, b = one[start:], other[start:]
    swapped = len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0] and a[2:] == b[2:]
    return swapped or a[1:] == b[1:] or a[1:] == b or a == b[1:]


_INTEGER = re.compile(r"[+-]?\d+")
_DECIMAL = re.compile(r"[+-]?(\d+\.\d*|\.?\d+)([eE][+-]?\d+)?")


def _parse(text: str, leaf: Leaf, name: str) -> Any:
    """Give text the type TOML would have; what fits nothing stays text and is refused later."""
    kind = leaf.field.annotation
    if kind is bool and text in {"true", "false"}:
        return text == "true"
    if leaf.open_keys or unit_of(leaf.field) is not None:
        if _INTEGER.fullmatch(text):
            return int(text)
        if _DECIMAL.fullmatch(text):
            return Decimal(text)
        return text
    if kind == tuple[str, ...]:
        return _list(text, name)
    return text


def _list(text: str, name: str) -> Any:
    if not text.startswith("["):
        return [part.strip() for part in text.split(",")]
    try:
        return tomllib.loads(f"list = {text}")["list"]
    except tomllib.TOMLDecodeError:
        raise BadConfig(f'{name} must be a list: a,b or ["a", "b"], got {text}') from None


_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def _toml_fault(text: str, name: str, reason: str) -> str:
    """Say what tomllib found with the full path of the key on that line."""
    found = _AT_LINE.search(reason)
    if found is None:
        return f"{name}: {reason}"
    number = int(found.group(1))
    lines = text.splitlines()
    line = lines[number - 1].strip() if number <= len(lines) else ""
    table = _table_at(lines, number)
    if "Cannot declare" in reason:
        return f"{name} line {number}: the table {line} is written twice; merge the two"
    if "Cannot overwrite" in reason:
        key = line.partition("=")[0].strip()
        path = f"{table}.{key}" if table else key
        return f"{name} line {number}: {path} is set twice; keep one of them"
    where = f" in [{table}]" if table else ""
    return f"{name} line {number}{where}: {_AT_LINE.sub('', reason).strip()}: {line}"


def _table_at(lines: list[str], number: int) -> str:
    for line in reversed(lines[: number - 1]):
        header = re.fullmatch(r"\s*\[([^\[\]]+)\]\s*(#.*)?", line)
        if header:
            return header.group(1).strip()
    return ""


def read_file(path: FilePath) -> str:
    """The file's text; every way of not being readable is a `BadConfig` naming it."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadConfig(f"there is no configuration file {path}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"the configuration file {path} is not UTF-8 text") from None
    except OSError as error:
        raise BadConfig(f"cannot read the configuration file {path}: {error.strerror}") from None
