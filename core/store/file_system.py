"""Whether a path lies on a network file system, where SQLite's write-ahead log cannot work.

The log needs memory that all processes share; two hosts share none, and the damage shows late.
"""

import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")

_OVER_NETWORK = {
    "9p", "afs", "beegfs", "ceph", "cifs", "gpfs", "lustre", "ncpfs", "nfs", "nfs4", "orangefs",
    "smb3", "smbfs", "virtiofs",
    "fuse.ceph-fuse", "fuse.glusterfs", "fuse.juicefs", "fuse.s3fs", "fuse.sshfs",
}  # fmt: skip


def reached_over_network(path: Path) -> bool:
    """Return whether `path` is kept on another host. False where the system does not say."""
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False
    return kind_of(path.resolve(), mounts) in _OVER_NETWORK


def kind_of(path: Path, mounts: str) -> str | None:
    """Return the kind of file system that `path` lies on, by the text of `/proc/self/mountinfo`."""
    around: dict[int, str] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), before.split()[4]))
        if path.is_relative_to(point):
            around[len(point.parts)] = after.split()[0]  # a later mount hides an earlier one
    return around[max(around)] if around else None
