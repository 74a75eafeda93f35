"""The log keeps head, errors and tail, in few bytes and without secrets."""

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.machine import bounded_log
from core.machine.bounded_log import BoundedLog

NOISE = b"INFO all is well and there is nothing to read here, nothing at all\n"


def test_a_short_log_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = BoundedLog(str(path))
    log.write(b"one\n")
    log.write(b"two\nno newline")
    assert path.read_bytes() == b"one\ntwo\nno newline"
    log.close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_flood_keeps_its_head_its_errors_and_its_tail(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = BoundedLog(str(path), head=10_000, tail=10_000)
    errors = {3_000: b"ValueError: number 3000\n", 12_000: b"ValueError: number 12000\n"}
    said = [b"first line\n"]
    for number in range(20_000):
        said += [NOISE, errors.get(number, b"")]
    said.append(b"last line\n")
    for line in said:
        log.write(line)
    log.close()
    lines = path.read_bytes().splitlines()
    assert path.stat().st_size < 50_000
    assert lines[0] == b"first line"
    assert lines[-1] == b"last line"
    assert lines.index(b"ValueError: number 3000") < lines.index(b"ValueError: number 12000")
    notes = [line for line in lines if b"bytes left out here" in line]
    assert len(notes) == 1
    left_out = int(notes[0].split()[1])
    kept = path.stat().st_size - len(notes[0]) - 1
    assert left_out + kept == sum(len(line) for line in said)
    assert set(lines) - set(notes) == {line.strip() for line in said if line}


@pytest.mark.parametrize(
    "data",
    [b"x" * 1000, b"an error " * 100, b"error\n" * 100],
    ids=["endless line", "endless error", "errors"],
)
def test_no_flood_whatever_its_lines_outgrows_the_bounds(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "log"
    log = BoundedLog(str(path), head=10_000, tail=10_000)
    for _ in range(5_000):
        log.write(data)
    log.close()
    bounds = 10_000 + bounded_log.KEPT_ERRORS_BYTES + 2 * 10_000
    assert path.stat().st_size < bounds + 10_000


def test_a_full_disk_loses_lines_and_not_the_writer() -> None:
    log = BoundedLog("/dev/full")
    log.write(b"lost\n")
    log.close()


@given(
    secrets=st.lists(st.sampled_from([b"hf_abcabd", b"abcabcabe", b"tok\n123"]), max_size=3),
    text=st.lists(st.sampled_from([b"hf_", b"abc", b"abd", b"abe", b"tok\n", b"123", b" "])),
    cuts=st.lists(st.integers(0, 60)),
)
def test_secrets_are_masked_wherever_the_pieces_were_cut(
    tmp_path_factory: pytest.TempPathFactory,
    secrets: list[bytes],
    text: list[bytes],
    cuts: list[int],
) -> None:
    data = b"".join(text)
    path = tmp_path_factory.mktemp("masked") / "log"
    log = BoundedLog(str(path), secrets=tuple(secret.decode() for secret in secrets))
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        log.write(data[start:end])
    log.close()
    written = path.read_bytes()
    assert not any(secret in written for secret in secrets)
    if not any(secret in data for secret in secrets):
        assert written == data
