"""What `postmaster.pid` says about a server, checked against the processes that really run."""

import os
from pathlib import Path

import msgspec
import psutil

_NOBODY = 2_147_483_647
"""Above every kernel's largest process id."""


class Postmaster(msgspec.Struct, frozen=True, kw_only=True):
    """A PostgreSQL server process that runs on one data folder."""

    pid: int
    socket_dir: Path | None
    """None until the server has opened its socket."""
    ready: bool
    """False while it starts, recovers or stops."""


def running_postmaster(cluster: Path) -> Postmaster | None:
    """The server on `cluster`, however it came to run; None if there is none."""
    lines = _pid_file(cluster)
    pid = _pid(lines)
    if pid is None or not _serves(pid, cluster):
        return None
    sockets = lines[4].strip() if len(lines) > 4 else ""
    return Postmaster(
        pid=pid,
        socket_dir=Path(sockets) if sockets else None,
        ready=len(lines) > 7 and lines[7].strip() == "ready",
    )


def disown_reused_pid(cluster: Path) -> None:
    """Let PostgreSQL start although the pid in its stale file now belongs to a stranger.

    PostgreSQL itself only asks whether that process exists, which after a
    reboot may be anyone. The pid is overwritten rather than the file removed:
    the file also names the shared memory by which PostgreSQL notices worker
    processes of its dead predecessor.
    """
    lines = _pid_file(cluster)
    pid = _pid(lines)
    if pid is None or pid == _NOBODY or not psutil.pid_exists(pid) or _serves(pid, cluster):
        return
    path = cluster / "postmaster.pid"
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW)
    with os.fdopen(fd, "w") as file:
        file.write("\n".join([str(_NOBODY), *lines[1:]]) + "\n")


def _pid_file(cluster: Path) -> list[str]:
    try:
        return (cluster / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _pid(lines: list[str]) -> int | None:
    try:
        return abs(int(lines[0]))
    except (IndexError, ValueError):
        return None


def _serves(pid: int, cluster: Path) -> bool:
    """Whether `pid` is a postmaster on this very folder.

    The command line is asked and not the working directory, which a root
    without CAP_SYS_PTRACE (any container) may not read of another user. A
    server whose folder was renamed under it counts as ours: to take it for a
    stranger's would let two servers write to one cluster.
    """
    try:
        process = psutil.Process(pid)
        argv = process.cmdline()
    except psutil.Error:  # gone, or a zombie that only awaits its parent
        return False
    if not argv or Path(argv[0]).name != "postgres" or "-D" not in argv[:-1]:
        return False
    named = Path(argv[argv.index("-D") + 1])
    try:
        return named.samefile(cluster)
    except OSError:
        return True
