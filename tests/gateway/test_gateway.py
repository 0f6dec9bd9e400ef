# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the gateway promises, with the real client of gradio."""

from __future__ import annotations

import itertools
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from gradio_client import handle_file
from gradio_client.exceptions import AuthenticationError

API = "/gradio_api"


def listening_addresses(port: int) -> set[str]:
    """As the kernel has them, in hexadecimal."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            local, state = line.split()[1:4:2]
            address, _colon, number = local.partition(":")
            if state == "0A" and int(number, 16) == port:
                found.add(address)
    return found


def test_twenty_sessions_each_stay_on_their_replica(gateway) -> None:
    def session(number: int) -> set[str]:
        client = gateway.client()
        answers = [client.predict(str(turn), api_name="/which") for turn in range(5)]
        assert [answer.split()[1] for answer in answers] == [str(turn) for turn in range(5)]
        return {answer.split()[0] for answer in answers}

    with ThreadPoolExecutor(20) as pool:
        seen = list(pool.map(session, range(20)))
    assert [len(replicas) for replicas in seen] == [1] * 20
    spread = Counter(name for replicas in seen for name in replicas)
    assert spread.keys() == {"alpha", "beta"}
    assert min(spread.values()) >= 5, spread


def test_files_are_found_again(gateway, tmp_path: Path) -> None:
    sent = tmp_path / "voice.wav"
    sent.write_bytes(b"x" * 500_000)
    for _time in range(4):
        text, made = gateway.client().predict(handle_file(sent), api_name="/voice")
        assert text.split()[1] == "500000"
        assert Path(made).stat().st_size == 500_000


def test_a_client_without_cookies_gets_its_result(gateway) -> None:
    """As in gradio's own instructions for curl."""
    for number in range(10):
        call = f"{gateway.url}{API}/call/which"
        event = httpx.post(call, json={"data": [str(number)]}).json()["event_id"]
        result = httpx.get(f"{call}/{event}", timeout=30)
        assert result.status_code == 200
        assert f" {number}" in result.text and "complete" in result.text


def test_events_are_passed_on_as_they_come(gateway) -> None:
    call = f"{gateway.url}{API}/call/count"
    event = httpx.post(call, json={"data": [4]}).json()["event_id"]
    times = []
    with httpx.stream("GET", f"{call}/{event}", timeout=30) as stream:
        for line in stream.iter_lines():
            if line.startswith("data:") and "alpha" in line or "beta" in line:
                times.append(time.monotonic())
    gaps = [after - before for before, after in itertools.pairwise(times[:4])]
    assert len(gaps) == 3 and min(gaps) > 0.15, gaps


def test_what_is_too_large_is_refused(gateway) -> None:
    upload = f"{gateway.url}{API}/upload"
    assert httpx.post(upload, files={"files": b"x" * 1_000_000}).status_code == 200
    for size in (3_000_000, 60_000_000):
        assert httpx.post(upload, files={"files": b"x" * size}).status_code == 413

    def parts() -> Iterator[bytes]:
        for _time in range(300):
            yield b"x" * 10_000

    assert httpx.post(upload, content=parts()).status_code == 411


def test_statistics_are_on_the_loopback_only(gateway) -> None:
    page = f"http://127.0.0.1:{gateway.stats_port}"
    assert "tts_nodes" in httpx.get(page).text
    assert "haproxy_server_status" in httpx.get(page + "/metrics").text
    assert listening_addresses(gateway.stats_port) == {"0100007F"}
    for path in ("/stats", "/haproxy?stats", "/metrics"):
        assert "haproxy" not in httpx.get(gateway.url + path).text.lower()


def test_requests_over_the_limit_wait(make_gateway: Callable) -> None:
    gateway = make_gateway(
        tts_gateway_max_requests=1, tts_gateway_max_jobs=0, tts_gateway_queue_timeout=4
    )
    cookies = {"tts_node": "alpha"}

    def run(seconds: float) -> tuple[int, float]:
        start = time.monotonic()
        answer = httpx.post(
            f"{gateway.url}{API}/run/slow", json={"data": [seconds]}, cookies=cookies, timeout=60
        )
        return answer.status_code, time.monotonic() - start

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, 2)
        time.sleep(0.5)
        second = pool.submit(run, 0)
        time.sleep(0.5)
        assert gateway.nodes()["alpha"]["requests"] == 1
        assert gateway.nodes()["alpha"]["waiting"] == 1
        assert first.result()[0] == 200
        status, took = second.result()
        assert status == 200 and took > 1, took

        first = pool.submit(run, 8)
        time.sleep(0.5)
        status, took = run(0)
        assert status == 503 and 3 < took < 7, took
        assert first.result()[0] == 200


def test_jobs_over_the_limit_are_told_that_the_queue_is_full(make_gateway: Callable) -> None:
    gateway = make_gateway(tts_gateway_max_jobs=2)
    clients = [gateway.client("alpha") for _time in range(3)]
    jobs = []
    for client in clients[:2]:
        jobs.append(client.submit(3, api_name="/slow"))
        time.sleep(0.7)
    with pytest.raises(Exception, match="Queue is full"):
        clients[2].predict("x", api_name="/which")
    assert gateway.client("beta").predict("x", api_name="/which") == "beta x"
    assert httpx.get(gateway.url, cookies={"tts_node": "alpha"}).status_code == 200
    assert [job.result() for job in jobs] == ["alpha", "alpha"]
    assert clients[2].predict("x", api_name="/which") == "alpha x"


def test_only_users_get_in(make_gateway: Callable) -> None:
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "correct horse"], text=True, capture_output=True, check=True
    ).stdout.strip()
    gateway = make_gateway(tts_gateway_users=[{"name": "alice", "password_hash": hashed}])
    assert "correct horse" not in gateway.config.read_text()
    for auth, status in (
        (None, 401),
        (("alice", "wrong"), 401),
        (("bob", "correct horse"), 401),
        (("alice", "correct horse"), 200),
    ):
        assert httpx.get(gateway.url, auth=auth).status_code == status
    assert httpx.post(f"{gateway.url}{API}/queue/join", json={}).status_code == 401
    with pytest.raises((AuthenticationError, ValueError)):
        gateway.client()
    client = gateway.client(httpx_kwargs={"auth": ("alice", "correct horse")})
    # Neither the password nor the gateway's cookie reaches the application.
    assert client.predict(api_name="/secrets") == "none"


def test_https(make_gateway: Callable, tmp_path: Path) -> None:
    key, certificate, pem = tmp_path / "key", tmp_path / "crt", tmp_path / "pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=gateway"]
        + ["-keyout", key, "-out", certificate],
        check=True,
        capture_output=True,
    )
    pem.write_text(certificate.read_text() + key.read_text())
    gateway = make_gateway(tts_gateway_tls_pem=str(pem))
    page = httpx.get(gateway.url + "/config", verify=False)
    assert page.status_code == 200
    assert "Secure" in page.headers["set-cookie"]
    assert gateway.client(ssl_verify=False).predict("x", api_name="/which").endswith(" x")


def test_a_node_that_the_inventory_drains_keeps_its_sessions_only(make_gateway: Callable) -> None:
    gateway = make_gateway()
    old = gateway.client("alpha")
    assert old.predict("1", api_name="/which") == "alpha 1"
    running = old.submit(40, api_name="/slow")
    time.sleep(0.5)
    gateway.variables["tts_gateway_drained"] = ["alpha"]
    gateway.reload("drained")
    # The process before the reload still has it, and it is counted.
    assert gateway.nodes()["alpha"]["state"] == "DRAIN"
    assert gateway.nodes()["alpha"]["requests"] == 1
    assert gateway.tool("wait", "alpha", "--timeout=1").returncode == 1
    assert {gateway.client().predict("x", api_name="/which") for _time in range(6)} == {"beta x"}
    assert old.predict("2", api_name="/which") == "alpha 2"
    assert running.result() == "alpha"
    assert gateway.tool("wait", "alpha", "--timeout=60", "--quiet=1").returncode == 0


def test_a_reload_loses_nothing(make_gateway: Callable) -> None:
    gateway = make_gateway()

    def load(number: int) -> int:
        client, turns = gateway.client(), 0
        while time.monotonic() < end:
            assert client.predict(str(turns), api_name="/which").endswith(f" {turns}")
            turns += 1
        return turns

    end = time.monotonic() + 25
    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(load, number) for number in range(6)]
        for number in range(3):
            gateway.reload(f"next-{number}")
        assert min(job.result() for job in running) > 3


def test_the_program_refuses_what_it_does_not_know(gateway) -> None:
    refused = gateway.tool("drain", "gamma")
    assert refused.returncode == 1
    assert "found no such node here, expected one of alpha, beta" in refused.stderr
    away = gateway.tool("--socket=/nonexistent", "show")
    assert away.returncode == 1 and "expected HAProxy to answer" in away.stderr
    assert gateway.tool("show").stdout.splitlines()[0].split()[:3] == ["NAME", "ADDRESS", "STATE"]


def test_a_dead_replica_leads_to_the_other(make_gateway: Callable, replicas) -> None:
    gateway = make_gateway()
    alpha = next(one for one in replicas if one.name == "alpha")
    client = gateway.client("alpha")
    assert client.predict("1", api_name="/which") == "alpha 1"
    alpha.stop(signal.SIGKILL)
    try:
        # At once, before the checks have seen it, and afterwards.
        assert client.predict("2", api_name="/which") == "beta 2"
        end = time.monotonic() + 30
        while gateway.nodes()["alpha"]["state"] != "DOWN":
            assert time.monotonic() < end
            time.sleep(0.2)
        assert client.predict("3", api_name="/which") == "beta 3"
        assert gateway.client().predict("4", api_name="/which") == "beta 4"
    finally:
        alpha.start()
    end = time.monotonic() + 30
    while gateway.nodes()["alpha"]["state"] != "UP":
        assert time.monotonic() < end
        time.sleep(0.2)
    assert client.predict("5", api_name="/which") == "alpha 5"
