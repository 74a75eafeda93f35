"""What is handed over can be used as it stands: by a shell, by compose, by systemd, by us."""

import io
import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from core.events import HostDescribed
from core.report import Conclusion, findings, print_result, run_document
from core.report.handover import Document, documents
from core.report.handover.reproduce import expectation
from core.report.handover.service import unit
from core.task import parse_task
from tests.report.published import published
from tests.report.runs import (
    DEFAULTS,
    TEXT,
    conclusion,
    experiment_events,
    run_events,
)
from tests.report.served import TEXT as SERVED
from tests.report.served import served, served_events


def files(run: Conclusion) -> dict[str, Document]:
    return {document.name: document for document in documents(run, findings(run))}


def test_shell_commands_are_shell_commands() -> None:
    for name in ("launch.sh", "docker-run.sh", "environment.sh"):
        subprocess.run(["sh", "-n"], input=files(served())[name].text, text=True, check=True)


def test_docker_run_has_everything_and_no_secret() -> None:
    text = files(served())["docker-run.sh"].text
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:3] == ["docker", "run", "--rm"]
    assert words[words.index("--gpus") + 1] == "1"
    assert words[words.index("--publish") + 1] == "127.0.0.1:8000:8000"
    environment = [words[n + 1] for n, word in enumerate(words) if word == "--env"]
    assert environment == ["OMP_NUM_THREADS=1", "HF_TOKEN"]
    image = words.index("lmsysorg/sglang:v0.5.23")
    assert words[image + 1 :][:2] == ["-m", "sglang.launch_server"]
    assert words[words.index("--host") + 1] == "0.0.0.0"
    assert "secret" not in text


def test_compose_says_the_same() -> None:
    document = YAML(typ="safe").load(files(served())["compose.yaml"].text)
    service = document["services"]["chat-8b"]
    assert service["image"] == "lmsysorg/sglang:v0.5.23"
    assert service["environment"] == ["OMP_NUM_THREADS=1", "HF_TOKEN"]
    assert service["ports"] == ["127.0.0.1:8000:8000"]
    [device] = service["deploy"]["resources"]["reservations"]["devices"]
    assert device == {"driver": "nvidia", "count": 1, "capabilities": ["gpu"]}
    assert all(isinstance(word, str) for word in service["command"])


def test_the_unit_quotes_what_systemd_would_read_otherwise() -> None:
    from core.report.handover.deployment import deployment

    deployed = deployment(served())
    assert deployed is not None
    odd = replace(deployed, argv=("/bin/server", "--a", "100% $HOME", 'say "hi"', "plain"))
    line = next(line for line in unit(odd).splitlines() if line.startswith("ExecStart="))
    assert line == 'ExecStart=/bin/server --a "100%% $$HOME" "say \\"hi\\"" plain'
    assert "EnvironmentFile=/etc/chat-8b.env" in unit(odd)


def test_every_file_has_the_usual_port_and_not_the_one_that_was_free() -> None:
    run = served()
    assert run.recommended is not None
    assert "30000" in run.recommended.argv
    known = files(run)
    for name in ("launch.sh", "chat-8b.service"):
        assert "--port 8000" in known[name].text.replace("\\\n", " ")
    assert "port: 8000\n" in known["chat-8b.config.yaml"].text
    assert not any("30000" in document.text for document in known.values())


def test_the_config_file_has_the_flags_that_were_measured() -> None:
    document = YAML(typ="safe").load(files(served())["chat-8b.config.yaml"].text)
    assert document["quantization"] == "fp8"
    assert document["page-size"] == 16
    assert document["mem-fraction-static"] == 0.95


@pytest.mark.parametrize("run", [served, published], ids=["served", "published"])
def test_the_pinned_task_is_a_task(run: object) -> None:
    made = run()  # type: ignore[operator]
    text = files(made)["reproduce.yaml"].text
    task = parse_task(text).task
    chosen = made.recommended
    assert {flag: space.values for flag, space in task.parameters.items()} == {
        flag: (value,) for flag, value in chosen.configuration.items()
    }
    assert task.levels() == made.task.task.levels()
    assert task.slo == made.task.task.slo
    assert task.benchmark == made.task.task.benchmark
    assert task.expect is not None
    assert not task.optimization.baseline
    assert "secret" not in text


def test_defaults_that_win_are_pinned_as_defaults() -> None:
    only = list(experiment_events(0, DEFAULTS, at=1_700_000_000.0, e2e=4.5))
    run = conclusion(list(run_events([only])), TEXT)
    assert run.recommended is run.baseline
    task = parse_task(files(run)["reproduce.yaml"].text).task
    assert [space.values for space in task.parameters.values()] == [(None,)]


def test_nothing_is_handed_over_of_nothing() -> None:
    assert files(conclusion(list(run_events([])), TEXT)) == {}


def test_a_model_of_the_users_own_is_named_by_its_whole_path() -> None:
    text = TEXT.replace("meta-llama/Llama-3-8B", "./models/tiny.gguf")
    whole = str(Path("models/tiny.gguf").absolute())
    made = experiment_events(0, DEFAULTS, at=1_700_000_000.0, text=text)
    known = files(conclusion(list(run_events([list(made)], text=text)), text))
    assert parse_task(known["reproduce.yaml"].text).task.model.id_or_path == whole
    assert f"--model-path {whole}" in known["launch.sh"].text.replace("\\\n   ", "")


def test_files_of_requests_are_named_by_their_whole_path_from_where_the_task_was_run() -> None:
    requests = "dataset_url: prompts/chat.jsonl, trace: {source: day.csv}"
    text = TEXT.replace("benchmark: {", f"benchmark: {{{requests}, ")
    events = [*run_events([list(experiment_events(0, DEFAULTS, at=1_700_000_000.0, text=text))])]
    host = served().state.hosts[-1].model_copy(update={"folder": "/srv/tuning"})
    events.insert(1, HostDescribed(at=1_700_000_000.0, host=host))
    task = parse_task(files(conclusion(events, text))["reproduce.yaml"].text).task
    assert task.benchmark.dataset_url == "/srv/tuning/prompts/chat.jsonl"
    assert task.benchmark.trace is not None
    assert task.benchmark.trace.source == "/srv/tuning/day.csv"
    events[1] = HostDescribed(at=1_700_000_000.0, host=host.model_copy(update={"folder": ""}))
    task = parse_task(files(conclusion(events, text))["reproduce.yaml"].text).task
    assert task.benchmark.dataset_url == "prompts/chat.jsonl"  # nobody knows from where
    remote = text.replace("prompts/chat.jsonl", "https://example.com/chat.jsonl")
    task = parse_task(files(conclusion(events, remote))["reproduce.yaml"].text).task
    assert task.benchmark.dataset_url == "https://example.com/chat.jsonl"


def test_launches_that_were_not_compared_tell_their_noise() -> None:
    run = served()
    task = parse_task(files(run)["reproduce.yaml"].text).task
    assert task.expect is not None
    assert task.expect.repeats > 1
    assert task.expect.noise == pytest.approx(0.012, rel=1)
    alone = replace(run, state=run.state)
    assert alone.recommended is not None
    chosen = findings(alone).model_copy(update={"confirmation": None})
    found = expectation(alone, chosen)
    assert found is not None
    assert found.noise == pytest.approx(0.012, rel=1)


def test_a_cache_that_the_task_names_is_mounted_where_it_is_looked_for() -> None:
    text = SERVED.replace("HF_TOKEN: <secret>", "HF_HOME: /cache")
    known = files(conclusion(served_events(), text))
    assert '"$HOME"/.cache/huggingface:/cache' in known["docker-run.sh"].text
    assert "--env HF_HOME=/cache" in known["docker-run.sh"].text


def test_what_was_measured_in_a_container_is_launched_in_one() -> None:
    run = conclusion(served_events(), f"{SERVED}deployment_mode: docker\n")
    known = files(run)
    assert known["launch.sh"].text == known["docker-run.sh"].text
    assert "ExecStart=docker run --rm" in known["chat-8b.service"].text
    launch = run_document(run).launch
    assert launch is not None
    assert f"{launch.command}\n" == known["launch.sh"].text
    shown = io.StringIO()
    print_result(run, shown, width=100)
    assert launch.command in shown.getvalue()
