# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""See the nodes behind this gateway, and take single ones out and in again.

show       the nodes: state, requests in flight (jobs and transfers), those that wait for a free
           place, and open pages. Processes that a reload has replaced are counted as well.
drain      no new session goes to the node; those that it has go on
maintain   no request goes to the node but for what only it has: results and files. What runs
           there goes on.
wait       until no request to the node was in flight for some seconds
ready      the node is used again
revision   which configuration the running process has

What is set here lasts until the next reload. tts_gateway_drained in the inventory lasts.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import socket
import sys
import time
from typing import Any

SOCKET = "/run/haproxy/admin.sock"
MASTER = "/run/haproxy-master.sock"
NODES = "tts_nodes"
HEARTBEATS = "tts_heartbeats"
STATES = {"drain": "drain", "maintain": "maint", "ready": "ready"}


class GatewayError(Exception):
    """HAProxy does not answer, or refuses."""


def ask(path: str, command: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(10)
            connection.connect(path)
            connection.sendall(command.encode() + b"\n")
            connection.shutdown(socket.SHUT_WR)
            answer = b""
            while part := connection.recv(65536):
                answer += part
    except OSError as error:
        raise GatewayError(
            f"{path}: found {error}, expected HAProxy to answer. Look at systemctl status haproxy."
        ) from error
    return answer.decode()


def parse_statistics(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.lstrip("# ").splitlines()))


def parse_old_workers(text: str) -> list[int]:
    """The processes that were replaced and still serve, from the master's "show proc"."""
    old = text.partition("# old workers")[2].partition("# programs")[0]
    return [int(pid) for pid in re.findall(r"^(\d+)\s+worker\b", old, re.MULTILINE)]


def count(nodes: dict[str, dict[str, Any]], statistics: list[dict[str, str]]) -> None:
    for row in statistics:
        node = nodes.get(row["svname"])
        if node is None or row["pxname"] not in (NODES, HEARTBEATS):
            continue
        if row["pxname"] == HEARTBEATS:
            node["pages"] += int(row["scur"])
        else:
            node["requests"] += int(row["scur"])
            node["waiting"] += int(row["qcur"])


def show(path: str, master: str) -> list[dict[str, Any]]:
    current = parse_statistics(ask(path, "show stat -1 4 -1"))
    nodes: dict[str, dict[str, Any]] = {
        row["svname"]: {
            "name": row["svname"],
            "address": row["addr"],
            # A weight of 0 is how the configuration drains; HAProxy calls such a node UP.
            "state": "DRAIN" if row["weight"] == "0" and row["status"] == "UP" else row["status"],
            "requests": 0,
            "waiting": 0,
            "pages": 0,
        }
        for row in current
        if row["pxname"] == NODES
    }
    count(nodes, current)
    for pid in parse_old_workers(ask(master, "show proc")):
        # One that has ended since is no error: it has nothing any more.
        count(nodes, parse_statistics(ask(master, f"@!{pid} show stat -1 4 -1")))
    return list(nodes.values())


def table(nodes: list[dict[str, Any]]) -> str:
    columns = ["name", "address", "state", "requests", "waiting", "pages"]
    rows = [[column.upper() for column in columns]]
    rows += [[str(node[column]) for column in columns] for node in nodes]
    widths = [max(len(row[place]) for row in rows) for place in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(widths[place]) for place, cell in enumerate(row)).rstrip()
        for row in rows
    )


def unknown(name: str, known: list[str]) -> GatewayError:
    return GatewayError(f"{name}: found no such node here, expected one of {', '.join(known)}.")


def set_state(path: str, name: str, state: str) -> None:
    known = [row["svname"] for row in parse_statistics(ask(path, f"show stat {NODES} 4 -1"))]
    if name not in known:
        raise unknown(name, known)
    answer = ask(path, f"set server {NODES}/{name} state {state}").strip()
    if answer:
        raise GatewayError(f"{name}: found '{answer}' as the answer to {state}, expected none.")


def wait(path: str, master: str, name: str, timeout: float, quiet: float) -> None:
    """A client asks for the file a moment after its result is there, hence the quiet time."""
    end = time.monotonic() + timeout
    since = time.monotonic()
    while True:
        found = {node["name"]: node for node in show(path, master)}
        if name not in found:
            raise unknown(name, list(found))
        busy = found[name]["requests"] + found[name]["waiting"]
        if busy:
            since = time.monotonic()
        elif time.monotonic() - since >= quiet:
            return
        if time.monotonic() >= end:
            raise GatewayError(
                f"{name}: found {busy} requests in flight after {timeout:g} s, "
                f"expected none for {quiet:g} s."
            )
        time.sleep(0.2)


def revision(path: str) -> str:
    found = re.search(r"^Description: *(.*)$", ask(path, "show info"), re.MULTILINE | re.IGNORECASE)
    return found.group(1).strip() if found else ""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--socket", default=SOCKET, help=argparse.SUPPRESS)
    parser.add_argument("--master", default=MASTER, help=argparse.SUPPRESS)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("show").add_argument("--json", action="store_true", help="for programs")
    commands.add_parser("revision")
    waiting = commands.add_parser("wait")
    waiting.add_argument("node")
    waiting.add_argument("--timeout", type=float, default=900, help="seconds in all (900)")
    waiting.add_argument("--quiet", type=float, default=5, help="seconds without a request (5)")
    for command in STATES:
        commands.add_parser(command).add_argument("node")
    arguments = parser.parse_args()
    try:
        if arguments.command == "show":
            nodes = show(arguments.socket, arguments.master)
            print(json.dumps(nodes) if arguments.json else table(nodes))
        elif arguments.command == "revision":
            print(revision(arguments.socket))
        elif arguments.command == "wait":
            wait(
                arguments.socket,
                arguments.master,
                arguments.node,
                arguments.timeout,
                arguments.quiet,
            )
        else:
            set_state(arguments.socket, arguments.node, STATES[arguments.command])
    except GatewayError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
