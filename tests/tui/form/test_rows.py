"""The rows of the form."""

from tui.form.discovery import FoundEngine, FoundModel, Machine
from tui.form.draft import Draft
from tui.form.proposal import model_for, propose
from tui.form.rows import form_rows

NOTHING = Machine((FoundEngine("simulated", "built in"), FoundEngine("vllm", "")), (), ())


def titles(draft: Draft) -> dict[str, str]:
    return {row.title: row.value for row in form_rows(draft)}


def test_the_first_draft_can_be_run_as_it_stands() -> None:
    draft = propose(NOTHING)
    assert draft.problems == ()
    rows = titles(draft)
    assert rows["engine"] == "simulated"
    assert rows["chunked-prefill-size"] == "2048, 8192"
    assert rows["TTFT P90"] == "0.2 s"


def test_an_engine_with_a_model_for_it_comes_before_the_simulated_one() -> None:
    machine = Machine(
        (FoundEngine("llamacpp", "/bin/llama-server"), FoundEngine("simulated", "built in")),
        (FoundModel("/m/small.gguf", True, 1), FoundModel("/m/big.gguf", True, 2)),
        (),
    )
    draft = propose(machine)
    assert draft.problems == ()
    assert draft.get("base_runtime") == "llamacpp"
    assert draft.get("model", "id_or_path") == "/m/big.gguf"
    assert model_for("vllm", machine) is None


def test_what_the_task_leaves_out_is_shown_as_assumed() -> None:
    rows = {row.title: row for row in form_rows(propose(NOTHING))}
    assert not rows["strategy"].given
    assert rows["strategy"].value == "auto"
    assert rows["experiments"].given


def test_a_custom_engine_has_its_command() -> None:
    draft = propose(NOTHING).having(("base_runtime",), "custom")
    assert "command" in titles(draft)


def test_a_broken_draft_still_has_rows() -> None:
    draft = propose(NOTHING).having(("optimization", "max_iterations"), "many")
    assert draft.problems
    assert titles(draft)["experiments"] == "many"
    assert titles(Draft("parameters: 3"))["none yet"] == ""
