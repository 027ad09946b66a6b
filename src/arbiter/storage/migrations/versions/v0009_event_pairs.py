"""Event pairs: two markets of two venues, compared and approved by a person."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_pairs",
        _needed("id", sa.Text()),
        _needed("first", JSONB()),
        _needed("second", JSONB()),
        _needed("polarity", sa.Text()),
        _needed("resolution_source", sa.Text()),
        _needed("void_rule", sa.Text()),
        _needed("opens_ns", sa.BigInteger()),
        _needed("closes_ns", sa.BigInteger()),
        _needed("payout_ns", sa.BigInteger()),
        _needed("recurs_ns", sa.BigInteger()),
        _needed("cap_usd", sa.Numeric()),
        _needed("state", sa.Text()),
        _needed("reason", sa.Text()),
        _needed("warnings", JSONB()),
        _needed("score", sa.Numeric()),
        _needed("simulated", sa.Boolean()),
        _needed("proposed_by", sa.Text()),
        _needed("proposed_ns", sa.BigInteger()),
        sa.Column("approved_by", sa.Text(), nullable=True),
        sa.Column("approved_ns", sa.BigInteger(), nullable=True),
        _needed("updated_ns", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_event_pairs")),
    )


def _needed(name: str, kind: object) -> "sa.Column[object]":
    return sa.Column(name, kind, nullable=False)  # type: ignore[arg-type]
