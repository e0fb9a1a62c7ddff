"""Stories with numbers: one step (level 1) to four and more (level 5)."""

from __future__ import annotations

from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import NAMES, THINGS, say

_ONE = (
    "{a} has {x} {t} and gets {y} more. How many {t} now?",
    "There are {x} {t} on a table and {y} in a box. How many {t} altogether?",
    "{a} collected {x} {t}, {b} collected {y}. How many do they have together?",
    "A shelf holds {x} {t}; {y} more are added. What is the total?",
    "On Monday {a} sold {x} {t}, on Tuesday {y}. How many {t} were sold?",
)
_TWO = (
    "{a} buys {k} bags with {x} {t} each and gives away {y}. How many {t} are left?",
    "A box holds {x} {t}. {a} fills {k} boxes and has {y} {t} missing in the last. How many {t} are there?",
    "{k} children bring {x} {t} each, then {y} {t} get lost. How many remain?",
    "{a} packs {k} crates of {x} {t} and then removes {y} {t}. How many {t} are packed?",
    "A shop has {k} rows of {x} {t} and sells {y}. How many {t} remain?",
)
_THREE = (
    "{a} earns ${x} an hour for {k} hours and spends ${y}. {b} gives {a} ${z}. How many dollars does {a} have?",
    "A bus starts with {z} people. At each of {k} stops {x} get on; in all {y} get off. How many are on it now?",
    "{a} has {k} packs of {x} {t} and {z} loose ones, and sells {y}. How many {t} are left?",
    "A farm has {k} pens with {x} hens each, buys {z} hens and sells {y}. How many hens are there?",
    "{a} reads {x} pages a day for {k} days, then {z} more; {y} pages were read twice. How many different pages?",
)
_FOUR = (
    "{a} has twice as many {t} as {b}. Together they have {s}. How many has {a}?",
    "{k} workers build {p} walls in a day. At this pace, how many walls do {k2} workers build in {d} days?",
    "One {t2} costs ${x}. With {pc}% off, how many dollars do {d} of them cost?",
    "A car drives {sp} km/h for {d} hours, then {sp2} km/h for {d2} hours. How many km in all?",
    "{a} saves ${x} a week and already has ${z}. After {d} weeks {a} spends half. How many dollars remain?",
)
_FIVE = (
    "{a} is {y5} years older than {b}. In {d} years {a} will be twice as old as {b} is then. How old is {b} now?",
    "Tickets cost ${ad} for adults and ${ch} for children. {n} people paid ${rev}. How many were adults?",
    "A tank of {tank} litres is filled at {fi} and drained at {dr} litres a minute. Minutes until full from empty?",
    "{a} gives a third of the {t} to {b}, then {z5} to a friend, and keeps {left}. How many at first?",
    "A price of ${base} rises by {up}% and then falls by {up}%. What is the price now, in dollars?",
)


def _parts(rng: Random) -> dict[str, int]:
    part = {
        "x": rng.randint(6, 30), "k": rng.randint(3, 9), "z": rng.randint(5, 40), "d": rng.randint(2, 6),
        "d2": rng.randint(2, 4), "half": rng.randint(4, 40), "m": rng.randint(2, 3), "per": rng.randint(2, 4),
        "pc": rng.choice([10, 20, 25, 50]), "sp": rng.randrange(40, 110, 10), "sp2": rng.randrange(30, 90, 10),
        "ad": rng.randint(9, 15), "ch": rng.randint(3, 8), "adults": rng.randint(4, 20), "kids": rng.randint(4, 20),
        "dr": rng.randint(3, 9), "net": rng.randint(2, 9), "min": rng.randint(8, 30), "z5": rng.randint(2, 12),
        "base": rng.choice([100, 200, 400, 500]), "up": rng.choice([10, 20, 50]),
    }  # fmt: skip
    part["y"] = rng.randint(2, part["x"])
    part |= {"s": 3 * part["half"], "p": part["per"] * part["k"], "k2": part["k"] * part["m"]}
    part |= {
        "n": part["adults"] + part["kids"],
        "rev": part["adults"] * part["ad"] + part["kids"] * part["ch"],
    }
    part |= {
        "fi": part["dr"] + part["net"],
        "tank": part["net"] * part["min"],
        "y5": part["d"] + part["half"],
    }
    part["left"] = 2 * part["half"] - part["z5"] if 2 * part["half"] > part["z5"] else 2 * part["half"]
    part["z5"] = 2 * part["half"] - part["left"] or part["z5"]
    return part


def _answers(part: dict[str, int], level: int) -> list[float]:
    x, y, z, k, d = (part[name] for name in "xyzkd")
    if level == 1:
        return [x + y] * 5
    if level == 2:
        return [k * x - y] * 5
    if level == 3:
        return [k * x - y + z, z + k * x - y, k * x + z - y, k * x + z - y, k * x + z - y]
    if level == 4:
        discounted = x * d * (100 - part["pc"]) / 100
        drive = part["sp"] * d + part["sp2"] * part["d2"]
        return [2 * part["half"], part["p"] * part["m"] * d, discounted, drive, (x * d + z) / 2]
    kept_then = (part["left"] + part["z5"]) * 3 / 2
    price = part["base"] * (100 + part["up"]) * (100 - part["up"]) / 10_000
    return [part["half"], part["adults"], part["min"], kept_then, price]


def draw(rng: Random, level: int) -> Draft:
    """Draw a story; the numbers always come out right."""
    part, which = _parts(rng), rng.randrange(5)
    a, b = rng.sample(NAMES, 2)
    thing = rng.choice(THINGS)
    story = (_ONE, _TWO, _THREE, _FOUR, _FIVE)[level - 1][which]
    prompt = say(rng, [story], a=a, b=b, t=thing, t2=thing.rstrip("s"), **part)
    return Draft(prompt, f"{_answers(part, level)[which]:g}", "numeric", prompt)
