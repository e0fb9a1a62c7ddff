"""Routing without learning: the task type names a role, the role a model."""

import math

import pytest
from hypothesis import given, strategies as st

from orchestrator import strategies
from orchestrator.moves import Situation
from orchestrator.roles import RoleForecaster, TypeRoutes, card_for
from router_training.contract import ModelCard, Task

prices = st.floats(0, 1000)
catalogues = st.lists(st.tuples(prices, prices), min_size=1, max_size=5).map(
    lambda rows: {f"m{i}": ModelCard(f"m{i}", *row) for i, row in enumerate(rows)}
)
UNMARKED = {"b": ModelCard("b", 1, 5), "a": ModelCard("a", 1, 1), "c": ModelCard("c", 9, 9)}


@given(catalogues, st.sampled_from(["quick", "complex", "cheap", "essay", None]))
def test_at_the_usual_dial_the_chosen_card_wins_at_any_prices(catalogue, task_type):
    role = {"quick": "fast", "complex": "strong"}.get(task_type, "cheap")
    task = Task("hi", task_type=task_type)
    move = strategies.load("cascade")(Situation(task, RoleForecaster(catalogue)(task)))
    assert move.models == (card_for(role, catalogue).name,)


@pytest.mark.parametrize(("role", "name"), [("strong", "c"), ("cheap", "a"), ("fast", "a")])
def test_without_roles_price_decides(role, name):
    assert card_for(role, UNMARKED).name == name


def test_a_role_in_the_card_or_its_name_goes_before_price():
    assert card_for("strong", {**UNMARKED, "d": ModelCard("d", 0, 0, roles=("fast", "strong"))}).name == "d"
    assert card_for("strong", {**UNMARKED, "strong": ModelCard("strong", 0, 0)}).name == "strong"


def test_nothing_is_known_so_everything_is_novel_no_latency_forecast_and_the_price_grows_with_the_prompt():
    short, long = (RoleForecaster(UNMARKED)(Task("x" * n))[0] for n in (40, 4000))
    assert short.novelty == long.novelty == 1.0 and math.isnan(short.latency_s)
    assert long.usd - short.usd == pytest.approx(UNMARKED["b"].usd(990, 0), rel=1e-9)


def test_a_type_points_to_the_card_of_its_role_then_to_the_best_of_training():
    cards = {"a": ModelCard("a", 1, 1, roles=("strong", "code")), "b": ModelCard("b", 1, 1)}
    routes = TypeRoutes(cards, lambda task_type, dial: "b" if task_type == "poem" else None)
    assert routes("complex", 0.5) == routes("code", 0.5) == "a"
    assert routes("b", 0.5) == routes("poem", 0.5) == "b"
    assert routes("unheard of", 0.5) is None and routes(None, 0.5) is None
    assert TypeRoutes(cards)("poem", 0.5) is None
