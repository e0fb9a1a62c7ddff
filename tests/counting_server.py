"""An OpenAI-compatible endpoint on loopback that counts what it was paid for, by cell and by idempotency key."""

import json
import threading
import time
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Handler(BaseHTTPRequestHandler):
    """Model "right" adds one, "wrong" says zero; "broken", "busy" and others fail as their names say."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server, model, prompt = self.server, body["model"], body["messages"][-1]["content"]
        key = self.headers["Idempotency-Key"]
        with server.lock:
            server.asked.append((model, prompt))
            server.bodies.append(body)
            server.now += 1
            server.most_at_once = max(server.most_at_once, server.now)
            kept = server.answers.get(key) if server.keeps_keys else None
            if kept is None and model not in ("broken", "busy"):
                server.paid[model, prompt] += 1
        try:
            time.sleep(server.delay_s)
            self._reply(model, prompt, key, kept)
        finally:
            with server.lock:
                server.now -= 1

    def _reply(self, model, prompt, key, kept):
        server = self.server
        if model == "silent":
            return self._send(200, {"id": "1", "object": "chat.completion", "choices": None})
        if model == "broken":
            return self._send(400, {"error": {"message": "no such model here"}})
        if model == "busy" and len(server.asked) < 3:
            return self._send(429, {"error": {"message": "slow down"}}, ("Retry-After", "0.01"))
        if model == "hangs":
            return time.sleep(2)
        number = int(prompt.split()[2]) + 1 if prompt.startswith("What is") else "def f(x):\n    return x"
        text = f"The answer is {number}." if isinstance(number, int) else number
        text = "0" if model == "wrong" else text
        if model == "judge":
            right = "Score: 10" if "The answer is" in prompt else "Score: 2"
            text = "Better: A" if "Better:" in prompt else right
        usage = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
        choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        reply = kept or {"id": "1", "object": "chat.completion", "choices": [choice], "usage": usage}
        server.answers[key] = reply
        return self._send(200, reply)

    def _send(self, status, reply, *headers):
        data = json.dumps(reply).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for name, value in headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # whoever asked was killed
            pass

    def log_message(self, *args):
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


@contextmanager
def counting_server(*, delay_s=0.0, keeps_keys=True):
    """Yield a running server; with `keeps_keys` a key seen before gets its first answer again, unpaid."""
    with _Server(("127.0.0.1", 0), _Handler) as running:
        running.lock = threading.Lock()
        running.asked, running.bodies, running.answers, running.paid = [], [], {}, Counter()
        running.now = running.most_at_once = 0
        running.delay_s, running.keeps_keys = delay_s, keeps_keys
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield running
        finally:
            running.shutdown()
            thread.join()
