from dataclasses import replace

import pytest

from router_training.contract import DataError, ModelCard, UsageError
from router_training.guarantee import Claim, Promise, make_promise
from router_training.outcomes import OutcomeTable
from router_training.policy import load_policy


@pytest.fixture(scope="module")
def promising(two_kinds_policy, more_of_two_kinds):
    promise = make_promise(two_kinds_policy, more_of_two_kinds, Claim(0.9, 0.95))
    return replace(two_kinds_policy, promise=promise)


@pytest.mark.parametrize(
    "text", ["quality>=0.97 of best, confidence 0.95", " quality >= .97  of best ,confidence 0.950 "]
)
def test_a_claim_is_read_as_it_is_written(text):
    assert Claim.parse(text) == Claim(0.97, 0.95)
    assert Claim.parse(str(Claim(0.97, 0.95))) == Claim(0.97, 0.95)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("as good as the best", "cannot be read; write"),
        ("quality>=0.9.7 of best, confidence 0.95", "cannot be read"),
        ("quality>=0.97 of best, confidence 0.95 or so", "cannot be read"),
        ("quality>=97 of best, confidence 0.95", "share is 97, but must be above 0 and at most 2"),
        ("quality>=0 of best, confidence 0.95", "share is 0, but"),
        ("quality>=0.97 of best, confidence 1", "confidence is 1, but must lie in"),
        ("quality>=0.97 of best, confidence 0.05", "confidence is 0.05, but must lie in"),
    ],
)
def test_a_claim_that_cannot_be_tested_is_refused_with_its_rule(text, message):
    with pytest.raises(UsageError, match=message):
        Claim.parse(text)


def test_the_promised_dial_is_cheaper_than_the_best_model_and_keeps_its_share(promising):
    promise = promising.promise
    assert promise.best == "large" and promise.n_prompts > 400
    assert promise.quality_share > 0.9 and promise.usd_share < 0.95
    assert promising.promise_status().holds and promising.promise_status(promise.dial).holds
    assert promising.promise_status().sentence.startswith(
        f"Promised: at dial {promise.dial:.3f} at least 90.0%"
    )


def test_a_smaller_share_is_never_promised_at_a_higher_dial(two_kinds_policy, more_of_two_kinds):
    dials = [
        make_promise(two_kinds_policy, more_of_two_kinds, Claim(share, 0.95)).dial
        for share in (0.9, 0.7, 0.4)
    ]
    assert dials == sorted(dials, reverse=True) and dials[0] > dials[-1]


def test_another_dial_is_not_covered(promising):
    found = promising.promise_status(0.123)
    assert not found.holds and "dial 0.123 is not covered: use dial" in found.sentence


def test_a_promise_survives_saving(promising, tmp_path):
    promising.save(tmp_path)
    loaded = load_policy(tmp_path)
    assert loaded.promise == promising.promise and loaded.promise_status() == promising.promise_status()
    assert Promise.from_row(promising.promise.to_row()) == promising.promise


def test_a_promise_is_void_at_other_prices_and_stands_again_at_the_old(promising, tmp_path):
    old = promising.catalogue
    dearer = {**old, "small": replace(old["small"], usd_per_mtok_out=old["small"].usd_per_mtok_out * 1.01)}
    promising.save(tmp_path)
    for changed in (promising.with_catalogue(dearer), load_policy(tmp_path, dearer)):
        found = changed.promise_status()
        assert not found.holds
        assert found.sentence.startswith("The promise is void: prices have changed since it was made")
    assert promising.with_catalogue(dearer).with_catalogue(old).promise_status().holds


def test_a_promise_is_void_for_other_models_and_other_data(promising):
    pool = replace(promising, learned=replace(promising.learned, models=("large", "small", "tiny")))
    assert "was made for large, small, and the router now chooses among large, small, tiny" in (
        pool.promise_status().sentence
    )
    data = replace(promising, metadata={**promising.metadata, "data_digest": "other"})
    assert "trained on other data since" in data.promise_status().sentence
    assert not pool.promise_status().holds and not data.promise_status().holds


def test_without_a_promise_the_status_says_how_to_get_one(two_kinds_policy):
    found = two_kinds_policy.promise_status()
    assert not found.holds and "train with --promise" in found.sentence


def test_too_little_evidence_is_refused_with_the_number_of_labels_that_would_do(
    two_kinds_policy, more_of_two_kinds
):
    with pytest.raises(DataError, match=r"too little to be sure; about [\d,]+ more labelled tasks, one in 5"):
        make_promise(two_kinds_policy, more_of_two_kinds.take(range(24)), Claim(0.9, 0.95))


def test_what_no_number_of_labels_would_support_is_refused_as_that(two_kinds_policy, more_of_two_kinds):
    with pytest.raises(
        DataError, match=r"short of 1.2 of the quality of large, which more labels alone do not mend"
    ):
        make_promise(two_kinds_policy, more_of_two_kinds, Claim(1.2, 0.95))


def test_calibration_must_know_every_model(two_kinds_policy, more_of_two_kinds):
    known = OutcomeTable.from_frame(more_of_two_kinds.frame[more_of_two_kinds.frame["model"] == "large"])
    with pytest.raises(DataError, match="calibration has no outcomes of 'small'"):
        make_promise(two_kinds_policy, known, Claim(0.9, 0.95))


def test_free_models_can_be_promised_of(two_kinds_policy, more_of_two_kinds):
    free = two_kinds_policy.with_catalogue({name: ModelCard(name, 0.0, 0.0) for name in ("large", "small")})
    frame = more_of_two_kinds.frame.assign(cost_usd=0.0)
    assert make_promise(free, OutcomeTable.from_frame(frame), Claim(0.9, 0.95)).usd_share == 1.0
