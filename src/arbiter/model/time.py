"""Time: nanoseconds since the epoch, UTC, as `int`; text and dates only at the edge."""

from datetime import UTC, date, datetime
from functools import lru_cache

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_S
NS_PER_HOUR = 3_600 * NS_PER_S
NS_PER_DAY = 86_400 * NS_PER_S
_LATEST_NS = 9_214_646_400 * NS_PER_S
"""2262-01-01: the last new year of which 63 bits can count the ns."""


def day_start(now_ns: int) -> int:
    """Give 00:00 UTC of the day that holds `now_ns`: every "today" in the product starts here."""
    return now_ns - now_ns % NS_PER_DAY


def to_datetime(at_ns: int) -> datetime:
    """Convert to an aware `datetime` (microseconds; the rest is cut)."""
    seconds, rest = divmod(at_ns, NS_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=rest // NS_PER_US)


def from_datetime(moment: datetime) -> int:
    """Convert an aware `datetime` exactly, without a detour over floats."""
    whole = moment.astimezone(UTC)
    return int(whole.replace(microsecond=0).timestamp()) * NS_PER_S + whole.microsecond * NS_PER_US


def nearest_kept(at_ns: int) -> int:
    """Move a time that is asked about to the nearest that a record can bear: 1970 to 2262."""
    return min(max(at_ns, 0), _LATEST_NS)


def rfc3339(at_ns: int) -> str:
    """Write as RFC 3339 with ``Z``; milliseconds only where there are any."""
    seconds, rest = divmod(at_ns, NS_PER_S)
    text, millis = _second(seconds), rest // NS_PER_MS
    return f"{text}.{millis:03d}Z" if millis else f"{text}Z"


@lru_cache(maxsize=4_096)
def _second(seconds: int) -> str:
    """Moments come in crowds: most are of a second that was just written."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")[:19]


def epoch_seconds(at_ns: int) -> float:
    """Write as float seconds, to the microsecond a float can hold."""
    return at_ns // NS_PER_US / 1e6


def utc_date(at_ns: int) -> date:
    """Give the UTC calendar day."""
    return to_datetime(at_ns).date()
