"""Times as the desk writes them: RFC 3339, always to the microsecond, so that text sorts as time."""

from arbiter.model.time import to_datetime


def stamp(at_ns: int) -> str:
    """Write ``2026-01-01T00:00:00.003000Z``; what is below 1 µs is cut."""
    moment = to_datetime(at_ns).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z"
