# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of ``tools/rig``."""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType

from vmrig import image, inventory, process, state
from vmrig.errors import RigError
from vmrig.rig import BOOT_SECONDS, TOOLS, Rig

CHECKOUT = Path(__file__).resolve().parents[2]
MACHINES = "tests/rig/demo.yml"

_EPILOG = f"""\
environment variables:
  RIG_MACHINES the default of --machines: a path in the checkout
  RIG_NAME     the default of --name
  RIG_RELEASE  Debian release of the image: {", ".join(image.RELEASES)} (default: the first)
  RIG_ACCEL    auto, kvm, tcg: try KVM, insist on it, or emulate (default: auto)
  RIG_MIRROR   Debian mirror the image is built from (default: mmdebstrap's choice)
"""


def parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    top = argparse.ArgumentParser(
        prog="tools/rig",
        description="Real machines for demo and tests.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--machines",
        type=Path,
        default=CHECKOUT / (os.environ.get("RIG_MACHINES") or MACHINES),
        metavar="FILE",
        help="inventory whose hosts have rig_machine (default: $RIG_MACHINES, else "
        f"{MACHINES}, in the checkout)",
    )
    top.add_argument(
        "--name",
        default=os.environ.get("RIG_NAME") or "demo",
        help="the rig's name (default: $RIG_NAME, else demo)",
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, *positionals: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        for positional in positionals:
            command.add_argument(positional.lower(), metavar=positional)
        return command

    add("image", "build the image, or say where the cached one is")
    up = add("up", "start the machines and wait until they answer to ssh")
    up.add_argument(
        "--boot-seconds",
        type=int,
        default=BOOT_SECONDS,
        help="how long a boot may take (default: %(default)s)",
    )
    add("down", "stop everything of this rig and remove its disks")
    add("status", "show what runs")
    add("snapshot", "save memory and disks of all machines", "NAME_")
    add("restore", "bring all machines back to a snapshot", "NAME_")
    run = add("ssh", "open a shell on a machine, or run a command there", "HOST")
    run.add_argument("remote", nargs=argparse.REMAINDER, metavar="COMMAND")
    cable = add("cable", "pull a storage cable or put it back", "HOST", "NET")
    cable.add_argument("state", choices=("up", "down"))
    power = add("power", "pull the plug, start, or press reset", "HOST")
    power.add_argument("state", choices=("on", "off", "reset"))
    power.add_argument("--no-wait", action="store_true", help="do not wait for ssh")
    add("console", "print a machine's console log", "HOST")
    add("inventory", "print the path of the generated Ansible inventory")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command."""
    signal.signal(signal.SIGTERM, _terminate)
    # The launcher's variable must not reach Ansible or anything else that is started from here.
    os.environ.pop("PYTHONPATH", None)
    options = parser().parse_args(arguments)
    try:
        return _run(options, os.environ)
    except (RigError, OSError, subprocess.SubprocessError) as exc:
        print(f"tools/rig: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("tools/rig: interrupted", file=sys.stderr)
        return 130


def _terminate(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(options: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,40}", options.name):
        raise RigError(f"--name: found {options.name!r}, expected letters, digits, - and _")
    command: str = options.command
    if command == "image":
        process.need_tools(TOOLS, "image")
        print(image.ensure(environ).folder)
        return 0
    layout = state.layout(options.name, CHECKOUT)
    if command == "down":
        # Needs no machines file: what runs is recorded in the state.
        if layout.folder.is_dir():
            with layout.lock():
                Rig(layout, {}, environ).down()
        return 0
    rig = Rig(layout, inventory.load(options.machines), environ)
    if command == "status":
        _print_table(rig.status())
    elif command == "ssh":
        argv = rig.ssh_argv(options.host, options.remote)
        os.execvp(argv[0], argv)
    elif command == "console":
        sys.stdout.write(rig.console(options.host))
    elif command == "inventory":
        if not layout.inventory.is_file():
            raise RigError("the rig is down: no inventory.", "Run: tools/rig up")
        print(layout.inventory)
    else:
        with layout.lock():
            _change(rig, options)
    return 0


def _change(rig: Rig, options: argparse.Namespace) -> None:
    command: str = options.command
    if command == "up":
        rig.up(options.boot_seconds)
    elif command == "snapshot":
        rig.snapshot(options.name_)
    elif command == "restore":
        rig.restore(options.name_)
    elif command == "cable":
        rig.cable(options.host, options.net, up=options.state == "up")
    elif options.state == "off":
        rig.power_off(options.host)
    elif options.state == "on":
        rig.power_on(options.host, wait=not options.no_wait)
    else:
        rig.power_reset(options.host, wait=not options.no_wait)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
