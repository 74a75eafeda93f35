"""The sample task for llama.cpp, run as it is on a real server; only the paths are this machine's.

On real hardware no figure can be asserted, but much else can: every server came up and is gone, the
tokens the client counted are those the server counted, and the winner is not slower than the
baseline beyond noise.
"""

import re
from pathlib import Path

import httpx
import pytest

from core.engines.registry import ENGINES
from core.engines.resolving import engine_of
from core.events import (
    Event,
    Experiment,
    ExperimentJudged,
    FailureKind,
    Outcome,
    ServerLaunched,
)
from core.machine import identity, ports
from core.report import Conclusion
from core.report.preflight import check_program, prepare
from core.run import Runner
from core.store import Store
from core.task import Reading, read_task

SAMPLE = Path(__file__).parents[2] / "sample_tasks" / "llamacpp_cpu.yaml"

pytestmark = [pytest.mark.real_engine, pytest.mark.timeout(900)]


@pytest.fixture
def reading(llama_server: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """The sample task on this machine's server and model."""
    shipped = read_task(SAMPLE)
    task = shipped.task.model_copy(
        update={
            "model": shipped.task.model.model_copy(update={"id_or_path": str(model)}),
            "engine": shipped.task.engine.model_copy(update={"executable": str(llama_server)}),
            "timeouts": shipped.task.timeouts.model_copy(update={"warmup": 15.0}),
        }
    )
    return Reading(task, shipped.text, (), shipped.source)


class Witness:
    """Asks each server for its own count of tokens the moment its result is said."""

    def __init__(self) -> None:
        self.launched: dict[int, ServerLaunched] = {}
        self.counted: dict[int, float] = {}

    def see(self, event: Event) -> None:
        if isinstance(event, ServerLaunched):
            self.launched[event.experiment] = event
        if isinstance(event, ExperimentJudged) and event.outcome is Outcome.OK:
            page = httpx.get(f"{self.launched[event.experiment].url}/metrics", trust_env=False).text
            found = re.search(r"^llamacpp:tokens_predicted_total (\S+)", page, re.MULTILINE)
            assert found is not None
            self.counted[event.experiment] = float(found[1])


async def test_the_sample_task_tunes_a_real_server(
    reading: Reading, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOTUNER_HOME", str(tmp_path))
    engine = engine_of(reading)
    assert engine is ENGINES["llamacpp"]
    check_program(prepare(reading, engine))
    witness = Witness()
    async with Store.open() as store:
        stored = await store.create_task(reading.text, reading.task)
        stored = await store.claim(stored.id, identity.myself(), identity.is_alive)
        ending = await Runner(stored, engine, store, [witness.see]).run()
        conclusion = Conclusion(stored, await store.resume(stored.id))

    assert ending.state == "finished"
    assert conclusion.confirmation is not None
    searched = [e for e in conclusion.experiments if e.origin in {"baseline", "search"}]
    assert len(searched) == 9
    assert len(witness.launched) == len(conclusion.experiments)
    for launched in witness.launched.values():
        assert not identity.is_alive(launched.server)
        assert not identity.is_alive(launched.guardian)
        assert not ports.is_listening(httpx.URL(launched.url).port or 0)

    measured = [e for e in conclusion.experiments if not was_too_busy(e)]
    for experiment in measured:
        assert experiment.outcome in {Outcome.OK, Outcome.INFEASIBLE}, experiment.failure
        (level,) = experiment.sub_rounds
        assert level.requests.completed >= 16
        assert level.output_tokens is not None
        assert level.output_tokens.min == level.output_tokens.max == 32
        assert level.prompt_tokens is not None
        assert abs(level.prompt_tokens.mean - 128) <= 1
        account = experiment.in_force
        assert account is not None
        assert account.version
        assert not any("answers, and not" in warning for warning in experiment.warnings)
        told = {a.flag: a for a in account.arguments if a.in_force is not None}
        assert not any(argument.differs for argument in told.values())
        if "parallel" in experiment.configuration:
            assert told["parallel"].in_force == experiment.configuration["parallel"]
        if experiment.number in witness.counted:
            # The server counts the warm-up too, and never less than the client.
            assert witness.counted[experiment.number] >= 32 * level.requests.completed
    if conclusion.baseline in measured:
        winner = conclusion.winner
        assert winner is not None
        assert winner.verdict is not None
        assert winner.verdict.feasible
        assert conclusion.gain is not None
        assert conclusion.gain >= -0.1


def was_too_busy(experiment: Experiment) -> bool:
    """Whether the client found this machine too busy for its own figures, and said so."""
    failure = experiment.failure
    return failure is not None and failure.kind is FailureKind.CLIENT_BOUND
