"""`arbiter version`."""

from arbiter.cli.options import Json
from arbiter.cli.output import emit, emit_json


def version(as_json: Json = False) -> None:
    """Print the version."""
    import platform

    from arbiter import __version__

    if as_json:
        emit_json({"version": __version__, "python": platform.python_version()})
    else:
        emit(f"arbiter {__version__} (Python {platform.python_version()})")
