"""Which topic a headline belongs to."""

from __future__ import annotations

import json
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import say

_WORDINGS = (
    "Topic of this headline ({labels})? {t}",
    "Classify into {labels}: {t}",
    "{t}\nWhich topic fits: {labels}?",
    "Choose the section of the newspaper ({labels}) for: {t}",
    "Put this text in one category out of {labels}. {t}",
    "Headline: {t} Category, one of {labels}:",
)
_TEXTS: dict[str, tuple[str, ...]] = {
    "sports": (
        "Striker scores twice as City win the cup final", "Tennis champion out with a knee injury",
        "Relay team misses gold by a hundredth", "Coach resigns after fifth defeat in a row",
        "Keeper signs until 2028 for a record fee", "Marathon course shortened because of the heat",
        "A cold night, a late whistle, and one point for each side", "Rookie sits out the season over contract row",
        "Doping test clears cyclist before the mountain stage", "Stadium roof to be closed for the derby",
    ),
    "business": (
        "Shares fall as bank reports a loss", "Carmaker to cut 3,000 jobs", "Retailer buys rival for two billion",
        "Oil price climbs for the third day", "Start-up raises fresh money from investors",
        "Central bank leaves interest rates unchanged", "Club owner sells stadium to a pension fund",
        "Chip maker warns of weaker orders", "Vaccine sales lift drug group's profit", "Airline doubles its dividend",
    ),
    "science": (
        "Telescope finds water vapour on a distant planet", "Fossil shows oldest known bird",
        "Physicists measure the proton again", "New battery material survives 10,000 cycles in the lab",
        "Bees can count to four, study finds", "Probe lands on an asteroid", "Ice core holds a record of ancient air",
        "Genes explain why some trees resist drought", "What footprints in the mud tell about early runners",
        "Mathematicians settle a puzzle about tiles",
    ),
    "health": (
        "Doctors warn of a strong flu season", "Walking daily lowers blood pressure", "New clinic opens for heart patients",
        "Hospital waiting times rise again", "How much sleep do teenagers need?", "Pharmacies run short of a common antibiotic",
        "Nurses train to spot early signs of stroke", "Too much salt harms the kidneys", "Knee pain? What helps amateur runners",
        "A vaccine against the virus gets approval for children",
    ),
    "politics": (
        "Parliament votes on the new tax law", "President meets opposition leaders", "Mayor loses election by 200 votes",
        "Minister steps down over expenses", "Senate blocks the budget again", "Two parties agree on a coalition",
        "Voters to decide on hospital funding in a referendum", "Government splits over subsidies for carmakers",
        "Border treaty signed after long talks", "Council quarrels over who may speak first",
    ),
    "travel": (
        "Ten quiet beaches for your next holiday", "Night trains are back between the capitals", "A weekend in Lisbon on a budget",
        "What to pack for a trek in Nepal", "The prettiest villages along the coast road", "Visa rules for visitors to Japan",
        "Island hopping by ferry: a guide", "Where to stay near the national park", "Twelve hours between two flights in Doha",
        "Cycling the old railway line with children",
    ),
}  # fmt: skip


def draw(rng: Random, level: int) -> Draft:
    """Draw a headline among two (level 1) to six topics; later headlines of each topic are less plain."""
    label = rng.choice(list(_TEXTS))
    texts = _TEXTS[label]
    text = rng.choice(texts[:5] if level <= 2 else texts[3:8] if level <= 4 else texts[5:])
    others = rng.sample([name for name in _TEXTS if name != label], level)
    labels = rng.sample([label, *others], level + 1)
    shown = ", ".join(labels[:-1]) + " or " + labels[-1]
    reference = json.dumps({"label": label, "labels": labels})
    return Draft(say(rng, _WORDINGS, t=text, labels=shown), reference, "choice", text + str(level // 2))
