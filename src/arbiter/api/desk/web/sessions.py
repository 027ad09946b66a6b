"""Who is signed in at which browser: tokens stay here, the browser has a signed cookie only."""

import secrets
from collections import OrderedDict

from arbiter.api.desk.web.client import Tokens

KEY = "desk"
"""The cookie's entry that names the sign-in."""
_MOST = 1_000


class SignIns:
    """Forgotten when the process ends: people sign in again then."""

    def __init__(self) -> None:
        self._tokens: OrderedDict[str, Tokens] = OrderedDict()

    def keep(self, tokens: Tokens) -> str:
        """Give the name to put into the cookie; the oldest sign-in makes room."""
        name = secrets.token_urlsafe(32)
        self._tokens[name] = tokens
        while len(self._tokens) > _MOST:
            self._tokens.popitem(last=False)
        return name

    def find(self, name: object) -> Tokens | None:
        return self._tokens.get(name) if isinstance(name, str) else None

    def forget(self, name: object) -> None:
        if isinstance(name, str):
            self._tokens.pop(name, None)


SIGN_INS = SignIns()
