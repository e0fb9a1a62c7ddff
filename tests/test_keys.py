"""API keys: only digests on disk, shown once, revoked at once; the commands that make them."""

import hashlib
import json
import sqlite3
import stat

import pytest

from orchestrator.cli import main
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import Allowance, Keys
from router_training.contract import DataError, UsageError


@pytest.fixture
def path(tmp_path):
    return tmp_path / "gateway" / "keys.db"


@pytest.fixture
def keys(path):
    accounts = Accounts(path)
    yield Keys(accounts)
    accounts.close()


def test_a_key_opens_what_it_was_made_for(keys):
    allowance = Allowance(60, 1.5, 20.0, ("small", "large"), operator=True)
    found = keys.find(keys.add("alice", allowance))
    assert (found.name, found.allowance, found.revoked) == ("alice", allowance, None)


def test_no_file_holds_the_secret_but_its_digest(keys, path):
    secret = keys.add("alice")
    kept = b"".join(file.read_bytes() for file in path.parent.iterdir())
    assert hashlib.sha256(secret.encode()).digest() in kept
    assert secret.encode() not in kept and secret.split("-", 2)[2].encode() not in kept


def test_a_key_shows_its_digest_to_no_log(keys):
    found = keys.find(keys.add("alice"))
    assert "digest" not in repr(found) and repr(found.digest) not in repr(found)


def test_the_file_is_for_its_owner_alone(keys, path):
    keys.add("alice")
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


@pytest.mark.parametrize(
    "change",
    [
        lambda secret: None,
        lambda secret: "",
        lambda secret: secret[:-1],
        lambda secret: secret + "A",
        lambda secret: secret.upper(),
        lambda secret: secret.replace("pm-", "sk-", 1),
        lambda secret: secret.split("-", 2)[1],
        lambda secret: "-".join([*secret.split("-", 2)[:2], ""]),
        lambda secret: "pm-\ud800-x",
        lambda secret: "pm-' OR 1=1 -- -x",
    ],
)
def test_what_is_not_the_whole_secret_opens_nothing(keys, change):
    assert keys.find(change(keys.add("alice"))) is None


def test_the_secret_of_one_key_does_not_open_another(keys):
    alice, bob = keys.add("alice"), keys.add("bob")
    mixed = f"{alice.rsplit('-', alice.count('-') - 1)[0]}-{bob.split('-', 2)[2]}"
    assert keys.find(mixed) is None and keys.find(bob).name == "bob"


def test_secrets_never_repeat(keys):
    assert len({keys.add(f"key {i}") for i in range(50)}) == 50


def test_a_revoked_key_opens_nothing_for_any_process_that_shares_the_file(keys, path):
    other = Keys(Accounts(path))
    secret = keys.add("alice")
    assert other.find(secret).name == "alice"
    keys.revoke("alice")
    assert other.find(secret) is None and keys.find(secret) is None


def test_revoking_the_last_key_does_not_open_the_door_to_all(keys):
    assert not keys.configured()
    keys.add("alice")
    keys.revoke("alice")
    assert keys.configured()


def test_a_key_is_revoked_by_its_id_too(keys):
    keys.add("alice")
    keys.revoke(keys.all()[0].key_id)
    assert keys.all()[0].revoked is not None


def test_names_in_use_are_unique_and_free_again_once_revoked(keys):
    keys.add("alice")
    with pytest.raises(UsageError, match="'alice' is in use"):
        keys.add("alice")
    keys.revoke("alice")
    keys.add("alice")
    assert [key.revoked is None for key in keys.all()] == [False, True]


def test_revoking_what_is_not_there_names_what_is(keys):
    with pytest.raises(UsageError, match="none is in use"):
        keys.revoke("bob")
    keys.add("alice")
    with pytest.raises(UsageError, match="'bob'; name one of: 'alice'"):
        keys.revoke("bob")


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\x1b[31m"])
def test_a_name_that_cannot_be_read_is_refused(keys, name):
    with pytest.raises(UsageError, match="name"):
        keys.add(name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"requests_per_minute": 0},
        {"requests_per_minute": -1},
        {"requests_per_minute": 10**7},
        {"usd_per_day": -0.01},
        {"usd_per_day": float("nan")},
        {"usd_per_month": float("inf")},
        {"models": ()},
    ],
)
def test_an_allowance_out_of_range_is_refused(wrong):
    with pytest.raises(UsageError, match=next(iter(wrong))):
        Allowance(**wrong)


def test_a_file_that_is_no_key_file_is_refused(tmp_path):
    (tmp_path / "keys.db").write_text("alice: secret\n" * 100)
    with pytest.raises(DataError, match=r"keys\.db"):
        Accounts(tmp_path / "keys.db")
    with pytest.raises(DataError, match="cannot be used"):
        Accounts(tmp_path)


def test_a_key_file_of_another_version_is_refused(path):
    Accounts(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 7")
    with pytest.raises(DataError, match="version 7"):
        Accounts(path)


@pytest.fixture
def run(capsys, monkeypatch, path):
    """Return a function that runs `pointsman keys ...` and returns (exit code, stdout, stderr)."""
    monkeypatch.setenv("POINTSMAN_KEYS", str(path))
    monkeypatch.setenv("COLUMNS", "160")

    def command(*words):
        monkeypatch.setattr("sys.argv", ["pointsman", "keys", *words])
        with pytest.raises(SystemExit) as stopped:
            main()
        printed = capsys.readouterr()
        return int(stopped.value.code or 0), printed.out, printed.err

    return command


def test_keys_are_made_listed_and_revoked_on_the_command_line(run, keys):
    code, secret, _ = run("add", "alice", "--usd-per-day", "2", "--model", "small", "--operator")
    assert code == 0 and keys.find(secret.strip()).allowance == Allowance(None, 2.0, None, ("small",), True)
    code, listed, _ = run("list", "--json")
    (row,) = json.loads(listed)
    assert (row["name"], row["usd_per_day"], row["usd_today"], row["models"]) == (
        "alice",
        2.0,
        0.0,
        ["small"],
    )
    assert secret.strip() not in listed and "digest" not in listed
    assert run("revoke", "alice")[0] == 0 and keys.find(secret.strip()) is None
    assert "revoked" in run("list")[1]


def test_ids_are_whole_in_a_narrow_terminal(run, keys, monkeypatch):
    keys.add("a name that is rather long, as names may be", Allowance(60, 1.5, 20.0, operator=True))
    monkeypatch.setenv("COLUMNS", "80")
    code, listed, _ = run("list")
    assert code == 0 and keys.all()[0].key_id in listed and "…" not in listed


def test_listing_no_keys_says_how_to_make_one(run):
    assert "pointsman keys add NAME" in run("list")[1]


@pytest.mark.parametrize("words", [("revoke", "bob"), ("add", " "), ("add", "x", "--usd-per-day", "-1")])
def test_a_mistake_is_one_sentence_and_exit_code_2(run, words):
    code, out, err = run(*words)
    assert code == 2 and err.startswith("pointsman: ") and "Traceback" not in err + out
