"""Commands on a database, with no engine running."""

import csv
import io
import json
import socket
from pathlib import Path

import pytest

from tests.fakes.ports import free_port
from tests.unit.cli.conftest import Run

CREDENTIAL = "correct horse battery"


@pytest.mark.slow
def test_user_is_added_changed_and_removed_and_each_step_is_audited(with_database: Run) -> None:
    said = with_database("users", "add", "alice", "--role", "trader", stdin=f"{CREDENTIAL}\n")
    assert (said.code, said.err) == (0, "")
    assert with_database("users", "role", "alice", "admin").code == 0
    rows = json.loads(with_database("users", "list", "--json").out)
    assert [(row["user_id"], row["role"]) for row in rows] == [("alice", "admin")]
    assert with_database("users", "password", "alice", stdin="another credential\n").code == 0
    assert with_database("users", "remove", "alice").code == 0
    assert json.loads(with_database("users", "list", "--json").out) == []
    # The audit log is made of journal events, so the journal justifies every row of it.
    verified = with_database("db", "verify", "--json")
    assert json.loads(verified.out) == {"differences": []}
    assert with_database("db", "rebuild").out == "made anew from 4 events\n"


def test_credential_never_comes_from_the_command_line(with_database: Run) -> None:
    assert with_database("users", "add", "bob", CREDENTIAL, "--role", "viewer").code == 2
    said = with_database("users", "add", "bob", "--role", "viewer", stdin="")
    assert (said.code, said.err) == (1, "error: no credential came from standard input\n")


@pytest.mark.parametrize(
    ("arguments", "stdin", "told"),
    [
        (("users", "add", "bob", "--role", "chief"), CREDENTIAL, "no role is named 'chief'"),
        (("users", "add", "two words", "--role", "admin"), CREDENTIAL, "has spaces"),
        (("users", "add", "bob", "--role", "admin"), "short", "8 is the least"),
        (("users", "role", "nobody", "admin"), "", "there is no user 'nobody'"),
        (("users", "remove", "nobody"), "", "there is no user 'nobody'"),
        (("keys", "revoke", "nothing"), "", "no live API key is named 'nothing'"),
        (("budgets", "set", "spot-arbitrage", "USDT", "many"), "", "'many' is not a number"),
        (("budgets", "set", "spot-arbitrage", "USDT", "nan"), "", "zero or more"),
        (("budgets", "set", "spot", "USDT", "1"), "", "no strategy is named 'spot'"),
        (("budgets", "remove", "spot-arbitrage", "USDT"), "", "has no budget in USDT"),
    ],
)
def test_refusal_is_one_sentence(
    with_database: Run, arguments: tuple[str, ...], stdin: str, told: str
) -> None:
    said = with_database(*arguments, stdin=f"{stdin}\n")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("error: ")
    assert told in said.err
    assert said.err.count("\n") == 1


def test_key_is_shown_once_and_listed_without_its_text(with_database: Run) -> None:
    made = with_database("keys", "create", "grafana", "--role", "viewer")
    key = made.out.strip()
    assert key.startswith("arb_")
    listed = with_database("keys", "list", "--json").out
    assert key not in listed
    assert json.loads(listed)[0]["revoked_at"] is None
    assert with_database("keys", "revoke", "grafana").code == 0
    assert json.loads(with_database("keys", "list", "--json").out)[0]["revoked_at"]


def test_budget_set_without_an_engine_is_there_for_the_next_one(
    with_empty_database: Run,
) -> None:
    assert with_empty_database("budgets", "set", "spot-arbitrage", "USDT", "5000.50").code == 0
    (row,) = json.loads(with_empty_database("budgets", "list", "--json").out)
    assert (row["allocated"], row["reserved"], row["available"]) == ("5000.5", "0", "5000.5")
    assert with_empty_database("budgets", "remove", "spot-arbitrage", "USDT").code == 0
    rows = json.loads(with_empty_database("budgets", "list", "--json").out)
    assert all(row["allocated"] is None for row in rows)


def test_resume_without_an_engine_releases_file_and_latch(
    with_database: Run, environment: dict[str, str]
) -> None:
    assert with_database("kill").code == 0
    said = with_database("resume", "--json")
    assert said.code == 0
    assert json.loads(said.out)["kill_file_removed"] is True
    assert not (Path(environment["ARBITER_HOME"]) / "KILL").exists()


@pytest.mark.parametrize("what", ["trades", "orders", "fills"])
def test_export_works_with_the_engine_stopped(
    with_database: Run, what: str, tmp_path: Path
) -> None:
    assert json.loads(with_database("export", what, "--format", "json").out) == []
    said = with_database("export", what, "--format", "csv")
    (header,) = csv.reader(io.StringIO(said.out))
    assert "size" in header or "symbol" in header
    assert with_database("export", what, "-o", str(tmp_path / "out.csv")).out == ""
    assert (tmp_path / "out.csv").read_text() == said.out
    assert not list(tmp_path.glob(".*.part"))


def test_export_into_a_missing_folder_is_told(with_database: Run, tmp_path: Path) -> None:
    said = with_database("export", "fills", "-o", str(tmp_path / "no" / "out.csv"))
    assert (said.code, said.out) == (1, "")
    assert "No such file or directory" in said.err


def test_database_that_is_away_is_told_with_the_mend(arbiter: Run) -> None:
    said = arbiter("users", "list", DATABASE_URL="postgresql://bot:hunter22@127.0.0.1:1/arbiter")
    assert (said.code, said.out) == (1, "")
    assert "127.0.0.1:1" in said.err
    assert "hunter22" not in said.err


@pytest.fixture
def free_ports() -> dict[str, str]:
    names = ("OPS", "SPOT", "AGENTS", "DESK", "CONTROL")
    return {f"ARBITER__LISTEN__{name}_PORT": str(free_port()) for name in names}


def test_doctor_passes_on_a_fresh_machine_and_leaves_nothing_running(
    with_empty_database: Run, free_ports: dict[str, str]
) -> None:
    said = with_empty_database("doctor", "--json", **free_ports)
    report = json.loads(said.out)
    assert (said.code, report["ok"]) == (0, True), report
    assert {check["name"] for check in report["checks"]} == {
        "configuration",
        "python",
        "data folder",
        "disk",
        "clock",
        "kill switch",
        "ports",
        "USD rates",
        "kernels",
        "database",
        "simulated venues",
    }
    again = json.loads(with_empty_database("doctor", "--json", **free_ports).out)
    details = {check["name"]: check["detail"] for check in again["checks"]}
    assert details["simulated venues"].endswith("start and answer")


def test_doctor_names_each_fault_and_its_mend(arbiter: Run, environment: dict[str, str]) -> None:
    home = Path(environment["ARBITER_HOME"])
    home.mkdir(mode=0o755)
    said = arbiter("doctor", "--json", DATABASE_URL="postgresql://127.0.0.1:1/arbiter")
    checks = {check["name"]: check for check in json.loads(said.out)["checks"]}
    assert said.code == 1
    assert checks["data folder"]["verdict"] == "fail"
    assert f"chmod 700 {home}" in checks["data folder"]["detail"]
    assert checks["database"]["verdict"] == "fail"


def test_doctor_looks_at_the_port_of_every_listener(
    arbiter: Run, free_ports: dict[str, str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ports = free_ports | {"ARBITER__LISTEN__DESK_PORT": port}
        said = arbiter("doctor", "--json", DATABASE_URL="postgresql://127.0.0.1:1/arbiter", **ports)
    (check,) = (c for c in json.loads(said.out)["checks"] if c["name"] == "ports")
    assert check["verdict"] == "fail"
    assert check["detail"] == f"port {port} is in use by another program; set listen.desk_port"


def test_doctor_tells_a_broken_configuration_as_its_first_finding(arbiter: Run) -> None:
    said = arbiter("doctor", "--json", ARBITER__SPOT__ENABELD="true")
    (check,) = json.loads(said.out)["checks"]
    assert (said.code, check["name"], check["verdict"]) == (1, "configuration", "fail")
    assert "ARBITER__SPOT__ENABLED" in check["detail"]
