"""Servers that integration tests start and stop: MLflow's own, and PostgreSQL (Debian: apt-get install postgresql)."""

import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mlflow_server(folder, records=None, workers=1):
    """Run `mlflow server` over these records, by default a SQLite file in the folder; yield its address."""
    port = free_port()
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--backend-store-uri", records or f"sqlite:///{folder}/server.db", "--workers", str(workers)]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "server.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + 200
    try:
        while not is_healthy(address):
            told = (folder / "server.log").read_text()
            assert process.poll() is None and time.monotonic() < deadline, told
            time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(60)


def is_healthy(address):
    try:
        with urllib.request.urlopen(f"{address}/health", timeout=2) as reply:
            return reply.status == 200
    except OSError:
        return False


def binary(name):
    """Return a program of PostgreSQL, which Debian keeps off the path."""
    found = shutil.which(name) or next(
        (str(path) for path in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)), None
    )
    if found is None:
        pytest.skip(f"{name} is not installed; on Debian: apt-get install postgresql")
    return found


def as_owner():
    """Return options of subprocess that change to a user other than root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return {}
    try:
        owner = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("the tests run as root, whom PostgreSQL refuses, and there is no user postgres")
    return {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}


@contextmanager
def postgres():
    """Run PostgreSQL; yield the address of an empty database, reached through a socket in a folder of its own."""
    initdb, pg_ctl, owner = binary("initdb"), binary("pg_ctl"), as_owner()
    folder = Path(tempfile.mkdtemp(prefix="pm-pg-", dir="/tmp"))  # short: a socket's path has 107 characters
    if owner:
        os.chown(folder, owner["user"], owner["group"])

    def run(*command):
        subprocess.run(command, check=True, capture_output=True, timeout=120, cwd="/", **owner)

    try:
        run(initdb, "-D", str(folder / "data"), "-A", "trust", "-U", "pointsman", "-E", "UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run(pg_ctl, "-D", str(folder / "data"), "-l", str(folder / "log"), "-o", options, "-w", "start")
        try:
            folder.chmod(0o755)
            yield f"postgresql://pointsman@/postgres?host={folder}"
        finally:
            run(pg_ctl, "-D", str(folder / "data"), "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)
