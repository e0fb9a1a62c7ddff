"""Dockerfile and compose file name only what there is: every path, command, port, variable and route."""

import json
import re
import shlex
import subprocess
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
import typer
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from orchestrator.cli import app
from orchestrator.gateway.routes_ours import router
from orchestrator.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONSTRAINTS = [line for line in (ROOT / ".ci" / "constraints.txt").read_text().splitlines() if "==" in line]


def instructions():
    """Return the Dockerfile as (instruction, rest) pairs."""
    text = re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def of(name):
    return [rest for instruction, rest in instructions() if instruction == name]


def parsed(words):
    """Have the command line read these words, as far as it can without running anything."""
    command, rest, context = typer.main.get_command(app), list(words), None
    while hasattr(command, "commands"):
        context = command.make_context(command.name or "pointsman", rest[:1], parent=context)
        command, rest = command.commands[rest[0]], rest[1:]
    return command.make_context(command.name, rest, parent=context)


def test_the_dockerfile_has_only_instructions_that_docker_knows():
    known = {
        "FROM",
        "ARG",
        "WORKDIR",
        "COPY",
        "RUN",
        "ENV",
        "USER",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "ENTRYPOINT",
        "CMD",
    }
    assert {instruction for instruction, _ in instructions()} == known


def test_everything_that_is_copied_is_there_and_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().split("\n")
    copied = [shlex.split(rest) for rest in of("COPY")]
    sources = [
        word
        for words in copied
        if not any("--from" in word for word in words)
        for word in words[:-1]
        if not word.startswith("--")
    ]
    assert sources and all((ROOT / source).exists() for source in sources)
    assert ignored[1] == "*" and all(f"!{source}" in ignored for source in sources)


def test_what_the_package_needs_to_be_built_is_copied():
    copied = " ".join(of("COPY"))
    needed = [
        PROJECT["readme"],
        *PROJECT["license-files"],
        "pyproject.toml",
        "router_training",
        "orchestrator",
    ]
    assert all(name in copied for name in needed)


def test_python_is_new_enough_and_pytorch_comes_without_cuda():
    images = {rest.split()[0] for rest in of("FROM")}
    (image,) = images
    version = tuple(int(part) for part in re.search(r"python:(\d+)\.(\d+)", image).groups())
    assert version >= tuple(int(part) for part in PROJECT["requires-python"].removeprefix(">=").split("."))
    assert of("ARG") == ["TORCH_INDEX=https://download.pytorch.org/whl/cpu"]


def test_what_is_run_while_building_is_shell_that_can_be_read():
    for rest in of("RUN"):
        subprocess.run(["sh", "-n", "-c", rest], check=True)


def test_what_is_installed_has_a_tested_version_and_is_what_the_package_asks_for():
    asked = [
        *PROJECT["dependencies"],
        *(one for more in PROJECT["optional-dependencies"].values() for one in more),
    ]
    known = {canonicalize_name(Requirement(one).name) for one in asked}
    pinned = {canonicalize_name(one.partition("==")[0]) for one in CONSTRAINTS}
    installed = []
    for words in map(shlex.split, of("RUN")):
        while "install" in words and words[words.index("install") - 1].endswith("pip"):
            words = words[words.index("install") + 1 :]
            installed.append(words)
    assert len(installed) == 2
    for words in installed:
        assert words[words.index("-c") + 1] == "constraints.txt"
        names = {canonicalize_name(Requirement(one).name) for one in words if re.match(r"[a-z]+(\[|$)", one)}
        assert names and names <= known & pinned
    assert {canonicalize_name(Requirement(one).name) for one in PROJECT["dependencies"]} <= pinned


def test_stages_that_are_copied_from_are_named_and_paths_in_them_are_made_there():
    stages = {rest.split()[-1] for rest in of("FROM") if " AS " in rest}
    copied = [rest.split() for rest in of("COPY") if "--from" in rest]
    assert copied and all(words[0].partition("=")[2] in stages for words in copied)
    made = [rest.split() for rest in of("RUN")]
    assert all(any(words[1] in run for run in made) for words in copied)
    (path,) = [one for one in of("ENV")[0].split() if one.startswith("PATH=")]
    assert path == f"PATH={copied[0][2]}/bin:$PATH"


def test_the_compose_file_has_only_keys_that_compose_knows():
    assert {key for key in COMPOSE if not key.startswith("x-")} == {"services", "volumes"}
    known = {
        *(
            "build",
            "image",
            "restart",
            "command",
            "entrypoint",
            "environment",
            "env_file",
            "ports",
            "volumes",
        ),
        *("depends_on", "stop_grace_period", "healthcheck"),
    }
    for service in SERVICES.values():
        assert set(service) <= known
        assert set(service.get("healthcheck", {})) <= {"test", "start_period"}
        for value in service["environment"].values():
            assert isinstance(value, str)
    assert SERVICES["gateway"]["env_file"] == [{"path": "providers.env", "required": False}]


def test_variables_of_the_gateway_are_ones_that_it_reads():
    ours = {f"POINTSMAN_{one.name.upper()}" for one in fields(Settings)}
    assert set(SERVICES["gateway"]["environment"]) <= ours | {"MLFLOW_TRACKING_URI"}


def test_the_image_runs_a_command_that_there_is_as_nobody_special():
    (entry,), (words,) = of("ENTRYPOINT"), of("CMD")
    assert json.loads(entry)[0] in PROJECT["scripts"]
    assert parsed(json.loads(words)).params["host"] == "0.0.0.0"
    assert of("USER") == ["pointsman"]


def test_the_image_is_healthy_when_the_gateway_is_ready():
    (check,) = of("HEALTHCHECK")
    port, path = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", check).groups()
    assert path in {route.path for route in router.routes}
    assert of("EXPOSE") == [port] == [str(Settings().port)]
    compile(json.loads(check.split("CMD", 1)[1])[2], "healthcheck", "exec")


def test_keys_spool_and_records_lie_on_the_volume():
    (home,) = of("VOLUME")
    work = of("WORKDIR")[-1]
    settings = Settings()
    for path in (settings.keys, settings.spool, Path("mlruns/mlflow.db")):
        assert (Path(work) / path).is_relative_to(home)


def test_the_gateway_runs_a_command_that_there_is_and_has_time_to_drain():
    gateway = SERVICES["gateway"]
    assert parsed(gateway["command"]).params["host"] == "0.0.0.0"
    assert int(gateway["stop_grace_period"].removesuffix("s")) > Settings().drain_s
    assert gateway["environment"]["MLFLOW_TRACKING_URI"] == "http://mlflow:5000"


def test_the_collector_looks_where_the_gateway_spools():
    gateway, collector = SERVICES["gateway"], SERVICES["collector"]
    assert parsed(collector["command"]).params["every"] > 0.0
    assert collector["volumes"] == gateway["volumes"] and collector["environment"] == gateway["environment"]


def test_ports_lead_to_where_the_services_listen_and_are_open_to_this_machine_alone():
    listens = {"gateway": str(Settings().port), "mlflow": "5000"}
    for name, port in listens.items():
        (published,) = SERVICES[name]["ports"]
        host, _, inside = published.split(":")
        assert (host, inside) == ("127.0.0.1", port)
    assert "ports" not in SERVICES["postgres"]


@pytest.mark.filterwarnings("ignore:.*Any type hint is inferred:UserWarning")  # MLflow's own, on import
def test_mlflow_reads_the_command_and_the_variables():
    from mlflow.cli import cli

    service = SERVICES["mlflow"]
    assert service["entrypoint"] == "mlflow"
    name, *words = service["command"]
    server = cli.commands[name]
    context = server.make_context(name, words, resilient_parsing=True)
    assert context.params["port"] == 5000 and "mlflow:5000" in context.params["allowed_hosts"]
    known = {variable for one in server.params for variable in [getattr(one, "envvar", None)] if variable}
    ours = {"MLFLOW_DISABLE_TELEMETRY"}
    assert set(service["environment"]) - ours <= known


def test_mlflow_and_postgres_agree_on_user_database_and_password():
    address = SERVICES["mlflow"]["environment"]["MLFLOW_BACKEND_STORE_URI"]
    postgres = SERVICES["postgres"]["environment"]
    user, database, password = (postgres[f"POSTGRES_{name}"] for name in ("USER", "DB", "PASSWORD"))
    assert address == f"postgresql+psycopg://{user}:{password}@postgres/{database}"
    assert password.startswith("${POSTGRES_PASSWORD:?")
    assert SERVICES["postgres"]["healthcheck"]["test"][-1] == user


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_and_services_that_are_named_are_declared(name):
    service = SERVICES[name]
    assert {volume.split(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
    for other, wants in service.get("depends_on", {}).items():
        assert wants == {"condition": "service_healthy"}
        assert "healthcheck" in SERVICES[other]


def test_the_commands_in_its_first_lines_are_ones_that_there_are():
    text = (ROOT / "compose.yaml").read_text()
    found = re.findall(r"docker compose run --rm gateway (.+)", text)
    assert len(found) == 2
    for words in found:
        assert parsed(words.split()).params
    assert (ROOT / "datasets" / "starter" / "outcomes.parquet").is_file()


def test_secrets_never_enter_git_or_the_image():
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "providers.env"} <= set(ignored)
    assert "env" not in (ROOT / ".dockerignore").read_text()
