"""Settings: what is given, else the environment, else the defaults."""

import socket
from pathlib import Path

import pytest

from orchestrator.serve_command import require_free
from orchestrator.settings import Settings
from router_training.contract import UsageError


def test_what_is_given_wins_over_the_environment_and_that_over_the_defaults():
    settings = Settings.read({"POINTSMAN_PORT": "9", "POINTSMAN_DIAL": "0.5"}, port=10, host=None)
    assert (settings.port, settings.dial, settings.host) == (10, 0.5, "127.0.0.1")


def test_an_empty_variable_sets_nothing():
    assert Settings.read({"POINTSMAN_ROUTER": ""}).router is None


@pytest.mark.parametrize(("name", "value"), [("PORT", "http"), ("DEMO", "perhaps"), ("DIAL", "high")])
def test_a_variable_that_cannot_be_read_is_named(name, value):
    with pytest.raises(UsageError, match=f"POINTSMAN_{name} is '{value}'"):
        Settings.read({f"POINTSMAN_{name}": value})


def test_a_worker_process_gets_the_very_same_settings():
    settings = Settings(router=Path("runs/demo"), demo=True, queue_s=1.5)
    assert Settings.from_json(settings.to_json()) == settings


def test_keys_may_stand_in_a_file_and_the_environment_wins(tmp_path):
    file = tmp_path / "providers.env"
    file.write_text("# keys\n\nexport A_KEY='one=1'\nB_KEY = two \nC_KEY=\n")
    found = Settings(secrets=file).surroundings({"B_KEY": "mine"})
    assert found == {"A_KEY": "one=1", "B_KEY": "mine", "C_KEY": ""}
    assert Settings().surroundings({"X": "y"}) == {"X": "y"}


@pytest.mark.parametrize("text", ["sk-secret", "two words=3", "=x"])
def test_a_file_of_secrets_that_cannot_be_read_is_refused_without_showing_it(tmp_path, text):
    file = tmp_path / "providers.env"
    file.write_text(text)
    with pytest.raises(UsageError, match="line 1 of the secrets file") as error:
        Settings(secrets=file).surroundings({})
    assert text not in str(error.value)
    with pytest.raises(UsageError, match="cannot be read"):
        Settings(secrets=tmp_path / "none").surroundings({})


def test_a_variable_that_sets_nothing_is_named_beside_the_nearest_that_does():
    known = {"POINTSMAN_PORT": "9", "POINTSMAN_CACHE": "c", "POINTSMAN_SETTINGS": "{}", "PATH": "p"}
    assert Settings.mistyped(known) is None
    said = Settings.mistyped({**known, "POINTSMAN_EXPLOR": "0.5", "POINTSMAN_ZZZZZZ": "1"})
    assert said == (
        "no setting has this name, so it is ignored: POINTSMAN_EXPLOR (did you mean POINTSMAN_EXPLORE?), POINTSMAN_ZZZZZZ"
    )


def test_a_port_in_use_is_one_sentence_before_anything_is_loaded(run, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POINTSMAN_EXPLOR", "0.5")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = run("serve", "--port", port, "--router", "nowhere")
    assert (code, out) == (2, "")
    ignored, refused = err.splitlines()
    assert "POINTSMAN_EXPLORE?" in ignored
    assert refused == (
        f"pointsman: port {port} of 127.0.0.1 is in use; end what listens there, or give another port with --port"
    )
    require_free("127.0.0.1", port)
    require_free("localhost", 0)


def test_a_host_without_an_address_or_of_another_machine_is_named():
    with pytest.raises(UsageError, match="the host 'no such host' has no address"):
        require_free("no such host", 8080)
    with pytest.raises(UsageError, match=r"port 8080 of 192\.0\.2\.1 cannot be used \(.*--host"):
        require_free("192.0.2.1", 8080)  # an address of documentation, which no machine has
