"""Secrets in text that is about to be written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from core.store.masking import SECRET, mask, mask_task_text, without_secrets
from core.task import parse_task

TOKEN = "hf_abcdefghijklmnopqrstuvwx"


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {TOKEN}",
        "key sk-proj-abcdefghijklmnop1234",
        "http://user:hunter22@proxy:3128/",
        "HF_TOKEN: hunter22",
        "  MY_API_KEY: 'hunter22'  # private",
        "{HF_TOKEN: hunter22}",
        "export WANDB_API_KEY=hunter22",
        "vllm serve m --api-key hunter22 --port 1",
        "--api-key=hunter22",
        "api-key: hunter22",
        "non-default args: {'api_key': 'hunter22'}",
        '{"environment":{"HF_TOKEN":"hunter22"}}',
        '{"argv":["vllm","--api-key","hunter22","--port","1"]}',
        '{"text":"args: {\\"api_key\\": \\"hunter22\\"}"}',
    ],
)
def test_what_is_secret_goes(text: str) -> None:
    assert "hunter22" not in mask(text)
    assert TOKEN not in mask(text)
    assert "abcdefghijklmnop" not in mask(text)
    assert SECRET in mask(text)
    assert mask(mask(text)) == mask(text)


@pytest.mark.parametrize(
    "text",
    [
        "task_name: quickstart\nparameters: {max-total-tokens: [1024, 2048]}\n",
        "tokenizer: gpt2",
        "HF_TOKEN: $HF_TOKEN",
        "api-key: null",
        '{"api-key":null,"HF_TOKEN":true,"password":17}',
        "the HF_TOKEN is missing",
        "http://127.0.0.1:8000/v1/models",
        "sk-short",
        '{"prompt_tokens":{"count":100},"output_tokens":null}',
    ],
)
def test_what_is_not_secret_stays(text: str) -> None:
    assert mask(text) == text


_KEYS = st.sampled_from(
    ["HF_TOKEN", "api-key", "password", "MY_SECRET", "--api-key", "x", "url", "note"]
)
_WORDS = st.text(alphabet="abhf_sk-TOKEN:=/@$\"'\\{}[] \n0123", max_size=40) | st.sampled_from(
    [TOKEN, "http://u:p@h/", "--api-key", "HF_TOKEN=", 'HF_TOKEN="a b"']
)
_DOCUMENTS: st.SearchStrategy[Any] = st.recursive(
    _WORDS | st.none() | st.booleans() | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(_DOCUMENTS)
def test_json_stays_json_of_the_same_shape(document: Any) -> None:
    masked = json.loads(mask(json.dumps(document)))
    assert _shape(masked) == _shape(document)


def _shape(value: Any) -> Any:
    match value:
        case dict():
            return [_shape(item) for item in value.values()]
        case list():
            return [_shape(item) for item in value]
        case str():
            return "text"
        case _:
            return value


def test_yaml_stays_yaml() -> None:
    text = (
        f"engine:\n  environment: {{HF_TOKEN: {TOKEN}, OMP: '1'}}\n  arguments:\n    api-key: abc\n"
    )
    read = YAML(typ="safe", pure=True).load(mask(text))
    assert read == {
        "engine": {
            "environment": {"HF_TOKEN": SECRET, "OMP": "1"},
            "arguments": {"api-key": SECRET},
        }
    }


def test_a_task_is_kept_without_what_its_own_names_call_a_secret() -> None:
    text = (
        "task_name: t\nbase_runtime: custom\nmodel: {id_or_path: m}\n"
        "engine:\n  environment: {AWS_SECRET_ACCESS_KEY: abcdef12, OMP_NUM_THREADS: '1'}\n"
        "  arguments: {auth-token: qwerty34, page-size: 16}\n"
    )
    task = parse_task(text).task
    kept = without_secrets(task).engine
    assert kept.environment == {"AWS_SECRET_ACCESS_KEY": SECRET, "OMP_NUM_THREADS": "1"}
    assert kept.arguments == {"auth-token": SECRET, "page-size": 16}
    assert parse_task(mask_task_text(text, task)).task.engine == kept
