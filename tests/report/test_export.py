"""What other programs are given, read back the way they would."""

import csv
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import jsonschema
import pytest

from core.events import Event, ExperimentJudged, Failure, FailureKind, Outcome
from core.report import Conclusion, RunDocument, export, run_document, to_csv, to_json, to_yaml
from core.report.export import COLUMNS
from core.report.key_list import document_schema, key_lines
from core.task import parse_task
from tests.report.published import published
from tests.report.runs import (
    DEFAULTS,
    RADIX_OFF,
    RADIX_ON,
    TEXT,
    chat_events,
    conclusion,
    experiment_events,
    run_events,
    winner_of,
)
from tests.report.served import served

EVERY_COLUMN = (
    "task,simulated,experiment,origin,configuration,outcome,failure,feasible,objective,value,score,"
    "violation,sub_round,scenario,concurrency,request_rate,started_at,duration,gpus,requests_sent,"
    "requests_completed,requests_failed,error_rate,request_throughput,output_throughput,"
    "total_throughput,total_throughput_per_gpu,goodput,ttft_mean,ttft_p50,ttft_p75,ttft_p90,"
    "ttft_p95,ttft_p99,ttft_p99.9,tpot_mean,tpot_p50,tpot_p75,tpot_p90,tpot_p95,tpot_p99,"
    "tpot_p99.9,itl_mean,itl_p50,itl_p75,itl_p90,itl_p95,itl_p99,itl_p99.9,e2e_latency_mean,"
    "e2e_latency_p50,e2e_latency_p75,e2e_latency_p90,e2e_latency_p95,e2e_latency_p99,"
    "e2e_latency_p99.9,power,energy_per_token,throughput_per_watt,cost_per_million_tokens"
)


def test_the_document_reads_back_as_it_was() -> None:
    run = conclusion(chat_events())
    assert RunDocument.model_validate_json(to_json(run)) == run_document(run)


def test_the_document_answers_what_is_asked_first() -> None:
    document = json.loads(export(conclusion(chat_events()), "json"))
    assert document["format"] == "inference-autotuner/1"
    assert document["task"] == "chat#2"
    assert document["simulated"] is True
    assert document["state"] == "finished"
    assert (document["best"], document["recommended"], document["baseline"]) == (2, 2, 0)
    assert document["gain"] == pytest.approx(0.461)
    assert document["keep_defaults"] is False
    assert document["launch"]["argv"][-2:] == ["--disable-radix-cache", "false"]
    assert document["launch"]["command"].startswith('HF_TOKEN="$HF_TOKEN" ')
    assert [e["outcome"] for e in document["experiments"]] == [
        "ok", "infeasible", "ok", "ok", "failed",
    ]  # fmt: skip
    assert document["experiments"][2]["sub_rounds"][1]["ttft"]["percentiles"]["p99"] == 0.1
    assert document["definition"]["slo"]["latency"]["p90"]["threshold"] == 6.5
    assert parse_task(json.dumps(document["definition"])).task == parse_task(TEXT).task


KEYS = Path(__file__).with_name("snapshots") / "keys.txt"


def test_keys_are_never_renamed_or_dropped() -> None:
    """A new one is added to the file as well."""
    keys = [line.field for line in key_lines()]
    assert set(keys) == set(KEYS.read_text(encoding="utf-8").splitlines())


@pytest.mark.parametrize("run", [conclusion(chat_events()), served(), published()])
def test_what_is_written_is_what_is_documented(run: Conclusion) -> None:
    documented = {line.field for line in key_lines()}
    written = set(keys_of(json.loads(to_json(run)), documented, ""))
    assert written <= documented
    assert {"experiments[].sub_rounds[].ttft.percentiles", "findings.manifest.levels"} <= written


def keys_of(value: object, documented: set[str], path: str) -> Iterator[str]:
    """The keys of a document, down to where what is in them is the user's own."""
    if isinstance(value, list):
        for member in value:
            yield from keys_of(member, documented, f"{path}[]")
    elif isinstance(value, dict):
        named = f"{path}.".lstrip(".")
        if not any(key.startswith(named) for key in documented):
            return
        for key, member in value.items():
            open_ = any(name.startswith(f"{named}*") for name in documented)
            yield from () if open_ else (f"{named}{key}",)
            yield from keys_of(member, documented, f"{named}{'*' if open_ else key}")


def test_every_key_and_column_is_described_where_it_stands() -> None:
    assert [line.field for line in key_lines() if not line.text] == []
    told = {line.field: line for line in key_lines()}
    assert told["findings.recommended.margins[].level"].text == "Where it was worst."
    assert told["csv:ttft_p90"].text == "TTFT P90. Time to first token, in seconds."
    assert not any("None" in line.text for line in told.values())
    interval = told["experiments[].sub_rounds[].output_throughput_interval"]
    assert interval.kind == "list of number or null"


def everything_goes_wrong() -> Conclusion:
    """A run with every kind of failure, every outcome, and an experiment that is under way."""
    start = 1_700_000_000.0
    made = [list(experiment_events(0, DEFAULTS, at=start)), list(broken(1, Outcome.PRUNED))]
    made += [list(broken(2, Outcome.CANCELLED)), list(broken(3, Outcome.INTERRUPTED))]
    for number, kind in enumerate(FailureKind, len(made)):
        failure = Failure(kind=kind, message="it — 'failed', \x1b[31mbadly\nindeed\"", advice="")
        at = start + 60 * number
        flags = {"page-size": number, "attention": 'a, "b"\n;c', "disable-radix-cache": None}
        made.append(list(experiment_events(number, flags, at=at, failure=failure)))
    made.append(list(experiment_events(len(made), RADIX_OFF, at=start + 900, e2e=9.9)))
    made.append(list(experiment_events(len(made), RADIX_ON, at=start + 960))[:-3])
    return conclusion(list(run_events(made))[:-1])


def broken(number: int, outcome: Outcome) -> Iterator[Event]:
    for event in experiment_events(number, {"page-size": number}, at=1_700_000_000.0 + 60 * number):
        if isinstance(event, ExperimentJudged):
            event = event.model_copy(update={"outcome": outcome, "verdict": None})
        yield event


@pytest.mark.parametrize("run", [everything_goes_wrong, served, published])
def test_the_document_is_valid_by_its_schema(run: Callable[[], Conclusion]) -> None:
    schema = document_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(to_json(run()))
    validator.validate(document)
    document["experiments"][0]["outcome"] = "fine"
    document["unheard_of"] = 1
    assert len(list(validator.iter_errors(document))) == 2


def test_a_csv_of_all_that_can_go_wrong_is_a_table() -> None:
    run = everything_goes_wrong()
    header, *rows = csv.reader(io.StringIO(to_csv(run)))
    named = [line.field.removeprefix("csv:") for line in key_lines() if line.kind == "column"]
    assert header[: len(named) - 1] == named[:-1]
    assert all(column.startswith("parameter:") for column in header[len(named) - 1 :])
    assert {len(row) for row in rows} == {len(header)}
    table = [dict(zip(header, row, strict=True)) for row in rows]
    outcomes = {row["outcome"] for row in table}
    assert outcomes == {*Outcome, ""}
    assert {row["failure"] for row in table} == {*FailureKind, ""}
    assert {row["feasible"] for row in table} == {"true", "false", ""}
    words = {"task", "simulated", "origin", "configuration", "outcome", "failure", "feasible"}
    words |= {"objective", "scenario"}
    for row in table:
        for name in named[:-1]:
            assert name in words or row[name] == "" or math.isfinite(float(row[name]))
    assert {row["parameter:attention"] for row in table} == {"", 'a, "b"\n;c'}


def test_the_keys_of_older_result_files_are_there() -> None:
    run = conclusion(chat_events())
    old = json.loads(to_json(run))["older_keys"]
    assert set(old) == {
        "task_name", "strategy", "total_experiments", "successful_experiments", "elapsed_time",
        "best_result", "all_results",
    }  # fmt: skip
    assert (old["total_experiments"], old["successful_experiments"]) == (5, 3)
    assert old["strategy"] == "grid_search"
    keys = {
        "experiment_id", "parameters", "status", "metrics", "objective_score", "error_message",
    }  # fmt: skip
    assert all(set(result) == keys for result in old["all_results"])
    assert old["best_result"] == old["all_results"][2]
    assert old["best_result"]["objective_score"] == pytest.approx(-6574.5)
    assert old["best_result"]["parameters"] == {"page-size": 64, "disable-radix-cache": False}
    assert old["best_result"]["metrics"]["max_total_throughput"] == pytest.approx(8766)
    raw = old["best_result"]["metrics"]["raw_results"]
    measured = winner_of(run).sub_rounds
    assert [level["num_concurrency"] for level in raw] == [s.level.concurrency for s in measured]
    assert raw[1]["stats"]["e2e_latency"]["p99"] == measured[1].metric("e2e_latency_p99")
    assert raw[1]["stats"]["ttft"]["mean"] == measured[1].metric("ttft_mean")
    assert raw[1]["num_completed_requests"] == measured[1].requests.completed
    assert old["all_results"][4]["metrics"]["raw_results"] == []
    assert [result["status"] for result in old["all_results"]] == [
        "success", "failed", "success", "success", "failed",
    ]  # fmt: skip
    assert old["all_results"][1]["error_message"].startswith("e2e_latency_p90 11.6 s")
    assert old["all_results"][4]["error_message"].startswith("out_of_memory: the KV cache")
    assert old["all_results"][4]["metrics"]["mean_ttft"] is None


def test_a_csv_has_a_row_for_every_sub_round_and_every_failure() -> None:
    run = conclusion(chat_events())
    table = list(csv.DictReader(io.StringIO(to_csv(run))))
    assert [(row["experiment"], row["sub_round"]) for row in table] == [
        ("0", "0"), ("0", "1"), ("1", "0"), ("1", "1"), ("2", "0"), ("2", "1"), ("3", "0"),
        ("3", "1"), ("4", ""),
    ]  # fmt: skip
    row = table[5]
    sub_round = winner_of(run).sub_rounds[1]
    assert float(row["e2e_latency_p99.9"]) == sub_round.metric("e2e_latency_p99.9")
    assert float(row["total_throughput_per_gpu"]) == sub_round.metric("total_throughput_per_gpu")
    assert row["scenario"] == "D(100,100)"
    assert row["concurrency"] == "16"
    assert row["feasible"] == "true"
    assert json.loads(row["configuration"]) == {"page-size": 64, "disable-radix-cache": False}
    assert row["parameter:page-size"] == "64"
    assert row["parameter:disable-radix-cache"] == "false"
    assert table[0]["parameter:page-size"] == ""
    assert table[8]["failure"] == "out_of_memory"
    assert table[8]["ttft_mean"] == ""


def test_the_columns_of_a_csv_stay_as_they_are() -> None:
    assert ",".join(COLUMNS) == EVERY_COLUMN
    assert to_csv(conclusion(list(run_events([])))).strip() == EVERY_COLUMN


def test_figures_of_a_csv_are_exact() -> None:
    for row in csv.DictReader(io.StringIO(to_csv(conclusion(chat_events())))):
        for name in ("value", "score", "ttft_mean"):
            assert row[name] == "" or math.isfinite(float(row[name]))


def test_a_task_in_yaml_stays_word_for_word() -> None:
    assert to_yaml(conclusion([]).task) == TEXT


def test_a_task_in_json_becomes_yaml_of_the_same_task() -> None:
    text = json.dumps(
        {
            "task_name": "chat",
            "model": {"id_or_path": "m"},
            "base_runtime": "sglang",
            "parameters": {"attention": ["on", "off", "yes", None, True, 1, 1.0, "1", "1e3"]},
            "mine": "kept",
        },
        indent=2,
    )
    written = export(conclusion([], text), "yaml")
    assert not written.lstrip().startswith("{")
    assert parse_task(written).task == parse_task(text).task
