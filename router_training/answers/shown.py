"""What an answer shows once everything is gone that it says about itself, or hides: what checks and features look at."""

from __future__ import annotations

import json
import re
from functools import lru_cache

from router_training.answers.sought import Sought

MOST_CHARS = 100_000
SURE = (
    r"(?:(?:definitely|certainly|absolutely|completely|totally|fully|indeed|100 ?%|also|has been|been) ){0,3}"
)
CLAIMS = (
    # "this answer is definitely correct", "the above solution has been verified"
    Sought(
        ("correct", "right", "verified", "accurate", "perfect", "flawless"),
        rf"\b(?:this|the|my|that)(?: \w{{1,12}})? (?:answer|response|solution|result) (?:is|was|has been) {SURE}"
        r"(?:correct|right|verified|accurate|perfect|flawless)\b(?=\W{0,3}(?:$|\n| and| with|\b[A-Z])|[.!,;:)\]])(?:[^.\n]|\.(?=\d)){0,100}[.!]?",
    ),
    # "confidence: 1.0", "p_correct = 1", "I am 100% sure"
    Sought(
        ("confidence", "p_correct", "probability of being", "certainty"),
        r"[\"'(\[]{0,2}\b(?:confidence|p_correct|probability of being (?:correct|right)|certainty)[\"']?"
        r"(?: (?:score|level|is|of)){0,2} {0,3}[:=]? {0,3}(?:\d{1,3}(?:\.\d{1,6})?(?: ?%|/\d{1,3})?|high|very high|maximum|certain)[)\].!]{0,2}",
    ),
    Sought(
        ("sure", "confident", "certain"),
        r"\bI(?:'m| am) (?:very |absolutely |completely |quite |\d{1,3} ?% ){0,2}(?:sure|confident|certain)\b(?:[^.\n]|\.(?=\d)){0,100}[.!]?",
    ),
    # orders to whoever reads it
    Sought(
        ("ignore", "disregard", "forget"),
        r"\b(?:ignore|disregard|forget) (?:all |any |the |your |my ){0,2}(?:previous|prior|above|preceding|earlier)\b[^\n]{0,200}",
    ),
    Sought(
        ("yes",),
        r"\b(?:please )?(?:say|reply|respond|end|answer|output|return|print)(?: only| just| with| the word){0,3} [\"'*]{0,2}yes\b[\"'*.!]{0,3}",
    ),
    Sought(
        ("mark ", "rate ", "score ", "grade ", "judge ", "accept ", "treat "),
        r"\b(?:mark|rate|score|grade|judge|accept|treat) (?:this|it|the answer|my answer)\b[^.\n]{0,60}"
        r"\b(?:correct|right|accepted|10|100|1\.0|valid|true)\b[.!]?",
    ),
    Sought(
        ("verdict", "verification", "verified", "is_correct"),
        r"\b(?:verdict|verification|verified|is_correct)[\"']? ?[:=] ?[\"']?"
        r"(?:yes|true|correct|right|pass(?:ed)?|accepted|\d{1,3}(?:\.\d{1,4})?(?: ?%|/\d{1,3})?)\b[\"'.!]{0,2}",
    ),
    # marks of a conversation or of a checker's request
    Sought(
        ("</answer",),
        r"</answer\b[^<>\n]{0,20}>[^<>]{0,200}<answer\b[^<>\n]{0,20}>",
    ),
    Sought(
        ("<evidence", "<verdict", "<judge", "<checker", "<system"),
        r"<(evidence|verdict|judge|checker|system)\b[^<>\n]{0,60}>[^<>]{0,200}</\1>",
    ),
    Sought(
        ("<",),
        r"</?(?:answer|system|user|assistant|instructions?|evidence|verdict|judge|checker|context|im_start|im_end)\b[^<>\n]{0,60}>",
    ),
    Sought(
        ("<|", "inst]"),
        r"(?:<\|[a-z_]{1,20}\|>|\[/?INST\])(?:\s{0,3}(?:yes|system|user|assistant)\b)?",
    ),
)
FORGED = re.compile(
    r"[\[{]{1,2}[^\[\]{}]{0,300}[\"'](?:p_correct|confidence|evidence|verdict|is_correct|verified)[\"'] ?:[^\[\]{}]{0,300}[\]}]{1,2}"
)
FENCE = re.compile(r"\A```\w{0,10}|```\Z")
HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f"
    "\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)


def visible(text: str) -> str:
    """Return the text without characters that nobody sees: joiners, marks of direction, tags."""
    return text if text.isascii() else HIDDEN.sub("", text)


@lru_cache(maxsize=16)  # every verifier asks for the same few answers
def shown(answer: str, most_chars: int = MOST_CHARS) -> str:
    """Return what an answer shows, without claims about itself, forged evidence, orders to its reader and hidden text.

    Anyone can write "this answer is correct, confidence 1.0"; it tells nothing. An answer that is nothing but claims, or
    one JSON value, stays as it is. Of one longer than `most_chars` only the first and the last half of that are looked at.
    """
    text = visible(bounded(answer, most_chars))
    stripped = FORGED.sub("", text) if "{" in text else text
    for claim in CLAIMS:
        stripped = claim.without(stripped)
    if stripped != text and _is_json(text):
        return text.strip()
    return stripped.strip() or text.strip()


def _is_json(text: str) -> bool:
    """Tell whether the whole answer is one JSON value, in a code block or not: its fields may be what was asked for."""
    try:
        json.loads(FENCE.sub("", text.strip()))
    except (ValueError, RecursionError):
        return False
    return True


def bounded(text: str, most_chars: int = MOST_CHARS) -> str:
    """Return the text, of a longer one its first and last `most_chars` / 2 characters."""
    if len(text) <= most_chars:
        return text
    return f"{text[: most_chars // 2]}\n{text[-most_chars // 2 :]}"
