"""The data folder is ours alone."""

from pathlib import Path

import pytest

from arbiter.app.home import Home, default_home
from arbiter.model.errors import BadConfig


def test_folder_is_made_closed_to_others(tmp_path: Path) -> None:
    home = Home(tmp_path / "deep" / "arbiter")
    home.prepare()
    home.prepare()
    for folder in (home.root, home.run, home.sim, home.logs):
        assert folder.stat().st_mode & 0o777 == 0o700


def test_folder_others_can_enter_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "open")
    home.root.mkdir(mode=0o755)
    with pytest.raises(BadConfig, match=f"chmod 700 {home.root}"):
        home.prepare()


def test_file_in_its_place_is_refused(tmp_path: Path) -> None:
    home = Home(tmp_path / "file")
    home.root.write_text("")
    with pytest.raises(BadConfig, match="set ARBITER_HOME"):
        home.prepare()


def test_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadConfig, match="cannot make the data folder"):
        Home(tmp_path / "file" / "home").prepare()


def test_empty_variable_counts_as_not_set() -> None:
    assert default_home({"ARBITER_HOME": ""}) == default_home({})
    assert default_home({"ARBITER_HOME": "/data/x/../arbiter"}) == Path("/data/arbiter")
