import numpy as np
import pandas as pd
import pytest

from router_training.catalogue import (
    USUAL_COMPLETION_TOKENS,
    catalogue_from_outcomes,
    load_catalogue,
    price_digest,
    require_cards,
    usd_per_call,
)
from router_training.contract import DataError, ModelCard
from router_training.outcomes import OutcomeTable

PRICES = "usd_per_mtok_in = 0.15\nusd_per_mtok_out = 0.6\n"


def table(**columns):
    n = len(next(iter(columns.values())))
    frame = pd.DataFrame({"task_id": [f"t{i}" for i in range(n)], "prompt": [f"p{i}" for i in range(n)]})
    return OutcomeTable.from_frame(frame.assign(model="m", quality=1.0, **columns))


def write(tmp_path, text):
    path = tmp_path / "models.toml"
    path.write_text(text)
    return path


def test_cards_are_read_in_the_order_of_the_file(tmp_path):
    text = f'[models.zeta]\n{PRICES}[models."llama3:8b"]\n{PRICES}capabilities = ["text", "code"]\nroles = ["judge"]\n'
    cards = load_catalogue(write(tmp_path, text))
    assert list(cards) == ["zeta", "llama3:8b"]
    assert cards["llama3:8b"] == ModelCard(
        "llama3:8b", 0.15, 0.6, capabilities=frozenset({"text", "code"}), roles=("judge",)
    )


BAD = {
    "broken TOML": ("[models.m\n", "is not valid TOML"),
    "no model": ("title = 1\n", "names no model (found: title)"),
    "a model that is no table": ("[models]\nm = 3\n", "3 is not a table"),
    "an unknown key": (f"[models.m]\n{PRICES}price = 1\n", "[models.m]: unknown key 'price'"),
    "a missing price": ("[models.m]\nusd_per_mtok_in = 1\n", "usd_per_mtok_out is missing"),
    "a negative price": ("[models.m]\nusd_per_mtok_in = -1\nusd_per_mtok_out = 1\n", "usd_per_mtok_in is -1"),
    "a price in words": (
        '[models.m]\nusd_per_mtok_in = "1"\nusd_per_mtok_out = 1\n',
        "usd_per_mtok_in is '1'",
    ),
    "an infinite price": (
        "[models.m]\nusd_per_mtok_in = inf\nusd_per_mtok_out = 1\n",
        "usd_per_mtok_in is inf",
    ),
    "no context": (f"[models.m]\n{PRICES}context_tokens = 0\n", "context_tokens is 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_models_file_is_refused_with_its_place_and_rule(tmp_path, case):
    text, sentence = BAD[case]
    with pytest.raises(DataError) as caught:
        load_catalogue(write(tmp_path, text))
    assert sentence in str(caught.value)
    assert "models.toml" in str(caught.value) and "\n" not in str(caught.value)


def test_a_models_file_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(DataError, match="is a directory"):
        load_catalogue(tmp_path)
    with pytest.raises(DataError, match="does not exist"):
        load_catalogue(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(DataError, match="not UTF-8"):
        load_catalogue(tmp_path / "latin.toml")


def test_prices_are_recovered_from_costs_and_tokens():
    read, written = np.array([100.0, 200, 50, 400]), np.array([10.0, 400, 30, 5])
    outcomes = table(prompt_tokens=read, completion_tokens=written, cost_usd=(2 * read + 8 * written) / 1e6)
    card = catalogue_from_outcomes(outcomes)["m"]
    assert (card.usd_per_mtok_in, card.usd_per_mtok_out) == (2.0, 8.0)


def test_without_tokens_a_completion_of_the_usual_length_costs_what_a_call_did():
    card = catalogue_from_outcomes(table(cost_usd=[0.01, 0.03]))["m"]
    assert card.usd(500, USUAL_COMPLETION_TOKENS) == pytest.approx(0.02)


def test_where_only_completions_are_counted_they_carry_the_cost():
    card = catalogue_from_outcomes(table(completion_tokens=[10, 30], cost_usd=[0.01, 0.03]))["m"]
    assert (card.usd_per_mtok_in, card.usd_per_mtok_out) == (0.0, 1000.0)


def test_without_costs_the_price_is_unknown():
    with pytest.raises(DataError, match="'m' has no cost_usd"):
        catalogue_from_outcomes(table(prompt_tokens=[1, 2]))


def test_a_model_without_a_card_is_named():
    cards = {"m": ModelCard("m", 1, 1)}
    require_cards(cards, ["m"])
    with pytest.raises(DataError, match=r"no card for 'n' \(found: m\)"):
        require_cards(cards, ["m", "n"])


def test_recorded_costs_win_and_missing_ones_are_priced():
    outcomes = table(cost_usd=[0.5, np.nan], prompt_tokens=[1e6, 1e6], completion_tokens=[0, 1e6])
    np.testing.assert_allclose(usd_per_call(outcomes, {"m": ModelCard("m", 1, 2)}), [[0.5], [3.0]])
    np.testing.assert_array_equal(usd_per_call(outcomes), outcomes.cost_usd)


def test_the_price_digest_follows_prices_only():
    one, two = ModelCard("a", 1, 2), ModelCard("b", 3, 4)
    assert price_digest({"a": one, "b": two}) == price_digest({"b": two, "a": ModelCard("a", 1, 2, 100)})
    assert price_digest({"a": one}) != price_digest({"a": ModelCard("a", 1, 2.5)})


def test_of_ten_thousand_models_without_a_card_the_first_are_named_and_the_others_counted():
    known = {"card": ModelCard("card", 1.0, 2.0)}
    with pytest.raises(DataError, match=r"no card for 'm0', .*'m7' and 9,992 more \(found: card\)"):
        require_cards(known, [f"m{n}" for n in range(10_000)])
