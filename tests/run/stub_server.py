"""An OpenAI-compatible server that behaves, or misbehaves at the moment it is told to.

    python stub_server.py --port 8000 [--batch 4] [--fail start|bad_flag|oom|ready|load|errors] ...

A token takes 20 ms divided by `--batch`, so that a larger batch is faster. Standard library only.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
parser.add_argument("--port", type=int, required=True)
parser.add_argument("--model", default="stub")
parser.add_argument("--batch", type=int, default=1)
parser.add_argument("--fail", default="")
parser.add_argument("--after", type=int, default=20, help="requests before it fails under load")
parser.add_argument("--stop-seconds", type=float, default=0.0)
parser.add_argument("--note", default="")
parser.add_argument("--first-token", type=float, default=0.02, help="seconds to the first token")
parser.add_argument("--api-key", help="demanded of every request but for /health")
options = parser.parse_args()

served = 0
lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def admits(self) -> bool:
        """Refuse whoever has not the key; note what was asked of whom has."""
        key = options.api_key or os.environ.get("VLLM_API_KEY")
        if key and self.headers["Authorization"] != f"Bearer {key}":
            print(f"refused {self.path}", flush=True)
            self.answer(401, {"error": {"message": "Unauthorized"}})
            return False
        if key:
            print(f"admitted {self.path}", flush=True)
        return True

    def do_GET(self) -> None:
        if self.path != "/health" and not self.admits():
            return
        if self.path == "/health" and options.fail == "never_ready":
            self.answer(503, {})
        elif self.path == "/v1/models":
            self.answer(200, {"object": "list", "data": [{"id": options.model}]})
        else:
            self.answer(200 if self.path == "/health" else 404, {})

    def do_POST(self) -> None:
        global served
        length = int(self.headers["Content-Length"])
        text = self.rfile.read(length)
        if not self.admits():
            return
        asked = json.loads(text or b"{}")
        if self.path != "/v1/completions":
            self.answer(404, {"error": {"message": "no such page"}})
            return
        with lock:
            served += 1
            count = served
        if options.fail == "load" and count > options.after:
            print("Fatal: the scheduler died", flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        if options.fail == "errors" and count > 1:
            self.answer(500, {"error": {"message": "the batch is too large"}})
            return
        prompt, tokens = len(asked["prompt"].split()), asked["max_tokens"]
        usage = {"prompt_tokens": prompt, "completion_tokens": tokens}
        usage["total_tokens"] = prompt + tokens
        if not asked.get("stream"):
            choice = {"index": 0, "text": " x" * tokens, "finish_reason": "length"}
            self.answer(200, {"choices": [choice], "usage": usage})
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        time.sleep(options.first_token)
        for _ in range(tokens):
            time.sleep(0.02 / options.batch)
            self.event({"choices": [{"index": 0, "text": " x"}]})
        self.event({"choices": [], "usage": usage})
        self.wfile.write(b"data: [DONE]\n\n")
        self.close_connection = True

    def event(self, chunk: dict) -> None:
        self.wfile.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")

    def answer(self, status: int, body: dict) -> None:
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: object) -> None:
        pass


def stop(*_: object) -> None:
    time.sleep(options.stop_seconds)
    os._exit(0)


signal.signal(signal.SIGTERM, stop)
match options.fail:
    case "start":
        sys.exit("Traceback: something unexpected")
    case "bad_flag":
        sys.exit("stub: error: unrecognized arguments: --warp 9")
    case "oom":
        print("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20 GiB")
        sys.exit("RuntimeError: Engine core initialization failed.")
    case "port":
        sys.exit("OSError: [Errno 98] Address already in use")
ThreadingHTTPServer.daemon_threads = True
ThreadingHTTPServer(("127.0.0.1", options.port), Handler).serve_forever()
