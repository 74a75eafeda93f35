"""A server that behaves as badly as servers do. Standard library only; run it as a script.

It speaks just enough of the OpenAI API to be found ready; its flags say which manners it lacks.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int)
    parser.add_argument("--pids", type=Path, help="a file that gets the PID of every process")
    parser.add_argument("--workers", type=int, default=0, help="plain child processes")
    parser.add_argument(
        "--daemon", action="store_true", help="forks twice, with a session of its own"
    )
    parser.add_argument("--ignore-term", action="store_true", help="in every process")
    parser.add_argument(
        "--fork-on-term", action="store_true", help="answers SIGTERM with a new child"
    )
    parser.add_argument("--hydra", type=int, default=0, help="forks and exits, so many times over")
    parser.add_argument("--log-megabytes", type=int, default=0)
    parser.add_argument("--say", action="append", default=[], help="a line of log")
    parser.add_argument("--say-secret", help="a variable whose value is logged")
    parser.add_argument("--healthy-after", type=float, default=0.0)
    parser.add_argument("--tokens-after", type=float, default=0.0)
    parser.add_argument("--chatter", type=float, help="seconds between lines of log")
    parser.add_argument("--exit-after", type=float)
    parser.add_argument("--exit-code", type=int, default=0)
    parser.add_argument("--crash", action="store_true", help="ends by SIGSEGV instead")
    parser.add_argument("--kill-group", action="store_true", help="ends by SIGKILL to its group")
    return parser.parse_args()


def note_pid(path: Path | None) -> None:
    if path is not None:
        with path.open("a") as file:
            file.write(f"{os.getpid()}\n")


def sleep_for_good() -> None:
    while True:
        time.sleep(60)


def fork_worker(options: argparse.Namespace) -> None:
    if os.fork() == 0:
        note_pid(options.pids)
        sleep_for_good()


def fork_daemon(options: argparse.Namespace) -> None:
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            note_pid(options.pids)
            sleep_for_good()
        os._exit(0)
    os.waitpid(child, 0)


def fork_hydra(options: argparse.Namespace) -> None:
    """A line of processes, each of which lives just long enough to leave an heir."""
    if os.fork() == 0:
        for _ in range(options.hydra):
            if os.fork() != 0:
                os._exit(0)
        note_pid(options.pids)
        sleep_for_good()


def answer_term(options: argparse.Namespace) -> None:
    def leave_a_child(*_: object) -> None:
        if os.fork() == 0:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            note_pid(options.pids)
            sleep_for_good()

    if options.fork_on_term:
        signal.signal(signal.SIGTERM, leave_a_child)
    elif options.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


def write_log(megabytes: int) -> None:
    print("RuntimeError: the first error of them all", flush=True)
    line = "INFO nothing to see here, move along, move along, move along, move along, move\n"
    block = line * (1 + (1 << 20) // len(line))
    for number in range(megabytes):
        sys.stdout.write(block)
        if number == megabytes // 2:
            print("ValueError: an error amid the flood")
    print("the last line of the flood", flush=True)


class Handler(BaseHTTPRequestHandler):
    options: argparse.Namespace
    began: float

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self.answer(200, {"data": [{"id": "nasty"}]})
        elif time.monotonic() - self.began < self.options.healthy_after:
            self.answer(503, {})
        else:
            self.answer(200, {})

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request.get("model") != "nasty":
            self.answer(404, {"error": {"message": "no such model"}})
        elif time.monotonic() - self.began < self.options.tokens_after:
            self.answer(200, {"choices": [{"text": ""}], "usage": {"completion_tokens": 0}})
        else:
            self.answer(200, {"choices": [{"text": "a"}], "usage": {"completion_tokens": 1}})

    def answer(self, status: int, body: dict[str, object]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


def serve(options: argparse.Namespace) -> None:
    Handler.options, Handler.began = options, time.monotonic()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main() -> None:
    options = arguments()
    note_pid(options.pids)
    answer_term(options)
    for line in options.say:
        print(line, flush=True)
    if options.say_secret:
        print(f"args: {os.environ[options.say_secret]}", flush=True)
    for _ in range(options.workers):
        fork_worker(options)
    if options.daemon:
        fork_daemon(options)
    if options.hydra:
        fork_hydra(options)
    if options.log_megabytes:
        write_log(options.log_megabytes)
    if options.port:
        serve(options)
    print("up", flush=True)
    ends_at = None if options.exit_after is None else time.monotonic() + options.exit_after
    while ends_at is None or time.monotonic() < ends_at:
        if options.chatter:
            print("still loading", flush=True)
        time.sleep(min(options.chatter or 60, 0.02 if ends_at else 60))
    if options.kill_group:
        os.killpg(0, signal.SIGKILL)
    if options.crash:
        signal.signal(signal.SIGSEGV, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGSEGV)
    sys.exit(options.exit_code)


if __name__ == "__main__":
    main()
