"""An answer as numbers: the checks of `answer_checks`, and how long, how numeric and how original it is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from router_training.answers import answer_checks as checks
from router_training.answers.shown import bounded, shown
from router_training.contract import Vectors

MOST_CHARS = 8000
WORD = re.compile(r"\w+")
HEDGE = re.compile(
    r"\b(?:maybe|perhaps|probably|might|approximately|not sure|unclear|however|wait|assum\w*|it seems|i think)\b",
    re.IGNORECASE,
)
CONCLUSION = re.compile(r"\b(?:answer|result|total|therefore|thus|hence|so)\b|\\boxed|=", re.IGNORECASE)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")

Check = Callable[[str, str], float]


def _asked_and(asks: Callable[[str], bool], holds: Callable[[str], bool], wanted: bool) -> Check:
    return lambda prompt, answer: float(asks(prompt) and holds(answer) is wanted)


CHECKS: dict[str, Check] = {
    "empty": lambda prompt, answer: float(checks.is_empty(answer)),
    "refusal": lambda prompt, answer: float(checks.is_refusal(answer)),
    "repetitive": lambda prompt, answer: float(checks.is_repetitive(answer)),
    "cut_off": lambda prompt, answer: float(checks.is_cut_off(answer)),
    "json_as_asked": _asked_and(checks.asks_json, checks.holds_json, True),
    "json_missing": _asked_and(checks.asks_json, checks.holds_json, False),
    "python_as_asked": _asked_and(checks.asks_python, checks.holds_python, True),
    "python_missing": _asked_and(checks.asks_python, checks.holds_python, False),
    "number_as_asked": _asked_and(checks.asks_number, checks.holds_number, True),
    "number_missing": _asked_and(checks.asks_number, checks.holds_number, False),
    "log_words": lambda prompt, answer: float(np.log1p(len(answer.split()))),
    "log_lines": lambda prompt, answer: float(np.log1p(answer.count("\n"))),
    "log_numbers": lambda prompt, answer: float(np.log1p(len(NUMBER.findall(answer)))),
    "log_hedges": lambda prompt, answer: float(np.log1p(len(HEDGE.findall(answer)))),
    "log_conclusions": lambda prompt, answer: float(np.log1p(len(CONCLUSION.findall(answer)))),
    "longer_than_prompt": lambda prompt, answer: float(np.log1p(len(answer)) - np.log1p(len(prompt))),
    "words_from_prompt": lambda prompt, answer: _share_within(WORD.findall(answer), WORD.findall(prompt)),
    "numbers_from_prompt": lambda prompt, answer: _share_within(
        NUMBER.findall(answer), NUMBER.findall(prompt)
    ),
    "prompt_words_used": lambda prompt, answer: _share_within(WORD.findall(prompt), WORD.findall(answer)),
    "ends_a_sentence": lambda prompt, answer: float(answer.rstrip()[-1:] in set(".!?}])`\"'")),
    "ends_in_a_number": lambda prompt, answer: float(answer.rstrip(" .\n`*}")[-1:].isdigit()),
    "one_word": lambda prompt, answer: float(len(answer.split()) == 1),
    "one_line": lambda prompt, answer: float("\n" not in answer.strip()),
    "chatty_start": lambda prompt, answer: float(
        bool(re.match(r"\s*(?:sure|certainly|of course|here)\b", answer, re.I))
    ),
    "code_block": lambda prompt, answer: float("```" in answer),
}
FEATURE_NAMES = tuple(CHECKS)


def answer_features(prompts: Sequence[str], answers: Sequence[str]) -> Vectors:
    """Return one row per answer, shape (n, len(FEATURE_NAMES)).

    What an answer says about itself is not looked at (`answers.shown`), and of a long prompt or answer only the first and
    last MOST_CHARS / 2 characters, so time is bounded.
    """
    rows = [
        [check(asked, text) for check in CHECKS.values()]
        for asked, text in zip(
            (bounded(prompt, MOST_CHARS) for prompt in prompts),
            (shown(answer, MOST_CHARS) for answer in answers),
            strict=True,
        )
    ]
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(CHECKS))


def _share_within(words: list[str], known: list[str]) -> float:
    """Return the share of distinct words that are among the known ones, 0 for none."""
    distinct = {word.casefold() for word in words}
    return len(distinct & {word.casefold() for word in known}) / len(distinct) if distinct else 0.0
