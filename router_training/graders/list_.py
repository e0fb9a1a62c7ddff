"""A list in the right order. Reference: a JSON list of numbers or words as text.

It cannot judge items of several words, nor what is said before the list: "not 1, 3, 9" ends in this list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from router_training.answer_text import final_part, plain, unfenced

_NUMBERED = re.compile(r"^\s*\d+[.)]\s+(?=\S)", re.MULTILINE)
_NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?")
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_GLUE = {"and", "then", "or"}


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if the answer ends with exactly the reference's items in its order, however they are separated.

    None for a reference that is no list, or an empty one.
    """
    try:
        wanted = [str(item) for item in json.loads(reference)]
    except (ValueError, TypeError):
        return None
    text = final_part(plain(unfenced(answer)))
    if len(_NUMBERED.findall(text)) > 1:
        text = _NUMBERED.sub("", text)
    if not wanted:
        return None
    if all(_NUMBER.fullmatch(item) for item in wanted):
        numbers = [float(item) for item in wanted]
        shown = (text, _THOUSANDS.sub("", text))
        return float(any(_ends(list(map(float, _NUMBER.findall(one))), numbers) for one in shown))
    words = [word for word in map(str.lower, _WORD.findall(text)) if word not in _GLUE]
    return float(_ends(words, [item.lower() for item in wanted]))


def _ends(found: Sequence[object], wanted: Sequence[object]) -> bool:
    """Tell whether the last stretch of `found` that starts and ends with wanted items is `wanted`."""
    places = [i for i, item in enumerate(found) if item in wanted]
    if not places:
        return False
    end = places[-1] + 1
    stretch = found[max(0, end - len(wanted)) : end]
    before = found[max(0, end - len(wanted) - 1) : max(0, end - len(wanted))]
    restated = len(places) >= 2 * len(wanted)
    return stretch == wanted and (restated or not before or before[0] not in wanted)
