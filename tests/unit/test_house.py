"""The distribution is what its files say it is."""

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import arbiter

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def pins(lock: str) -> dict[str, str]:
    """Return the locked version of every distribution, by its canonical name."""
    found = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): pinned for name, pinned in found}


def test_version_is_the_same_in_the_package_its_metadata_and_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert arbiter.__version__ == project["version"] == version("arbiter-engine")


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_holds_no_index_address(lock: str) -> None:
    for line in (ROOT / lock).read_text().splitlines():
        assert not re.search(r"://|^\s*-(?!-hash=)", line), line


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_carries_a_hash(lock: str) -> None:
    text = (ROOT / lock).read_text().replace("\\\n", " ")
    requirements = [line for line in text.splitlines() if line.strip()]
    assert requirements
    for requirement in requirements:
        assert "--hash=sha256:" in requirement, requirement


def test_tools_run_beside_the_very_versions_the_engine_ships_with() -> None:
    engine, tools = (pins(lock) for lock in LOCKS)
    assert engine
    assert {name: tools.get(name) for name in engine} == engine


def test_lock_satisfies_what_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    locked = pins("requirements.lock")
    for asked in map(Requirement, project["dependencies"]):
        assert asked.specifier.contains(locked[canonicalize_name(asked.name)]), asked


def test_type_checkers_may_rely_on_the_package() -> None:
    assert (Path(arbiter.__file__).parent / "py.typed").is_file()
