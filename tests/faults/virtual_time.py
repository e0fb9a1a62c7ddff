"""An event loop whose time flies, and chat models that take time on it: no test that uses them ever sleeps."""

import asyncio
from dataclasses import dataclass
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import SkipValidation

from router_training.capabilities import tokens_in

LONGEST_WORK_S = 5.0


class VirtualLoop(asyncio.SelectorEventLoop):
    """Jumps to the next timer whenever nothing else is to be done; work for threads is done on the spot."""

    now = 0.0

    def time(self):
        return self.now

    def run_in_executor(self, executor, func, *args):
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  # an executor hands over whatever was raised
            future.set_exception(error)
        return future

    def _run_once(self):
        if (
            not self._ready and not self._scheduled
        ):  # unless a thread, such as forecasts come from, is still busy
            self._process_events(self._selector.select(LONGEST_WORK_S))
            if not self._ready:
                raise RuntimeError("nothing will ever happen: this request hangs")
        if not self._ready:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


@dataclass(frozen=True)
class Behaviour:
    """What a model does with one call: after `latency_s` it writes `tokens` words, or raises `error`."""

    latency_s: float = 0.0
    tokens: int = 1
    error: Exception | None = None
    text: str = "word"


@dataclass(eq=False)
class Call:
    """One call that was started, as the model itself saw it; `end_s` None: it is still under way."""

    model: str
    start_s: float
    prompt_tokens: int
    allowed_tokens: int | None
    behaviour: Behaviour
    end_s: float | None = None

    def tokens(self) -> int:
        """What the provider may charge for, whether or not anyone heard the answer."""
        tokens = self.behaviour.tokens
        return tokens if self.allowed_tokens is None else min(tokens, self.allowed_tokens)


class VirtualModel(BaseChatModel):
    """A chat model that goes through its behaviours, one per call, and keeps a log of calls shared with others.

    Its context, if bounded, holds the prompt and what it writes.
    """

    label: str
    behaviours: SkipValidation[Any]
    log: SkipValidation[Any]
    max_tokens: int | None = None
    context_tokens: int | None = None

    @property
    def _llm_type(self):
        return "virtual"

    def _generate(self, *args: Any, **kwargs: Any):
        raise AssertionError("virtual time passes in ainvoke only")

    async def _agenerate(self, messages, stop=None, run_manager=None, max_tokens=None, **kwargs: Any):
        loop = asyncio.get_running_loop()
        behaviour = self.behaviours.pop(0) if self.behaviours else Behaviour()
        prompt_tokens = sum(tokens_in(str(message.text)) for message in messages)
        room = None if self.context_tokens is None else max(0, self.context_tokens - prompt_tokens)
        allowed = min((one for one in (max_tokens, room) if one is not None), default=None)
        call = Call(self.label, loop.time(), prompt_tokens, allowed, behaviour)
        self.log.append(call)
        try:
            await asyncio.sleep(behaviour.latency_s)
        finally:
            call.end_s = loop.time()
        if behaviour.error is not None:
            raise behaviour.error
        n = call.tokens()
        usage = {"input_tokens": prompt_tokens, "output_tokens": n, "total_tokens": prompt_tokens + n}
        message = AIMessage(" ".join([behaviour.text] * min(n, 5)), usage_metadata=usage)
        return ChatResult(generations=[ChatGeneration(message=message)])
