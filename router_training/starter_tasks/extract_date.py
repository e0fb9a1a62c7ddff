"""Find a date in a sentence and write it as YYYY-MM-DD."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import MONTHS, NAMES, say

_WORDINGS = (
    "Extract the {what} as YYYY-MM-DD: {t}",
    "{t}\nWhat is the {what}? Write it as YYYY-MM-DD.",
    "Read: {t}\nGive the {what} in the form YYYY-MM-DD.",
    "Find the {what} in this sentence and format it YYYY-MM-DD. {t}",
    "{t} -> {what} (YYYY-MM-DD)?",
)


def _show(rng: Random, day: date, level: int) -> str:
    month = MONTHS[day.month - 1]
    easy = [day.isoformat(), f"{day.year}/{day.month:02d}/{day.day:02d}"]
    middle = [
        f"{day.day} {month} {day.year}",
        f"{month} {day.day}, {day.year}",
        f"{day.day}. {month[:3]} {day.year}",
    ]
    hard = [
        f"the {_ordinal(day.day)} of {month}, {day.year}",
        f"{month[:3]} {_ordinal(day.day)} '{day.year % 100}",
    ]
    return rng.choice(easy if level == 1 else middle if level in (2, 4) else hard)


def _ordinal(number: int) -> str:
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def draw(rng: Random, level: int) -> Draft:
    """Draw a sentence with one date (1 to 3), with two (4), or with a date given by an offset (5)."""
    first = date(2019, 1, 1) + timedelta(rng.randrange(2900))
    later = first + timedelta(rng.randrange(20, 300))
    a, b, who = _show(rng, first, level), _show(rng, later, level), rng.choice(NAMES)
    one = [
        ("start date", f"{who} starts the new job on {a}."),
        ("due date", f"Invoice {rng.randint(100, 999)} must be paid by {a}."),
        ("date of birth", f"Patient {who}, born {a}, room {rng.randint(2, 40)}."),
        ("departure date", f"The ferry leaves on {a} from gate {rng.randint(1, 9)}."),
    ]
    two = [
        ("delivery date", f"Ordered on {a}, delivered on {b}.", later),
        ("order date", f"Ordered on {a}, delivered on {b}.", first),
        ("new meeting date", f"{who} moved the meeting from {a} to {b}.", later),
        ("expiry date", f"The pass was issued on {a} and expires on {b}.", later),
        ("arrival date", f"{who} arrives on {a} and leaves again on {b}.", first),
    ]
    days = rng.choice([1, 2, 3, 5, 7])
    shift = [
        ("end date", f"The course begins on {a} and ends {days} days later.", first + timedelta(days)),
        ("reminder date", f"{who} wants a reminder {days} days before {a}.", first - timedelta(days)),
    ]
    what, text, answer = rng.choice(two) if level == 4 else rng.choice(shift)
    if level <= 3:
        (what, text), answer = rng.choice(one), first
    return Draft(say(rng, _WORDINGS, what=what, t=text), answer.isoformat(), "calendar_date", text)
