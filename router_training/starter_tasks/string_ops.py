"""Reverse, pick letters, make acronyms, replace, change case."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import WORDS, pick, say

_UPPER = (
    'Write "{w}" in capital letters.',
    "Turn '{w}' into upper case.",
    "Uppercase this: {w}",
    "What is {w} in all caps?",
    "Change {w} to capital letters.",
)
_ENDS = (
    'What is the {n} letter of "{w}"?',
    "Give the {n} letter of the word {w}.",
    "In '{w}', which letter comes {n}?",
    "Name the {n} letter in {w}.",
    "{w}: {n} letter?",
)
_ACRONYM = (
    "Make an acronym from: {w}",
    'Which acronym do the first letters of "{w}" form?',
    "Take the first letter of each word in '{w}' and join them.",
    "Abbreviate {w} by its initials.",
    "Initials of: {w}?",
)
_JOIN = (
    "Join these words with {how}: {w}",
    "Write {w} as one string separated by {how}.",
    "Put {how} between the words: {w}",
    "Connect {w} using {how}.",
    "Combine the words {w} into one, with {how} between them.",
)
_REPLACE = (
    "Replace every '{a}' by '{b}' in \"{w}\".",
    "In {w}, change each {a} to {b}. What do you get?",
    "Swap all {a} for {b} in the word {w}.",
    "Write {w} with every letter {a} turned into {b}.",
    "Substitute {b} for {a} throughout '{w}'.",
)
_REVERSE = (
    'Reverse the word "{w}".',
    "Spell {w} backwards.",
    "Write '{w}' from the last letter to the first.",
    "What is {w} in reverse?",
    "Turn the letters of {w} around.",
)
_REVERSE_WORDS = (
    "Reverse the order of the words: {w}",
    "Write these words in the opposite order: {w}",
    'Say "{w}" with the last word first and the first word last.',
    "Reorder from last to first: {w}",
    "Give the words of '{w}' backwards, word by word.",
)
_PLACES = ("first", "last", "second", "third", "fourth", "fifth")


def _letter(rng: Random, word: str, hard: bool) -> Draft:
    place = rng.choice(_PLACES[2:] if hard else _PLACES[:2])
    letter = word[-1] if place == "last" else word[(*_PLACES[:1], *_PLACES[2:]).index(place)]
    return Draft(say(rng, _ENDS, n=place, w=word), letter, "exact_normalised", place + word)


def _easy(rng: Random, word: str) -> Draft:
    if rng.random() < 0.5:
        return _letter(rng, word, hard=False)
    return Draft(say(rng, _UPPER, w=word), word.upper(), "exact_case", "upper" + word)


def _phrases(rng: Random, count: int) -> Draft:
    words = pick(rng, WORDS, count)
    if rng.random() < 0.5:
        shown = " ".join(word.capitalize() for word in words)
        acronym = "".join(word[0] for word in words)
        return Draft(say(rng, _ACRONYM, w=shown), acronym, "acronym", shown)
    how, sign = rng.choice([("hyphens", "-"), ("underscores", "_"), ("a plus sign", "+"), ("a slash", "/")])
    return Draft(say(rng, _JOIN, how=how, w=", ".join(words)), sign.join(words), "exact_case", str(words))


def _replace(rng: Random, word: str) -> Draft:
    a, b = rng.choice(word), rng.choice("xkuz")
    return Draft(say(rng, _REPLACE, a=a, b=b, w=word), word.replace(a, b), "exact_normalised", a + b + word)


def draw(rng: Random, level: int) -> Draft:
    """Draw an operation; those that need single letters come late."""
    word = rng.choice(WORDS)
    if level == 1:
        return _easy(rng, word)
    if level == 2:
        return _phrases(rng, 3)
    if level == 3:
        return _letter(rng, word, hard=True) if rng.random() < 0.5 else _phrases(rng, 4)
    if level == 4:
        words = pick(rng, WORDS, rng.randint(3, 5))
        backwards = " ".join(reversed(words))
        prompt = say(rng, _REVERSE_WORDS, w=" ".join(words))
        return (
            _replace(rng, word) if rng.random() < 0.5 else Draft(prompt, backwards, "word_order", str(words))
        )
    if rng.random() < 0.3:
        return _replace(rng, word)
    return Draft(say(rng, _REVERSE, w=word), word[::-1], "exact_normalised", "reverse" + word)
