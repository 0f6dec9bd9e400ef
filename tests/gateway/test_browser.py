# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The page in a real browser, through the gateway."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

BROWSER = shutil.which("chromium")


@pytest.mark.skipif(BROWSER is None, reason="the Debian package chromium is not installed")
def test_the_page_comes_up_in_a_browser(gateway, tmp_path: Path) -> None:
    picture = tmp_path / "page.png"
    for look in ("--dump-dom", f"--screenshot={picture}"):
        done = subprocess.run(
            [
                *(BROWSER, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                *(f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1200,900"),
                *("--virtual-time-budget=60000", look, gateway.url),
            ],
            text=True,
            capture_output=True,
            check=False,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        # What is there only after the page has fetched its scripts and asked the application.
        if look == "--dump-dom":
            assert done.stdout.count("<textarea") >= 2, done.stdout[-3000:]
            assert "Use via API" in done.stdout
    print(f"looks like {picture}")
    assert picture.stat().st_size > 5000
