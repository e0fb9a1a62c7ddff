"""What routing reads of a conversation: what the encoder is shown, what a model must be able to do, what it costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from router_training.capabilities import Requirements, tokens_in
from router_training.contract import Catalogue, Forecast, ModelCard

FEW_WORDS = 6  # a turn of fewer says too little without the one before it ("And in German?")
MOST_TURNS = 3
UNANSWERED = "I could not answer that."
IMAGE_TYPES = frozenset({"image", "image_url", "input_image"})
PICTURE = "What does this picture show?"
IMAGE_TOKENS = 1_000  # about a picture of a megapixel; endpoints count differently, and tell only afterwards


def shown(messages: Sequence[BaseMessage]) -> str:
    """Return what the encoder sees: the last turn that a person wrote, after earlier ones where it is short.

    Policies are trained on single prompts, so the rest of the conversation counts by its length alone.
    """
    turns = [str(message.text) for message in messages if isinstance(message, HumanMessage)]
    first = len(turns) - 1
    while 0 < first > len(turns) - MOST_TURNS and len(" ".join(turns[first:]).split()) < FEW_WORDS:
        first -= 1
    said = "\n".join(turns[max(first, 0) :])
    return said if said.strip() else _shown_otherwise(messages)


def _shown_otherwise(messages: Sequence[BaseMessage]) -> str:
    """Return what is asked where no person wrote a word: the last text of anybody, else that there is a picture."""
    texts = [text for message in messages if (text := str(message.text)).strip()]
    if texts:
        return texts[-1]
    return PICTURE if any(kind in IMAGE_TYPES for message in messages for kind in _kinds(message)) else ""


def sendable(messages: Sequence[BaseMessage]) -> list[BaseMessage]:
    """Return the messages as a model is sent them: turns that no model answered keep their place, not what went wrong.

    What went wrong names hosts and errors, which concern the caller and no model.
    """
    return [AIMessage(UNANSWERED) if _is_failure(message) else message for message in messages]


def _is_failure(message: BaseMessage) -> bool:
    """Tell whether the graph wrote this because no model could answer."""
    about = message.response_metadata
    return bool(about) and about.get("error") is not None and about.get("model", "") is None


def tokens_of(messages: Sequence[BaseMessage]) -> int:
    """Return about how many tokens these messages have, pictures and tool calls included."""
    return sum(_tokens(message) for message in messages)


def tokens_of_tools(tools: Sequence[Mapping[str, Any]] | None) -> int:
    """Return about how many tokens the descriptions of these tools take."""
    return tokens_in(json.dumps(list(tools), default=str)) if tools else 0


def needs_of(messages: Sequence[BaseMessage], has_tools: bool) -> frozenset[str]:
    """Return the capabilities without which a model cannot take these messages: vision, tools."""
    sees = any(kind in IMAGE_TYPES for message in messages for kind in _kinds(message))
    calls = any(isinstance(one, ToolMessage) or getattr(one, "tool_calls", None) for one in messages)
    return frozenset({*(["vision"] if sees else []), *(["tools"] if has_tools or calls else [])})


def requirements(
    messages: Sequence[BaseMessage], tools: Sequence[Mapping[str, Any]] | None, prompt: str
) -> Requirements:
    """Return what a request needs of a model: `prompt` without messages, else the whole conversation."""
    read = tokens_of(messages) if messages else tokens_in(prompt)
    return Requirements(needs_of(messages, bool(tools)), read + tokens_of_tools(tools))


def last_model(messages: Sequence[BaseMessage]) -> str | None:
    """Return the model that wrote the last answer, as the graph wrote down; None where it did not."""
    answers = [message for message in messages if isinstance(message, AIMessage)]
    model = answers[-1].response_metadata.get("model") if answers else None
    return model if isinstance(model, str) else None


def priced(
    forecasts: Sequence[Forecast],
    cards: Catalogue,
    messages: Sequence[BaseMessage],
    tools: Sequence[Mapping[str, Any]] | None,
) -> tuple[Forecast, ...]:
    """Return the forecasts at the price of reading all of the conversation, not only what the encoder was shown.

    The model that wrote the last answer has all up to there in its prompt cache, where its card says what cached
    tokens cost; any other model reads them anew, so switching is charged with the lost cache.
    """
    unseen = tokens_of(messages) - tokens_in(shown(messages)) if messages else 0
    unseen += tokens_of_tools(tools)
    if unseen <= 0:
        return tuple(forecasts)
    owner, cached = last_model(messages), tokens_of(_answered(messages))
    return tuple(
        _dearer(one, cards[one.model], unseen, min(cached, unseen) if one.model == owner else 0)
        for one in forecasts
    )


def _dearer(forecast: Forecast, card: ModelCard, tokens: int, cached: int) -> Forecast:
    usd = card.usd(tokens, 0.0, cached)
    high = None if forecast.usd_high is None else forecast.usd_high + card.usd(tokens, 0.0)
    return replace(forecast, usd=forecast.usd + usd, usd_high=high)


def _answered(messages: Sequence[BaseMessage]) -> Sequence[BaseMessage]:
    """Return the messages up to the last answer."""
    last = max((i for i, message in enumerate(messages) if isinstance(message, AIMessage)), default=-1)
    return messages[: last + 1]


def _kinds(message: BaseMessage) -> list[str]:
    if isinstance(message.content, str):
        return []
    return [str(block.get("type")) for block in message.content if isinstance(block, dict)]


def _tokens(message: BaseMessage) -> int:
    pictures = sum(kind in IMAGE_TYPES for kind in _kinds(message))
    calls = getattr(message, "tool_calls", None)
    return (
        tokens_in(str(message.text))
        + pictures * IMAGE_TOKENS
        + (tokens_in(json.dumps(calls)) if calls else 0)
    )
