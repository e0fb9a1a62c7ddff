"""Do two answers to one prompt come to the same: an equal number, choice, JSON value or text?"""

from __future__ import annotations

import json
import re
from typing import Any

from router_training.answer_text import decisive, final_part, gist, normalise, plain, unfenced
from router_training.answers.answer_checks import asks_number

NUMBER = re.compile(r"(?<![\w.,])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?")
ANSWER_FIELDS = ("answer", "final_answer", "result")


def same_answer(prompt: str, first: str, second: str) -> bool:
    """Tell whether two answers come to the same; an empty answer agrees with none."""
    come_to = canonical(prompt, first)
    return come_to != "" and come_to == canonical(prompt, second)


def canonical(prompt: str, answer: str) -> str:
    """Return what an answer comes to, in a form in which equal answers are equal texts; empty where it says nothing."""
    text = unfenced(answer)
    value = _json(text)
    if isinstance(value, dict):
        told = next((value[name] for name in ANSWER_FIELDS if name in value), value)
        text = told if isinstance(told, str) else json.dumps(told, sort_keys=True)
    elif value is not None and not isinstance(value, str):
        text = json.dumps(value, sort_keys=True)
    text = plain(final_part(text))
    number = NUMBER.fullmatch(normalise(text).strip("$€£% ")) or None
    told_number = number.group() if number else decisive(text, NUMBER) if asks_number(prompt) else None
    return _number(told_number) if told_number is not None else normalise(gist(text))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _number(text: str) -> str:
    return f"{float(text.replace(',', '')):.9g}"
