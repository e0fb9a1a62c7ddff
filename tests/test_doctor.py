"""The doctor finds what is broken, says what to do, and touches nothing."""

import json
import os
from dataclasses import replace

import pytest

from orchestrator.cli import main
from orchestrator.doctor import (
    Patient,
    check_disk,
    check_keys,
    check_prices,
    check_secrets,
    check_spool,
    examine,
)
from orchestrator.gateway.accounts import Accounts
from orchestrator.gateway.keys import Keys
from orchestrator.settings import Settings
from router_training.contract import ModelCard
from tests.faults.fault_server import FAULTS, FaultServer


@pytest.fixture
def settings(tmp_path):
    return Settings(keys=tmp_path / "keys.db", spool=tmp_path / "spool")


@pytest.fixture
def server():
    one = FaultServer().start()
    yield one
    one.stop()


@pytest.fixture
def run(capsys, monkeypatch, tmp_path):
    """Return a function that runs `pointsman doctor ...` in an empty folder and returns (exit code, findings)."""
    for name in list(os.environ):
        if name.startswith("POINTSMAN_"):
            monkeypatch.delenv(name)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")

    def command(*words):
        monkeypatch.setattr("sys.argv", ["pointsman", "doctor", "--json", *map(str, words)])
        with pytest.raises(SystemExit) as stopped:
            main()
        return int(stopped.value.code or 0), {
            one["check"]: one for one in json.loads(capsys.readouterr().out)
        }

    return command


def models_file(folder, **cards):
    tables = (
        f'[models.{name}]\nusd_per_mtok_in = 1.0\nusd_per_mtok_out = 2.0\nbase_url = "{url}"\n{more}\n'
        for name, (url, more) in cards.items()
    )
    path = folder / "models.toml"
    path.write_text("\n".join(tables))
    return path


def one(found):
    (finding,) = found
    return finding


def test_without_any_configuration_it_says_what_is_missing_and_makes_nothing(run, tmp_path):
    code, found = run()
    assert code == 1
    assert found["router"]["verdict"] == "broken" and "pointsman train" in found["router"]["remedy"]
    assert found["MLflow"]["verdict"] == "note" and found["spool"]["verdict"] == "ok"
    assert "pointsman keys add" in found["keys"]["remedy"]
    assert list((tmp_path / "empty").iterdir()) == []


def test_what_is_broken_always_comes_with_what_to_do(run):
    _, found = run()
    assert all(one["remedy"] for one in found.values() if one["verdict"] == "broken")


def test_every_endpoint_is_asked_for_one_token(run, server, tmp_path):
    models = models_file(tmp_path, small=(server.url, ""))
    code, found = run("--models", models)
    assert code == 0 and found["endpoint small"]["verdict"] == "ok"
    (asked,) = server.seen
    assert (asked["model"], asked["max_tokens"]) == ("small", 1)


@pytest.mark.parametrize(
    ("fault", "said", "remedy"),
    [
        ("401", "no access", "api_key_env"),
        ("429 no money", "quota", "pay"),
        ("500", "server error", "log"),
        ("reset", "interrupted", "start it"),
    ],
)
def test_an_endpoint_that_fails_is_named_with_its_remedy(run, server, tmp_path, fault, said, remedy):
    server.script.append(FAULTS[fault])
    code, found = run("--models", models_file(tmp_path, small=(server.url, "")))
    assert (
        code == 1 and said in found["endpoint small"]["said"] and remedy in found["endpoint small"]["remedy"]
    )
    assert "sk-never-show-this" not in json.dumps(found)


def test_an_endpoint_that_is_not_there_is_unreachable(run, tmp_path):
    code, found = run("--models", models_file(tmp_path, small=("http://127.0.0.1:1/v1", "")))
    assert code == 1 and "unreachable" in found["endpoint small"]["said"]


def test_a_key_that_is_missing_is_named_by_its_variable(run, server, tmp_path, monkeypatch):
    monkeypatch.delenv("A_KEY_OF_OURS", raising=False)
    models = models_file(
        tmp_path, small=(server.url, 'api_key_env = "A_KEY_OF_OURS"'), other=(server.url, "")
    )
    code, found = run("--models", models)
    assert code == 1 and "A_KEY_OF_OURS" in found["endpoint small"]["said"]
    assert found["endpoint other"]["verdict"] == "ok"


def test_a_models_file_that_cannot_be_read_is_broken(run, tmp_path):
    (tmp_path / "models.toml").write_text("[models.small]\nprice = 1\n")
    code, found = run("--models", tmp_path / "models.toml")
    assert code == 1 and "unknown key 'price'" in found["models"]["said"]


def test_a_setting_that_cannot_be_read_is_broken(run, monkeypatch):
    monkeypatch.setenv("POINTSMAN_PORT", "eighty")
    code, found = run()
    assert code == 1 and "eighty" in found["settings"]["said"]


def test_lines_for_people_say_the_same(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["pointsman", "doctor"])
    with pytest.raises(SystemExit) as stopped:
        main()
    lines = capsys.readouterr().out.splitlines()
    assert stopped.value.code == 1 and any(
        line.startswith("broken router: there is none; train") for line in lines
    )
    assert all(line.split()[0] in ("ok", "note", "broken") for line in lines)


def test_a_router_is_shown_with_its_models_and_its_promise(settings, two_kinds_policy, tmp_path, server):
    cards = {name: replace(card, base_url=server.url) for name, card in two_kinds_policy.catalogue.items()}
    two_kinds_policy.with_catalogue(cards).save(tmp_path / "router" / "policy")
    patient = Patient(replace(settings, router=tmp_path / "router"), {})
    found = {one.check: one for one in examine(patient)}
    assert "chooses among large, small" in found["router"].said
    assert found["verifier"].verdict == "note" and "--promise" in found["promise"].said
    assert found["endpoint large"].verdict == found["endpoint small"].verdict == "ok"


def test_a_damaged_router_is_broken(settings, tmp_path):
    (tmp_path / "router" / "policy").mkdir(parents=True)
    found = {one.check: one for one in examine(Patient(replace(settings, router=tmp_path / "router"), {}))}
    assert found["router"].verdict == "broken" and found["router"].remedy


def test_what_is_free_and_far_away_is_suspicious(settings):
    free = ModelCard("free", 0.0, 0.0, base_url="https://example.org/v1")
    at_home = ModelCard("at home", 0.0, 0.0, base_url="http://127.0.0.1:8081/v1")
    assert "free cost nothing" in one(check_prices(Patient(settings, {}, cards={"free": free}))).said
    assert one(check_prices(Patient(settings, {}, cards={"at home": at_home}))).verdict == "ok"


def test_no_keys_are_fine_at_home_and_broken_abroad(settings):
    assert one(check_keys(Patient(settings, {}))).verdict == "note"
    assert one(check_keys(Patient(replace(settings, host="0.0.0.0"), {}))).verdict == "broken"


def test_keys_are_counted_while_in_use(settings):
    keys = Keys(Accounts(settings.keys))
    keys.add("alice")
    assert "1 in use" in one(check_keys(Patient(settings, {}))).said
    keys.revoke("alice")
    assert one(check_keys(Patient(settings, {}))).verdict == "broken"


def test_key_files_that_others_can_read_are_pointed_out(settings, tmp_path):
    Keys(Accounts(settings.keys)).add("alice")
    settings.keys.chmod(0o644)
    assert "chmod 600" in list(check_keys(Patient(settings, {})))[-1].remedy
    secrets = tmp_path / "secrets.env"
    secrets.write_text("KEY=1")
    secrets.chmod(0o640)
    found = list(check_secrets(Patient(replace(settings, secrets=secrets), {})))
    assert [one.verdict for one in found] == ["ok", "note"]
    assert one(check_secrets(Patient(replace(settings, secrets=tmp_path / "none"), {}))).verdict == "broken"


def test_a_spool_that_cannot_be_written_is_broken(settings):
    found = one(check_spool(Patient(replace(settings, spool=settings.spool.__class__("/proc/spool")), {})))
    assert found.verdict == "broken" and "--spool" in found.remedy


def test_the_disk_is_measured_where_feedback_goes(settings):
    assert "GB free" in one(check_disk(Patient(settings, {}))).said
