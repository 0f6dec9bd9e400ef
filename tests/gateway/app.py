# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small gradio application that says which replica it is: app.py NAME PORT."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import gradio

NAME = sys.argv[1]


def which(text: str) -> str:
    return f"{NAME} {text}"


def slow(seconds: float) -> str:
    time.sleep(seconds)
    return NAME


def count(number: float) -> Iterator[str]:
    for step in range(int(number)):
        time.sleep(0.4)
        yield f"{NAME} {step}"


def voice(path: str) -> tuple[str, str]:
    """What a file that was sent before holds, and a new file with as much."""
    sent = Path(path).read_bytes()
    with tempfile.NamedTemporaryFile(suffix=".wav", delete=False) as new:
        new.write(sent)
    return f"{NAME} {len(sent)}", new.name


def secrets(request: gradio.Request) -> str:
    seen = ["authorization", "cookie"]
    return " ".join(name for name in seen if name in request.headers) or "none"


with gradio.Blocks() as demo:
    text, number, answer = gradio.Textbox(), gradio.Number(), gradio.Textbox()
    sent, made = gradio.File(), gradio.File()
    gradio.State({})  # as in an application that wants to know when a page is closed
    for function, inputs, outputs in (
        (which, [text], [answer]),
        (slow, [number], [answer]),
        (count, [number], [answer]),
        (voice, [sent], [answer, made]),
        (secrets, [], [answer]),
    ):
        gradio.Button(function.__name__).click(
            function, inputs, outputs, api_name=function.__name__
        )

demo.queue(20).launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True)
