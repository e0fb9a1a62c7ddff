"""Count letters, words, things in a list, or numbers with a property."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import WORDS, pick, say

_LETTER = (
    "How many times does the letter '{c}' occur in \"{w}\"?",
    "Count the letter {c} in the word {w}.",
    "Number of '{c}' in '{w}'?",
    "In the word {w}, how often do you see the letter {c}?",
    "Tell me how many {c}'s there are in {w}.",
)
_LENGTH = (
    'How many letters does the word "{w}" have?',
    "Count the letters in {w}.",
    "What is the length of the word '{w}'?",
    "Number of letters in {w}?",
    "{w}: how many letters is that?",
)
_ITEMS = (
    "How many items are in this list: {x}?",
    "Count the words: {x}",
    "{x}. How many things did I name?",
    "Number of entries in: {x}?",
    "How long is this list? {x}",
)
_REPEATED = (
    "How many times does {w} appear in this list: {x}?",
    "Count how often {w} occurs: {x}",
    'In "{x}", how many times is {w} mentioned?',
    "{x}\nHow many of these are {w}?",
    "Number of times you read {w} here: {x}?",
)
_PROPERTY = (
    "How many of these numbers are {p}: {x}?",
    "Count the {p} numbers in {x}.",
    "{x}: how many are {p}?",
    "In the list {x}, how many values are {p}?",
    "Number of {p} entries among {x}?",
)


def _property(rng: Random, count: int) -> Draft:
    numbers, limit = rng.sample(range(1, 100), count), rng.choice([20, 30, 50, 70])
    tests = {
        "even": [n for n in numbers if n % 2 == 0],
        "odd": [n for n in numbers if n % 2],
        f"greater than {limit}": [n for n in numbers if n > limit],
        f"less than {limit}": [n for n in numbers if n < limit],
    }
    name, found = rng.choice(list(tests.items()))
    shown = ", ".join(map(str, numbers))
    return Draft(say(rng, _PROPERTY, x=shown, p=name), str(len(found)), "numeric", shown + name)


def _repeated(rng: Random, count: int) -> Draft:
    kinds = pick(rng, WORDS, 3)
    items = [rng.choice(kinds) for _ in range(count)]
    word, shown = rng.choice(items), ", ".join(items)
    return Draft(say(rng, _REPEATED, x=shown, w=word), str(items.count(word)), "numeric", shown + word)


def draw(rng: Random, level: int) -> Draft:
    """Draw a count; longer lists and letters inside words are harder."""
    word = rng.choice(WORDS)
    if level == 1:
        if rng.random() < 0.5:
            return Draft(say(rng, _LENGTH, w=word), str(len(word)), "numeric", "len" + word)
        items = ", ".join(pick(rng, WORDS, rng.randint(3, 5)))
        return Draft(say(rng, _ITEMS, x=items), str(items.count(",") + 1), "numeric", items)
    if level == 2:
        letter = rng.choice(word)
        return Draft(say(rng, _LETTER, c=letter, w=word), str(word.count(letter)), "numeric", letter + word)
    count = (6, 8, 11)[level - 3]
    return _property(rng, count) if rng.random() < 0.6 else _repeated(rng, count)
