"""Which order is which: the venue knows an order by its hash alone, and tells nothing of ours.

The hash is known before the order leaves, so both names and the size go to a file first: an engine
that was killed finds its orders again. A line each: our id, the hash, the size; and one with the
hash alone once the order is over. Of those that are over the newest `KEEP` are remembered; of the
others all are, for an order may rest for months.
"""

import os
import threading
from decimal import Decimal
from pathlib import Path

import msgspec

from arbiter.model.ids import ClientOrderId

KEEP = 50_000


class Known(msgspec.Struct, frozen=True):
    name: ClientOrderId
    number: str
    size: Decimal


class Remembered:
    """Kept in memory alone where there is no folder."""

    def __init__(self, folder: Path | None, keep: int = KEEP) -> None:
        self._keep = keep
        self._by_name: dict[ClientOrderId, Known] = {}
        self._by_number: dict[str, Known] = {}
        self._over: dict[str, None] = {}
        """Hashes of those that are over, in the order of their ends."""
        self._file: int | None = None
        self._left: int | None = None
        """The file before the last exchange: an `add` may still have it made safe."""
        self._writing = threading.Lock()
        """Orders are added from threads of their own; held for a write, never for its safety."""
        self._lines = 0
        self._path = None if folder is None else folder / "orders"
        if folder is not None and self._path is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._load(self._path)
            self._open(self._path)

    def add(self, name: ClientOrderId, number: str, size: Decimal) -> None:
        """Remember, safely even should the machine stop; takes some milliseconds."""
        known = Known(name, number, size)
        with self._writing:
            self._take(known)
            file = self._file
            if file is not None:
                self._write(file, _line(known))
        if file is not None:
            os.fdatasync(file)

    def over(self, number: str) -> None:
        """Nothing of the order is to come; losing this word costs some memory and nothing else."""
        if number not in self._by_number or number in self._over:
            return
        left: int | None = None
        with self._writing:
            self._end(number)
            if self._file is not None and self._path is not None:
                self._write(self._file, f"{number}\n")
                if self._lines > 4 * (self._keep + len(self._by_name)):
                    self._shrink(self._path)
                    left, self._left = self._left, self._file
                    self._open(self._path)
        if left is not None:
            os.close(left)

    def by_name(self, name: ClientOrderId) -> Known | None:
        return self._by_name.get(name)

    def by_number(self, number: str) -> Known | None:
        return self._by_number.get(number)

    def name_of(self, number: str) -> ClientOrderId:
        """Our id; the hash itself for an order that is not ours."""
        known = self._by_number.get(number)
        return ClientOrderId(number) if known is None else known.name

    def close(self) -> None:
        for file in (self._file, self._left):
            if file is not None:
                os.close(file)
        self._file = self._left = None

    def _take(self, known: Known) -> None:
        self._by_name[known.name] = known
        self._by_number[known.number] = known

    def _end(self, number: str) -> None:
        self._over[number] = None
        if len(self._over) > self._keep:
            oldest = next(iter(self._over))
            del self._over[oldest]
            known = self._by_number.pop(oldest)
            self._by_name.pop(known.name, None)

    def _write(self, file: int, line: str) -> None:
        os.write(file, line.encode())
        self._lines += 1

    def _open(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def _load(self, path: Path) -> None:
        """Read what is there, a torn last line aside; make the file small again."""
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            return
        for line in lines[:-1]:
            parts = line.split(" ")
            if len(parts) == 3:
                self._take(Known(ClientOrderId(parts[0]), parts[1], Decimal(parts[2])))
            elif line in self._by_number and line not in self._over:
                self._end(line)
        self._shrink(path)

    def _shrink(self, path: Path) -> None:
        """Write what is remembered, safely, in place of what was."""
        made = [_line(known) for known in self._by_name.values()]
        made += [f"{number}\n" for number in self._over]
        fresh = path.with_suffix(".new")
        with fresh.open("w", encoding="utf-8") as file:
            file.writelines(made)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        self._lines = len(made)


def _line(known: Known) -> str:
    return f"{known.name} {known.number} {known.size}\n"
