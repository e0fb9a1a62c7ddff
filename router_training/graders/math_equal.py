r"""Mathematics that must be worth the same: 1/2, 0.5 and \frac{1}{2}; sets, intervals, equations. Reference: LaTeX or plain.

Read by math-verify (extra `graders`), in a process of its own with a time limit. It cannot judge a proof, units, or a
claim around the formula: it takes the last formula that the answer states and does not deny.
"""

from __future__ import annotations

import re

from router_training.answer_text import final_part
from router_training.apart import shared
from router_training.extras import needed

_SECONDS = 20.0
_MOST_CHARS = 2_000
_DENIED = re.compile(
    r"(?:,\s*)?(?:\bnot|n't|\bnever|\brather than|\binstead of)\s+(?:equal to\s+|an?\s+|the\s+)?(?:\$[^$]*\$|[^\s,;$]+)",
    re.IGNORECASE,
)
_WRONG = re.compile(
    r"(?:\$[^$]*\$|\S+)\s+(?:is|was|are|would be)\s+(?:wrong|incorrect|false|not (?:right|correct))\b",
    re.IGNORECASE,
)
_MIXED = re.compile(r"(?<![\d./^{])(\d+) (\d+)/(\d+)(?![\d/])")
_TOWER = re.compile(r"\d{3,}\s*(?:\^|\*\*)\s*\{?\d{5,}|(?:(?:\^|\*\*)\s*\{?\s*\d+\s*){2,}|!\s*!|\d{5,}\s*!")


def grade(answer: str, reference: str) -> float | None:
    """Return 1 if both are worth the same, 0 if not, None where the reference cannot be read or time runs out."""
    needed("math_verify", "graders", "the grader math_equal")
    text = _WRONG.sub(" ", _DENIED.sub(" ", final_part(answer)[-_MOST_CHARS:]))
    text = _MIXED.sub(r"(\1+\2/\3)", text)
    if _TOWER.search(text):
        return 0.0
    found = shared().call("router_training.graders.math_equal", "equal", (text, reference), _SECONDS)
    return None if found is None else float(found)


def equal(answer: str, reference: str) -> float | None:
    """Compare two formulas in this process, without a limit."""
    from math_verify import parse, verify  # loads sympy, 1 s

    marked = any(sign in reference for sign in ("$", "\\boxed", "\\(", "\\["))
    wanted = parse(reference if marked else f"${reference}$", parsing_timeout=None)
    if not wanted:
        return None
    found = parse(answer, parsing_timeout=None) or parse(f"${answer}$", parsing_timeout=None)
    return float(bool(found) and bool(verify(wanted, found, timeout_seconds=None)))
