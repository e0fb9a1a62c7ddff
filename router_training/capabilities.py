"""Which model cards can serve a request at all: capabilities, context length, language. Hard filters, no forecast."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from router_training.contract import ModelCard

BYTES_PER_TOKEN = 4.0
USUAL_ANSWER_TOKENS = 256  # kept free where neither the request nor the card says how long answers may get


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a request needs of a model, beyond quality and price.

    `needs` are capabilities as cards declare them ("vision", "tools", "code"); `answer_tokens` is the room to keep for
    the answer (None: the card's own `max_tokens`, else USUAL_ANSWER_TOKENS); `language` is a code such as "de".
    """

    needs: frozenset[str] = frozenset()
    prompt_tokens: int = 0
    answer_tokens: int | None = None
    language: str | None = None


def why_not(card: ModelCard, requirements: Requirements) -> str | None:
    """Return None where the model can serve such a request, else the reason in one line.

    A card that declares no languages, or no context length, serves every language and length; "de-CH" asks for "de".
    The card's own system prompt counts against its context.
    """
    missing = requirements.needs - card.capabilities
    if missing:
        has = ", ".join(sorted(card.capabilities)) or "none"
        return f"{card.name} lacks {', '.join(sorted(missing))} (its capabilities: {has})"
    if not _speaks(card.languages, requirements.language):
        spoken = ", ".join(sorted(card.languages))
        return f"{card.name} does not speak {requirements.language} (its languages: {spoken})"
    if card.context_tokens is None:
        return None
    answer = next(
        n for n in (requirements.answer_tokens, card.max_tokens, USUAL_ANSWER_TOKENS) if n is not None
    )
    prompt = requirements.prompt_tokens + tokens_in(card.system_prompt or "")
    if prompt + answer > card.context_tokens:
        return (
            f"{card.name} takes {card.context_tokens:,} tokens, but the prompt has about {prompt:,} "
            f"and the answer needs {answer:,}"
        )
    return None


def tokens_in(text: str) -> int:
    """Return about how many tokens a text has: its UTF-8 bytes over BYTES_PER_TOKEN, rounded up.

    Bytes rather than characters, because scripts of several bytes per character take more tokens per character.
    """
    return -int(-len(text.encode("utf-8", errors="surrogatepass")) // BYTES_PER_TOKEN)


def _speaks(languages: Iterable[str], wanted: str | None) -> bool:
    if wanted is None:
        return True
    spoken = {_primary(language) for language in languages}
    return not spoken or _primary(wanted) in spoken


def _primary(language: str) -> str:
    """Return the primary subtag of a language code (RFC 5646, section 2.2.1), in lower case."""
    return language.strip().replace("_", "-").split("-")[0].lower()
