# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The synthesis check with a real gradio, which is asked the way IndexTTS2 is."""

from __future__ import annotations

import json
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from conftest import ROOT, Replica

PROGRAM = ROOT / "roles/indextts2/files/indextts2_synthesis.py"


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "voice.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 16000, 0, "NONE", ""))
        sound.writeframes(bytes(range(256)) * 100)
    return path


def check(url: str, voice: Path, text: str, *arguments: str) -> tuple[int, str, dict]:
    report = voice.with_name("report.json")
    done = subprocess.run(
        [sys.executable, PROGRAM, "--url", url, "--text", text, "--voice", voice]
        + ["--report", report, "--timeout", "60", *arguments],
        text=True,
        capture_output=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr, json.loads(report.read_text())


def direct(replicas: list[Replica]) -> str:
    return f"http://127.0.0.1:{replicas[0].port}"


def test_a_replica_speaks(replicas: list[Replica], voice: Path) -> None:
    code, said, report = check(direct(replicas), voice, "hello")
    assert code == 0, said
    assert report["ok"] and report["audio_seconds"] == 1.0


@pytest.mark.parametrize(
    ("text", "arguments", "expected"),
    [
        ("silence", [], "found 1.00 s of silence"),
        ("error", [], "found an error of the application"),
        ("slow", ["--timeout=3"], "after 3 s, expected the sound by then"),
        ("hello", ["--endpoint=gen_other"], "found the endpoints /count, /gen_single"),
    ],
)
def test_what_goes_wrong_is_told(
    replicas: list[Replica], voice: Path, text: str, arguments: list[str], expected: str
) -> None:
    code, said, report = check(direct(replicas), voice, text, *arguments)
    assert code == 1
    assert expected in said and not report["ok"]


def test_it_stays_with_one_node_behind_the_gateway(gateway, voice: Path) -> None:
    for _time in range(4):
        code, said, _report = check(gateway.url, voice, "hello")
        assert code == 0, said
