"""Tables of `access`: users, API keys and the refresh tokens of every sign-in.

They are no projections of the journal: a password's hash has no place in an append-only log. The
journal holds what was done to them, as audit entries.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)

from arbiter.storage.metadata import METADATA

_ROLES = "role IN ('viewer', 'trader', 'admin')"

USERS = Table(
    "users",
    METADATA,
    Column("user_id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("stamp", Uuid, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    CheckConstraint(_ROLES, name="role"),
)

API_KEYS = Table(
    "api_keys",
    METADATA,
    Column("key_id", Uuid, primary_key=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("created_ns", BigInteger, nullable=False),
    Column("last_used_ns", BigInteger),
    Column("revoked_ns", BigInteger),
    CheckConstraint(_ROLES, name="role"),
)
Index(
    "ix_api_keys_live_name",
    API_KEYS.c.name,
    unique=True,
    postgresql_where=text("revoked_ns IS NULL"),
)

REFRESH_TOKENS = Table(
    "refresh_tokens",
    METADATA,
    Column("family", Uuid, primary_key=True),
    Column(
        "user_id",
        Text,
        ForeignKey("users.user_id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    Column("current", Uuid, nullable=False),
    Column("expires_ns", BigInteger, nullable=False),
    Column("created_ns", BigInteger, nullable=False),
    Column("revoked_ns", BigInteger),
)
"""One row per sign-in, holding the id of its newest refresh token."""
