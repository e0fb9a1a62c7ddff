"""Plurals, past forms, articles, and choosing the right word."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import alternatives, say

_PLURAL = (
    'What is the plural of "{w}"?',
    "Give the plural form of {w}.",
    "One {w}, two ...?",
    "Write the plural of the noun {w}.",
    "How do you say more than one {w}?",
)
_PAST = (
    'What is the simple past of "{w}"?',
    "Put the verb {w} into the simple past.",
    "Past tense of {w}?",
    "Today I {w}, yesterday I ...?",
    "Give the simple past form of the verb '{w}'.",
)
_PARTICIPLE = (
    'What is the past participle of "{w}"?',
    "Give the past participle of {w}.",
    "Fill in the verb {w}: I have ___.",
    "Past participle of the verb {w}?",
    "Which form of {w} follows 'has' in the present perfect?",
)
_CHOICE = (
    "Choose the right word ({labels}): {t}",
    "{t} Which fits the gap: {labels}?",
    "Fill the gap with {labels}: {t}",
    "Complete correctly with one of {labels}. {t}",
    "Which is correct in this sentence, {labels}? {t}",
)
_PLURALS = (
    {
        "cat": "cats",
        "dog": "dogs",
        "book": "books",
        "table": "tables",
        "lamp": "lamps",
        "tree": "trees",
        "cup": "cups",
        "road": "roads",
    },
    {
        "box": "boxes",
        "city": "cities",
        "watch": "watches",
        "baby": "babies",
        "bus": "buses",
        "toy": "toys",
        "lady": "ladies",
        "dish": "dishes",
    },
    {
        "child": "children",
        "man": "men",
        "foot": "feet",
        "mouse": "mice",
        "wife": "wives",
        "leaf": "leaves",
        "tooth": "teeth",
        "knife": "knives",
    },
)
_PASTS = (
    {
        "walk": "walked",
        "play": "played",
        "jump": "jumped",
        "open": "opened",
        "cook": "cooked",
        "look": "looked",
        "help": "helped",
    },
    {
        "stop": "stopped",
        "cry": "cried",
        "go": "went",
        "eat": "ate",
        "see": "saw",
        "plan": "planned",
        "run": "ran",
        "take": "took",
    },
    {
        "catch": "caught",
        "teach": "taught",
        "swim": "swam",
        "fly": "flew",
        "bring": "brought",
        "freeze": "froze",
        "buy": "bought",
    },
)
_PARTICIPLES = {
    "write": "written", "swim": "swum", "drink": "drunk", "forget": "forgotten|forgot", "steal": "stolen", "lie": "lain", "tear": "torn",
    "sink": "sunk", "shake": "shaken", "ring": "rung", "weave": "woven|weaved", "hide": "hidden|hid", "bite": "bitten|bit", "wear": "worn",
}  # fmt: skip
_GAPS: tuple[tuple[int, str, str, str], ...] = (
    (1, "She ___ to school every day.", "goes", "go"), (1, "They ___ my friends.", "are", "is"),
    (1, "I saw ___ elephant at the zoo.", "an", "a"), (1, "He ___ a new car.", "has", "have"),
    (1, "We ___ at home yesterday.", "were", "was"), (1, "This is ___ useful book.", "a", "an"),
    (2, "The dog wagged ___ tail.", "its", "it's"), (2, "___ going to rain soon.", "It's", "Its"),
    (2, "Is this ___ coat?", "your", "you're"), (2, "They forgot ___ keys.", "their", "there"),
    (2, "She sings ___ than her brother.", "better", "more good"), (2, "There are ___ people here today.", "many", "much"),
    (3, "He speaks English very ___.", "well", "good"), (3, "I have lived here ___ ten years.", "for", "since"),
    (3, "There is ___ milk left than yesterday.", "less", "fewer"), (3, "The news had no ___ on him.", "effect", "affect"),
    (3, "She is older ___ me.", "than", "then"), (3, "I look forward to ___ you.", "seeing", "see"),
    (4, "If I ___ rich, I would travel.", "were", "am"), (4, "Neither of the boys ___ ready.", "is", "are"),
    (4, "The man ___ car was stolen called.", "whose", "who's"), (4, "He suggested ___ early.", "leaving", "to leave"),
    (4, "Hardly had I sat down ___ the bell rang.", "when", "than"), (4, "Between you and ___, it is wrong.", "me", "I"),
    (5, "The list of names ___ on the desk.", "is", "are"), (5, "I wish I ___ known that.", "had", "have"),
    (5, "To ___ did you give the book?", "whom", "who"), (5, "The committee insisted that he ___ present.", "be", "is"),
    (5, "Each of the players ___ a number.", "has", "have"), (5, "No sooner had we left ___ it snowed.", "than", "when"),
    (5, "By next May she ___ here for ten years.", "will have worked", "works"),
)  # fmt: skip


def _form(rng: Random, level: int) -> Draft:
    if level >= 4:
        word, answer = rng.choice(list(_PARTICIPLES.items()))
        return Draft(
            say(rng, _PARTICIPLE, w=word),
            alternatives(*answer.split("|")),
            "exact_normalised",
            "participle" + word,
        )
    table, wordings = (_PLURALS, _PLURAL) if rng.random() < 0.5 else (_PASTS, _PAST)
    word, answer = rng.choice(list(table[level - 1].items()))
    return Draft(say(rng, wordings, w=word), answer, "exact_normalised", wordings[0] + word)


def draw(rng: Random, level: int) -> Draft:
    """Draw a form (regular, then irregular) or a gap with two candidates."""
    if rng.random() < 0.6:
        return _form(rng, level)
    _, text, right, wrong = rng.choice([row for row in _GAPS if row[0] == level])
    labels = rng.sample([right, wrong], 2)
    reference = json.dumps({"label": right, "labels": labels})
    return Draft(say(rng, _CHOICE, t=text, labels=" or ".join(labels)), reference, "choice", text)
