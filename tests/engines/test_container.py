"""Which image a container is made from, and where its files are on the machine."""

import pytest

from core.engines.container import image_of, on_the_machine
from core.task import Mount, Task


@pytest.mark.parametrize(
    ("named", "tag", "own", "image"),
    [
        (None, None, "vllm/vllm-openai", "vllm/vllm-openai"),
        (None, "v0.9", "vllm/vllm-openai", "vllm/vllm-openai:v0.9"),
        ("mine:1", "v0.9", "vllm/vllm-openai", "mine:1"),
        ("registry:5000/mine", "v0.9", None, "registry:5000/mine:v0.9"),
        (None, "v0.9", None, None),
    ],
)
def test_the_image(named: str | None, tag: str | None, own: str | None, image: str | None) -> None:
    task = Task.model_validate(
        {
            "task_name": "t",
            "base_runtime": "vllm",
            "model": {"id_or_path": "m"},
            "runtime_image_tag": tag,
            "container": {"image": named},
        }
    )
    assert image_of(task, own) == image


def test_a_file_of_the_container_is_found_where_its_innermost_mount_has_it() -> None:
    mounts = (
        Mount(source="/data", target="/"),
        Mount(source="/secrets", target="/keys"),
    )
    assert on_the_machine("/keys/a/b", mounts) == "/secrets/a/b"
    assert on_the_machine("/keystone", mounts) == "/data/keystone"
    assert on_the_machine("/keystone", mounts[1:]) == "/keystone"
