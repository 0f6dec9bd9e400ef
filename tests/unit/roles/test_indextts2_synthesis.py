# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The synthesis check against a stand-in that speaks gradio's protocol, and breaks it on demand."""

from __future__ import annotations

import importlib.util
import io
import json
import math
import socket
import struct
import sys
import threading
import time
import wave
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles/indextts2/files/indextts2_synthesis.py"
spec = importlib.util.spec_from_file_location("indextts2_synthesis", PROGRAM)
assert spec and spec.loader
synthesis = importlib.util.module_from_spec(spec)
spec.loader.exec_module(synthesis)

RATE = 8000


def wav(values: list[float], width: int = 2, channels: int = 1) -> bytes:
    """A WAV file; values from -1 to 1 for each frame."""
    packed = b""
    for value in values:
        number = round(value * ((1 << (8 * width - 1)) - 1))
        one = bytes([number + 128]) if width == 1 else number.to_bytes(width, "little", signed=True)
        packed += one * channels
    stream = io.BytesIO()
    with wave.open(stream, "wb") as sound:
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.setframerate(RATE)
        sound.writeframes(packed)
    return stream.getvalue()


def tone(seconds: float, loudness: float = 0.5, offset: float = 0.0) -> list[float]:
    count = round(seconds * RATE)
    return [offset + loudness * math.sin(place * 0.3) for place in range(count)]


GOOD = wav(tone(1.0))
VOICE = b"RIFF of somebody's voice"


def parameter(name: str, label: str, component: str, **more: Any) -> dict[str, Any]:
    default = {"parameter_has_default": "default" in more, "parameter_default": more.get("default")}
    return {
        "parameter_name": name,
        "label": label,
        "component": component,
        "type": more.get("type", {}),
        **default,
    }


# As IndexTTS 2.5 has them, in part: two sounds, two text boxes, and names that say nothing.
PARAMETERS = [
    parameter("emo_control_method", "情感控制方式", "Radio", default="与音色参考音频相同"),
    parameter("emo_text", "情感描述文本", "Textbox", type={"type": "string"}),
    parameter("prompt", "音色参考音频", "Audio"),
    parameter("text", "文本", "Textbox", type={"type": "string"}),
    parameter("emo_ref_path", "上传情感参考音频", "Audio"),
    parameter("vec1", "喜", "Slider", default=0),
    parameter("param_18", "do_sample", "Checkbox", default=True),
    parameter("param_19", "mode", "Dropdown", type={"type": "string", "enum": ["slow", "fast"]}),
    parameter("param_20", "top_k", "Number", type={"type": "number"}),
]


class StandIn(ThreadingHTTPServer):
    """What it answers is in its attributes; what it was asked is kept."""

    # No thread outlives a test: another one could get a signal there.
    daemon_threads = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.parameters: list[dict[str, Any]] = PARAMETERS
        self.sound = GOOD
        self.file: Any = {"path": "/tmp/gradio/a b/spk.wav", "meta": {"_type": "gradio.FileData"}}
        self.events = ["event: heartbeat\ndata: null\n\n", "event: complete\ndata: RESULT\n\n"]
        self.pause = 0.0
        self.ended = threading.Event()
        self.refused: dict[str, tuple[int, str]] = {}
        self.cut = ""
        self.asked: list[tuple[str, str, bytes]] = []
        self.cookies: list[str | None] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        # The program leaves as soon as it has what it wants.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: StandIn

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        self.answer()

    def do_POST(self) -> None:
        self.answer()

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.asked.append((self.command, self.path, body))
        self.server.cookies.append(self.headers.get("Cookie"))
        for path, (status, text) in self.server.refused.items():
            if self.path.startswith(path):
                self.send(status, text.encode())
                return
        if self.path == "/gradio_api/info":
            endpoint = {"parameters": self.server.parameters, "returns": []}
            self.send_json({"named_endpoints": {"/gen_single": endpoint, "/other": {}}})
        elif self.path == "/gradio_api/upload":
            self.send_json(["/tmp/gradio/1/voice.wav"])
        elif self.path == "/gradio_api/call/gen_single":
            self.send_json({"event_id": "e1"})
        elif self.path == "/gradio_api/call/gen_single/e1":
            self.stream()
        elif self.path == "/gradio_api/file=/tmp/gradio/a%20b/spk.wav":
            self.send(200, self.server.sound)
        else:
            self.send(404, b'{"detail":"Not Found"}')

    def send_json(self, answer: Any) -> None:
        self.send(200, json.dumps(answer).encode())

    def send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Set-Cookie", "tts_node=alpha; path=/; HttpOnly")
        self.end_headers()
        cut = self.server.cut and self.path.startswith(self.server.cut)
        self.wfile.write(body[: len(body) // 2] if cut else body)
        if cut:
            self.close_connection = True

    def stream(self) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        result = json.dumps([self.server.file])
        for event in self.server.events:
            # In pieces that have nothing to do with its lines.
            text = event.replace("RESULT", result).encode()
            for piece in (text[:9], text[9:]):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.flush()
            self.server.ended.wait(self.server.pause)
        if self.server.cut and self.path.startswith(self.server.cut):
            self.close_connection = True
            return
        self.wfile.write(b"0\r\n\r\n")


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with StandIn() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def run(stand_in: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the program; returns its exit code, its line, and its report."""
    voice = tmp_path / "my voice.wav"
    voice.write_bytes(VOICE)
    report = tmp_path / "report.json"

    def run_it(*arguments: str) -> tuple[int, str, dict[str, Any]]:
        code = synthesis.main(
            ["--url", stand_in.url, "--text", "你好, world", "--voice", str(voice)]
            + ["--report", str(report), "--timeout", "20", *arguments]
        )
        out, err = capsys.readouterr()
        assert (out if code else err) == ""
        assert (out + err).count("\n") == 1
        assert [path.name for path in tmp_path.iterdir() if path != voice] == ["report.json"]
        return code, (out + err).strip(), json.loads(report.read_text())

    return run_it


def test_a_sound_is_good(stand_in: StandIn, run: Any) -> None:
    code, said, report = run()
    assert code == 0, said
    assert said.startswith(f"{stand_in.url}: found 1.00 s of sound (RMS 0.35")
    assert report["ok"] is True and report["problem"] is None
    assert report["audio_seconds"] == 1.0
    assert 0 < report["seconds"] < 20
    when = datetime.fromisoformat(report["time"])
    assert when.utcoffset() == timedelta(0)
    assert list(report) == ["time", "ok", "seconds", "audio_seconds", "problem"]


def test_each_parameter_gets_its_value(stand_in: StandIn, run: Any) -> None:
    assert run()[0] == 0
    asked = {path: body for method, path, body in stand_in.asked if method == "POST"}
    upload = asked["/gradio_api/upload"]
    assert VOICE in upload and b'name="files"; filename="voice.wav"' in upload
    assert json.loads(asked["/gradio_api/call/gen_single"])["data"] == [
        "与音色参考音频相同",
        "",
        {
            "path": "/tmp/gradio/1/voice.wav",
            "orig_name": "voice.wav",
            "meta": {"_type": "gradio.FileData"},
        },
        "你好, world",
        None,
        0,
        True,
        "slow",
        0,
    ]


@pytest.mark.parametrize(
    ("boxes", "place"),
    [
        ([("param_1", "Emotion text"), ("param_2", "Text to say")], 1),
        ([("param_1", "情感描述文本"), ("param_2", "待合成文本")], 1),
        ([("param_1", "What"), ("param_2", "Comment")], 0),
        ([("emo_text", "A"), ("text", "B")], 1),
    ],
)
def test_the_text_is_found_without_its_name(boxes: list[tuple[str, str]], place: int) -> None:
    parameters = [parameter(name, label, "Textbox") for name, label in boxes]
    assert synthesis.find_text(parameters) == place


def test_a_result_in_an_update_is_found(stand_in: StandIn, run: Any) -> None:
    stand_in.file = {"__type__": "update", "visible": True, "value": stand_in.file}
    assert run()[0] == 0


def test_cookies_come_back_so_that_a_gateway_stays_with_its_node(
    stand_in: StandIn, run: Any
) -> None:
    assert run()[0] == 0
    assert stand_in.cookies == [None] + ["tts_node=alpha"] * 4


def test_a_path_before_all_others_is_kept(stand_in: StandIn, run: Any) -> None:
    code, said, _report = run("--url", stand_in.url + "/tts/")
    assert code == 1 and "found HTTP 404 at /gradio_api/info" in said
    assert stand_in.asked[0][1] == "/tts/gradio_api/info"


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_of_every_width_are_as_loud(width: int, channels: int) -> None:
    seconds, loudness = synthesis.judge(wav(tone(0.5), width, channels), 10)
    assert seconds == 0.5
    assert loudness == pytest.approx(0.5 / math.sqrt(2), rel=0.02)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_the_same_value_all_the_time_is_silence(width: int) -> None:
    with pytest.raises(synthesis.SynthesisError, match="1.00 s of silence"):
        synthesis.judge(wav([0.25] * RATE, width), 10)


@pytest.mark.parametrize(
    ("sound", "expected"),
    [
        (wav([0.0] * RATE), "found 1.00 s of silence (RMS 0.00000), expected a sound"),
        (wav(tone(1, 0.0005)), "of silence"),
        (wav(tone(0.2)), "found 0.20 s of sound, expected more than 0.2 s and at most 3 s"),
        (wav([]), "found 0.00 s of sound"),
        (wav(tone(3.5)), "found 3.50 s of sound, expected more than 0.2 s and at most 3 s"),
        (b"ID3 an MP3 file", "found 15 bytes that are no WAV file of PCM"),
        (b"", "found 0 bytes that are no WAV file of PCM"),
        (GOOD[:100], "found 28 of 8000 frames in the WAV file"),
        (GOOD[:20] + struct.pack("<H", 3) + GOOD[22:], "no WAV file of PCM (unknown format: 3)"),
    ],
    ids=["zeroes", "faint", "short", "empty", "long", "other", "nothing", "truncated", "float"],
)
def test_what_is_no_sound_is_told(stand_in: StandIn, run: Any, sound: bytes, expected: str) -> None:
    stand_in.sound = sound
    code, said, report = run("--longest", "3")
    assert code == 1
    assert said.startswith(stand_in.url + ": ") and expected in said
    assert report["ok"] is False and report["audio_seconds"] is None
    assert said == f"{stand_in.url}: {report['problem']}"


@pytest.mark.parametrize(
    ("path", "status", "text", "expected"),
    [
        ("/gradio_api/info", 404, "Not Found", "found HTTP 404 at /gradio_api/info (Not Found)"),
        ("/gradio_api/info", 200, "<html>", "found <html> at /gradio_api/info, expected JSON"),
        ("/gradio_api/info", 200, "[]", "found the endpoints none, expected /gen_single"),
        ("/gradio_api/upload", 413, "", "found HTTP 413 at /gradio_api/upload (nothing)"),
        ("/gradio_api/upload", 200, "[]", "found [] as the answer to the voice"),
        ("/gradio_api/call/", 503, "Queue\nis full", "gen_single (Queue is full), expected 200"),
        ("/gradio_api/call/", 200, "{}", "found {} at /gradio_api/call/gen_single, expected an ev"),
        ("/gradio_api/call/gen_single/", 404, "x", "found HTTP 404 at /gradio_api/call/gen_single"),
        ("/gradio_api/file=", 403, "no", "found HTTP 403 at /gradio_api/file=/tmp/gradio/a%20b"),
    ],
)
def test_an_answer_of_another_kind_is_told(
    stand_in: StandIn, run: Any, path: str, status: int, text: str, expected: str
) -> None:
    stand_in.refused[path] = (status, text)
    code, said, report = run()
    assert code == 1 and report["ok"] is False
    assert expected in said


def test_another_endpoint_can_be_asked_for_and_has_to_be_there(run: Any) -> None:
    code, said, _report = run("--endpoint", "gen_batch")
    assert code == 1
    assert "found the endpoints /gen_single, /other, expected /gen_batch" in said


@pytest.mark.parametrize("missing", ["Audio", "Textbox"])
def test_an_endpoint_without_text_or_voice_is_told(
    stand_in: StandIn, run: Any, missing: str
) -> None:
    stand_in.parameters = [one for one in PARAMETERS if one["component"] != missing]
    code, said, _report = run()
    assert code == 1
    assert "found the parameters emo_control_method (Radio), " in said
    assert ("the voice" if missing == "Audio" else "the text") in said


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (["event: error\ndata: null\n\n"], "found an error of the application, expected a sound"),
        (['event: error\ndata: "CUDA"\n\n'], 'found an error of the application "CUDA", expected'),
        (["event: generating\ndata: []\n\n"], "found the end of the answer at /gradio_api/call"),
        (["event: complete\ndata: {\n\n"], "found '{' as result, expected JSON"),
        (['event: complete\ndata: ["x"]\n\n'], 'found ["x"] as result, expected a file'),
        ([], "found the end of the answer"),
    ],
)
def test_a_result_that_is_none_is_told(
    stand_in: StandIn, run: Any, events: list[str], expected: str
) -> None:
    stand_in.events = events
    code, said, report = run()
    assert code == 1 and report["ok"] is False
    assert expected in said


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/gradio_api/call/gen_single/", "found IncompleteRead"),
        (
            "/gradio_api/file=",
            f"bytes at /gradio_api/file=/tmp/gradio/a%20b/spk.wav, expected {len(GOOD)}",
        ),
        ("/gradio_api/info", "bytes at /gradio_api/info, expected"),
    ],
)
def test_a_connection_that_breaks_is_told(
    stand_in: StandIn, run: Any, path: str, expected: str
) -> None:
    stand_in.cut = path
    stand_in.events = ["event: heartbeat\ndata: null\n\n"]
    if path == "/gradio_api/file=":
        stand_in.events = ["event: complete\ndata: RESULT\n\n"]
    code, said, _report = run()
    assert code == 1
    assert expected in said


@pytest.mark.parametrize("pause", [0.2, 30.0], ids=["heartbeats", "nothing"])
def test_the_time_is_bounded_whatever_comes_in(stand_in: StandIn, run: Any, pause: float) -> None:
    stand_in.events = ["event: heartbeat\ndata: null\n\n"] * 100
    stand_in.pause = pause
    start = time.monotonic()
    code, said, report = run("--timeout", "1")
    assert code == 1
    assert time.monotonic() - start < 5
    assert "after 1 s, expected the sound by then" in said
    assert report["seconds"] >= 1


def test_nobody_at_the_port_is_told(run: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        code, said, report = run("--url", url)
    assert code == 1
    assert said.startswith(f"{url}: found ") and "refused" in said
    assert report["problem"].endswith("expected an answer.")


@pytest.mark.parametrize("url", ["127.0.0.1:7860", "ftp://host/", "http://"])
def test_what_is_no_url_is_told(run: Any, url: str) -> None:
    code, said, _report = run("--url", url)
    assert code == 1 and "found no URL" in said


def test_a_voice_that_is_not_there_is_told(run: Any) -> None:
    code, said, _report = run("--voice", "/nonexistent/voice.wav")
    assert code == 1
    assert "found No such file or directory for /nonexistent/voice.wav" in said


def test_a_report_that_cannot_be_written_is_a_failure(
    stand_in: StandIn, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    voice = tmp_path / "voice.wav"
    voice.write_bytes(VOICE)
    report = tmp_path / "nowhere" / "report.json"
    options = ["--url", stand_in.url, "--text", "x", "--voice", str(voice)]
    assert synthesis.main([*options, "--report", str(report)]) == 1
    assert "expected to write the report there" in capsys.readouterr().err


def test_a_report_that_fails_half_way_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = tmp_path / "report.json"
    report.write_text("old")

    def fail(_number: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(synthesis.os, "fsync", fail)
    with pytest.raises(OSError):
        synthesis.write_report(str(report), {"ok": True})
    assert report.read_text() == "old"
    assert list(tmp_path.iterdir()) == [report]
