"""The signing secret is strong, or there is none."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_bytes, token_urlsafe

import pytest

from arbiter.access.secrets import check_secret, jwt_secret
from arbiter.model.errors import BadConfig
from tests.fakes.access import DerivedBytes


@pytest.mark.parametrize(
    "default",
    [
        "change-me-change-me-change-me-change-me",
        "your-secret-key-here-must-be-32-characters",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "a-string-secret-at-least-256-bits-long",
        "YOUR_JWT_SECRET_GOES_HERE_0123456789ABC",
        "0123456789abcdef0123456789abcdef",
        "secretsecretsecretsecretsecretsecret",
        "x" * 64,
    ],
)
def test_default_secret_is_refused(default: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="JWT_SECRET") as refused:
        jwt_secret(default, tmp_path / "jwt_secret", DerivedBytes())
    assert default not in str(refused.value)
    assert not (tmp_path / "jwt_secret").exists()


@pytest.mark.parametrize("short", ["", "hunter2", " " * 40, "k7Qz" * 7 + "abc"])
def test_short_secret_is_refused(short: str) -> None:
    with pytest.raises(BadConfig, match="32 are the least"):
        check_secret(short)


def test_random_secret_of_the_operator_is_taken(tmp_path: Path) -> None:
    for _ in range(200):
        text = token_urlsafe(32)
        taken = jwt_secret(text + "\n", tmp_path / "jwt_secret", DerivedBytes())
        assert taken.configured
        assert taken.value == text.encode()
    assert not (tmp_path / "jwt_secret").exists()


def test_made_secret_is_kept_for_the_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "jwt_secret"
    made = jwt_secret(None, path, token_bytes)
    assert not made.configured
    assert len(made.value) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["jwt_secret"]


def test_made_secret_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "jwt_secret"
    assert jwt_secret(None, path, token_bytes) == jwt_secret(None, path, token_bytes)


def test_two_data_folders_have_two_secrets(tmp_path: Path) -> None:
    one, other = (jwt_secret(None, tmp_path / name, token_bytes) for name in ("a", "b"))
    assert one.value != other.value


def test_processes_starting_together_agree_on_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "jwt_secret"
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda _: jwt_secret(None, path, token_bytes).value, range(64)))
    assert len(set(made)) == 1


def test_secret_that_others_can_read_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = tmp_path / "jwt_secret"
    jwt_secret(None, path, token_bytes)
    path.chmod(0o640)
    with pytest.raises(BadConfig, match=f"chmod 600 {path}"):
        jwt_secret(None, path, token_bytes)


def test_damaged_secret_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "jwt_secret"
    path.touch(mode=0o600)
    with pytest.raises(BadConfig, match=f"{path} is damaged"):
        jwt_secret(None, path, token_bytes)


@pytest.mark.parametrize("kind", ["link", "broken link", "folder"])
def test_secret_is_a_plain_file_or_nothing(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "jwt_secret"
    target = tmp_path / "elsewhere"
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(target)
    if kind == "link":
        target.write_text("k" * 64)
    with pytest.raises(BadConfig, match=str(path)):
        jwt_secret(None, path, token_bytes)


def test_printing_a_secret_shows_none_of_it(tmp_path: Path) -> None:
    made = jwt_secret(None, tmp_path / "jwt_secret", token_bytes)
    assert repr(made) == "JwtSecret(configured=False)"
