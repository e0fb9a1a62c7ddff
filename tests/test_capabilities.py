import json

import pytest

from router_training.capabilities import USUAL_ANSWER_TOKENS, Requirements, tokens_in, why_not
from router_training.catalogue import load_catalogue
from router_training.contract import DataError, ModelCard
from router_training.learning.policy_files import cards_from_rows, cards_to_rows


def card(**keys):
    return ModelCard("m", 1.0, 1.0, **keys)


def test_a_card_that_has_all_that_is_needed_can_serve():
    able = card(capabilities=frozenset({"text", "vision", "tools"}), languages=frozenset({"en", "de"}))
    asked = Requirements(frozenset({"vision", "tools"}), prompt_tokens=100, language="de")
    assert why_not(able, asked) is None
    assert why_not(card(), Requirements()) is None


def test_missing_capabilities_are_named():
    asked = Requirements(frozenset({"vision", "audio", "text"}))
    assert why_not(card(), asked) == "m lacks audio, vision (its capabilities: text)"


def test_prompt_and_answer_must_fit_the_context_to_the_token():
    fits = Requirements(prompt_tokens=1000, answer_tokens=24)
    assert why_not(card(context_tokens=1024), fits) is None
    assert why_not(card(context_tokens=1023), fits) == (
        "m takes 1,023 tokens, but the prompt has about 1,000 and the answer needs 24"
    )


def test_a_card_that_declares_no_context_takes_any_length():
    assert why_not(card(), Requirements(prompt_tokens=10**9)) is None


def test_the_room_for_the_answer_is_the_requests_else_the_cards_else_the_usual():
    full = Requirements(prompt_tokens=1000)
    assert why_not(card(context_tokens=1000 + USUAL_ANSWER_TOKENS), full) is None
    assert why_not(card(context_tokens=999 + USUAL_ANSWER_TOKENS), full) is not None
    assert why_not(card(context_tokens=1010, max_tokens=10), full) is None
    assert (
        why_not(card(context_tokens=1000, max_tokens=10), Requirements(prompt_tokens=1000, answer_tokens=0))
        is None
    )


def test_the_system_prompt_of_the_card_takes_room():
    asked = Requirements(prompt_tokens=10, answer_tokens=0)
    assert why_not(card(context_tokens=12, system_prompt="12345678"), asked) is None
    assert why_not(card(context_tokens=11, system_prompt="12345678"), asked) is not None


@pytest.mark.parametrize(
    ("spoken", "wanted", "serves"),
    [
        ((), "sw", True),
        (("en",), None, True),
        (("de",), "de-CH", True),
        (("pt-BR",), "PT", True),
        (("en", "fr"), "de", False),
    ],
)
def test_a_language_is_asked_for_by_its_primary_subtag_and_no_declaration_means_all(spoken, wanted, serves):
    reason = why_not(card(languages=frozenset(spoken)), Requirements(language=wanted))
    assert (reason is None) == serves
    assert serves or reason == "m does not speak de (its languages: en, fr)"


def test_tokens_are_counted_in_bytes_and_never_rounded_to_nothing():
    assert [tokens_in(text) for text in ("", "a", "abcd", "abcde", "日本", "\ud800")] == [0, 1, 1, 2, 2, 1]


def test_languages_are_read_from_the_models_file_and_saved_with_a_policy(tmp_path):
    path = tmp_path / "models.toml"
    path.write_text('[models.m]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 1\nlanguages = ["en", "de"]\n')
    cards = load_catalogue(path)
    assert cards["m"].languages == {"en", "de"}
    assert cards_from_rows(json.loads(json.dumps(cards_to_rows(cards)))) == cards
    path.write_text('[models.m]\nusd_per_mtok_in = 1\nusd_per_mtok_out = 1\nlanguages = "en"\n')
    with pytest.raises(DataError, match="languages is 'en', but must be a list of language codes"):
        load_catalogue(path)


def test_cards_saved_before_there_were_languages_serve_every_language():
    row = cards_to_rows({"m": card()})[0]
    del row["languages"]
    assert cards_from_rows([row])["m"].languages == frozenset()
