"""`pointsman models`: what is filled in, what the user overrides, and which prices are no longer right."""

from dataclasses import replace
from datetime import date

import pytest
from typer.testing import CliRunner

from orchestrator.cli import app
from router_training.catalogue import load_catalogue
from router_training.contract import DataError, ModelCard, UsageError
from router_training.price_checks import STALE, check_prices
from router_training.prices import Price, look_up, look_up_card, newest_entry

TODAY = date(2026, 11, 23)
PRICE = Price(1.0, 4.0, 0.5, 1000, "a library 1.0", TODAY, "https://example.com/prices")
CARD = ModelCard("m", 1.0, 4.0)


def add(tmp_path, *options, model="openai:gpt-4o-mini"):
    path = tmp_path / "models.toml"
    return path, CliRunner().invoke(app, ["models", "add", model, "--models", str(path), *options])


def said(card, price, today=TODAY):
    return [(one.wrong, one.said) for one in check_prices({card.name: card}, lambda _: price, today)]


def test_price_context_and_capabilities_come_from_the_libraries_with_source_and_day(tmp_path):
    path, done = add(tmp_path)
    card = load_catalogue(path)["gpt-4o-mini"]
    assert (
        0 < card.usd_per_mtok_in < card.usd_per_mtok_out
        and card.usd_per_mtok_in_cached < card.usd_per_mtok_in
    )
    assert card.context_tokens == 128_000 and {"text", "vision", "tools"} <= card.capabilities
    assert card.api_key_env == "OPENAI_API_KEY" and card.prices_source.startswith("genai-prices")
    assert card.prices_date in done.output and "https://" in done.output


def test_what_the_user_says_wins_and_needs_no_library(tmp_path):
    path, done = add(
        tmp_path,
        "--name",
        "mine",
        "--usd-in",
        "0",
        "--usd-out",
        "7",
        "--capability",
        "text",
        "--role",
        "cheap",
    )
    card = load_catalogue(path)["mine"]
    assert (card.usd_per_mtok_in, card.usd_per_mtok_out, card.model) == (0.0, 7.0, "gpt-4o-mini")
    assert card.capabilities == {"text"} and card.roles == ("cheap",) and card.prices_source == "you"
    assert card.usd_per_mtok_in_cached is None and done.exit_code == 0


def test_cards_are_added_behind_what_stands_there(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text("# mine\n[models.a]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 2 # no line end")
    add(tmp_path)
    add(tmp_path, model="anthropic:claude-sonnet-4-5")
    assert path.read_text().startswith("# mine\n") and len(cards := load_catalogue(path)) == 3
    assert cards["claude-sonnet-4-5"].base_url == "https://api.anthropic.com/v1/"


@pytest.mark.parametrize(
    ("model", "options", "complaint"),
    [
        ("gpt-4o-mini", [], "PROVIDER:MODEL"),
        ("openai:gpt-nonsense-9", [], "--usd-in"),
        ("acme:best", ["--usd-in", "1", "--usd-out", "2"], "--base-url"),
    ],
)
def test_what_nobody_knows_is_asked_for(tmp_path, model, options, complaint):
    path, done = add(tmp_path, *options, model=model)
    assert isinstance(done.exception, UsageError) and complaint in str(done.exception) and not path.exists()


def test_a_file_of_comments_gets_its_first_card_and_a_broken_one_is_left_alone(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text("# nothing yet\n")
    assert add(tmp_path)[1].exit_code == 0 and "gpt-4o-mini" in load_catalogue(path)
    for broken in (b"[models", "[models.a]\n# Z\xfcrich".encode("latin-1")):
        path.write_bytes(broken)
        _, done = add(tmp_path)
        assert isinstance(done.exception, DataError) and path.read_bytes() == broken


def test_a_card_is_never_added_twice(tmp_path):
    add(tmp_path)
    path, done = add(tmp_path)
    assert "already" in str(done.exception) and path.read_text().count("[models.") == 1


def test_right_prices_stand_and_wrong_ones_are_named_with_both_values():
    assert said(CARD, PRICE) == [(False, "its prices stand")]
    ((wrong, words),) = said(replace(CARD, usd_per_mtok_out=3.0), PRICE)
    assert wrong and "usd_per_mtok_out is 3, but a library 1.0 says 4" in words and "example.com" in words


def test_stale_missing_and_retired_prices_are_told_apart():
    old = TODAY - 2 * STALE
    assert "upgrade genai-prices" in said(CARD, replace(PRICE, known_on=old))[0][1]
    assert "retires" in said(CARD, replace(PRICE, deprecated=True))[0][1]
    assert "add prices_date" in said(CARD, None)[0][1]
    assert f"are of {old}" in said(replace(CARD, prices_date=str(old)), None)[0][1]
    assert said(replace(CARD, prices_date=str(TODAY)), None) == [(False, f"its prices of {TODAY} stand")]
    free = replace(CARD, usd_per_mtok_in=0.0, usd_per_mtok_out=0.0, prices_date=str(TODAY))
    assert said(free, None) == [(True, "costs nothing, but is not on this machine; give its prices")]
    assert said(replace(free, base_url="http://127.0.0.1:8080/v1"), None)[0][0] is False


def test_check_ends_with_exit_code_1_where_something_is_to_be_done(tmp_path):
    path, _ = add(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("usd_per_mtok_out = 0.6", "usd_per_mtok_out = 6.0"))
    done = CliRunner().invoke(app, ["models", "check", "--models", str(path)])
    assert done.exit_code == 1 and "gpt-4o-mini" in done.output and "0.6" in done.output
    path.write_text(text.replace('prices_date = "2', 'prices_date = "soon'))
    with pytest.raises(DataError, match="prices_date"):
        load_catalogue(path)


def test_a_card_is_looked_up_at_its_own_endpoint():
    card = ModelCard("fast", 1, 1, model="gpt-4o-mini")
    assert look_up_card(card, TODAY) == look_up("openai", "gpt-4o-mini", TODAY)
    assert look_up_card(replace(card, base_url="http://gateway.internal/v1"), TODAY) is None
    assert look_up("openai", "text-embedding-3-small", TODAY) is None  # it writes nothing


def test_the_librarys_newest_entry_never_lies_ahead():
    assert newest_entry(date(2026, 10, 1)) <= date(2026, 10, 1) <= newest_entry(TODAY) <= TODAY
