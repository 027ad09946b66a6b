"""A wallet's public activity, from both shapes of the Data API into acts of a leader.

v1 answers with a bare list in camelCase, v2 with ``{"data": [...], "pagination": {...}}`` in
snake_case and ``token_id`` for ``asset``. Sizes and prices are JSON numbers that went through a
float; on chain both have six places, and to six places they are the same in both shapes.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from arbiter.copying.keys import keyed
from arbiter.model.copying import (
    LeaderAction,
    LeaderHolding,
    LeaderKind,
    Outcome,
    Wallet,
)
from arbiter.model.errors import VenueUnreachable
from arbiter.model.ids import VenueId
from arbiter.model.money import ZERO, plain
from arbiter.model.time import NS_PER_S, from_datetime

POLYMARKET = VenueId("polymarket")

_SIX_PLACES = Decimal("0.000001")
_MILLIS_SINCE = 100_000_000_000
"""Above this a number of seconds lies in the year 5138: it counts milliseconds."""
_BY_INDEX = {0: Outcome.YES, 1: Outcome.NO}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One row of v2, of trades or of any activity; what we have no use for is left out."""

    type: str = "TRADE"
    """Rows of the trades route have none."""
    side: str | None = None
    timestamp: int | float | str | None = None
    block_timestamp: int | float | str | None = None
    condition_id: str | None = None
    token_id: str | None = None
    outcome_index: int | None = None
    price: Decimal | None = None
    size: Decimal | None = None
    transaction_hash: str | None = None
    is_combo: bool = False


class RowV1(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The same row in v1."""

    type: str = "TRADE"
    side: str | None = None
    timestamp: int | float | str | None = None
    condition_id: str | None = None
    token_id: str | None = msgspec.field(name="asset", default=None)
    outcome_index: int | None = None
    price: Decimal | None = None
    size: Decimal | None = None
    transaction_hash: str | None = None
    is_combo: bool = False

    def row(self) -> Row:
        return Row(**msgspec.structs.asdict(self))


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    condition_id: str | None = None
    outcome_index: int | None = None
    size: Decimal | None = None
    current_size: Decimal | None = None


class PositionRowV1(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    condition_id: str | None = None
    outcome_index: int | None = None
    size: Decimal | None = None

    def row(self) -> PositionRow:
        return PositionRow(**msgspec.structs.asdict(self))


class Pagination(msgspec.Struct, frozen=True, kw_only=True):
    next_cursor: str | None = None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    data: list[Row] | None = None
    pagination: Pagination = Pagination()


class PositionPage(msgspec.Struct, frozen=True, kw_only=True):
    data: list[PositionRow] | None = None
    pagination: Pagination = Pagination()


_pages = msgspec.json.Decoder(Page)
_rows_v1 = msgspec.json.Decoder(list[RowV1])
_position_pages = msgspec.json.Decoder(PositionPage)
_positions_v1 = msgspec.json.Decoder(list[PositionRowV1])


def read_page(body: bytes) -> Page:
    """Read an answer of v2; what is not one is `VenueUnreachable`."""
    try:
        return _pages.decode(body)
    except msgspec.MsgspecError as error:
        raise VenueUnreachable(f"polymarket's activity cannot be read: {error}") from error


def read_rows_v1(body: bytes) -> Sequence[Row]:
    try:
        return [told.row() for told in _rows_v1.decode(body)]
    except msgspec.MsgspecError as error:
        raise VenueUnreachable(f"polymarket's activity cannot be read: {error}") from error


def read_position_page(body: bytes) -> PositionPage:
    try:
        return _position_pages.decode(body)
    except msgspec.MsgspecError as error:
        raise VenueUnreachable(f"polymarket's positions cannot be read: {error}") from error


def read_positions_v1(body: bytes) -> Sequence[PositionRow]:
    try:
        return [told.row() for told in _positions_v1.decode(body)]
    except msgspec.MsgspecError as error:
        raise VenueUnreachable(f"polymarket's positions cannot be read: {error}") from error


def at_ns(row: Row) -> int:
    """Give a row's time: epoch seconds or milliseconds, or ISO 8601. None is `VenueUnreachable`."""
    told = row.timestamp if row.timestamp is not None else row.block_timestamp
    if isinstance(told, str):
        try:
            return from_datetime(datetime.fromisoformat(told))
        except ValueError:
            told = float(told) if told.replace(".", "", 1).isdigit() else None
    if told is None:
        raise VenueUnreachable("polymarket told an act without its time")
    return int(told) * (1_000_000 if told > _MILLIS_SINCE else NS_PER_S)


def actions(wallet: Wallet, rows: Iterable[Row]) -> tuple[list[LeaderAction], int]:
    """Turn the rows of one answer into acts; also gives how many were of a kind not copied.

    Rewards, deposits, conversions between markets and bundles of markets are such.
    """
    readable: list[tuple[Row, LeaderKind]] = []
    left_out = 0
    for row in rows:
        kind = _kind(row)
        if kind is None:
            left_out += 1
        else:
            readable.append((row, kind))
    keys = keyed(_identity(row, kind) for row, kind in readable)
    return [
        LeaderAction(
            venue=POLYMARKET,
            wallet=wallet,
            key=key,
            kind=kind,
            market=row.condition_id or "",
            outcome=_outcome(row, kind),
            size=_six(row.size),
            price=_six(row.price) if kind in {LeaderKind.BUY, LeaderKind.SELL} else ZERO,
            decision=row.transaction_hash or "",
            at_ns=at_ns(row),
        )
        for (row, kind), key in zip(readable, keys, strict=True)
    ], left_out


def holdings(rows: Iterable[PositionRow]) -> list[LeaderHolding]:
    return [
        LeaderHolding(
            market=row.condition_id,
            outcome=_BY_INDEX[row.outcome_index],
            size=_six(row.size if row.size is not None else row.current_size),
        )
        for row in rows
        if row.condition_id and row.outcome_index in _BY_INDEX
    ]


def _kind(row: Row) -> LeaderKind | None:
    if not row.condition_id or not row.transaction_hash or row.is_combo or row.size is None:
        return None
    if row.type == "TRADE":
        known = row.outcome_index in _BY_INDEX and row.side in {"BUY", "SELL"}
        return LeaderKind(row.side or "") if known else None
    return LeaderKind(row.type) if row.type in {"SPLIT", "MERGE", "REDEEM"} else None


def _outcome(row: Row, kind: LeaderKind) -> Outcome:
    if kind in {LeaderKind.BUY, LeaderKind.SELL} and row.outcome_index is not None:
        return _BY_INDEX[row.outcome_index]
    return Outcome.BOTH


def _identity(row: Row, kind: LeaderKind) -> str:
    """Name what a row is of; rows of one transaction that are alike are numbered by `keyed`."""
    return ":".join(
        (
            row.transaction_hash or "",
            kind,
            row.token_id or row.condition_id or "",
            plain(_six(row.price)) if kind in {LeaderKind.BUY, LeaderKind.SELL} else "",
            plain(_six(row.size)),
            row.condition_id or "",
        )
    )


def _six(value: Decimal | None) -> Decimal:
    """Undo a float: six places are all there are."""
    return ZERO if value is None else value.quantize(_SIX_PLACES, ROUND_HALF_EVEN)
