"""Which model wrote the last answer of a conversation, by the id that its caller gives it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from langchain_core.messages import AIMessage, BaseMessage

MOST = 10_000


class Conversations:
    """Remembers the last model of the MOST conversations used last."""

    def __init__(self) -> None:
        self._models: OrderedDict[tuple[str | None, str], str] = OrderedDict()

    def remember(self, caller: str | None, conversation: str, model: str) -> None:
        """Write down who answered; callers do not share conversations."""
        self._models[caller, conversation] = model
        self._models.move_to_end((caller, conversation))
        if len(self._models) > MOST:
            self._models.popitem(last=False)

    def tell(self, caller: str | None, conversation: str | None, messages: Sequence[BaseMessage]) -> None:
        """Note on the last answer among the messages who wrote it: its prompt cache is worth money."""
        model = None if conversation is None else self._models.get((caller, conversation))
        answers = [message for message in messages if isinstance(message, AIMessage)]
        if model is not None and answers:
            answers[-1].response_metadata["model"] = model
