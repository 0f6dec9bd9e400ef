"""A stand-in for the IndexTTS2 web application, for tests without a GPU and without weights.

It keeps what a deployment depends on: the command line of a release, the model files it must find and
the download of those it does not, the folders it writes, reading all models before the port opens,
the endpoints that are probed, and the way it stops. STAND_IN_RELEASE is 2.5 (the default) or 2.0.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import sys
import tempfile
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


def handler(sums: dict[str, str]) -> type[BaseHTTPRequestHandler]:
    pages = {
        "/": "<!doctype html><title>IndexTTS2</title><h1>IndexTTS2 stand-in</h1><pre>%s</pre>"
        % "\n".join("%s  %s" % (digest, name) for name, digest in sums.items()),
        "/config": json.dumps({"models": sums}),
        "/gradio_api/startup-events": "false",
        "/gradio_api/queue/status": json.dumps({"queue_size": 0}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            body = (page if page is not None else "Not Found").encode()
            self.send_response(404 if page is None else 200)
            self.send_header(
                "Content-Type", "text/html" if self.path == "/" else "application/json"
            )
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
