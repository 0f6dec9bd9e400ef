# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""What each backend is told when its files have changed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.model import (
    IFUPDOWN,
    NETPLAN,
    NETWORKMANAGER,
)
from ansible_collections.tts.modelstore.plugins.module_utils._network.interfaces.render import (
    FOLDERS,
    connection,
)

Argv = list[str]


def take_down(backend: str, names: Iterable[str]) -> list[Argv]:
    """Before the files change: ifupdown undoes only what its files say."""
    if backend != IFUPDOWN:
        return []
    return [["ifdown", "--force", name] for name in names]


def delete(names: Iterable[str]) -> list[Argv]:
    """Remove interfaces that software made."""
    return [["ip", "link", "delete", "dev", name] for name in names]


def flush(names: Iterable[str]) -> list[Argv]:
    """Take the addresses away, but for the link's own."""
    return [["ip", "address", "flush", "dev", name, "scope", "global"] for name in names]


def bring_up(backend: str, files: Mapping[str, str], names: Sequence[str]) -> list[Argv]:
    """After the files have changed: make interfaces what they say.

    :param files: our files as they are now.
    :param names: the interfaces that the backend has to look at again, those below first.
    """
    if backend == IFUPDOWN:
        return [["ifup", name] for name in names]
    if backend == NETWORKMANAGER:
        return _networkmanager([connection(name) for name in names], files)
    generate = [["netplan", "generate"]] if backend == NETPLAN else []
    return [*generate, ["networkctl", "reload"], *(["networkctl", "reconfigure", n] for n in names)]


def _networkmanager(connections: Sequence[str], files: Mapping[str, str]) -> list[Argv]:
    folder = FOLDERS[NETWORKMANAGER][0] + "/"
    load = [["nmcli", "connection", "load", path] for path in files if path.startswith(folder)]
    up = [["nmcli", "--wait", "30", "connection", "up", "id", name] for name in connections]
    # Reloading is what makes it notice the files that are gone.
    return [*load, ["nmcli", "connection", "reload"], *up]
