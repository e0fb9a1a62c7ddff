"""`mlflow models serve` and MLflow's batch prediction route prompts without our command line."""

import json
import os
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.integration.test_durability import free_port

pytestmark = pytest.mark.integration
PROMPTS = ["What is 17 plus 25?", "Write poem number 3 about rain in 99 words."]


@pytest.fixture
def records(store, two_kinds_policy, tmp_path):
    two_kinds_policy.save(tmp_path / "policy")
    store.promote(store.log_training(tmp_path / "policy").version)
    return {**os.environ, "MLFLOW_TRACKING_URI": store.uri, "MLFLOW_DISABLE_TELEMETRY": "true"}


def test_mlflow_models_serve_routes_prompts(records, two_kinds_policy, tmp_path):
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/router@champion"]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    body = json.dumps(
        {"dataframe_split": {"columns": ["prompt"], "data": [[p] for p in PROMPTS]}, "params": {"dial": 0.8}}
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env=records, stdout=log, stderr=log, start_new_session=True)
        try:
            deadline = time.monotonic() + 200
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/ping", timeout=2).close()
                    break
                except OSError:
                    assert process.poll() is None and time.monotonic() < deadline, (
                        tmp_path / "log"
                    ).read_text()
                    time.sleep(0.5)
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/invocations", body.encode(), {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                found = json.load(answer)["predictions"]
        finally:
            os.killpg(process.pid, 15)
            process.wait(60)
    assert [row["model"] for row in found] == two_kinds_policy.choose(PROMPTS, 0.8)


def test_mlflows_batch_prediction_routes_a_file(records, two_kinds_policy, tmp_path):
    (tmp_path / "prompts.csv").write_text("prompt\n" + "\n".join(f'"{prompt}"' for prompt in PROMPTS))
    command = [sys.executable, "-m", "mlflow", "models", "predict", "-m", "models:/router@champion"]
    command += ["--env-manager", "local", "-i", str(tmp_path / "prompts.csv"), "-t", "csv"]
    command += ["-o", str(tmp_path / "routed.json")]
    subprocess.run(command, env=records, check=True, timeout=300, capture_output=True)
    found = json.loads((tmp_path / "routed.json").read_text())["predictions"]
    assert [row["model"] for row in found] == two_kinds_policy.choose(PROMPTS, 0.8)
