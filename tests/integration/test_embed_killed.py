"""`pointsman embed` in processes, killed half-way: what was done is kept, and nobody outlives the run."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from router_training.encoding.processes import PAYS_FROM
from router_training.encoding.vector_cache import ROWS_PER_COMMIT

pytestmark = pytest.mark.integration
N = (PAYS_FROM + 8) * ROWS_PER_COMMIT
COMMAND = [sys.executable, "-P", "-c", "from orchestrator.cli import main; main()", "embed"]


def kept(folder):
    files = list((folder / "vectors").glob("*.sqlite"))
    if not files:
        return 0
    with closing(sqlite3.connect(f"file:{files[0]}?mode=ro", uri=True)) as database:
        return database.execute("SELECT count(*) FROM vectors").fetchone()[0]


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for processes in /proc")
def test_a_run_that_is_killed_continues_where_it_stopped_and_leaves_no_process(minilm, tmp_path):
    tasks = tmp_path / "tasks.jsonl"
    tasks.write_text("\n".join(json.dumps({"prompt": f"{n} + 1?", "reference": n + 1}) for n in range(N)))
    minilm.save(tmp_path / "encoders" / minilm.folder.name)
    command = [*COMMAND, str(tasks), "--out", str(tmp_path), "--workers", "2"]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while not kept(tmp_path):
        assert running.poll() is None
        time.sleep(0.05)
    workers = children(running.pid)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    done = kept(tmp_path)
    assert 0 < done < N and done % ROWS_PER_COMMIT == 0 and len(workers) >= 2
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < until:
        time.sleep(0.1)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert re.search(rf"{N:,} different prompts in .*: {N - done:,} encoded now", said)
    assert kept(tmp_path) == N
