"""Which kind of file system a path lies on."""

from pathlib import Path

import pytest

from core.store.file_system import kind_of, reached_over_network

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:25 / /home rw shared:5 - nfs4 server:/home rw,vers=4.2
31 30 0:26 / /home/me/scratch rw - tmpfs tmpfs rw
32 22 0:27 / /mnt/with\\040space rw shared:7 master:1 - fuse.sshfs me@host: rw
33 22 0:28 / /data rw - ext4 /dev/vdb rw
34 33 0:29 / /data rw - cifs //server/data rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/home/me/.local/share", "nfs4"),
        ("/home/me/scratch/x", "tmpfs"),
        ("/homework", "ext4"),
        ("/mnt/with space/x", "fuse.sshfs"),
        ("/data/x", "cifs"),
    ],
)
def test_the_innermost_and_latest_mount_counts(path: str, kind: str) -> None:
    assert kind_of(Path(path), MOUNTS) == kind


def test_a_folder_of_this_machine_is_local(tmp_path: Path) -> None:
    assert not reached_over_network(tmp_path)


def test_where_nothing_is_mounted_nothing_is_known() -> None:
    assert kind_of(Path("/x"), "") is None
