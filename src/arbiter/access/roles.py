"""Roles: viewer < trader < admin, and who a verified caller is."""

from enum import StrEnum

import msgspec

from arbiter.model.errors import Forbidden, InvalidValue
from arbiter.model.ids import Actor


class Role(StrEnum):
    VIEWER = "viewer"
    """Reads everything."""
    TRADER = "trader"
    """Also trades: orders, strategies, budgets, kill switch."""
    ADMIN = "admin"
    """Also manages users, keys and settings."""


_RANK = {role: rank for rank, role in enumerate(Role)}


def allows(role: Role, needed: Role) -> bool:
    """Tell whether `role` may do what `needed` may do."""
    return _RANK[role] >= _RANK[needed]


def parse_role(name: str) -> Role:
    """Read a role's name as a person writes it; `InvalidValue` lists the valid ones."""
    try:
        return Role(name.strip().lower())
    except ValueError:
        raise InvalidValue(f"no role is named {name!r}; use {', '.join(Role)}") from None


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """A caller whose token or key has been verified."""

    actor: Actor
    """``user:alice`` or ``key:grafana``: what the audit log calls the caller."""
    user_id: str | None
    """None for an API key, which belongs to no user."""
    role: Role

    def require(self, needed: Role) -> None:
        """Raise `Forbidden` unless the role suffices."""
        if not allows(self.role, needed):
            raise Forbidden(f"{self.actor} is a {self.role}; this needs the role {needed}")
