"""Names for what a leader did, the same in every read of the same history.

Venues of this kind give no id per fill, and one transaction may hold several fills that look alike
to the last digit. Within one answer of the venue they are different fills; the same rows in the
next answer are the same fills again. So the n-th of its kind within an answer is "n-th of its
kind", whatever comes around it. Alike rows that a page's end parts count as one until a later look
has them in one answer: late, but never twice.
"""

from collections import Counter
from collections.abc import Iterable


def keyed(identities: Iterable[str]) -> list[str]:
    """Number the rows of one answer that are alike, from the second on: ``a``, ``a#2``, ``a#3``."""
    seen: Counter[str] = Counter()
    keys = []
    for identity in identities:
        seen[identity] += 1
        number = seen[identity]
        keys.append(identity if number == 1 else f"{identity}#{number}")
    return keys
