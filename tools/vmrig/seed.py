# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What makes a machine different from its image. Pure."""

from __future__ import annotations

from vmrig import qemu
from vmrig.inventory import Machine

# QEMU's user network is the same for every machine; a fixed address saves the wait for DHCP.
_MANAGEMENT = """\
[Match]
MACAddress={mac}

[Network]
Address=10.0.2.15/24
Gateway=10.0.2.2
DNS=10.0.2.3
LinkLocalAddressing=no
IPv6AcceptRA=no
"""

# A dead storage network must not keep a machine from booting.
_STORAGE = """\
[Match]
MACAddress={mac}

[Link]
RequiredForOnline=no
{mtu}
[Network]
ConfigureWithoutCarrier=yes
LinkLocalAddressing={link_local}
IPv6AcceptRA=no
"""

# Without the search for duplicates an IPv6 address can be bound at once, with the cable out too.
_ADDRESS = """
[Address]
Address={address}
DuplicateAddressDetection=none
"""


def files(
    machine: Machine, authorized_key: str, host_key: str, host_key_public: str
) -> dict[str, tuple[int, bytes]]:
    """The seed's files: path → (mode, content)."""
    network = "etc/systemd/network"
    texts = {
        "etc/hostname": (0o644, f"{machine.name}\n"),
        "etc/hosts": (0o644, f"127.0.0.1 localhost\n127.0.1.1 {machine.name}\n"),
        "etc/ssh/ssh_host_ed25519_key": (0o600, host_key),
        "etc/ssh/ssh_host_ed25519_key.pub": (0o644, host_key_public),
        "root/.ssh/authorized_keys": (0o600, authorized_key),
        f"{network}/10-management.network": (
            0o644,
            _MANAGEMENT.format(mac=qemu.mac(machine.name)),
        ),
    }
    for name, addresses in machine.networks.items():
        if not addresses:
            continue
        text = _STORAGE.format(
            mac=qemu.mac(machine.name, name),
            mtu="" if machine.mtu is None else f"MTUBytes={machine.mtu}\n",
            link_local="ipv6" if any(address.version == 6 for address in addresses) else "no",
        )
        text += "".join(_ADDRESS.format(address=address) for address in addresses)
        texts[f"{network}/20-{name}.network"] = (0o644, text)
    return {path: (mode, text.encode()) for path, (mode, text) in texts.items()}
