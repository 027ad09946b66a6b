"""One MetaData for every table, with names for constraints that migrations can rely on."""

from sqlalchemy import Column, MetaData

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def needed(name: str, kind: type | object) -> "Column[object]":
    """A column that is never null."""
    return Column(name, kind, nullable=False)  # type: ignore[arg-type]
