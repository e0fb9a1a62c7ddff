"""A small OpenAI-compatible server on loopback that fails as its script says."""

import asyncio
import json
import socket
import struct
import threading
from collections import deque
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Play:
    """What the server does with one request: a status with a JSON body, or an act that is no answer."""

    act: str = "answer"
    status: int = 200
    body: object = None
    headers: tuple[str, ...] = ()


def answer(text="four", *, prompt=10, completion=5, finish="stop", **message):
    """A chat completion as OpenAI writes it."""
    choice = {
        "index": 0,
        "finish_reason": finish,
        "message": {"role": "assistant", "content": text, **message},
    }
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    head = {"id": "chat-1", "object": "chat.completion", "created": 1, "model": "m"}
    return Play(body={**head, "choices": [choice], "usage": usage})


def streamed(body):
    """The same completion as server-sent events: the words one by one, then the usage."""
    (choice,) = body["choices"]
    head = {key: body[key] for key in ("id", "created", "model")} | {"object": "chat.completion.chunk"}
    words = [{"role": "assistant"}, *({"content": word} for word in choice["message"]["content"].split())]
    chunks = [{**head, "choices": [{"index": 0, "delta": word, "finish_reason": None}]} for word in words]
    chunks.append({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]}]})
    chunks.append({**head, "choices": [], "usage": body["usage"]})
    text = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
    return Play(body=text.encode(), headers=("Content-Type: text/event-stream",))


def broken(act, text="this is the ", finish=None):
    """A stream that says `text` and no more: it just ends ("answer"), or does what its act says."""
    head = {"id": f"chat-{act}", "created": 1, "model": "m", "object": "chat.completion.chunk"}
    words = [{"role": "assistant", "content": ""}, *({"content": f"{word} "} for word in text.split())]
    chunks = [{**head, "choices": [{"index": 0, "delta": word, "finish_reason": finish}]} for word in words]
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return Play(act, body=body.encode(), headers=("Content-Type: text/event-stream",))


def refusal(status, message, code=None, *headers):
    """An error as OpenAI writes it."""
    return Play("answer", status, {"error": {"message": message, "type": "error", "code": code}}, headers)


FAULTS = {
    "answer": answer(),
    "reset": Play("reset"),
    "reset in the body": Play("reset after", body=b"{", headers=("Content-Type: application/json",)),
    "429": refusal(429, "Slow down.", "rate_limit_exceeded"),
    "429 later": refusal(429, "Slow down.", "rate_limit_exceeded", "Retry-After: 60"),
    "429 soon": refusal(429, "Slow down.", "rate_limit_exceeded", "Retry-After: 1"),
    "429 no money": refusal(429, "You exceeded your quota.", "insufficient_quota"),
    "500": refusal(500, "The server had an error.\nTry again."),
    "401": refusal(401, "Incorrect API key provided: sk-never-show-this.", "invalid_api_key"),
    "404": refusal(404, "The model `m` does not exist.", "model_not_found"),
    "hang": Play("hang"),
    "garbage": Play(body=b'{"id": "chat-1", "choices": [{"ind'),
    "html": Play(body=b"<html>Bad gateway</html>", headers=("Content-Type: text/html",)),
    "no choices": Play(body={"id": "chat-1", "object": "chat.completion", "usage": None}),
    "null choices": Play(body={"id": "chat-1", "choices": None}),
    "empty choices": Play(body={"id": "chat-1", "choices": []}),
    "empty": answer("", completion=0),
    "too long": refusal(400, "This model's maximum context length is 100 tokens.", "context_length_exceeded"),
    "filtered": refusal(400, "The response was filtered.", "content_filter"),
    "filtered answer": answer("", finish="content_filter", completion=3),
    "refused answer": answer(None, refusal="I cannot help with that.", completion=7),
}


@dataclass
class FaultServer:
    """Plays its script, one entry per request, then answers; `seen` holds the bodies of all requests."""

    script: deque = field(default_factory=deque)
    seen: list = field(default_factory=list)
    port: int = 0

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self):
        ready = threading.Event()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        assert ready.wait(10)
        return self

    def stop(self):
        self.loop.call_soon_threadsafe(self.stopped.set)
        self.thread.join(10)
        assert not self.thread.is_alive()

    def _run(self, ready):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._serve(ready))
        self.loop.close()

    async def _serve(self, ready):
        self.stopped = asyncio.Event()
        server = await asyncio.start_server(self._one, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        ready.set()
        await self.stopped.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    async def _one(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            self.seen.append(json.loads(await reader.readexactly(length)))
            await self._play(self.script.popleft() if self.script else FAULTS["answer"], reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _begin(self, play, writer):
        """Send the body as the beginning of a longer one, and leave time to read it."""
        head = ["HTTP/1.1 200 OK", "Content-Length: 99999", *play.headers, "", ""]
        writer.write("\r\n".join(head).encode() + play.body)
        await writer.drain()
        await asyncio.sleep(0.05)

    async def _play(self, play, reader, writer):
        if play.act.startswith("hang"):
            if play.act == "hang after":
                await self._begin(play, writer)
            await reader.read()  # until the client hangs up
            return
        if play.act.startswith("reset"):
            if play.act == "reset after":
                await self._begin(play, writer)
            linger = struct.pack("ii", 1, 0)  # closing now sends RST instead of FIN
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            return
        if self.seen[-1].get("stream") and play.status == 200 and isinstance(play.body, dict):
            play = streamed(play.body)
        body = play.body if isinstance(play.body, bytes) else json.dumps(play.body).encode()
        head = [
            f"HTTP/1.1 {play.status} X",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *play.headers,
        ]
        if not any(line.startswith("Content-Type") for line in head):
            head.append("Content-Type: application/json")
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()
