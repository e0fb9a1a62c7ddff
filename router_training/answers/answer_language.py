"""Is an answer in the language that was asked for? By script, and by small words where scripts are alike."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from router_training.answers.sought import Sought

MOST_CHARS = 4000
FEWEST_WORDS, LEAD = 3, 2
SMALL_WORDS = {
    "English": "the and is of to in that it for was with are this you not have be at on what where which",
    "French": "le la les des est et une un dans que qui pour pas sur avec sont je il elle nous vous ce cette du où au",
    "German": "der die das und ist nicht ein eine zu den mit auf für von dem wir sie ich es wo im auch sind bitte",
    "Spanish": "el los las es una un que por para con del no está son se su más como dónde y muy yo nosotros",
    "Italian": "il lo gli è che di per con una un sono non della del nel dove anche più si questo io",
    "Portuguese": "o os as é que um uma não para com do da em são por mais onde está eu você muito",
    "Dutch": "de het een is en van niet dat op te met voor zijn ik wij waar ook aan deze",
}
SCRIPTS = {
    "Russian": "CYRILLIC",
    "Ukrainian": "CYRILLIC",
    "Greek": "GREEK",
    "Arabic": "ARABIC",
    "Hebrew": "HEBREW",
    "Hindi": "DEVANAGARI",
    "Chinese": "CJK",
    "Japanese": "HIRAGANA",
    "Korean": "HANGUL",
    "Thai": "THAI",
}
NAMES = "|".join((*SMALL_WORDS, *SCRIPTS))
ASKED = Sought(
    tuple(name.lower() for name in (*SMALL_WORDS, *SCRIPTS)),
    rf"\b(?:(?:answer|reply|respond|write|written|say it|explain|summari[sz]e)\b[^.\n]{{0,40}} in"
    rf"|translat\w{{1,6}}\b[^\n]{{0,200}}? (?:in|into|to)) ({NAMES})\b",
)
WORD = re.compile(r"[^\W\d_]+")
_OWN = {name: frozenset(words.split()) for name, words in SMALL_WORDS.items()}


def asked_language(prompt: str) -> str | None:
    """Return the language that the prompt asks for the answer in, None where it names none that is known here."""
    found = ASKED.search(prompt[:MOST_CHARS])
    return None if found is None else found.group(1).capitalize()


def is_other_language(answer: str, language: str) -> bool:
    """Tell whether the answer is clearly in another language; short or mixed ones are given the benefit of doubt."""
    text = answer[:MOST_CHARS]
    letters = [sign for sign in text if sign.isalpha()]
    if language in SCRIPTS:
        return bool(letters) and not any(SCRIPTS[language] in unicodedata.name(sign, "") for sign in letters)
    if letters and not any("LATIN" in unicodedata.name(sign, "") for sign in letters):
        return True
    words = Counter(word.casefold() for word in WORD.findall(text))
    score = {name: sum(words[word] for word in own) for name, own in _OWN.items()}
    other = max(count for name, count in score.items() if name != language)
    return other >= FEWEST_WORDS and other > LEAD * score[language] and other >= words.total() / 10
