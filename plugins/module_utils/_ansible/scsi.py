# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# PRIVATE to the collection: it can change in any release.

"""Asks a SCSI disk itself, past what the kernel remembers of it."""

from __future__ import annotations

import ctypes
import fcntl
import os

_SG_IO = 0x2285
_FROM_DEVICE = -3
_TIMEOUT = 10_000  # milliseconds
# READ CAPACITY(16): its opcode and service action, and the length of the answer in bytes 10 to 13.
_LENGTH = 32
_READ_CAPACITY_16 = bytes([0x9E, 0x10, *[0] * 8, *_LENGTH.to_bytes(4, "big"), 0, 0])


class _Request(ctypes.Structure):
    """struct sg_io_hdr of linux/scsi/sg.h."""

    _fields_ = [
        ("interface_id", ctypes.c_int),
        ("dxfer_direction", ctypes.c_int),
        ("cmd_len", ctypes.c_ubyte),
        ("mx_sb_len", ctypes.c_ubyte),
        ("iovec_count", ctypes.c_ushort),
        ("dxfer_len", ctypes.c_uint),
        ("dxferp", ctypes.c_void_p),
        ("cmdp", ctypes.c_void_p),
        ("sbp", ctypes.c_void_p),
        ("timeout", ctypes.c_uint),
        ("flags", ctypes.c_uint),
        ("pack_id", ctypes.c_int),
        ("usr_ptr", ctypes.c_void_p),
        ("status", ctypes.c_ubyte),
        ("masked_status", ctypes.c_ubyte),
        ("msg_status", ctypes.c_ubyte),
        ("sb_len_wr", ctypes.c_ubyte),
        ("host_status", ctypes.c_ushort),
        ("driver_status", ctypes.c_ushort),
        ("resid", ctypes.c_int),
        ("duration", ctypes.c_uint),
        ("info", ctypes.c_uint),
    ]


def read_capacity(path: str) -> int | None:
    """Bytes that a SCSI disk says it has now; None when it does not answer.

    A first answer can be no more than the news that something changed, so it is asked again.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        for _try in range(3):
            answer = _ask(descriptor)
            if answer is not None:
                return parse_capacity(answer)
        return None
    except OSError:
        return None
    finally:
        os.close(descriptor)


def parse_capacity(answer: bytes) -> int:
    """Bytes of a disk from its answer: the last block, and the length of a block.

    >>> parse_capacity(bytes([0, 0, 0, 0, 0, 0, 7, 255, 0, 0, 2, 0]))
    1048576
    """
    return (int.from_bytes(answer[:8], "big") + 1) * int.from_bytes(answer[8:12], "big")


def _ask(descriptor: int) -> bytes | None:
    command = ctypes.create_string_buffer(_READ_CAPACITY_16, len(_READ_CAPACITY_16))
    answer = ctypes.create_string_buffer(_LENGTH)
    sense = ctypes.create_string_buffer(32)
    request = _Request(
        interface_id=ord("S"),
        dxfer_direction=_FROM_DEVICE,
        cmd_len=len(_READ_CAPACITY_16),
        mx_sb_len=len(sense),
        dxfer_len=_LENGTH,
        dxferp=ctypes.addressof(answer),
        cmdp=ctypes.addressof(command),
        sbp=ctypes.addressof(sense),
        timeout=_TIMEOUT,
    )
    fcntl.ioctl(descriptor, _SG_IO, request)
    failed = request.status or request.host_status or request.driver_status
    return None if failed else answer.raw
