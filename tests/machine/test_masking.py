"""Secrets are hidden, and nothing else is."""

import pytest

from core.machine.masking import masked, masked_text, secret_files, secrets_of
from core.task import is_secret_name


@pytest.mark.parametrize(
    "name",
    [
        "HF_TOKEN",
        "--hf-token",
        "--api-key",
        "OPENAI_API_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "DB_PASSWORD",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "--tokenizer",
        "--max-total-tokens",
        "--max-num-batched-tokens",
        "--api-key-file",
        "KEY",
        "-m",
    ],
)
def test_names_that_merely_sound_like_secrets(name: str) -> None:
    assert not is_secret_name(name)


def test_a_command_line_is_shown_without_its_secrets() -> None:
    argv = (
        "vllm",
        "serve",
        "--api-key",
        "sk-1",
        "--hf-token=abcdefgh",
        "--tokenizer",
        "abcdefgh/x",
    )
    assert masked(argv) == (
        "vllm", "serve", "--api-key", "***", "--hf-token=***", "--tokenizer", "***/x",
    )  # fmt: skip


def test_a_secret_of_the_environment_is_masked_in_the_arguments() -> None:
    assert masked(("run", "--auth=Bearer s3cretvalue"), {"HF_TOKEN": "s3cretvalue"}) == (
        "run",
        "--auth=Bearer ***",
    )


def test_proxy_credentials_are_secrets() -> None:
    environment = {"HTTPS_PROXY": "http://anna:geheim@proxy:3128", "HOME": "/root"}
    assert secrets_of((), environment) == ("anna:geheim",)
    assert masked_text("via http://anna:geheim@proxy:3128") == "via http://***@proxy:3128"


def test_dummies_are_no_secrets_elsewhere() -> None:
    assert secrets_of(("--api-key", "EMPTY"), {"OPENAI_API_KEY": "dummy"}) == ()
    assert masked(("--api-key", "EMPTY")) == ("--api-key", "***")


def test_a_variable_that_is_referred_to_is_shown() -> None:
    argv = ("python", "-m", "s", "--api-key", "$SGLANG_API_KEY", "--hf-token", "$hf")
    assert masked(argv) == (*argv[:-1], "***")
    assert secrets_of(argv, {"SGLANG_API_KEY": "k3y-of-it"}) == ("k3y-of-it",)


def test_files_that_hold_secrets_are_known_by_the_names_of_what_names_them() -> None:
    argv = ("llama-server", "--api-key-file", "/k", "--hf_token_path=/t", "--log-file", "/l")
    environment = {"HF_TOKEN_PATH": "/h", "HF_HOME": "/no", "SSL_CERT_FILE": "/no"}
    assert secret_files(argv, environment) == {"/k", "/t", "/h"}
