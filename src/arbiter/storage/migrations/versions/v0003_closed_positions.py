"""Positions that are over, and what went into and out of each."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OF_EACH: dict[str, tuple[sa.types.TypeEngine[Any], str]] = {
    "number": (sa.BigInteger(), "CASE WHEN quantity <> 0 THEN 1 ELSE 0 END"),
    "entered": (sa.Numeric(), "abs(quantity)"),
    "entered_value": (sa.Numeric(), "cost"),
    "left": (sa.Numeric(), "0"),
    "left_value": (sa.Numeric(), "0"),
}
"""What a position that is open already is taken to have had; a rebuild finds out exactly."""


def upgrade() -> None:
    for name, (kind, _) in _OF_EACH.items():
        op.add_column("positions", sa.Column(name, kind, nullable=True))
    told = ", ".join(f'"{name}" = {value}' for name, (_, value) in _OF_EACH.items())
    op.execute(f"UPDATE positions SET {told}")  # noqa: S608 - our own names
    for name in _OF_EACH:
        op.alter_column("positions", name, nullable=False)
    op.create_table(
        "closed_positions",
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("instrument", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("symbol", sa.Text(), nullable=False),
        sa.Column("long", sa.Boolean(), nullable=False),
        sa.Column("size", sa.Numeric(), nullable=False),
        sa.Column("entered_value", sa.Numeric(), nullable=False),
        sa.Column("left_value", sa.Numeric(), nullable=False),
        sa.Column("realized_pnl", sa.Numeric(), nullable=False),
        sa.Column("opened_ns", sa.BigInteger(), nullable=False),
        sa.Column("closed_ns", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "strategy", "instrument", "number", name=op.f("pk_closed_positions")
        ),
    )
    op.create_index("ix_closed_positions_closed_ns", "closed_positions", ["closed_ns"])
    op.create_index(
        "ix_closed_positions_instrument_closed_ns",
        "closed_positions",
        ["instrument", "closed_ns"],
    )
