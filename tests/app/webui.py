"""A stand-in for the IndexTTS2 web application, for tests without a GPU and without weights.

It keeps what a deployment depends on: the command line of a release, the model files it must find and
the download of those it does not, the folders it writes, reading all models before the port opens,
the endpoints that are probed, one that makes a sound, and the way it stops. STAND_IN_RELEASE is 2.5 (the default) or 2.0.
"""

from __future__ import annotations

import argparse
import array
import hashlib
import io
import json
import math
import os
import signal
import sys
import tempfile
import wave
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FLAGS = {
    "2.0": ("verbose", "fp16", "deepspeed", "cuda_kernel"),
    "2.5": ("verbose", "fp16", "deepspeed", "cuda_kernel", "accel", "torch_compile", "qwen_emo"),
}
REQUIRED = {
    "2.0": ("bpe.model", "gpt.pth", "config.yaml", "s2mel.pth", "wav2vec2bert_stats.pt"),
    "2.5": (
        "gpt.pth",
        "s2mel.pth",
        "codec.pth",
        "multilingual_zh_ja_yue_char_del.tiktoken",
        "wav2vec2bert_stats.pt",
    ),
}
INPUTS = [
    {"parameter_name": "prompt", "label": "Voice", "component": "Audio"},
    {"parameter_name": "text", "label": "Text", "component": "Textbox"},
]
SAMPLE_RATE = 22050
# Its checks do not mention these; without them it ends with a traceback.
LOADED = ("feat1.pt", "feat2.pt", "qwen0.6bemo4-merge/model.safetensors")
LOADED_FLAT = ("hf_cache/w2v-bert-2.0/model.safetensors", "hf_cache/bigvgan/bigvgan_generator.pt")


def parse_arguments(release: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for flag in FLAGS[release]:
        parser.add_argument("--" + flag, action="store_true")
    parser.add_argument("--port", type=int, default=7860)
    parser.add_argument("--host", default="0.0.0.0")
    parser.add_argument("--model_dir", type=Path, default=Path("./checkpoints"))
    if release == "2.5":
        parser.add_argument("--version", choices=("2", "2.5"), default="2.5")
    parser.add_argument("--gui_seg_tokens", type=int, default=120)
    return parser.parse_args()


def write_folders() -> None:
    """What the application needs to be able to write, or does not start."""
    for folder in ("outputs/tasks", "outputs/presets", "prompts"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    Path("outputs/presets/started").touch()
    with tempfile.TemporaryFile():
        pass
    for name in ("NUMBA_CACHE_DIR", "GRADIO_TEMP_DIR"):
        Path(os.environ.get(name, "~/.cache")).expanduser().mkdir(parents=True, exist_ok=True)
    Path("examples/cases.jsonl").read_text()


def load(release: str, model_dir: Path) -> dict[str, str]:
    """Read every model file and return its SHA-256 under its name."""
    missing = [name for name in REQUIRED[release] if not (model_dir / name).is_file()]
    if missing and os.environ.get("HF_HUB_OFFLINE") != "1":
        model_dir.mkdir(parents=True, exist_ok=True)
        for name in missing:
            (model_dir / name).write_bytes(b"downloaded")
    elif missing:
        sys.exit("Required files are still missing: %s" % ", ".join(missing))
    for name in LOADED + (LOADED_FLAT if release == "2.5" else ()):
        (model_dir / name).open("rb").close()
    sums = {}
    for path in sorted(path for path in model_dir.rglob("[!.]*") if path.is_file()):
        with path.open("rb") as stream:
            sums[str(path.relative_to(model_dir))] = hashlib.file_digest(
                stream, "sha256"
            ).hexdigest()
        print("loaded %s" % path, flush=True)
    return sums


def tone() -> bytes:
    """A second of a plain tone, as a WAV file."""
    samples = array.array(
        "h", (int(8000 * math.sin(number * 0.17)) for number in range(SAMPLE_RATE))
    )
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(samples.tobytes())
    return buffer.getvalue()


def handler(sums: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    call = "/gradio_api/call/gen_single"
    output = Path("outputs/spk_1.wav").absolute()
    pages = {
        "/": "<!doctype html><title>IndexTTS2</title><h1>IndexTTS2 stand-in</h1><pre>%s</pre>"
        % "\n".join("%s  %s" % (digest, name) for name, digest in sums.items()),
        "/config": json.dumps({"models": sums}),
        "/gradio_api/startup-events": "false",
        "/gradio_api/queue/status": json.dumps({"queue_size": 0}),
        "/gradio_api/info": json.dumps(
            {"named_endpoints": {"/gen_single": {"parameters": INPUTS}}}
        ),
        call + "/1": "event: complete\ndata: %s\n\n" % json.dumps([{"path": str(output)}]),
    }
    kinds = {"/": "text/html", call + "/1": "text/event-stream"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/gradio_api/file=" + str(output):
                self.answer(200, "audio/wav", output.read_bytes())
            elif self.path in pages:
                kind = kinds.get(self.path, "application/json")
                self.answer(200, kind, pages[self.path].encode())
            else:
                self.answer(404, "text/plain", b"Not Found")

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            if self.path == "/gradio_api/upload":
                self.answer(200, "application/json", b'["/uploads/voice.wav"]')
            elif self.path == call:
                output.write_bytes(tone())
                self.answer(200, "application/json", b'{"event_id": "1"}')
            else:
                self.answer(404, "text/plain", b"Not Found")

        def answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Handler


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> None:
    release = os.environ.get("STAND_IN_RELEASE", "2.5")
    arguments = parse_arguments(release)
    # A service started by a shell in the background would ignore the signal.
    signal.signal(signal.SIGINT, interrupt)
    write_folders()
    sums = load(release, arguments.model_dir)
    server = ThreadingHTTPServer((arguments.host, arguments.port), handler(sums))
    print("Running on http://%s:%d" % server.server_address[:2], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("closing server", flush=True)


if __name__ == "__main__":
    main()
