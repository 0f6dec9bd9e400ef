"""Make small files with the names of IndexTTS 2.5's model files, always with the same content."""

from __future__ import annotations

import random
import sys
from pathlib import Path

SIZES = {
    "gpt.pth": 6 << 20,
    "s2mel.pth": 1 << 20,
    "codec.pth": 1 << 20,
    "multilingual_zh_ja_yue_char_del.tiktoken": 64 << 10,
    "wav2vec2bert_stats.pt": 9343,
}


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, size in SIZES.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != size:
            path.write_bytes(random.Random(name).randbytes(size))


if __name__ == "__main__":
    main()
