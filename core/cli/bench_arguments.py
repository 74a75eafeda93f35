"""The words of `autotuner bench`: what to send, how fast, and how long. Imports nothing heavy."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

_Convert: TypeAlias = Callable[[str], Any]


def add_bench(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verb."""
    parser.add_argument("url", help="http(s)://host:port of any server with the OpenAI API")
    parser.add_argument("--task", type=Path, metavar="FILE", help="a task file that says the rest")
    parser.add_argument("--model", help="its name in requests; default: the server's first")
    parser.add_argument("--chat", action="store_true", help="ask /v1/chat/completions")
    load = parser.add_argument_group("load")
    load.add_argument("--concurrency", metavar="N,…", type=_numbers(int), help="requests in flight")
    load.add_argument("--rate", metavar="R,…", type=_numbers(float), help="requests per second")
    load.add_argument("--arrivals", choices=["poisson", "constant", "gamma"], help="at a rate")
    load.add_argument("--burstiness", type=float, help="of gamma arrivals; below 1 is burstier")
    load.add_argument("--ramp", metavar="TIME", help="over which the rate rises: 10s")
    load.add_argument("--trace", metavar="FILE", help="a recording to replay (Mooncake, Azure)")
    load.add_argument("--speed", metavar="X,…", type=_numbers(float), help="of the trace")
    load.add_argument(
        "--largest",
        choices=["concurrency", "rate"],
        help="find the largest load that holds the --slo bounds",
    )
    prompts = parser.add_argument_group("prompts")
    prompts.add_argument(
        "--scenario", action="append", help='token lengths: "D(512,128)"; may be repeated'
    )
    prompts.add_argument("--prefix", metavar="TOKENS", type=int, help="length of a shared prefix")
    prompts.add_argument("--prefix-groups", metavar="N", type=int, help="different prefixes")
    prompts.add_argument("--prefix-share", metavar="X", type=float, help="requests that have one")
    prompts.add_argument("--dataset", metavar="FILE", help="prompts from a file or URL")
    prompts.add_argument("--turns", metavar="N", type=int, help="of each conversation")
    prompts.add_argument("--think-time", metavar="TIME", help="between turns: 2s")
    prompts.add_argument(
        "--param", metavar="NAME=VALUE", action="append", default=[], help="a field of each request"
    )
    length = parser.add_argument_group("length")
    length.add_argument("--requests", metavar="N", type=int, help="measured at each level")
    length.add_argument("--max-time", metavar="TIME", help="of each level: 90s, 2m")
    length.add_argument("--precision", metavar="X", type=float, help="good enough to end early")
    length.add_argument("--extend-to", metavar="N", type=int, help="requests, until precise enough")
    judged = parser.add_argument_group("judging")
    judged.add_argument(
        "--slo", metavar="METRIC=SECONDS", action="append", default=[], help="ttft_p90=0.5; exit 1"
    )
    judged.add_argument(
        "--gpus", type=_above_zero, default=1, help="of the server, for figures per GPU"
    )
    judged.add_argument("--gpu-hour-price", metavar="PRICE", type=float, help="for cost of tokens")
    parser.add_argument(
        "--api-key-variable", metavar="NAME", help="environment variable of the key"
    )
    parser.add_argument("--insecure", action="store_true", help="do not check the certificate")
    parser.add_argument(
        "--seed", type=int, help="for the prompts of an earlier run; default: new ones"
    )


def call_of(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of `core.cli.measuring.measure`."""
    return {
        "url": asked.url,
        "task": asked.task,
        "asked": _benchmark(asked),
        "slos": asked.slo,
        "parameters": asked.param,
        "objective": "maximize_load_under_slo" if asked.largest else None,
        "seed": asked.seed,
        "gpus": asked.gpus,
        "verify_tls": not asked.insecure,
        "as_json": asked.json,
    }


def _benchmark(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the benchmark section that were asked for."""
    largest = {None: None, "concurrency": "concurrency", "rate": "request_rate"}[asked.largest]
    return _given(
        model_name=asked.model,
        endpoint="chat" if asked.chat else None,
        num_concurrency=asked.concurrency,
        request_rate=asked.rate,
        arrivals=_given(process=asked.arrivals, burstiness=asked.burstiness, ramp=asked.ramp),
        trace=_given(source=asked.trace, speed=asked.speed),
        traffic_scenarios=asked.scenario,
        shared_prefix=_given(
            prefix_tokens=asked.prefix, groups=asked.prefix_groups, share=asked.prefix_share
        ),
        dataset_url=asked.dataset,
        conversation=_given(turns=asked.turns, think_time=asked.think_time),
        load_search=_given(over=largest),
        max_requests_per_iteration=asked.requests,
        max_time_per_iteration=asked.max_time,
        precision=asked.precision,
        extend_requests_to=asked.extend_to,
        gpu_hour_price=asked.gpu_hour_price,
        api_key_variable=asked.api_key_variable,
    )


def _given(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value not in (None, {})}


def _above_zero(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is no whole number above 0")


def _numbers(convert: _Convert) -> Callable[[str], list[Any]]:
    def numbers(text: str) -> list[Any]:
        try:
            return [convert(part) for part in text.split(",")]
        except ValueError:
            kind = "whole numbers" if convert is int else "numbers"
            raise argparse.ArgumentTypeError(f"'{text}' is no list of {kind} like 1,8") from None

    return numbers
