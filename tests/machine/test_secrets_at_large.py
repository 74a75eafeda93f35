"""Secrets are found in the files that name them, and in the arguments where they must not be."""

import subprocess
import sys
from pathlib import Path

from core.machine.secrets_at_large import in_arguments, in_files


def test_every_line_of_a_file_of_keys_is_a_secret(tmp_path: Path) -> None:
    keys, binary, large = tmp_path / "keys", tmp_path / "binary", tmp_path / "large"
    keys.write_text("# for whom\n\n first-key \nshort\nsecond-key\n")
    binary.write_bytes(b"\xff\xfe-not-text")
    large.write_text("not-a-key\n" * 10_000)
    paths = [keys, binary, large, tmp_path, tmp_path / "missing"]
    assert in_files(map(str, paths)) == {"first-key", "second-key"}
    assert in_files(["a\0b", "~no-such-user/keys"]) == set()


def test_a_process_that_shows_a_secret_is_found() -> None:
    sleep = [sys.executable, "-c", "import sys; sys.stdin.read()"]
    with (
        subprocess.Popen([*sleep, "--key=Bearer s3cret-x"], stdin=subprocess.PIPE) as shows,
        subprocess.Popen([*sleep, "s3cret"], stdin=subprocess.PIPE) as hides,
    ):
        pids = {shows.pid, hides.pid}
        found = in_arguments(pids, ("s3cret-x",))
        assert found is not None
        assert found.pid == shows.pid
        assert in_arguments({hides.pid}, ("s3cret-x",)) is None
        assert in_arguments(pids, ()) is None
        assert in_arguments({2**22 + 1}, ("s3cret-x",)) is None
