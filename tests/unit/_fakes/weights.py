# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Small files in the formats of model weights."""

from __future__ import annotations

import io
import json
import random
import zipfile


def torch_file(size: int = 1000, seed: str = "") -> bytes:
    """As torch.save writes it: a zip archive of tensors as they are, or of none for no bytes."""
    data = random.Random(seed or size).randbytes(size)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # A ZipInfo has always the same date.
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), b"\x80\x02}q\x00.")
        if size:
            archive.writestr(zipfile.ZipInfo("archive/data/0"), data)
    return buffer.getvalue()


def safetensors_file(size: int = 1000, seed: str = "") -> bytes:
    """Two tensors behind a header, which is behind its length."""
    tensors = {
        "__metadata__": {"format": "pt"},
        "first": {"dtype": "U8", "shape": [10], "data_offsets": [0, 10]},
        "second": {"dtype": "U8", "shape": [size - 10], "data_offsets": [10, size]},
    }
    header = json.dumps(tensors).encode()
    return len(header).to_bytes(8, "little") + header + random.Random(seed or size).randbytes(size)
