"""The whole loop, measured: `make bench-loop` streams the starter table and draws what each way to learn comes to."""

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from rich.table import Table

from router_training.catalogue import load_catalogue
from router_training.outcomes import load_outcomes
from tests.benchmarks import loop_stream
from tests.benchmarks.loop_stream import DIAL

pytestmark = pytest.mark.benchmark
STARTER = Path(__file__).parents[2] / "datasets" / "starter"
OUT = Path("runs/loop")
BEST, WORST = "qwen-coder-1.5b", "smollm2-135m"


@pytest.fixture(scope="module")
def one(minilm):
    table = load_outcomes(STARTER / "outcomes.parquet")
    return loop_stream.world(table, load_catalogue(STARTER / "models.toml"), minilm)


@pytest.fixture(scope="module")
def start(one):
    return loop_stream.first_policy(one)


def show(title, courses, scale, half=None):
    page = Table(title=title, title_justify="left")
    page.add_column("router")
    for name in ("quality", "USD per 1,000", "worth", "worth lost to oracle, USD per 1,000", "noticed after"):
        page.add_column(name, justify="right")
    best = next(course for course in courses if course.name == "oracle")
    span = slice(half, None)

    def worth(course):
        return DIAL * course.quality[span].mean() - (1 - DIAL) * course.usd[span].mean() / scale

    for course in courses:
        lost = (worth(best) - worth(course)) * scale / (1 - DIAL) * 1000
        late = None if course.noticed is None else course.noticed - (half or 0)
        noticed = "" if late is None else f"{late} requests" if late >= 0 else f"{-late} before"
        page.add_row(
            course.name,
            f"{course.quality[span].mean():.3f}",
            f"{course.usd[span].mean() * 1000:.4f}",
            f"{worth(course):+.3f}",
            f"{lost:.4f}",
            noticed,
        )
    Console(width=120).print(page)
    return {course.name: worth(course) for course in courses}


def draw(courses, path):
    import matplotlib as mpl
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    with mpl.rc_context({"font.size": 9}):
        left, right = figure.subplots(1, 2)
        for course in courses:
            steps = np.arange(1, len(course.quality) + 1)
            style = {"ls": "--", "color": "0.4"} if course.name == "oracle" else {}
            left.plot(steps[50:], (np.cumsum(course.quality) / steps)[50:], label=course.name, **style)
            right.plot(steps, np.cumsum(course.usd) * 1000, label=course.name, **style)
        left.set(xlabel="requests", ylabel="mean quality so far (gold)")
        right.set(xlabel="requests", ylabel="USD spent so far, thousandths")
        right.legend(frameon=False)
        for axis in (left, right):
            axis.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def test_the_loop_on_a_stream(one, start):
    seen = loop_stream.verifier_seen(one, *start)
    labels = loop_stream.with_correction(seen)
    ways = {
        "static router": None,
        "verifier labels": loop_stream.as_heard,
        "verifier labels, corrected": labels,
        "corrected, and 2% gold": loop_stream.with_gold(seen, one.stream),
    }
    courses = [loop_stream.run(one, name, labels=way, start=start) for name, way in ways.items()]
    courses.append(loop_stream.oracle(one))
    draw(courses, OUT / "loop.png")
    worth = show(
        f"{len(one.stream):,} requests; retrained every {loop_stream.EVERY} without a gate; picture: {OUT / 'loop.png'}",
        courses,
        start[0].usd_scale,
    )
    assert all(worth["oracle"] > value for name, value in worth.items() if name != "oracle")


def test_a_stream_whose_best_model_breaks_half_way(one, start):
    broken = loop_stream.broken_half_way(one, BEST, WORST)
    half = len(broken.stream) // 2
    courses = [
        loop_stream.run(broken, "never retrained", start=start),
        loop_stream.run(broken, "demotes itself", demote=True, start=start),
        loop_stream.run(broken, "retrains on verifier labels", labels=loop_stream.as_heard, start=start),
        loop_stream.oracle(broken),
    ]
    worth = show(
        f"From request {half} on {BEST} answers as {WORST} does: the {len(broken.stream) - half} requests after it",
        courses,
        start[0].usd_scale,
        half,
    )
    assert worth["oracle"] > worth["never retrained"]
