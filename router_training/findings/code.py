"""Where Python is asked for: does the answer hold any that parses, with the function that was named?"""

from __future__ import annotations

import re

from router_training.answers import answer_checks as checks
from router_training.answers.finding import ABSENT, Finding

KIND = "code"
NAMED = re.compile(
    r"\bdef (\w{1,60})\(|\b(?:function|implement|write|define|called|named) `?(\w{1,60})\("
    r"|\b(?:called|named) `(\w{1,60})`",
    re.IGNORECASE,
)

SHOWS = re.compile(r"^\s*def \w+\(|\[PYTHON\]", re.MULTILINE)
WRITES = re.compile(
    r"\b(?:write|implement|define|create|fix|debug|refactor|rewrite|optimi[sz]e|translate|convert"
    r"|complete the (?:function|code|program|class))\b",
    re.IGNORECASE,
)


def find(prompt: str, answer: str) -> Finding:
    """Return whether code was asked for and is there."""
    if not checks.asks_python(prompt) or (SHOWS.search(prompt) and not WRITES.search(prompt)):
        return Finding(KIND, ABSENT, "the prompt asks for no Python")
    if not checks.holds_python(answer):
        return Finding(KIND, "no Python", "the prompt asks for Python that parses and the answer holds none")
    if (name := named_function(prompt)) and not re.search(rf"\b{re.escape(name)}\b", answer):
        return Finding(KIND, "misnamed", f"the prompt asks for {name} and the answer's code does not name it")
    return Finding(KIND, "parses", "the answer holds Python that parses, as asked")


def named_function(prompt: str) -> str | None:
    """Return the function that the prompt names, if any."""
    found = NAMED.search(prompt)
    return None if found is None else next(filter(None, found.groups()), None)


EXAMPLE = re.compile(r"^\s*assert +(\w[^\n]{1,300})$", re.MULTILINE)
DOCTEST = re.compile(r"^\s*>>> (\w[^\n]{1,200})\n\s*(?!>>>)(\S[^\n]{0,200})$", re.MULTILINE)
MOST_TESTS = 20


def given_tests(prompt: str) -> list[str]:
    """Return the tests that the prompt shows, as expressions that must be true: asserts and doctests."""
    shown = [text.strip() for text in EXAMPLE.findall(prompt)]
    shown += [f"({call}) == ({result})" for call, result in DOCTEST.findall(prompt)]
    return [test for test in shown if _is_expression(test)][:MOST_TESTS]


def _is_expression(text: str) -> bool:
    try:
        compile(text, "test", "eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    return True
