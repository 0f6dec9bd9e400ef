"""Make small files with the names and in the formats of IndexTTS 2.5's models, always the same."""

from __future__ import annotations

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
from _fakes.weights import safetensors_file, torch_file  # the path is set above

MIB = 1 << 20
# Bytes of tensors, or of text.
SIZES = {
    "gpt.pth": 6 * MIB,
    "s2mel.pth": MIB,
    "codec.pth": MIB,
    "multilingual_zh_ja_yue_char_del.tiktoken": 64 << 10,
    "config.yaml": 2860,
    "feat1.pt": 57170,
    "feat2.pt": 374866,
    "wav2vec2bert_stats.pt": 9343,
    "qwen0.6bemo4-merge/config.json": 727,
    "qwen0.6bemo4-merge/model.safetensors": 64 << 10,
    "qwen0.6bemo4-merge/tokenizer.json": 4096,
    "hf_cache/w2v-bert-2.0/config.json": 1874,
    "hf_cache/w2v-bert-2.0/model.safetensors": MIB,
    "hf_cache/w2v-bert-2.0/preprocessor_config.json": 275,
    "hf_cache/campplus_cn_common.bin": 64 << 10,
    "hf_cache/bigvgan/config.json": 1405,
    "hf_cache/bigvgan/bigvgan_generator.pt": 64 << 10,
}


def content(name: str, size: int) -> bytes:
    """Random numbers in the format that the name promises."""
    if name.endswith((".pth", ".pt")):
        return torch_file(size, seed=name)
    if name.endswith(".safetensors"):
        return safetensors_file(size, seed=name)
    return random.Random(name).randbytes(size)


def main() -> None:
    folder = Path(sys.argv[1])
    for name, size in SIZES.items():
        path = folder / name
        wanted = content(name, size)
        if not path.is_file() or path.stat().st_size != len(wanted):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(wanted)


if __name__ == "__main__":
    main()
