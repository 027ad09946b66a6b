"""Where an embedded database lies on disk, who owns which part, and what its settings say.

    <data_dir>/             0700, always ours
        start.lock          held while a server is being started or stopped
        users.lock          held shared by every process that uses the server
        instance.json       where the base is, and whether its cluster was completed
    <base>/                 the data_dir itself; for root /var/lib/arbiter/<instance>
        cluster/            the PostgreSQL data folder (server's user, 0700)
        cluster.new-*/      a cluster being made; only a complete one is renamed
        conf/               the settings, written anew before each start
        log/                a log per weekday, overwritten after a week
        run/                the socket (server's user, 0700)

For root the base is root's own and readable by the server's group alone, so
root never writes inside a folder the server's user could swap for a link.
"""

import contextlib
import hashlib
import os
import pwd
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path

import msgspec

from arbiter.model.errors import StorageUnavailable
from arbiter.storage.postgres_install import MAJOR, Account

PORT = 5432
ROLE = "arbiter"
_SOCKET = f".s.PGSQL.{PORT}"
_SOCKET_PATH_BYTES = 100
_MAKING = "cluster.new-"
# pg_ctl hands the path to a shell between double quotes and escapes nothing.
_UNSPEAKABLE = re.compile(r'["$`\\\n]')

_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "shared_buffers": "64MB",
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "cluster_name": "arbiter",
    "logging_collector": "on",
    "log_filename": "postgres-%a.log",
    "log_rotation_age": "1d",
    "log_rotation_size": "0",
    "log_truncate_on_rotation": "on",
    "log_file_mode": "0600",
    "log_line_prefix": "%m [%p] %q%d ",
}


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """What `instance.json` remembers."""

    base: str
    complete: bool


class ClusterFolder:
    """The folders of one embedded database. Blocking; call under the start lock."""

    def __init__(
        self, data_dir: Path, *, base: Path, account: Account, runtime_root: Path | None
    ) -> None:
        self.data_dir = data_dir
        self.base = base
        self.account = account
        self.cluster = base / "cluster"
        self.log = base / "log"
        self.start_log = self.log / "start.log"
        self.config = base / "conf" / "postgresql.conf"
        self._runtime_root = runtime_root
        self._told: dict[Path, int] = {}

    def prepare(self) -> None:
        """Make the folders, sweep what a killed start left, refuse a cluster we must not touch.

        Raises StorageUnavailable for a lost cluster or one of another version.
        """
        if _UNSPEAKABLE.search(str(self.base)):
            raise StorageUnavailable(
                f"PostgreSQL cannot start in {self.base}: the path has a quote, $, ` or \\ in it; "
                "set ARBITER_HOME to another folder"
            )
        known = read_instance(self.data_dir)
        if known is None:  # first of all, so that a kill leaves no base without its pointer
            write_instance(self.data_dir, Instance(base=str(self.base), complete=False))
        if self.base != self.data_dir:
            self.base.mkdir(mode=0o750, exist_ok=True)
            os.chown(self.base, os.geteuid(), self.account.gid)
            self.base.chmod(0o750)
            self._check_not_a_copy()
        (self.base / "conf").mkdir(mode=0o755, exist_ok=True)
        self._own(self.log)
        for leftover in self.base.glob(f"{_MAKING}*"):
            shutil.rmtree(leftover)
        if self.cluster.is_dir():
            self._check_version()
        elif known is not None and known.complete:
            raise StorageUnavailable(
                f"the database of {self.data_dir} was in {self.cluster}, which is gone; "
                f"put it back, or delete {self.data_dir} to begin with an empty ledger"
            )

    def begin(self) -> Path:
        """An empty folder of the server's user, to be filled by initdb."""
        making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self.base))
        os.chown(making, self.account.uid, self.account.gid)
        return making

    def complete(self, making: Path) -> None:
        """Give a filled and synced folder its real name, durably."""
        making.rename(self.cluster)
        sync_folder(self.base)
        self.mark_complete()

    def mark_complete(self) -> None:
        done = Instance(base=str(self.base), complete=True)
        if read_instance(self.data_dir) != done:
            write_instance(self.data_dir, done)

    def write_settings(self, extra: Mapping[str, str], *, names: tuple[str, ...]) -> Path:
        """Write the three settings files; return the socket folder they name.

        `names` are the operating-system users let in. Authentication is `peer`
        and not `trust`: the kernel vouches for the user at the other end, so
        the 0700 folders are the second guard and not the only one.
        """
        sockets = self._socket_folder()
        conf = self.config.parent
        settings = {
            **_SETTINGS,
            **extra,
            "unix_socket_directories": str(sockets),
            "hba_file": str(conf / "pg_hba.conf"),
            "ident_file": str(conf / "pg_ident.conf"),
            "log_directory": str(self.log),
        }
        lines = [f"{key} = {_quoted(value)}" for key, value in settings.items()]
        lines.append("include_if_exists = 'local.conf'")
        header = "# Written by arbiter before each start; your own settings go to local.conf"
        _write(self.config, "\n".join([header, *lines]))
        _write(conf / "pg_hba.conf", f"local all {ROLE} peer map=arbiter")
        _write(
            conf / "pg_ident.conf", "\n".join(f"arbiter {_quoted_name(n)} {ROLE}" for n in names)
        )
        return sockets

    def turn_log_page(self) -> None:
        """Leave out of `log_tail` what was logged until now: an old complaint explains nothing."""
        self.start_log.unlink(missing_ok=True)
        self._told = {path: path.stat().st_size for path in self.log.glob("*.log")}

    def log_tail(self) -> str:
        """The most telling of the last lines the server wrote, one line at most 600 long."""
        logs = sorted(self.log.glob("*.log"), key=lambda path: path.stat().st_mtime)
        return most_telling(
            [line for path in logs for line in _last_lines(path, self._told.get(path, 0))]
        )

    def _check_version(self) -> None:
        try:
            found = (self.cluster / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise StorageUnavailable(
                f"{self.cluster} is not a PostgreSQL data folder (no PG_VERSION); "
                "restore it from a backup or move it away"
            ) from None
        if found != str(MAJOR):
            raise StorageUnavailable(
                f"{self.cluster} holds PostgreSQL {found[:20]} data, this arbiter brings {MAJOR}; "
                "run the arbiter version that made it and move the data by pg_dump"
            )

    def _check_not_a_copy(self) -> None:
        """Two data folders must not lead to one cluster; a moved folder may."""
        owner = self.base / "data_dir"
        if owner.exists():
            other = Path(owner.read_text())
            if other != self.data_dir:
                known = read_instance(other) if other.is_dir() else None
                if known is not None and known.base == str(self.base):
                    raise StorageUnavailable(
                        f"{self.data_dir} is a copy of {other} and both name the database in "
                        f"{self.base}; delete {self.data_dir / 'instance.json'} to give "
                        "the copy a database of its own"
                    )
        _write(owner, str(self.data_dir), end="")

    def _socket_folder(self) -> Path:
        sockets = self.base / "run"
        if len(os.fsencode(sockets / _SOCKET)) <= _SOCKET_PATH_BYTES and not re.search(
            "[,']", str(sockets)
        ):
            self._own(sockets)
            return sockets
        parent = (self._runtime_root or Path("/tmp")) / f"arbiter-{self.account.uid}"
        self._own(parent)
        digest = hashlib.sha256(os.fsencode(self.base)).hexdigest()[:16]
        sockets = parent / digest
        self._own(sockets)
        return sockets

    def _own(self, folder: Path) -> None:
        """Make a 0700 folder of the server's user, or check that it is one.

        The check matters in a shared folder, where another user may have laid
        a folder or a link of that name first.
        """
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
        if private and found.st_uid == os.geteuid() != self.account.uid:
            # Ours, of a moment ago or of a start that was killed right here.
            os.chown(folder, self.account.uid, self.account.gid, follow_symlinks=False)
            found = folder.lstat()
        if found.st_uid != self.account.uid or not private:
            raise StorageUnavailable(
                f"{folder} is not a private folder of user {self.account.name}; "
                f"remove it, or give it to that user with mode 0700"
            )


def most_telling(lines: list[str]) -> str:
    """The last line that says why PostgreSQL gave up, else the last line at all."""
    said = [line.strip() for line in lines if line.strip()]
    grave = [line for line in said if re.search(r"\b(FATAL|PANIC|error):", line)]
    return (grave or said or [""])[-1][:600]


def open_data_dir(data_dir: Path) -> None:
    """Make the data folder (0700), or check that it is this user's alone.

    No parent's mode is touched. Raises StorageUnavailable for another user's
    folder, also for one that root would have to make inside another user's.
    """
    uid = os.geteuid()
    nearest = data_dir
    while not nearest.exists():
        nearest = nearest.parent
    owner = nearest.stat().st_uid
    if owner != uid and (nearest == data_dir or uid == 0):
        raise StorageUnavailable(
            f"{nearest} belongs to user {_user_name(owner)}, and arbiter runs as "
            f"{_user_name(uid)}; run it as {_user_name(owner)} or set ARBITER_HOME to another folder"
        )
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    if stat.S_IMODE(data_dir.stat().st_mode) & 0o077:
        data_dir.chmod(0o700)


def base_for(data_dir: Path, *, account: Account, state_root: Path) -> Path:
    """Where the cluster of `data_dir` lies: in it, or for root below `state_root`.

    The name is drawn once and kept in the data folder, so that a folder
    deleted and made again does not find the old one's database.
    """
    if account.uid == os.geteuid():
        return data_dir
    known = read_instance(data_dir)
    if known is not None:
        return Path(known.base)
    if (data_dir / "cluster").exists():
        raise StorageUnavailable(
            f"{data_dir} holds the database of a normal user; run arbiter as the user who made it"
        )
    label = re.sub(r"[^a-z0-9]+", "-", data_dir.parent.name.lower()).strip("-")[:20] or "home"
    return state_root / f"{label}-{secrets.token_hex(6)}"


def make_state_root(state_root: Path) -> None:
    """Make root's folder for clusters and copied programs, open for reading as /var/lib is."""
    if not state_root.is_dir():
        state_root.mkdir(mode=0o755, parents=True, exist_ok=True)
        state_root.chmod(0o755)


def read_instance(data_dir: Path) -> Instance | None:
    path = data_dir / "instance.json"
    try:
        return msgspec.json.decode(path.read_bytes(), type=Instance)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise StorageUnavailable(f"{path} is damaged ({error}); restore it from a backup") from None


def write_instance(data_dir: Path, instance: Instance) -> None:
    _write(data_dir / "instance.json", msgspec.json.encode(instance).decode())


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _write(path: Path, text: str, *, end: str = "\n") -> None:
    """Replace a file durably: the old text or the new, never half of either."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with temporary.open("x") as file:
        os.fchmod(file.fileno(), 0o644)  # the folders above decide who may look
        file.write(text + end)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def _last_lines(path: Path, skip: int) -> list[str]:
    with path.open("rb") as file:
        size = path.stat().st_size
        if size < skip:  # overwritten after a week
            skip = 0
        file.seek(max(skip, size - 8192))
        return file.read().decode(errors="replace").splitlines()[-40:]


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _quoted_name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
