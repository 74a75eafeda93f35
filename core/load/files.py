"""Files that describe requests: fetched, unpacked and read, within limits."""

import csv
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx

from core.errors import HostError, UsageError
from core.paths import path_of

MOST_BYTES = 2**30
"""Most bytes of a file, packed or unpacked."""
FETCH_TIMEOUT = 300.0
"""Seconds without a byte, after which a download has failed."""
DATA_NAMES = (".json", ".jsonl", ".csv", ".txt")


def is_url(source: str) -> bool:
    """Return whether the source has to be fetched."""
    return source.startswith(("http://", "https://"))


def local(source: str) -> Path:
    """Return the path of a source that is a file of this machine: `prompts.jsonl`, `file:///…`."""
    return path_of(source.removeprefix("file://"))


async def fetch(url: str, folder: Path, *, most_bytes: int = MOST_BYTES) -> Path:
    """Download a file into `folder`, under the name it has in the URL.

    Raises:
        HostError: it cannot be had, or is too large.
    """
    path = folder / (httpx.URL(url).path.rpartition("/")[2] or "dataset.jsonl")
    try:
        async with (
            httpx.AsyncClient(follow_redirects=True, timeout=FETCH_TIMEOUT) as client,
            client.stream("GET", url) as reply,
        ):
            reply.raise_for_status()
            with path.open("wb") as file:
                async for piece in reply.aiter_bytes():
                    file.write(piece)
                    if file.tell() > most_bytes:
                        raise HostError(_too_large(url, most_bytes))
    except httpx.HTTPError as error:
        raise HostError(f"{url} cannot be fetched: {error}; check the address") from None
    return path


def records(path: Path, *, most_bytes: int = MOST_BYTES) -> Iterator[dict[str, Any]]:
    """Yield the records of a JSON, JSON lines, CSV or text file, also packed; a text line is a
    record with `prompt`.

    Raises:
        HostError: it cannot be read, or is too large.
        UsageError: it is not of such a form.
    """
    try:
        name, data = _unpacked(path, most_bytes)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise HostError(f"{path} cannot be read: {str(error).splitlines()[0]}") from None
    try:
        yield from _parsed(name, data.decode("utf-8-sig"))
    except (ValueError, csv.Error) as error:
        raise UsageError(
            f"{path} is no {Path(name).suffix} file that can be read: {error}"
        ) from None


def _unpacked(path: Path, most_bytes: int) -> tuple[str, bytes]:
    """Return the name and content of the file, or of the first data file in the archive."""
    name = path.name
    if name.endswith(".zip"):
        with zipfile.ZipFile(path) as archive:
            member = _data_file([info.filename for info in archive.infolist()], path)
            with archive.open(member) as file:
                return member, _limited(file, path, most_bytes)
    if name.endswith((".tar.gz", ".tgz", ".tar")):
        with tarfile.open(path) as bundle:
            member = _data_file([info.name for info in bundle.getmembers() if info.isfile()], path)
            content = bundle.extractfile(member)
            assert content is not None
            return member, _limited(content, path, most_bytes)
    if name.endswith(".gz"):
        with gzip.open(path) as file:
            return name.removesuffix(".gz"), _limited(file, path, most_bytes)
    with path.open("rb") as file:
        return name, _limited(file, path, most_bytes)


def _data_file(names: list[str], path: Path) -> str:
    for name in sorted(names):
        if name.endswith(DATA_NAMES):
            return name
    raise UsageError(f"{path} holds no {', '.join(DATA_NAMES)} file")


def _limited(file: IO[bytes] | gzip.GzipFile, path: Path, most_bytes: int) -> bytes:
    data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise HostError(_too_large(path, most_bytes))
    return data


def _too_large(what: object, most_bytes: int) -> str:
    return f"{what} holds over {most_bytes >> 20} MiB; use a smaller file"


def _parsed(name: str, text: str) -> Iterator[dict[str, Any]]:
    match Path(name).suffix:
        case ".csv":
            yield from csv.DictReader(io.StringIO(text))
        case ".jsonl":
            yield from (_record(json.loads(line)) for line in text.splitlines() if line.strip())
        case ".json":
            whole = json.loads(text)
            yield from map(_record, whole if isinstance(whole, list) else [whole])
        case _:
            yield from ({"prompt": line} for line in text.splitlines() if line.strip())


def _record(raw: Any) -> dict[str, Any]:
    return raw if isinstance(raw, dict) else {"prompt": raw}
