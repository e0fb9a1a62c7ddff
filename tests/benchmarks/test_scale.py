"""Five million journal rows become outcomes: seconds, and memory at most, in a process of its own."""

import json
import subprocess
import sys

import pytest

PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from router_training import labelling
from router_training.contract import ModelCard, Task
from router_training.labels.asking import prompt_digest
n, folder = int(sys.argv[1]), Path(sys.argv[2])
tasks = [Task(f"Question {i}: what is {i} + 1? " + "Explain in a sentence. " * 4, f"t{i}", "sum", str(i + 1), "exact")
         for i in range(n // 5)]
cards = {f"m{j}": ModelCard(f"m{j}", 1.0, 2.0) for j in range(5)}
with (folder / "journal.jsonl").open("w") as journal:
    for task in tasks:
        for model in cards:
            cell = {"task_id": task.task_id, "model": model}
            asked = {**cell, "asked": f"{task.task_id}-{model}", "usd_at_most": 1e-4, "time": "2026-01-01"}
            came = {**cell, "key": asked["asked"], "prompt": prompt_digest(task), "response": task.reference,
                    "prompt_tokens": 30, "completion_tokens": 3, "paid": "yes", "usd": 1e-5, "time": "2026-01-01"}
            journal.write(json.dumps(asked) + chr(10) + json.dumps(came) + chr(10))
start, cpu = time.monotonic(), time.process_time()
done = labelling.label(tasks, cards, folder, ask_models=False)
print(json.dumps({"rows": done.n_outcomes, "graded": done.n_graded, "seconds": time.monotonic() - start,
                  "cpu_seconds": time.process_time() - cpu,
                  "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""

LOADED = """
import json, resource, sys, time
from router_training.outcomes import load_outcomes
start, cpu = time.monotonic(), time.process_time()
table = load_outcomes(sys.argv[1])
print(json.dumps({"rows": len(table.frame), "tasks": len(table), "seconds": time.monotonic() - start,
                  "cpu_seconds": time.process_time() - cpu,
                  "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
"""


@pytest.mark.benchmark
@pytest.mark.parametrize("rows", [500_000, 5_000_000])
def test_a_journal_of_millions_of_rows_becomes_a_table_in_two_gigabytes(tmp_path, rows):
    made = _run(PROGRAM, rows, tmp_path)
    print(f"\njournal to table: {made}")
    assert made["rows"] == made["graded"] == rows
    assert made["megabytes"] < 2_000
    (table,) = tmp_path.glob("outcomes*")  # one file, or a folder of parts
    loaded = _run(LOADED, table)
    print(f"table to memory: {loaded}")
    assert (loaded["rows"], loaded["tasks"]) == (rows, rows // 5)
    assert loaded["megabytes"] < 2_000


def _run(program, *words):
    command = [sys.executable, "-c", program, *map(str, words)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
