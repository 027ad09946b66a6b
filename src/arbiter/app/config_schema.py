"""The tree of known settings, and the nearest known name to one that is not."""

import difflib
import inspect
from collections.abc import Iterator, Mapping
from typing import Annotated, get_args, get_origin

import msgspec
from pydantic import BaseModel
from pydantic.fields import FieldInfo

Path = tuple[str, ...]

ENV_PREFIX = "ARBITER__"
ENV_DELIMITER = "__"


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """One setting; `open_keys` is how many levels of keys below it are names, not settings."""

    path: Path
    field: FieldInfo
    open_keys: int

    @property
    def dotted(self) -> str:
        return ".".join(self.path)

    @property
    def env_name(self) -> str:
        return ENV_PREFIX + ENV_DELIMITER.join(part.upper() for part in self.path)


class Schema:
    def __init__(self, root: type[BaseModel]) -> None:
        self.leaves: Mapping[Path, Leaf] = {leaf.path: leaf for leaf in _walk(root, ())}
        self.sections: frozenset[Path] = frozenset(
            path[:depth] for path in self.leaves for depth in range(1, len(path))
        )

    def leaf_of(self, path: Path) -> Leaf | None:
        """The setting a path belongs to: itself, or the open table it is a key of."""
        for depth in range(len(path), 0, -1):
            leaf = self.leaves.get(path[:depth])
            if leaf is not None:
                return leaf if len(path) - depth <= leaf.open_keys else None
        return None

    def nearest(self, path: Path) -> str | None:
        """The full name a person most likely meant."""
        asked = tuple(_plain(part) for part in path)
        names = {tuple(_plain(part) for part in known): known for known in self.leaves}
        names |= {tuple(_plain(part) for part in known): known for known in self.sections}
        if asked in names:
            return ".".join(names[asked])
        same_table = [known for known in names if known[:-1] == asked[:-1]]
        near = _closest(asked[-1], [known[-1] for known in same_table], 0.6)
        if near is not None:
            return ".".join(names[(*asked[:-1], near)])
        elsewhere = [known for known in names if known[-1] == asked[-1]]
        if elsewhere:
            return ".".join(names[elsewhere[0]])
        whole = _closest(".".join(asked), [".".join(known) for known in names], 0.6)
        return None if whole is None else ".".join(names[tuple(whole.split("."))])


def closest(asked: str, known: list[str]) -> str | None:
    """The known word nearest to what was written, if any is near."""
    folded = {word.lower(): word for word in known}
    near = _closest(asked.strip().lower(), list(folded), 0.6)
    return None if near is None else folded[near]


def _closest(asked: str, known: list[str], cutoff: float) -> str | None:
    """Swapped neighbours are the commonest slip: a word they turn into wins."""
    found = difflib.get_close_matches(asked, known, n=5, cutoff=cutoff)
    swapped = [word for word in found if _swapped(asked, word)]
    return next(iter(swapped or found), None)


def _swapped(one: str, other: str) -> bool:
    """Whether two neighbouring letters changing places make one of the other."""
    if len(one) != len(other):
        return False
    differ = [at for at in range(len(one)) if one[at] != other[at]]
    first = differ[0] if differ else 0
    return differ == [first, first + 1] and one[first : first + 2] == other[first : first + 2][::-1]


def _plain(part: str) -> str:
    return part.strip().lower().replace("-", "_").replace(" ", "_")


def _walk(model: type[BaseModel], above: Path) -> Iterator[Leaf]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            yield from _walk(kind, (*above, name))
        else:
            yield Leaf(path=(*above, name), field=field, open_keys=_levels(kind))


def _levels(kind: object) -> int:
    """How many tables are nested in a table type: 2 for a table of tables."""
    if get_origin(kind) is Annotated:
        return _levels(get_args(kind)[0])
    return 1 + _levels(get_args(kind)[1]) if get_origin(kind) is dict else 0
