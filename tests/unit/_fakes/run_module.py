# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs a module in this process."""

from __future__ import annotations

import json
from types import ModuleType
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args


def run_module(
    module: ModuleType,
    capsys: pytest.CaptureFixture[str],
    options: dict[str, Any],
    *,
    check: bool = False,
) -> tuple[dict[str, Any], str]:
    """What the module returns with these options, as data and as the very text."""
    arguments = {**options, "_ansible_check_mode": check, "_ansible_diff": True}
    with patch_module_args(arguments), pytest.raises(SystemExit):
        module.main()
    text = capsys.readouterr().out
    return json.loads(text), text
