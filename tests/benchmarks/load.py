"""An endpoint that answers at once, and a client that asks as fast as it is answered: both cost next to nothing.

Run as a program it is the endpoint: `python load.py PORT`.
"""

import asyncio
import json
import sys
import time

WORDS = ["one", " two", " three", " four"]
HEAD = {"id": "chat-1", "created": 1, "model": "m"}
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
CHOICE = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "four"}}
WHOLE = json.dumps({**HEAD, "object": "chat.completion", "choices": [CHOICE], "usage": USAGE}).encode()


def _chunk(**parts):
    return b"data: " + json.dumps({**HEAD, "object": "chat.completion.chunk", **parts}).encode() + b"\n\n"


STREAM = [
    *(_chunk(choices=[{"index": 0, "delta": {"content": word}, "finish_reason": None}]) for word in WORDS),
    _chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop"}]),
    _chunk(choices=[], usage=USAGE) + b"data: [DONE]\n\n",
]


def _framed(part):
    return b"%x\r\n%s\r\n" % (len(part), part)


class Endpoint(asyncio.Protocol):
    """Answers every POST with the same completion, and one that asks for a stream with the same stream."""

    def connection_made(self, transport):
        self.transport, self.data = transport, b""

    def data_received(self, data):
        self.data += data
        while b"\r\n\r\n" in self.data:
            head, _, rest = self.data.partition(b"\r\n\r\n")
            length = next(
                (
                    int(line[15:])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length:")
                ),
                0,
            )
            if len(rest) < length:
                return
            body, self.data = rest[:length], rest[length:]
            is_stream = b'"stream": true' in body or b'"stream":true' in body
            self.transport.write(STREAMED if is_stream else ANSWERED)


ANSWERED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE
)
STREAMED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"".join(map(_framed, STREAM))
    + b"0\r\n\r\n"
)


async def serve(port):
    server = await asyncio.get_running_loop().create_server(Endpoint, "127.0.0.1", port)
    await server.serve_forever()


class Asker:
    """One connection that asks again and again; `seconds` are how long each answer, and its first byte of text, took."""

    def __init__(self, port, path, body, headers=()):
        lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json", *headers]
        head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
        self.port, self.request = port, head.encode() + body
        self.whole, self.first = [], []

    async def ask(self, until):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while time.perf_counter() < until:
            start = time.perf_counter()
            writer.write(self.request)
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            assert head.startswith(b"http/1.1 200"), head
            if b"transfer-encoding: chunked" in head:
                await self._chunks(reader, start)
            else:
                length = next(
                    int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")
                )
                await reader.readexactly(length)
            self.whole.append(time.perf_counter() - start)
        writer.close()

    async def _chunks(self, reader, start):
        heard = False
        while size := int(await reader.readline(), 16):
            part = await reader.readexactly(size + 2)
            if not heard and b'"content":' in part:
                self.first.append(time.perf_counter() - start)
                heard = True
        await reader.readline()


async def load(port, path, body, *, connections, seconds, headers=()):
    """Ask over so many connections for so long; return the askers."""
    askers = [Asker(port, path, body, headers) for _ in range(connections)]
    until = time.perf_counter() + seconds
    await asyncio.gather(*(asker.ask(until) for asker in askers))
    return askers


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
