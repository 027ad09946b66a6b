"""`arbiter`, in a process of its own that has its libraries read already.

Reading them takes a second or two, most commands a tenth of that. So one process reads them once,
and every command is a fork of it: with its own arguments, environment, folder, streams and end.
It has one thread, without which a fork would be no whole process.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_SOURCE = """
import atexit, gc, importlib, json, os, sys, threading

os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
for name in sys.argv[1:]:
    importlib.import_module(name)
if "numba" in sys.modules:
    raise SystemExit("numba reads its environment when it is imported: leave it to the commands")
if (threads := len(os.listdir("/proc/self/task"))) > 1:
    raise SystemExit(f"{threads} threads: a fork would have one of them")
gc.freeze()  # looked at in a fork, every object would be copied


def command():
    '''Wait to be asked for commands; return in the process that is to be one.'''
    print(json.dumps({}), flush=True)
    for line in sys.stdin.buffer.raw:
        asked = json.loads(line)
        if (child := os.fork()) == 0:
            return asked
        print(json.dumps({"pid": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)
    raise SystemExit


asked = command()
os.environ.clear()
os.environ.update(asked["environment"])
os.chdir(asked["folder"])
for number, path in enumerate(asked["streams"]):
    file = os.open(path, os.O_RDWR)
    os.dup2(file, number)
    os.close(file)
sys.stdin = open(0)
sys.argv = ["-c", *asked["arguments"]]
from arbiter.cli.main import main
code = 0
try:
    main()
except SystemExit as end:
    code = end.code if isinstance(end.code, int) else int(end.code is not None)
    if isinstance(end.code, str):
        print(end.code, file=sys.stderr)
except BaseException:
    sys.excepthook(*sys.exc_info())
    code = 1
# What the interpreter does at its end, but for taking itself to pieces: those are the other's.
threading._shutdown()
atexit._run_exitfuncs()
sys.stdout.flush()
sys.stderr.flush()
os._exit(code)
"""
_READ = (
    "arbiter.cli.main",
    "arbiter.app.administration",
    "arbiter.app.checks",
    "arbiter.app.control_socket",
    "arbiter.app.copying_calls",
    "arbiter.app.database_access",
    "arbiter.app.offline",
    "arbiter.app.pair_calls",
    "arbiter.app.pair_files",
    "arbiter.markets.listing",
    "arbiter.opportunities.pair_entry",
    "arbiter.storage.access_store",
    "arbiter.storage.export",
)


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


class Launcher:
    """Runs one command after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _SOURCE, *_READ],
            # Of numpy's library for linear algebra, too.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._told()

    def close(self) -> None:
        """Let it end; no command runs any more."""
        self._process.communicate()

    def run(
        self, arguments: Sequence[str], *, stdin: str, environment: Mapping[str, str], folder: Path
    ) -> Ran:
        with tempfile.TemporaryDirectory() as streams:
            given, out, err = (Path(streams) / name for name in ("in", "out", "err"))
            given.write_text(stdin)
            out.touch()
            err.touch()
            asked = {
                "arguments": list(arguments),
                "environment": dict(environment),
                "folder": str(folder),
                "streams": [str(given), str(out), str(err)],
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            pid = self._told()["pid"]
            try:
                code = self._told()["code"]
            except BaseException:
                os.kill(pid, signal.SIGKILL)
                raise
            return Ran(code, out.read_text(), err.read_text())

    def _told(self) -> dict[str, int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the launcher has ended with {self._process.wait()}"
        told: dict[str, int] = json.loads(line)
        return told
