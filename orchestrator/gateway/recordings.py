"""What cannot be answered where recordings serve: a prompt that none of them knows is the caller's to mend, no failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage

from orchestrator.gateway.errors import bad_request
from orchestrator.models import RecordedModel


def check_recorded(
    clients: Mapping[str, BaseChatModel], named: str | None, messages: Sequence[BaseMessage]
) -> None:
    """Pass where a model that may answer is live, or holds a recording of the last message.

    Args:
        clients: all models, by name.
        named: the only one that may answer; None where any may.
        messages: the conversation, of which recordings know the last message.

    Raises:
        ApiError: 400, because nobody ever answered this prompt.
    """
    asked = clients.values() if named is None else [clients[name] for name in (named,) if name in clients]
    recorded = [one for one in asked if isinstance(one, RecordedModel)]
    if not recorded or len(recorded) < len(asked):
        return
    prompt = str(messages[-1].text) if messages else ""
    if any(one.knows(prompt) for one in recorded):
        return
    known = sorted(
        {prompt for one in recorded for prompt in one.recordings}, key=lambda text: (len(text), text)
    )
    example = f", such as {known[0]!r}" if known else ""
    raise bad_request(
        f"this gateway replays recordings, and none answers this prompt; ask one of the {len(known):,} prompts that "
        f"were recorded{example}, or serve live models: pointsman serve --models models.toml",
        "messages",
        "not_recorded",
    )
