"""Who may read funding data: everybody on this machine, elsewhere whoever shows a key."""

from arbiter.access.roles import Role
from arbiter.access.tokens import Audience
from arbiter.api.common.admission import Ask, admission
from arbiter.api.common.auth import Door, Verifier
from arbiter.model.ids import Actor

needs = admission("A key made by `arbiter keys`", "A token of this surface")


def make_ask(access: Verifier, *, required: bool) -> Ask:
    """A dependency that gives the caller, at least a viewer."""
    door = Door(
        access,
        audience=Audience.FUNDING,
        required=required,
        fixed_key=None,
        stranger=Actor("ops:local"),
    )

    return needs(door, Role.VIEWER)
