"""Is a review positive, negative or neutral."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "Is this review positive, negative or neutral? {t}",
    "{t}\nSentiment (positive, negative or neutral)?",
    "Classify the sentiment as positive, negative or neutral: {t}",
    "Label the feeling of this text with positive, negative or neutral. {t}",
    'How does the writer feel: positive, negative or neutral? "{t}"',
    "Sentiment check. Text: {t} Options: positive, negative, neutral.",
)
_PRODUCTS = [
    "phone",
    "hotel",
    "lamp",
    "jacket",
    "cafe",
    "laptop",
    "blender",
    "film",
    "train",
    "chair",
    "printer",
    "course",
    "tent",
    "kettle",
    "bike",
]
_TEXTS: tuple[tuple[int, str, str], ...] = (
    (1, "positive", "I love this {p}, it is wonderful!"),
    (1, "positive", "Excellent {p}. Best I have ever had."),
    (1, "negative", "Terrible {p}. A complete waste of money."),
    (1, "negative", "I hate this {p}; it was awful from day one."),
    (1, "positive", "Great {p}, very happy with it."),
    (1, "negative", "The worst {p} ever, I am so disappointed."),
    (2, "neutral", "The {p} is located on the second floor."),
    (2, "neutral", "The {p} was delivered on Tuesday in a brown box."),
    (2, "positive", "This {p} does all it promises and a little more."),
    (2, "negative", "After two weeks the {p} stopped working and nobody answered my calls."),
    (2, "negative", "I would not recommend this {p} to anyone."),
    (2, "positive", "I would buy the same {p} again without thinking."),
    (3, "positive", "I was sceptical about the {p}, but it won me over completely."),
    (3, "negative", "The {p} looks nice, sadly it is useless in practice."),
    (3, "positive", "Not bad at all, this {p}; I keep smiling when I see it."),
    (3, "negative", "I expected so much more of this {p} for the price."),
    (3, "neutral", "The {p} comes in three sizes and two colours."),
    (3, "neutral", "My order of the {p} has the number 4471."),
    (4, "negative", "If you enjoy wasting an afternoon, this {p} is just the thing."),
    (4, "positive", "I cannot find anything to complain about in this {p}."),
    (4, "negative", "Oh great, another {p} that breaks on the first day."),
    (4, "positive", "My only regret is that I did not get this {p} sooner."),
    (4, "neutral", "The {p} is neither better nor worse than the one before."),
    (4, "neutral", "Some liked the {p}, some did not; I have no opinion."),
    (5, "negative", "The {p} would be perfect if it actually worked."),
    (5, "positive", "They will have to pry this {p} out of my hands."),
    (5, "negative", "I have seen better {p} reviews written by the people who sell it."),
    (5, "positive", "I wanted to dislike the {p} and failed."),
    (5, "neutral", "The {p} is what it says on the label, no more and no less."),
    (5, "negative", "The best part of the {p} was sending it back."),
)


def draw(rng: Random, level: int) -> Draft:
    """Draw a plain verdict (1) up to irony and understatement (4, 5)."""
    _, label, text = rng.choice([row for row in _TEXTS if row[0] == level])
    shown = text.format(p=rng.choice(_PRODUCTS))
    reference = json.dumps({"label": label, "labels": ["positive", "negative", "neutral"]})
    return Draft(say(rng, _WORDINGS, t=shown), reference, "choice", shown)
