import io

import numpy as np
import pytest
from rich.console import Console

from router_training.evaluation import evaluate_choices
from router_training.judging.controls import Grid
from router_training.judging.curve_figure import curve_figure, headline, subtitle
from router_training.report import (
    draw_curve,
    draw_reliability,
    headline_figures,
    render_candidates,
    render_slices,
    render_table,
)

DIALS = np.array([0.0, 0.5, 0.8, 1.0])


def evaluation(
    *, skill=0.9, models=("small", "large"), prices=(1.0, 10.0), n=400, n_boot=100, twin=True, seed=0
):
    """A router that asks a model that is right with probability `skill`, more and more as the dial rises."""
    rng = np.random.default_rng(seed)
    m = len(models)
    quality = (rng.random((n, m)) < np.linspace(0.4, 0.7, m)).astype(float)
    usd = np.array(prices) * rng.uniform(0.8, 1.2, (n, m)) / 1000
    grid = Grid(tuple(models), quality, usd, usd * 100, ("maths",) * (n - 9) + ("[odd]",) * 9)
    p = np.where(rng.random((n, m)) < skill, quality, rng.random((n, m)))
    blind = rng.random((n, m))
    scale = max(*prices, 1e-9) / 1000
    routes = [np.stack([(d * q - (1 - d) * usd / scale).argmax(axis=1) for d in DIALS]) for q in (p, blind)]
    return evaluate_choices(
        grid,
        routes[0],
        DIALS,
        twin_choices=routes[1] if twin else None,
        p_success=p,
        n_boot=n_boot,
        seed=seed,
    )


def printed(table, width=120):
    console = Console(width=width, file=io.StringIO())
    console.print(table)
    return console.file.getvalue()


CASES = {
    "two models": {},
    "no twin, no intervals": {"twin": False, "n_boot": 0},
    "a free model": {"prices": (0.0, 10.0)},
    "equal prices": {"prices": (1.0, 1.0)},
    "all free": {"prices": (0.0, 0.0)},
    "names that look like mathematics": {"models": ("a$b_1$", "c_2$d$")},
    "twelve models": {
        "models": tuple(f"model-{i}" for i in range(12)),
        "prices": tuple(1.3**i for i in range(12)),
    },
    "four decades of cost": {"prices": (0.01, 100.0)},
}


@pytest.mark.parametrize("case", CASES)
def test_every_evaluation_can_be_drawn_and_printed(tmp_path, case):
    found = evaluation(**CASES[case])
    draw_curve(found, tmp_path / "curve.png")
    draw_reliability(found, tmp_path / "reliability.png")
    for name in ("curve.png", "reliability.png"):
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")
    assert "always" in printed(render_table(found))


def test_the_suffix_chooses_the_format(tmp_path):
    draw_curve(evaluation(), tmp_path / "curve.svg")
    assert "<svg" in (tmp_path / "curve.svg").read_text()


def test_every_model_is_named_in_the_picture_and_no_names_overlap():
    found = evaluation(models=("alpha", "beta", "gamma", "delta"), prices=(1.0, 1.1, 5.0, 5.2))
    axes = curve_figure(found).axes[0]
    names = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert {"alpha", "beta", "gamma", "delta", "dial 0.8"} <= set(names)
    extents = [names[name] for name in ("alpha", "beta", "gamma", "delta")]
    assert not any(one.overlaps(two) for i, one in enumerate(extents) for two in extents[i + 1 :])


def test_the_picture_shows_all_controls():
    axes = curve_figure(evaluation()).axes[0]
    labels = set(axes.get_legend_handles_labels()[1])
    assert labels == {"router", "shuffled labels", "best mix of models", "oracle", "single model"}


def test_the_title_claims_only_what_the_interval_bears_out():
    found = evaluation(skill=0.95)
    assert "of its cost" in headline(found)
    assert f"95%: {found.cost_at_best.low:.0%} to {found.cost_at_best.high:.0%};" in subtitle(found)
    assert headline(evaluation(skill=0.0)).startswith(("No evidence", "Routing loses"))
    assert headline(evaluation(skill=0.95, n_boot=0)).startswith("No evidence")


def test_the_table_holds_constants_dials_and_controls():
    text = printed(render_table(evaluation()))
    for row in (
        "always small (cheapest)",
        "always large (best)",
        "router, dial 0.80",
        "labels shuffled",
        "oracle",
    ):
        assert row in text
    assert "hull lift over mixes" in text


def test_the_figures_name_the_twin_and_the_interval():
    text = "\n".join(headline_figures(evaluation()))
    assert "with labels shuffled" in text and "AIQ" in text and "100 paired resamples" in text


def test_a_small_slice_is_dim_but_there():
    table = render_slices(evaluation())
    assert [row.style for row in table.rows] == [None, "dim"]
    assert "[odd]" in printed(table)


def test_candidates_are_listed_and_the_chosen_one_is_bold():
    rows = [
        {
            "candidate": name,
            "lift": 0.02,
            "gain": 0.01,
            "gain_se": 0.002,
            "brier": 0.2,
            "ece": 0.03,
            "auc": auc,
        }
        for name, auc in (("constant", None), ("logistic [C=0.1]", 0.7))
    ]
    table = render_candidates({"winner": "logistic [C=0.1]", "candidates": rows})
    assert [row.style for row in table.rows] == [None, "bold"]
    assert "logistic [C=0.1] (chosen)" in printed(table)
