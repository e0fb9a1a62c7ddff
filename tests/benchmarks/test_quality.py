"""Does the router beat constants, mixes, shuffled labels and published routers? `make bench-quality` prints it.

Select tables with `-k mmlu_pro6`, the number of seeds with POINTSMAN_BENCH_SEEDS. A floor that is not reached
is printed as MISSED and fails its table. All figures are also written to runs/bench-quality/ as JSON.
"""

import json
import os

import pytest
from rich.console import Console

from router_training.embedding import load_encoder
from tests.benchmarks.quality_figures import judge_split
from tests.benchmarks.quality_report import BY_TASK, FLOORS, floor_results, render
from tests.benchmarks.shared_tables import (
    ROOT,
    STARTER,
    prefix_groups,
    read_catalogue,
    read_table,
    split_by,
)

pytestmark = pytest.mark.benchmark

N_SEEDS = int(os.environ.get("POINTSMAN_BENCH_SEEDS", "5"))
RESULTS = ROOT / "runs" / "bench-quality"


@pytest.mark.parametrize("name", FLOORS)
def test_the_router_reaches_its_floors(name):
    table = read_table(name.partition(BY_TASK)[0])
    catalogue = read_catalogue(STARTER, table) if name == STARTER else None
    vectors = load_encoder().encode_cached(table.prompts)
    groups = table.groups if name.endswith(BY_TASK) else prefix_groups(table)
    splits = [judge_split(table, vectors, split_by(groups, seed), catalogue, seed) for seed in range(N_SEEDS)]
    RESULTS.mkdir(parents=True, exist_ok=True)
    figures = {"table": name, "splits": [split.as_dict() for split in splits]}
    (RESULTS / f"{name}.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    results = floor_results(splits, FLOORS[name])
    console = Console(width=130)
    console.print()
    for part in render(name, splits, results):
        console.print(part)
    missed = [result.line for result in results if not result.reached]
    if missed:
        pytest.fail("; ".join(missed), pytrace=False)
