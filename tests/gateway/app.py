# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A small gradio application that says which replica it is: app.py NAME PORT."""

from __future__ import annotations

import math
import struct
import sys
import tempfile
import time
import wave
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


def gen_single(
    emo_control_method: str,
    prompt: str,
    text: str,
    emo_ref_path: str | None,
    weight: float,
    *rest: object,
) -> object:
    """Like the one of IndexTTS2, with a tone for the voice. The text says what goes wrong."""
    if text == "error":
        raise gradio.Error("no such voice")
    if text == "slow":
        time.sleep(8)
    if not (
        prompt and emo_control_method == "as the voice" and weight == 0.65 and rest == (True, 30)
    ):
        raise gradio.Error(f"{prompt} {emo_control_method} {weight} {rest}")
    loudness = 0 if text == "silence" else 8000
    with (
        tempfile.NamedTemporaryFile(suffix=".wav", delete=False) as new,
        wave.open(new, "wb") as sound,
    ):
        sound.setparams((1, 2, 22050, 0, "NONE", ""))
        for place in range(22050):
            sound.writeframesraw(struct.pack("<h", round(loudness * math.sin(place / 20))))
    return gradio.update(value=new.name, visible=True)


def secrets(request: gradio.Request) -> str:
    seen = ["authorization", "cookie"]
    return " ".join(name for name in seen if name in request.headers) or "none"


with gradio.Blocks() as demo:
    text, number, answer = gradio.Textbox(), gradio.Number(), gradio.Textbox()
    sent, made = gradio.File(), gradio.File()
    spoken = [
        gradio.Radio(["as the voice", "as a file"], value="as the voice", label="emotion"),
        gradio.Audio(type="filepath", label="the voice"),
        gradio.Textbox(label="what to say"),
        gradio.Audio(type="filepath", label="the emotion"),
        gradio.Slider(0, 1, value=0.65),
        gradio.Checkbox(value=True),
        gradio.Number(value=30),
    ]
    sound = gradio.Audio(type="filepath", visible=False)
    gradio.State({})  # as in an application that wants to know when a page is closed
    for function, inputs, outputs in (
        (which, [text], [answer]),
        (slow, [number], [answer]),
        (count, [number], [answer]),
        (voice, [sent], [answer, made]),
        (secrets, [], [answer]),
        (gen_single, spoken, [sound]),
    ):
        gradio.Button(function.__name__).click(
            function, inputs, outputs, api_name=function.__name__
        )

demo.queue(20).launch(server_name="127.0.0.1", server_port=int(sys.argv[2]), quiet=True)
