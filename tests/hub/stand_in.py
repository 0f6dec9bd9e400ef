# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A hub on loopback that speaks what the clients of Hugging Face and ModelScope speak for files.

Small files come from the hub itself, large ones from a second server that it redirects to, as the
real hubs do it. Both write down what they were asked for and how much they sent.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 10_000  # from this size on a file is stored apart, as with Git LFS


@dataclass
class Stored:
    """A file of a repository.

    :param served: what is sent in place of the content, by a server that has gone wrong.
    :param rate: bytes a second; 0 for as fast as it goes.
    :param cut_after: bytes after which the connection is dropped.
    :param cuts: how often it is dropped.
    :param status: an error that is answered in place of the file.
    """

    content: bytes
    served: bytes | None = None
    rate: int = 0
    cut_after: int = 0
    cuts: int = 0
    status: int = 0

    @property
    def body(self) -> bytes:
        return self.content if self.served is None else self.served

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    @property
    def blob(self) -> str:
        """What Git calls the content."""
        head = b"blob %d\0" % len(self.content)
        return hashlib.sha1(head + self.content).hexdigest()


@dataclass
class Request:
    """What a server was asked for, and how much it sent."""

    server: str
    method: str
    path: str
    range: str
    authorized: bool
    sent: int = 0


@dataclass
class Hub:
    """The files of all repositories, and what was asked for.

    :param files: by repository and path, for both hubs.
    :param token: needed for everything, when there is one.
    """

    files: dict[tuple[str, str], Stored] = field(default_factory=dict)
    token: str = ""
    requests: list[Request] = field(default_factory=list)
    url: str = ""
    store_url: str = ""

    def of(self, path: str, method: str = "GET") -> list[Request]:
        """The requests that name a path."""
        return [one for one in self.requests if one.method == method and path in unquote(one.path)]

    def sent(self, path: str) -> int:
        return sum(one.sent for one in self.of(path))


@contextlib.contextmanager
def running_hub() -> Iterator[Hub]:
    """A hub, and the store that it redirects to, on ports that were free."""
    hub = Hub()
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub, name)) for name in _ROUTES]
    # Two hosts, so that a client has to keep its token from the second one.
    hub.url = "http://127.0.0.1:%d" % servers[0].server_port
    hub.store_url = "http://localhost:%d" % servers[1].server_port
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    name: str
    request_log: Request
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def _answer(self) -> None:
        credentials = self.headers.get("Authorization", "") + self.headers.get("Cookie", "")
        self.request_log = Request(
            self.name,
            self.command,
            self.path,
            self.headers.get("Range", ""),
            bool(credentials),
        )
        self.hub.requests.append(self.request_log)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if self.name == "hub" and self.hub.token and self.hub.token not in credentials:
                self.say(401, {"error": "Invalid credentials"}, {"X-Error-Code": "GatedRepo"})
            else:
                _ROUTES[self.name](self, urlsplit(self.path))

    def say(self, status: int, data: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(data).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def redirect(self, status: int, location: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Location", location)
        self.send_header("Content-Length", "0")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send_file(self, stored: Stored, headers: dict[str, str], *, ranges: bool = True) -> None:
        body, start = stored.body, 0
        asked = self.headers.get("Range", "") if ranges else ""
        if asked.startswith("bytes="):
            start = int(asked[len("bytes=") :].partition("-")[0])
        if start and start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", "bytes */%d" % len(body))
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.send_header("Accept-Ranges", "bytes")
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self._send_body(stored, memoryview(body)[start:])

    def _send_body(self, stored: Stored, rest: memoryview) -> None:
        left = len(rest)
        if stored.cuts:
            stored.cuts -= 1
            left = min(left, stored.cut_after)
            self.close_connection = True
        piece = max(1, stored.rate // 20) if stored.rate else 2**16
        done = 0
        while done < left:
            part = rest[done : min(done + piece, left)]
            self.wfile.write(part)
            done += len(part)
            self.request_log.sent = done
            if stored.rate:
                time.sleep(0.05)


def _hub_routes(handler: _Handler, url) -> None:
    parts = unquote(url.path).strip("/").split("/")
    if parts[:3] == ["api", "v1", "models"] and parts[-1] == "repo":
        query = parse_qs(url.query)
        _modelscope(handler, "/".join(parts[3:5]), query["FilePath"][0])
    elif parts[:3] == ["api", "resolve-cache", "models"]:
        stored = handler.hub.files["/".join(parts[3:5]), "/".join(parts[6:])]
        handler.send_file(stored, _huggingface_headers(stored))
    elif len(parts) > 4 and parts[2] == "resolve":
        _huggingface(handler, "/".join(parts[:2]), parts[3], "/".join(parts[4:]))
    else:
        handler.say(404, {"error": "Not found"})


def _huggingface(handler: _Handler, repository: str, revision: str, path: str) -> None:
    stored = handler.hub.files.get((repository, path))
    if revision not in (COMMIT, "main"):
        handler.say(404, {}, {"X-Error-Code": "RevisionNotFound"})
    elif not any(name == repository for name, _path in handler.hub.files):
        # The real one does not tell strangers which repositories there are.
        handler.say(401, {"error": "Invalid username or password."})
    elif stored is None:
        handler.say(404, {}, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
    elif stored.status:
        handler.say(stored.status, {"error": "as the test wants it"})
    elif len(stored.content) < LARGE:
        place = f"/api/resolve-cache/models/{repository}/{COMMIT}/{quote(path)}"
        handler.redirect(307, place, _huggingface_headers(stored))
    else:
        handler.redirect(302, _stored_at(handler, repository, path), _linked(stored))


def _huggingface_headers(stored: Stored) -> dict[str, str]:
    return {"X-Repo-Commit": COMMIT, "ETag": f'"{stored.blob}"'}


def _linked(stored: Stored) -> dict[str, str]:
    return {
        "X-Repo-Commit": COMMIT,
        "X-Linked-Size": str(len(stored.body)),
        "X-Linked-ETag": f'"{stored.sha256}"',
        # Makes a client with hf_xet take another way, unless it is told not to.
        "X-Xet-Hash": stored.sha256,
        "Link": '<http://127.0.0.1:9/xet>; rel="xet-auth"',
    }


def _modelscope(handler: _Handler, repository: str, path: str) -> None:
    stored = handler.hub.files.get((repository, path))
    if stored is None:
        message = {"Code": 10010205001, "Message": "not found", "Success": False}
        handler.say(404, message)
    elif stored.status:
        handler.say(stored.status, {"Code": stored.status, "Message": "as wanted"})
    elif len(stored.content) < LARGE:
        handler.send_file(stored, {}, ranges=False)
    else:
        handler.redirect(302, _stored_at(handler, repository, path), {})


def _stored_at(handler: _Handler, repository: str, path: str) -> str:
    return f"{handler.hub.store_url}/{repository}/{quote(path)}?Signature=very-secret"


def _store_routes(handler: _Handler, url) -> None:
    parts = unquote(url.path).strip("/").split("/")
    stored = handler.hub.files["/".join(parts[:2]), "/".join(parts[2:])]
    handler.send_file(stored, {"ETag": '"of-the-store"'})


_ROUTES = {"hub": _hub_routes, "store": _store_routes}


def _handler(hub: Hub, name: str) -> type[_Handler]:
    return type("Handler", (_Handler,), {"hub": hub, "name": name})
