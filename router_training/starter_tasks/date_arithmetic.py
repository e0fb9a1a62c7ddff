"""Days after and before, weekdays, spans between dates, clock times."""

from __future__ import annotations

import json
from datetime import date, timedelta
from random import Random

from router_training.starter_tasks import Draft
from router_training.starter_tasks._words import MONTHS, NAMES, WEEKDAYS, say

_WEEKDAY = (
    "Today is {d}. What day of the week will it be in {n} days?",
    "If it is {d} now, which weekday comes {n} days later?",
    "{who} leaves on a {d} and returns {n} days later. On which weekday?",
    "Counting {n} days on from {d}, which day of the week is it?",
    "A parcel sent on {d} arrives after {n} days. Name the weekday.",
)
_CLOCK = (
    "A film starts at {t} and lasts {n} minutes. When does it end? Use 24-hour time (HH:MM).",
    "It is {t}. What time is it {n} minutes later, as HH:MM (24-hour)?",
    "{who}'s train leaves at {t} and takes {n} minutes. Give the arrival time as HH:MM (24-hour).",
    "Add {n} minutes to {t}. Answer in 24-hour HH:MM.",
    "The meeting begins at {t}; it runs for {n} minutes. End time (24-hour HH:MM)?",
)
_DATE = (
    "What date is {n} days {way} {d}? Use YYYY-MM-DD.",
    "Give the date {n} days {way} {d} as YYYY-MM-DD.",
    "The invoice deadline is {n} days {way} {d}. Which date is that (YYYY-MM-DD)?",
    "Find the date that lies {n} days {way} {d}. Format: YYYY-MM-DD.",
    "{who} booked a room {n} days {way} {d}. Write that date as YYYY-MM-DD.",
)
_SPAN = (
    "How many days are there from {a} to {b}?",
    "Number of days between {a} and {b}?",
    "{who} was away from {a} until {b}. How many days lie between the two dates?",
    "Count the days from {a} to {b}.",
    "From {a}, how many days must pass until it is {b}?",
)


def _spoken(day: date) -> str:
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _weekday(rng: Random, days: int) -> Draft:
    start = rng.randrange(7)
    prompt = say(rng, _WEEKDAY, d=WEEKDAYS[start], n=days, who=rng.choice(NAMES))
    reference = json.dumps({"label": WEEKDAYS[(start + days) % 7], "labels": WEEKDAYS})
    return Draft(prompt, reference, "choice", f"{start}+{days}")


def _clock(rng: Random, low: int, high: int, step: int) -> Draft:
    start, minutes = rng.randrange(6 * 60, 21 * 60, step), rng.randrange(low, high, step)
    end = (start + minutes) % 1440
    shown = f"{start // 60:02d}:{start % 60:02d}"
    prompt = say(rng, _CLOCK, t=shown, n=minutes, who=rng.choice(NAMES))
    return Draft(prompt, f"{end // 60:02d}:{end % 60:02d}", "time_of_day", f"{shown}+{minutes}")


def _shift(rng: Random, longest: int) -> Draft:
    day, way = date(2024, 1, 1) + timedelta(rng.randrange(900)), rng.choice(["after", "before"])
    days = rng.randint(2, longest)
    result = day + timedelta(days if way == "after" else -days)
    prompt = say(rng, _DATE, n=days, way=way, d=_spoken(day), who=rng.choice(NAMES))
    return Draft(prompt, result.isoformat(), "calendar_date", f"{day}{way}{days}")


def draw(rng: Random, level: int) -> Draft:
    """Draw a weekday, clock, shift or span question."""
    if level == 1:
        return _weekday(rng, rng.randint(1, 6)) if rng.random() < 0.5 else _clock(rng, 10, 60, 10)
    if level == 2:
        return _shift(rng, 9) if rng.random() < 0.5 else _clock(rng, 30, 120, 5)
    if level == 3:
        return _weekday(rng, rng.randint(8, 30)) if rng.random() < 0.4 else _shift(rng, 20)
    if level == 4:
        return _shift(rng, 45) if rng.random() < 0.5 else _clock(rng, 121, 400, 1)
    start = date(2024, 1, 1) + timedelta(rng.randrange(600))
    end = start + timedelta(rng.randint(12, 100))
    prompt = say(rng, _SPAN, a=_spoken(start), b=_spoken(end), who=rng.choice(NAMES))
    return Draft(prompt, str((end - start).days), "numeric", f"{start}..{end}")
