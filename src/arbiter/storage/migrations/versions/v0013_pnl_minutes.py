"""Trading PnL by strategy and minute."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_MINUTE = "at_ns - at_ns % 60000000000"
FILL = f"""
    INSERT INTO pnl_minutes (minute_ns, strategy, realized)
    SELECT {_MINUTE}, strategy, sum(pnl) FROM (
        SELECT completed_ns AS at_ns, strategy, pnl FROM trades
        WHERE completed_ns IS NOT NULL AND pnl IS NOT NULL
        UNION ALL
        SELECT updated_ns, strategy, realized_pnl FROM residuals
    ) AS made
    WHERE pnl <> 0 GROUP BY {_MINUTE}, strategy
"""  # noqa: S608 - our own names
"""What trades made, and leftovers at their last meeting; a rebuild finds out exactly."""


def upgrade() -> None:
    op.create_table(
        "pnl_minutes",
        sa.Column("minute_ns", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("strategy", sa.Text(), nullable=False),
        sa.Column("realized", sa.Numeric(), nullable=False),
        sa.PrimaryKeyConstraint("minute_ns", "strategy", name=op.f("pk_pnl_minutes")),
    )
    op.execute(FILL)
