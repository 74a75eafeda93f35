"""The YAML behind the form."""

import pytest

from tui.form.draft import Draft

TEXT = """\
# ours
task_name: chat  # as the team calls it
base_runtime: simulated
model: {id_or_path: llama-3.1-8b}
parameters:
  page-size: [1, 16]
"""


def test_a_change_keeps_comments_and_order() -> None:
    draft = Draft(TEXT).having(("parameters", "tp-size"), [1, 2])
    assert draft.text == TEXT + "  tp-size: [1, 2]\n"
    assert draft.reading is not None
    assert list(draft.reading.task.parameters) == ["page-size", "tp-size"]


def test_sections_are_made_and_taken_away_with_what_is_in_them() -> None:
    path = ("slo", "ttft", "p90")
    draft = Draft(TEXT).having(path, {"threshold": 1.5, "hard_fail": True})
    assert draft.get(*path) == {"threshold": 1.5, "hard_fail": True}
    assert draft.without(path).text == TEXT


def test_an_empty_text_can_be_begun_with() -> None:
    assert Draft("").having(("task_name",), "new").text == "task_name: new\n"


def test_what_is_wrong_is_told_and_not_raised() -> None:
    assert Draft("a: [1").problems
    assert Draft("a: [1").document is None
    assert Draft("- 1").problems
    problems = Draft(TEXT.replace("chat", "''", 1)).problems
    assert problems == ("2: task_name: must not be empty",)


@pytest.mark.parametrize("text", ["- 1\n", "a: [1", "just words"])
def test_a_text_that_is_no_list_of_keys_is_left_alone(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        Draft(text).having(("task_name",), "x")
