# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Have a running IndexTTS2 say a text, and judge the sound that comes back.

An open port says that the models are loaded, and not that they are of any use: this goes the whole
way that a user of the page goes. It asks the application for the parameters of its endpoint, as
these change from release to release, sends the voice, gives the text and the voice and each other
parameter its default, waits for the result and fetches the file.

The sound is good when it is a WAV file, longer than 0.2 s and shorter than a bound, and not silent.
That it is speech is not told: weights that are missing can come out as noise, which looks the same
from here. The files themselves are checked with the manifest of the models.

Cookies are kept for the time of the check, so that it may go through a gateway. One line says what
was found; the exit code is 0 when all is well, and 1 when it is not.
"""

from __future__ import annotations

import argparse
import array
import http.client
import io
import json
import math
import operator
import os
import re
import socket
import sys
import tempfile
import time
import uuid
import wave
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any
from urllib.parse import quote, urlsplit

API = "/gradio_api"
SHORTEST = 0.2  # seconds
SILENCE = 0.001  # RMS, of full scale: -60 dB
LARGEST_ANSWER = 256 * 1024 * 1024


class SynthesisError(Exception):
    """What was found, and what was expected."""


class Application:
    """Speaks HTTP with the application, all of it before one moment.

    :param url: its address; a path in it is put before all others.
    :param timeout: seconds for everything.
    """

    def __init__(self, url: str, timeout: float) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SynthesisError("found no URL, expected one like http://127.0.0.1:7860")
        self._parts = parts
        self._timeout = timeout
        self._end = time.monotonic() + timeout
        self._cookies: dict[str, str] = {}

    def json(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, with a body as JSON, and read the answer as JSON."""
        sent = None if body is None else json.dumps(body).encode()
        return self._parsed(path, self.read(method, path, sent, "application/json"))

    def upload(self, name: str, content: bytes) -> str:
        """Send a file; returns the path that the application has it under."""
        boundary = uuid.uuid4().hex
        head = (
            f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n'
            "Content-Type: audio/wav\r\n\r\n"
        )
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        path = f"{API}/upload"
        answer = self.read("POST", path, body, f"multipart/form-data; boundary={boundary}")
        paths = self._parsed(path, answer)
        if not (isinstance(paths, list) and paths and isinstance(paths[0], str)):
            raise SynthesisError(f"found {paths!r} as the answer to the voice, expected its path")
        return paths[0]

    def read(
        self, method: str, path: str, body: bytes | None = None, content_type: str = ""
    ) -> bytes:
        """Send a request and read the whole answer."""
        return b"".join(self._parts_of(method, path, body, content_type))

    def events(self, path: str) -> Iterator[tuple[str, str]]:
        """The server-sent events of a path, each with its name and its data."""
        name, data, rest = "", [], b""
        for part in self._parts_of("GET", path):
            *lines, rest = (rest + part).split(b"\n")
            for line in (raw.decode("utf-8", "replace").rstrip("\r") for raw in lines):
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:"):
                    data.append(line[5:].strip())
                elif not line and (name or data):
                    yield name, "\n".join(data)
                    name, data = "", []

    def _parsed(self, path: str, answer: bytes) -> Any:
        try:
            return json.loads(answer)
        except ValueError as error:
            raise SynthesisError(f"found {shown(answer)} at {path}, expected JSON") from error

    def _parts_of(
        self, method: str, path: str, body: bytes | None = None, content_type: str = ""
    ) -> Iterator[bytes]:
        try:
            yield from self._exchange(method, path, body, content_type)
        except socket.timeout as error:
            raise self._late(path) from error
        except (OSError, http.client.HTTPException) as error:
            found = str(error) or type(error).__name__
            raise SynthesisError(f"found {found} at {path}, expected an answer") from error

    def _exchange(
        self, method: str, path: str, body: bytes | None, content_type: str
    ) -> Iterator[bytes]:
        secure = self._parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=self._left(path))
        try:
            connection.connect()
            # The connection forgets its socket when the answer is the last one on it.
            link = connection.sock
            headers = {"Content-Type": content_type} if body is not None else {}
            if self._cookies:
                headers["Cookie"] = "; ".join(
                    f"{key}={self._cookies[key]}" for key in self._cookies
                )
            connection.request(method, self._parts.path.rstrip("/") + path, body, headers)
            link.settimeout(self._left(path))
            with connection.getresponse() as answer:
                for cookie in answer.headers.get_all("Set-Cookie") or []:
                    key, _sign, value = cookie.partition(";")[0].partition("=")
                    self._cookies[key.strip()] = value.strip()
                yield from self._body(path, answer, link)
        finally:
            connection.close()

    def _body(
        self, path: str, answer: http.client.HTTPResponse, link: socket.socket
    ) -> Iterator[bytes]:
        # Counted here, because older versions of read1 do not, and wait for more than there is.
        whole, size, refusal = answer.length, 0, b""
        while whole is None or size < whole:
            link.settimeout(self._left(path))
            part = answer.read1(65536)
            if not part:
                break
            size += len(part)
            if size > LARGEST_ANSWER:
                raise SynthesisError(f"found over {LARGEST_ANSWER} bytes at {path}, expected less")
            if answer.status == 200:
                yield part
            else:
                refusal = (refusal + part)[:4096]
        if answer.status != 200:
            raise SynthesisError(
                f"found HTTP {answer.status} at {path} ({shown(refusal)}), expected 200"
            )
        if whole is not None and size < whole:
            raise SynthesisError(f"found {size} bytes at {path}, expected {whole}")

    def _left(self, path: str) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise self._late(path)
        return left

    def _late(self, path: str) -> SynthesisError:
        return SynthesisError(
            f"found no end of the answer at {path} after {self._timeout:g} s, expected the sound by then"
        )


def shown(text: bytes) -> str:
    """The beginning of an answer, on one line."""
    return " ".join(text[:300].decode("utf-8", "replace").split()) or "nothing"


def parameters_of(info: Any, endpoint: str) -> list[dict[str, Any]]:
    """The parameters of an endpoint, from what /gradio_api/info says."""
    named = info.get("named_endpoints") if isinstance(info, dict) else None
    if not isinstance(named, dict) or endpoint not in named:
        known = ", ".join(sorted(named)) if isinstance(named, dict) and named else "none"
        raise SynthesisError(f"found the endpoints {known}, expected {endpoint}")
    parameters: list[dict[str, Any]] = named[endpoint].get("parameters") or []
    return parameters


def find_voice(parameters: list[dict[str, Any]]) -> int:
    """Which parameter takes the voice: the first one that is a sound."""
    for number, parameter in enumerate(parameters):
        if str(parameter.get("component", "")).lower() == "audio":
            return number
    raise SynthesisError(f"found {described(parameters)}, expected a parameter for the voice")


def find_text(parameters: list[dict[str, Any]]) -> int:
    """Which parameter takes the text.

    The one of that name; or else the first text box that is called so, and does not describe an
    emotion; or else the first text box.
    """
    boxes = [
        (number, str(parameter.get("parameter_name", "")), str(parameter.get("label", "")))
        for number, parameter in enumerate(parameters)
        if str(parameter.get("component", "")).lower() == "textbox"
    ]
    for number, name, _label in boxes:
        if name == "text":
            return number
    for number, name, label in boxes:
        called = f"{name} {label}"
        if re.search("text|文本", called, re.IGNORECASE) and not re.search(
            "emo|情感|情绪", called, re.IGNORECASE
        ):
            return number
    if boxes:
        return boxes[0][0]
    raise SynthesisError(f"found {described(parameters)}, expected a parameter for the text")


def described(parameters: list[dict[str, Any]]) -> str:
    names = [f"{one.get('parameter_name')} ({one.get('component')})" for one in parameters]
    return "the parameters " + (", ".join(names) or "none")


def filled(parameter: dict[str, Any]) -> Any:
    """The default of a parameter, or the plainest value of its type when it has none."""
    if parameter.get("parameter_has_default"):
        return parameter.get("parameter_default")
    kind = parameter.get("type")
    if not isinstance(kind, dict):
        return None
    if kind.get("enum"):
        return kind["enum"][0]
    plain = {"string": "", "number": 0, "integer": 0, "boolean": False, "array": []}
    return plain.get(str(kind.get("type")))


def synthesize(
    application: Application, endpoint: str, text: str, name: str, voice: bytes
) -> bytes:
    """The file that the application answers with."""
    info = application.json("GET", f"{API}/info")
    parameters = parameters_of(info, endpoint)
    text_place, voice_place = find_text(parameters), find_voice(parameters)
    values = [filled(parameter) for parameter in parameters]
    values[text_place] = text
    values[voice_place] = {
        "path": application.upload(name, voice),
        "orig_name": name,
        "meta": {"_type": "gradio.FileData"},
    }
    call = f"{API}/call{quote(endpoint)}"
    begun = application.json("POST", call, {"data": values})
    event = begun.get("event_id") if isinstance(begun, dict) else None
    if not isinstance(event, str):
        raise SynthesisError(f"found {begun!r} at {call}, expected an event_id")
    path = find_file(result_of(application, f"{call}/{quote(event, safe='')}"))
    return application.read("GET", f"{API}/file={quote(path)}")


def result_of(application: Application, path: str) -> Any:
    """What the call ends with."""
    for name, data in application.events(path):
        if name == "complete":
            try:
                return json.loads(data)
            except ValueError as error:
                raise SynthesisError(f"found {data[:300]!r} as result, expected JSON") from error
        if name == "error":
            said = "" if data in ("", "null") else f" {data[:300]}"
            raise SynthesisError(
                f"found an error of the application{said}, expected a sound; its journal has the reason"
            )
    raise SynthesisError(f"found the end of the answer at {path}, expected a result before it")


def find_file(result: Any) -> str:
    """The path of the first file in a result, which can be wrapped in an update of a component."""
    waiting = [result]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, dict):
            if isinstance(one.get("path"), str):
                return str(one["path"])
            waiting = [*one.values(), *waiting]
        elif isinstance(one, list):
            waiting = [*one, *waiting]
    raise SynthesisError(f"found {json.dumps(result)[:300]} as result, expected a file")


def judge(content: bytes, longest: float) -> tuple[float, float]:
    """Length in seconds and loudness (RMS, of full scale) of a WAV file that is a sound."""
    try:
        with wave.open(io.BytesIO(content)) as sound:
            channels, width, rate = sound.getnchannels(), sound.getsampwidth(), sound.getframerate()
            declared = sound.getnframes()
            samples = sound.readframes(declared)
    except (wave.Error, EOFError) as error:
        raise SynthesisError(
            f"found {len(content)} bytes that are no WAV file of PCM ({error}), expected one"
        ) from error
    if width > 4:
        raise SynthesisError(f"found samples of {8 * width} bits, expected 8, 16, 24 or 32")
    frames = len(samples) // (channels * width)
    seconds = frames / rate if rate else 0.0
    if frames < declared:
        raise SynthesisError(f"found {frames} of {declared} frames in the WAV file, expected all")
    if not SHORTEST < seconds <= longest:
        raise SynthesisError(
            f"found {seconds:.2f} s of sound, expected more than {SHORTEST:g} s and at most {longest:g} s"
        )
    loudness = rms(samples[: frames * channels * width], width)
    if loudness < SILENCE:
        raise SynthesisError(
            f"found {seconds:.2f} s of silence (RMS {loudness:.5f}), expected a sound (RMS {SILENCE:g} or more)"
        )
    return seconds, loudness


def rms(samples: bytes, width: int) -> float:
    """How loud samples of PCM are, from 0 to 1. What is the same in all of them is no sound."""
    if width == 3:
        values = array.array(
            "i",
            (
                int.from_bytes(samples[place : place + 3], "little", signed=True)
                for place in range(0, len(samples), 3)
            ),
        )
    else:
        values = array.array({1: "B", 2: "h", 4: "i"}[width])
        values.frombytes(samples)
        if sys.byteorder == "big":
            values.byteswap()
    mean = sum(values) / len(values)
    power = sum(map(operator.mul, values, values)) / len(values) - mean * mean
    return math.sqrt(max(power, 0.0)) / float(1 << (8 * width - 1))


def write_report(path: str, report: dict[str, Any]) -> None:
    """In one step, so that a reader never sees half of it."""
    folder = os.path.dirname(os.path.abspath(path))
    handle, partial = tempfile.mkstemp(prefix=".synthesis-", dir=folder)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            json.dump(report, stream, indent=2)
            stream.write("\n")
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(partial, 0o644)
        os.replace(partial, path)
    except BaseException:
        os.unlink(partial)
        raise


def positive(text: str) -> float:
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"found {text}, expected a number above 0")
    return number


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--url", default="http://127.0.0.1:7860", help="(%(default)s)")
    parser.add_argument("--endpoint", default="/gen_single", help="(%(default)s)")
    parser.add_argument("--text", required=True, help="what is to be said")
    parser.add_argument("--voice", required=True, metavar="FILE.wav", help="who is to say it")
    parser.add_argument(
        "--timeout", type=positive, default=300, help="seconds for everything (%(default)s)"
    )
    parser.add_argument(
        "--longest", type=positive, default=120, help="seconds of sound at most (%(default)s)"
    )
    parser.add_argument("--report", metavar="FILE.json", help="write the result there as well")
    return parser.parse_args(arguments)


def check(options: argparse.Namespace) -> tuple[float, float]:
    try:
        with open(options.voice, "rb") as stream:
            voice = stream.read()
    except OSError as error:
        raise SynthesisError(
            f"found {error.strerror} for {options.voice}, expected a WAV file"
        ) from error
    application = Application(options.url, options.timeout)
    endpoint = "/" + options.endpoint.strip("/")
    # Whatever the file is called here, its name has to fit into a header.
    return judge(
        synthesize(application, endpoint, options.text, "voice.wav", voice), options.longest
    )


def main(arguments: list[str] | None = None) -> int:
    options = parse_arguments(arguments)
    now = datetime.now(timezone.utc).isoformat(timespec="seconds")
    start = time.monotonic()
    seconds, loudness, problem = None, 0.0, None
    try:
        seconds, loudness = check(options)
    except SynthesisError as error:
        problem = f"{error}."
    taken = time.monotonic() - start
    if options.report:
        report = {
            "time": now,
            "ok": problem is None,
            "seconds": round(taken, 3),
            "audio_seconds": None if seconds is None else round(seconds, 3),
            "problem": problem,
        }
        try:
            write_report(options.report, report)
        except OSError as error:
            reason = (
                f"found {error.strerror} for {options.report}, expected to write the report there."
            )
            problem = f"{problem} And {reason}" if problem else reason
    if problem:
        print(f"{options.url}: {problem}", file=sys.stderr)
        return 1
    print(
        f"{options.url}: found {seconds:.2f} s of sound (RMS {loudness:.3f}) after {taken:.1f} s, "
        f"as expected of {options.endpoint}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
