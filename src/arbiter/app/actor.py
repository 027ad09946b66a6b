"""Who is at the command line."""

import getpass

from arbiter.model.ids import Actor


def os_actor() -> Actor:
    """``cli:alice``, for the audit log; just ``cli`` where the system knows no name."""
    try:
        return Actor(f"cli:{getpass.getuser()}")
    except (OSError, KeyError):
        return Actor("cli")
