# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

CHECK_ROLE = runpy.run_path(str(Path(__file__).parents[3] / "tools" / "check-specs"))["check_role"]

SPECIFICATION = """\
argument_specs:
  main:
    options:
      disk_name:
        type: str
        default: models
"""


@pytest.fixture
def role(tmp_path: Path) -> Path:
    for folder in ("meta", "defaults"):
        (tmp_path / "disk" / folder).mkdir(parents=True)
    (tmp_path / "disk" / "meta" / "argument_specs.yml").write_text(SPECIFICATION)
    return tmp_path / "disk"


def problems(role: Path, defaults: str) -> list[str]:
    (role / "defaults" / "main.yml").write_text(defaults)
    return list(CHECK_ROLE(role))


def test_a_specification_and_defaults_that_agree_are_no_problem(role: Path) -> None:
    assert problems(role, "disk_name: models\n") == []


def test_a_default_that_the_specification_does_not_know_is_a_problem(role: Path) -> None:
    found = problems(role, "disk_name: models\ndisk_nmae: models\n")
    assert found == ["roles/disk: disk_nmae: is in defaults/main.yml only"]


def test_another_default_than_the_specification_has_is_a_problem(role: Path) -> None:
    (found,) = problems(role, "disk_name: other\n")
    assert "disk_name: default 'models' in argument_specs.yml, 'other' in defaults" in found
