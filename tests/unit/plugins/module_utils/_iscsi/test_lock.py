# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tts.modelstore.plugins.module_utils._core.errors import ModelStoreError
from ansible_collections.tts.modelstore.plugins.module_utils._iscsi.lock import database_lock


def test_the_lock_is_the_link_that_iscsiadm_makes_and_is_given_back(tmp_path: Path) -> None:
    folder = tmp_path / "iscsi"
    with database_lock(str(folder)):
        assert (folder / "lock.write").samefile(folder / "lock")
    assert [path.name for path in folder.iterdir()] == ["lock"]


def test_the_lock_is_given_back_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), database_lock(str(tmp_path)):
        raise RuntimeError
    assert not (tmp_path / "lock.write").exists()


def test_a_stale_lock_ends_in_bounded_time_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "lock.write").touch()
    with (
        pytest.raises(ModelStoreError, match=r"remove .*/lock\.write, then run again"),
        database_lock(str(tmp_path), timeout=0.1),
    ):
        pass
    assert (tmp_path / "lock.write").exists()
