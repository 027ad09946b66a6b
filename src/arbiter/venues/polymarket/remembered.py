"""Which order is which: the venue knows an order by its hash alone, and tells nothing of ours.

The hash is known before the order leaves, so both names and the size go to a file first: an engine
that was killed finds its orders again. A line each: our id, the hash, the size.
"""

import os
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

    def __init__(self, folder: Path | None) -> None:
        self._by_name: dict[ClientOrderId, Known] = {}
        self._by_number: dict[str, Known] = {}
        self._file: int | None = None
        if folder is not None:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = folder / "orders"
            self._load(path)
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def add(self, name: ClientOrderId, number: str, size: Decimal) -> None:
        """Remember, safely even should the machine stop; takes some milliseconds."""
        self._take(Known(name, number, size))
        if self._file is not None:
            os.write(self._file, f"{name} {number} {size}\n".encode())
            os.fdatasync(self._file)

    def by_name(self, name: ClientOrderId) -> Known | None:
        return self._by_name.get(name)

    def by_number(self, number: str) -> Known | None:
        return self._by_number.get(number)

    def name_of(self, number: str) -> ClientOrderId:
        """Our id; the hash itself for an order that is not ours."""
        known = self._by_number.get(number)
        return ClientOrderId(number) if known is None else known.name

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _take(self, known: Known) -> None:
        self._by_name[known.name] = known
        self._by_number[known.number] = known
        if len(self._by_name) > KEEP:
            oldest = self._by_name.pop(next(iter(self._by_name)))
            self._by_number.pop(oldest.number, None)

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
        made = "".join(f"{k.name} {k.number} {k.size}\n" for k in self._by_name.values())
        fresh = path.with_suffix(".new")
        fresh.write_text(made, encoding="utf-8")
        fresh.replace(path)
