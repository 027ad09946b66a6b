"""The data folder: one place that knows which file lies where in it."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from arbiter.model.errors import BadConfig

DEFAULT_HOME = "~/.local/share/arbiter"
CONFIG_NAME = "arbiter.toml"


class Home:
    """Paths below one data folder; making the object touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def __repr__(self) -> str:
        return f"Home({str(self.root)!r})"

    @property
    def postgres(self) -> Path:
        """The embedded database's own folder."""
        return self.root / "postgres"

    @property
    def run(self) -> Path:
        """Sockets and other things that mean nothing after a restart."""
        return self.root / "run"

    @property
    def control_socket(self) -> Path:
        return self.run / "control.sock"

    @property
    def kill_file(self) -> Path:
        """While it exists the kill switch is engaged, whatever else works or not."""
        return self.root / "KILL"

    @property
    def sim(self) -> Path:
        """The simulated venues' own books: never read or written by the ledger."""
        return self.root / "sim"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def kernels(self) -> Path:
        """Compiled kernels."""
        return self.root / "kernels"

    @property
    def jwt_secret(self) -> Path:
        return self.root / "jwt.secret"

    @property
    def config(self) -> Path:
        return self.root / CONFIG_NAME

    def prepare(self) -> None:
        """Make the folder and its parts, open to nobody else.

        Raises `BadConfig` when it cannot be made, is no folder, belongs to another user or can be
        entered by others: keys, balances and an unauthenticated control socket lie in it.
        """
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            problem = self.problem()
            if problem is not None:
                raise BadConfig(problem)
            for folder in (self.run, self.sim, self.logs, self.kernels):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise BadConfig(
                f"cannot make the data folder {self.root}: {error.strerror or error}; "
                "make it writable for this user or set ARBITER_HOME to another folder"
            ) from error

    def problem(self) -> str | None:
        """Say what is wrong with an existing folder, and the mend."""
        try:
            status = self.root.stat()
        except FileNotFoundError:
            return f"the data folder {self.root} does not exist yet; `arbiter up` makes it"
        except OSError as error:
            return f"the data folder {self.root} cannot be read: {error.strerror or error}"
        if not stat.S_ISDIR(status.st_mode):
            return f"{self.root} is a file, not a folder; set ARBITER_HOME to a folder"
        if status.st_uid != os.geteuid():
            return (
                f"the data folder {self.root} belongs to another user; "
                "run arbiter as that user or set ARBITER_HOME to a folder of your own"
            )
        if status.st_mode & 0o077:
            return f"others can enter the data folder; run: chmod 700 {self.root}"
        if not os.access(self.root, os.R_OK | os.W_OK | os.X_OK):
            return f"the data folder cannot be written; run: chmod 700 {self.root}"
        return None


def absolute(path: str | Path) -> Path:
    """Expand ``~`` and make absolute without following links."""
    return Path(os.path.abspath(Path(path).expanduser()))


def default_home(environment: Mapping[str, str]) -> Path:
    """The folder where nothing else is set; an empty ARBITER_HOME counts as not set."""
    return absolute(environment.get("ARBITER_HOME") or DEFAULT_HOME)
