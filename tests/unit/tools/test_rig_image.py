# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The image's key and the commands that build it."""

from __future__ import annotations

import io
import stat
import tarfile
from pathlib import Path

import pytest
from vmrig import image
from vmrig.errors import RigError

FILES = {"etc/fstab": (0o644, b"one"), "usr/local/sbin/x": (0o755, b"two")}


def test_the_key_changes_with_the_release_a_file_and_a_mode() -> None:
    changed_content = {**FILES, "etc/fstab": (0o644, b"other")}
    changed_mode = {**FILES, "etc/fstab": (0o755, b"one")}
    keys = [
        image.key(image.inputs("bookworm", FILES)),
        image.key(image.inputs("trixie", FILES)),
        image.key(image.inputs("bookworm", changed_content)),
        image.key(image.inputs("bookworm", changed_mode)),
    ]
    assert len(set(keys)) == len(keys)


def test_the_key_does_not_depend_on_the_order_of_files() -> None:
    backwards = dict(reversed(FILES.items()))
    assert image.key(image.inputs("bookworm", FILES)) == image.key(
        image.inputs("bookworm", backwards)
    )


def test_an_unknown_release_is_refused_with_the_known_ones() -> None:
    assert image.release({}) == "bookworm"
    assert image.release({"RIG_RELEASE": "trixie"}) == "trixie"
    with pytest.raises(RigError, match="found 'sid', expected one of bookworm, trixie"):
        image.release({"RIG_RELEASE": "sid"})


def test_the_mirror_is_an_argument_only_when_one_is_given() -> None:
    plain = image.bootstrap_argv("trixie", Path("/w/rootfs.tar"), Path("/w/root.tar"), "")
    assert plain[-2:] == ["trixie", "/w/root.tar"]
    other = image.bootstrap_argv("trixie", Path("/w/rootfs.tar"), Path("/w/root.tar"), "http://m/")
    assert other == [*plain, "http://m/"]
    assert "--essential-hook=tar-in /w/rootfs.tar /" in plain


def test_an_ordinary_user_packs_under_fakeroot() -> None:
    as_root = image.pack_argv(Path("/w"), as_root=True)
    assert image.pack_argv(Path("/w"), as_root=False) == ["fakeroot", *as_root]


def test_no_service_that_a_role_installs_is_in_the_image() -> None:
    assert not {"open-iscsi", "multipath-tools", "targetcli-fb", "python3-rtslib-fb"} & set(
        image.INSTALLED
    )


def test_the_added_files_are_roots_and_only_programs_can_be_run() -> None:
    files = image.rootfs_files()
    assert files["usr/local/sbin/rig-seed"][0] == 0o755
    assert files["etc/fstab"][0] == 0o644
    with tarfile.open(fileobj=io.BytesIO(image.tar_bytes(files))) as tar:
        members = {member.name: member for member in tar}
    assert set(members) == set(files)
    assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}
    assert stat.S_IMODE(members["usr/local/sbin/rig-seed"].mode) == 0o755


def test_too_little_space_is_refused_with_both_numbers(tmp_path: Path) -> None:
    image.need_space(tmp_path, 1, "image")
    with pytest.raises(RigError, match=r"image: \d+ MiB free in .*, expected at least"):
        image.need_space(tmp_path, 1 << 60, "image")


def test_the_tail_of_a_log_is_its_last_lines_that_say_something(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("one\ntwo\r\n\n  \nthree\n\n")
    assert image.tail(log, 2) == ["two", "three"]
    assert image.tail(tmp_path / "none", 2) == []
