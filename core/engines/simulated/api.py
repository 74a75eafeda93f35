"""The OpenAI API, and the questions beside it: which request gets which answer."""

import json
from array import array
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Any, TypeAlias

from core.engines.simulated.completions import (
    RequestError,
    read_ask,
    read_body,
    read_messages,
    read_prompt,
)
from core.engines.simulated.dispatch import Dispatcher
from core.engines.simulated.startup import Launch
from core.engines.simulated.wire import Connection, HttpRequest, error_body

Route: TypeAlias = Callable[[HttpRequest, Connection, Dispatcher], None]


class Api:
    """Answers HTTP requests; all of them with 503 until there is a dispatcher."""

    def __init__(self, launched: Launch, seed: int, model: str, created: int) -> None:
        """
        Args:
            launched: the launch that is served.
            seed: of its noise.
            model: the name that the model is served under.
            created: Unix time.
        """
        self.dispatcher: Dispatcher | None = None
        self._launch = launched
        self._arguments = launched.settings.arguments
        self._seed = seed
        self._model = model
        self._created = created
        self._routes: dict[tuple[str, str], Route] = {
            ("GET", "/health"): self._health,
            ("GET", "/metrics"): self._metrics,
            ("GET", "/v1/models"): self._models,
            ("GET", "/get_server_info"): self._server_info,
            ("GET", "/flush_cache"): self._flush_cache,
            ("POST", "/flush_cache"): self._flush_cache,
            ("POST", "/tokenize"): self._tokenize,
            ("POST", "/v1/completions"): partial(self._complete, chat=False),
            ("POST", "/v1/chat/completions"): partial(self._complete, chat=True),
        }

    def handle(self, request: HttpRequest, connection: Connection) -> None:
        """Answer a request, or see to it that it will be answered."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            known = any(path == request.path for _, path in self._routes)
            status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
            _refuse(connection, status, f"{request.method} {request.path}: {status.phrase}")
        elif self.dispatcher is None:
            _refuse(connection, HTTPStatus.SERVICE_UNAVAILABLE, "The server is starting")
        else:
            try:
                route(request, connection, self.dispatcher)
            except RequestError as error:
                _refuse(connection, HTTPStatus.BAD_REQUEST, str(error))

    def _complete(
        self,
        request: HttpRequest,
        connection: Connection,
        dispatcher: Dispatcher,
        *,
        chat: bool,
    ) -> None:
        ask = read_ask(read_body(request.body), chat=chat)
        if ask.stream and request.version == "1.0":
            raise RequestError("Streaming takes HTTP/1.1")
        longest = self._launch.longest_request
        limit = longest - ask.prompt if ask.limit is None else ask.limit
        if limit < 1 or ask.prompt + limit > longest:
            raise RequestError(
                f"This server takes {longest} tokens of prompt and answer together. "
                f"You asked for {ask.prompt} and {limit}."
            )
        if dispatcher.full:
            _refuse(connection, HTTPStatus.SERVICE_UNAVAILABLE, "The request queue is full.")
        else:
            dispatcher.submit(ask, limit, connection)

    def _health(self, _: HttpRequest, connection: Connection, __: Dispatcher) -> None:
        connection.respond(HTTPStatus.OK, b"", "text/plain")

    def _metrics(self, _: HttpRequest, connection: Connection, dispatcher: Dispatcher) -> None:
        page = dispatcher.metrics.page(dispatcher.gauges(), self._model)
        connection.respond(HTTPStatus.OK, page, "text/plain; version=0.0.4; charset=utf-8")

    def _models(self, _: HttpRequest, connection: Connection, __: Dispatcher) -> None:
        model = {
            "id": self._model,
            "object": "model",
            "created": self._created,
            "owned_by": "simulated",
            "root": self._arguments.model,
            "max_model_len": self._launch.settings.context_length,
        }
        _answer(connection, {"object": "list", "data": [model]})

    def _server_info(self, _: HttpRequest, connection: Connection, __: Dispatcher) -> None:
        _answer(
            connection,
            {
                **self._launch.in_force,
                "model_path": self._arguments.model,
                "served_model_name": self._model,
                "random_seed": self._seed,
                "max_total_num_tokens": self._launch.memory.kv_tokens,
                "simulated": True,
            },
        )

    def _flush_cache(self, _: HttpRequest, connection: Connection, dispatcher: Dispatcher) -> None:
        if not dispatcher.flush():
            raise RequestError("The cache is not flushed while requests run")
        connection.respond(HTTPStatus.OK, b"Cache flushed.\n", "text/plain")

    def _tokenize(self, request: HttpRequest, connection: Connection, _: Dispatcher) -> None:
        """Answer as vLLM does to `prompt` or `messages`, and as llama.cpp does to `content`."""
        fields = read_body(request.body)
        if "messages" in fields:
            tokens = read_messages(fields["messages"])
        else:
            tokens = read_prompt(fields.get("prompt", fields.get("content")))
        numbers = array("I", tokens).tolist()
        length = self._launch.settings.context_length
        _answer(connection, {"tokens": numbers, "count": len(numbers), "max_model_len": length})


def _answer(connection: Connection, fields: dict[str, Any]) -> None:
    connection.respond(HTTPStatus.OK, json.dumps(fields).encode())


def _refuse(connection: Connection, status: HTTPStatus, message: str) -> None:
    connection.respond(status, error_body(status, message))
