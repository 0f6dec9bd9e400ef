# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role with the real application, on the CPU, with small random weights. In this order."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import urllib.request
import wave
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

from conftest import HERE, PORT, Checkout, Container

UNIT = "indextts2@default.service"
STATE_DIR = "/var/lib/indextts/default"
URL = f"http://127.0.0.1:{PORT}/gradio_api/startup-events"
# An address of the loopback that nobody has, for a server of names.
NAME_SERVER = "127.0.0.77"


@contextmanager
def asked_for(container: Container) -> Iterator[list[str]]:
    """The names that are looked up in the container; none of them exists."""
    names: list[str] = []
    resolver = container.root / "etc/resolv.conf"
    before = resolver.read_text()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((NAME_SERVER, 53))
        server.settimeout(0.2)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    query, client = server.recvfrom(4096)
                except TimeoutError:
                    continue
                names.append(asked_name(query))
                # The query again, as the answer that there is no such name.
                server.sendto(query[:2] + b"\x81\x83" + query[4:], client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            resolver.write_text(f"nameserver {NAME_SERVER}\n")
            yield names
        finally:
            resolver.write_text(before)
            done.set()
            thread.join()


def asked_name(query: bytes) -> str:
    """The name in a query, which is behind a header of twelve bytes, part by part."""
    parts, at = [], 12
    while query[at]:
        parts.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(parts)


def restart(container: Container) -> subprocess.CompletedProcess[str]:
    container.ssh(f"systemctl reset-failed {UNIT}", check=False)
    return container.ssh(f"systemctl restart {UNIT}", check=False)


def journal(container: Container) -> str:
    invocation = container.output(f"systemctl show --property InvocationID --value {UNIT}")
    return container.output(f"journalctl --output cat _SYSTEMD_INVOCATION_ID={invocation}")


def test_the_application_and_its_environment_are_installed(
    container: Container, checkout: Checkout
) -> None:
    container.ssh(f"systemctl stop 'indextts2@*'; find {container.models} -mindepth 1 -delete")

    result = container.run()

    assert not result.failed, result.output
    assert "IndexTTS2 is not started, because" in result.text
    release = container.output(f"readlink {container.app}")
    assert release == f"{container.app}.releases/{checkout.checksum[:12]}"
    # As the service's user, who must be able to read all of it.
    code = "import gradio, torch, torchaudio; print(gradio.__version__, torch.__version__)"
    python = f"cd {container.app} && runuser -u indextts -- .venv/bin/python -c '{code}'"
    assert container.output(python)
    # A run that builds leaves no cache; one that builds nothing has none.
    assert container.ssh("test -e /var/cache/indextts2-build", check=False).returncode == 1


def test_with_models_the_role_starts_it(container: Container) -> None:
    container.ssh("rm -rf /root/models")
    program = (HERE / "make_weights.py").read_text()
    (container.root / "root/make_weights.py").write_text(program)
    python = f"{container.app}/.venv/bin/python /root/make_weights.py"
    container.ssh(f"{python} {container.app} /root/models")

    result = container.run(indextts2_models_src=str(container.root / "root/models"))

    assert not result.failed, result.output
    assert container.output(f"systemctl is-active {UNIT}") == "active"
    with urllib.request.urlopen(URL, timeout=30) as answer:
        assert answer.status == 200
    assert "Be patient, it may take a while to run in CPU mode" in journal(container)


def test_a_further_run_changes_nothing(container: Container) -> None:
    result = container.run()

    assert not result.failed, result.output
    assert result.changed == 0, result.output


def test_it_says_a_sentence_and_verify_reports_it(container: Container, checkout: Checkout) -> None:
    container.ssh(f"touch /root/before; rm -f {STATE_DIR}/outputs/*.wav")

    result = container.run("verify", indextts2_verify_synthesis=True, indextts2_verify_level="full")

    assert not result.failed, result.output
    assert result.report["release"] == checkout.checksum[:12]
    assert result.report["profile"] == "upstream-2.5"
    assert result.report["weights"].endswith(" files verified")
    assert result.report["synthesis"].startswith("well ")
    assert result.report["gpu"] == "none"
    # The sound itself, where the application put it.
    (made,) = (container.root / STATE_DIR[1:] / "outputs").glob("*.wav")
    with wave.open(str(made)) as sound:
        samples = array("h", sound.readframes(sound.getnframes()))
    assert len(samples) > sound.getframerate() // 4
    assert max(samples) - min(samples) > 100
    said = json.loads(container.output(f"cat {STATE_DIR}/synthesis.json"))
    assert said["ok"] is True
    # Neither the application nor the models were written to.
    written = container.output(f"find {container.app}/ {container.models} -newer /root/before")
    assert not written


def test_it_looks_nobody_up_when_it_starts(container: Container) -> None:
    with asked_for(container) as names:
        container.ssh("getent hosts a-name-that-is-looked-up.example", check=False)
        assert set(names) == {"a-name-that-is-looked-up.example"}
        names.clear()

        started = restart(container)

        assert started.returncode == 0, journal(container)
        assert container.output(f"systemctl is-active {UNIT}") == "active"
    assert names == []


def test_weights_that_upstream_would_serve_noise_from_end_the_start(
    container: Container,
) -> None:
    codec = f"{container.models}/codec.pth"
    code = f'import torch; torch.save({{}}, "{codec}")'
    container.ssh(f"cp -p {codec} /root/codec.pth")
    container.ssh(f"cd {container.app} && .venv/bin/python -c '{code}'")
    try:
        started = restart(container)

        assert started.returncode != 0
        assert "codec.pth" in journal(container)
        result = container.run("verify")
        assert result.failed
        assert "codec.pth" in result.text
    finally:
        container.ssh(f"systemctl stop {UNIT}; cp -p /root/codec.pth {codec}")


def test_the_options_of_the_release_are_known_to_it(container: Container) -> None:
    options = ["--verbose", "--fp16", "--torch_compile", "--qwen_emo", "--gui_seg_tokens=100"]

    result = container.run(indextts2_arguments=options)

    assert not result.failed, result.output
    assert container.output(f"systemctl is-active {UNIT}") == "active"
    line = container.output(f"ps -ww -o args= -p $(systemctl show -P MainPID {UNIT})")
    assert line.endswith(" ".join(options))


def test_it_serves_as_a_community_build_is_started(container: Container) -> None:
    options = ["--model_dir", "cache_hub"]

    result = container.run(indextts2_profile="cache_hub", indextts2_arguments=options)

    assert not result.failed, result.output
    process = container.output(f"systemctl show -P MainPID {UNIT}")
    line = container.output(f"ps -ww -o args= -p {process}")
    assert line.endswith(f"webui.py --host 127.0.0.1 --port {PORT} --model_dir cache_hub")
    given = container.output(f"tr '\\0' '\\n' </proc/{process}/environ")
    assert f"HF_HOME={container.app}/cache_hub" in given.splitlines()


def test_it_stops_cleanly(container: Container) -> None:
    assert container.output(f"systemctl is-active {UNIT}") == "active"
    container.ssh(f"systemctl stop {UNIT}")

    shown = f"systemctl show --property Result --property ExecMainStatus --value {UNIT}"
    assert container.output(shown).split() in (["success", "0"], ["0", "success"])
    assert "Traceback" not in journal(container)


def test_the_unit_is_hardened(container: Container) -> None:
    text = container.output(f"systemd-analyze security --no-pager {UNIT} | tail -1")

    assert float(text.split(": ")[1].split()[0]) <= 2.0, text
