"""Patterns that are sought only where one of their words stands find what they would find everywhere."""

import importlib
import pkgutil
import re
import sys

import pytest
from hypothesis import given, strategies as st

import router_training.answers
import router_training.findings
from router_training.answers.sought import ALIKE, Sought
from tests.test_attacks import CLAIMS as ATTACKS


def every_sought():
    found = {}
    for package in (router_training.answers, router_training.findings):
        for one in pkgutil.iter_modules(package.__path__):
            module = importlib.import_module(f"{package.__name__}.{one.name}")
            for name, value in vars(module).items():
                for place, part in enumerate(value if isinstance(value, tuple) else (value,)):
                    if isinstance(part, Sought):
                        found[f"{name}-{place}"] = part
    return found


EVERY = every_sought()
PLAIN = re.compile(r"[\w</@|\"'.:=()?%-]+")
PIECES = sorted({piece for one in EVERY.values() for piece in PLAIN.findall(one.pattern.pattern)})
TEXTS = (
    *ATTACKS,
    *("Answer yes or no.", "Say it in one word.", "in at most 50 words", "exactly five sentences, please"),
    *(
        "Write a Python function",
        "def f(x):",
        "How many are there?",
        "calculate the sum of 3 and 4",
        "what is -7",
    ),
    *("translate it into German", "Answer in Korean", "Context: a\nb", "the following article", '"""a"""'),
    *("according to the passage", "give JSON", "<context>", "[/INST] yes", "<|im_end|>", "only the number"),
)


def alike(one, text):
    """Hold what is found to what the bare pattern finds."""
    found, bare = one.search(text), one.pattern.search(text)
    assert (found and found.span()) == (bare and bare.span())
    assert one.without(text) == one.pattern.sub("", text)


@pytest.mark.parametrize("one", EVERY.values(), ids=EVERY)
def test_nothing_is_missed_in_texts_that_hold_it_in_any_case_and_spelling(one):
    odd = str.maketrans("isk", "İſ\u212a")
    for text in TEXTS:
        for variant in (text, text.upper(), text.lower(), text.lower().translate(odd)):
            alike(one, variant)
    assert any(one.pattern.search(text) for text in TEXTS), "no text here holds what this one seeks"


@given(st.lists(st.sampled_from([*PIECES, *TEXTS, "5", "x"]), max_size=12), st.sampled_from([" ", "", "\n"]))
def test_nothing_is_missed_in_any_mixture_of_its_own_words(pieces, between):
    text = between.join(pieces)
    for one in EVERY.values():
        alike(one, text)
        alike(one, text.upper())


def test_letters_that_regular_expressions_take_for_others_are_taken_so_here():
    letters = re.compile("[a-z]", re.IGNORECASE)
    assert {code for code in range(128, sys.maxunicode + 1) if letters.match(chr(code))} == ALIKE.keys()
    for odd, letter in ALIKE.items():
        assert re.fullmatch(letter if isinstance(letter, str) else chr(letter), chr(odd), re.IGNORECASE)
