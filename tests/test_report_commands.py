"""`report`, `inspect` and `what-if` as a user types them."""

import json

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def outcomes(more_of_two_kinds, tmp_path_factory):
    """Return a file of 120 tasks."""
    path = tmp_path_factory.mktemp("data") / "outcomes.parquet"
    more_of_two_kinds.take(range(120)).to_parquet(path)
    return path


@pytest.fixture(scope="module")
def router(two_kinds_policy, tmp_path_factory):
    """Return the folder of a router that knows nothing of those tasks."""
    folder = tmp_path_factory.mktemp("router")
    two_kinds_policy.save(folder / "policy")
    return folder


def test_report_writes_the_page_and_compares_dials_and_strategies(run, outcomes, router, tmp_path):
    compared = ("--dial", "0.5", "--dial", "0.8", "--strategies", "cost_based", "--against", router)
    code, out, err = run(
        "report", outcomes, "--router", router, "--out", tmp_path, "--resamples", "100", *compared
    )
    assert code == 0, err
    assert "Routing" in out and "report.html opens in any browser" in out
    found = json.loads((tmp_path / "comparison.json").read_text())
    assert found["n_tasks"] == 120 and len(found["rows"]) == 2 * 2 + 2
    ours, theirs = found["rows"][1], found["rows"][5]
    assert theirs["name"] == "cost_based, dial 0.8"
    assert theirs["quality"] == pytest.approx(ours["quality"]) and theirs["usd"] == pytest.approx(
        ours["usd"], rel=1e-6
    )


def test_report_refuses_a_dial_out_of_range_before_anything_slow(run, outcomes, router):
    code, _, err = run("report", outcomes, "--router", router, "--dial", "1.5")
    assert code == 2 and "1.5" in err and "Traceback" not in err


def test_inspect_prints_json_and_a_verdict(run, outcomes):
    code, out, err = run("inspect", outcomes, "--json", "--against", outcomes)
    assert code == 0, err
    found = json.loads(out)
    assert found["n_tasks"] == 120 and "first mend" in found["verdict"]
    assert "120 of 120 tasks are in that file too" in json.dumps(found)


def test_what_if_shows_both_frontiers(run, router, tmp_path):
    prices = tmp_path / "new.toml"
    prices.write_text("[models.large]\nusd_per_mtok_in = 1.0\nusd_per_mtok_out = 2.0\n")
    code, out, _ = run("what-if", "--router", router, "--prices", prices, "--add-model", "other=small+0.05")
    assert code == 0 and "always other" in out and "With these changes" in out
    assert "tasks of the training part, each forecast by models fitted without it" in out
    code, out, _ = run("what-if", "--router", router, "--drop-model", "nobody")
    assert code == 2
    code, out, _ = run("what-if", "--router", router, "--prices", prices, "--json")
    assert {"schema", "before", "after"} == set(json.loads(out))


def test_what_if_without_a_change_says_that_there_is_nothing_to_compare(run, router, tmp_path):
    unused = tmp_path / "unused.toml"
    unused.write_text("[models.nobody]\nusd_per_mtok_in = 1.0\nusd_per_mtok_out = 2.0\n")
    for words in ((), ("--prices", unused)):
        code, out, _ = run("what-if", "--router", router, *words)
        assert code == 0 and "Nothing is changed" in out and "With these changes" not in out


@pytest.mark.parametrize("command", ["report", "evaluate"])
@pytest.mark.parametrize(("other", "has"), [("small", "only small"), ("tiny", "none")])
def test_outcomes_of_other_models_than_the_router_chooses_among_are_named(
    run, outcomes, router, tmp_path, command, other, has
):
    own = tmp_path / "own.parquet"
    frame = pd.read_parquet(outcomes)
    models = {"large": "huge", "small": other}
    frame.assign(model=frame["model"].map(models)).to_parquet(own)
    code, _, err = run(command, own, "--router", router, "--out", tmp_path / "out")
    assert code == 2 and f"chooses among large, small, of which {own} has {has} (" in err
    assert f"this router ({router})" in err and "--router" in err and f"`pointsman train {own}`" in err
