# Copyright: (c) 2026, the tts.modelstore authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Make models for IndexTTS 2.5 that are small and random.

The application loads every one of these files as it loads the real ones, on a CPU as well, and
answers with a sound of some seconds that is noise. This runs with the application's own Python and
takes the shapes from its own classes, so that no weight is left out. Nothing is fetched.
"""

from __future__ import annotations

import argparse
import base64
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    PretrainedConfig,
    Qwen3Config,
    Qwen3ForCausalLM,
    SeamlessM4TFeatureExtractor,
    Wav2Vec2BertConfig,
    Wav2Vec2BertModel,
)

RATE = 22050  # of what is spoken, per second
LOUDNESS = 0.1  # RMS of what is spoken, of full scale

# These sizes are fixed in the application's code; all others come from CONFIG.
SEMANTIC, STYLE, MELS = 1024, 192, 80
SEMANTIC_LAYERS = 17  # it reads what comes out of the 17th

GPT, DIT = 128, 64  # widths
CODEBOOK = 8192
START, STOP = CODEBOOK, CODEBOOK + 1
# 25 tokens are about a second. A sentence has some hundred bytes, which are its tokens here.
SPOKEN = 50
# Far from every other logit, and near enough that no probability underflows to zero, as a beam
# search draws two tokens for each of its beams.
CERTAIN = 15.0

# Speakers of each emotion; they are the rows of feat1.pt and feat2.pt.
EMOTIONS = [3, 17, 2, 8, 4, 5, 10, 24]

VOCABULARY = "multilingual_zh_ja_yue_char_del"
END = "<|endoftext|>"
CHAT = "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"

CONFIG: dict[str, Any] = {
    "version": 2.5,
    "gpt_checkpoint": "gpt.pth",
    "s2mel_checkpoint": "s2mel.pth",
    "w2v_stat": "wav2vec2bert_stats.pt",
    "spk_matrix": "feat1.pt",
    "emo_matrix": "feat2.pt",
    "emo_num": EMOTIONS,
    "qwen_emo_path": "qwen0.6bemo4-merge/",
    "gpt": {
        "layers": 1,
        "heads": 2,
        "model_dim": GPT,
        # The page asks for up to 1500, and each has its place among the weights.
        "max_mel_tokens": 1815,
        "max_text_tokens": 600,
        "number_mel_codes": CODEBOOK + 2,
        "start_mel_token": START,
        "stop_mel_token": STOP,
        "start_text_token": 0,
        "stop_text_token": 1,
        "emo_condition_module": {
            "output_size": 64,
            "linear_units": 64,
            "attention_heads": 1,
            "num_blocks": 1,
            "input_layer": "conv2d2",
            "perceiver_mult": 1,
        },
    },
    "semantic_codec": {
        "codebook_size": CODEBOOK,
        "codebook_dim": 8,
        "hidden_size": SEMANTIC,
        "vocos_dim": 64,
        "vocos_intermediate_dim": 128,
        "vocos_num_layers": 1,
    },
    "s2mel": {
        "dit_type": "DiT",
        "reg_loss_type": "l1",
        "preprocess_params": {
            "sr": RATE,
            "spect_params": {
                "n_fft": 1024,
                "win_length": 1024,
                "hop_length": 256,
                "n_mels": MELS,
                "fmin": 0,
                "fmax": "None",
            },
        },
        "style_encoder": {"dim": STYLE},
        "length_regulator": {
            "channels": DIT,
            "in_channels": SEMANTIC,
            "is_discrete": False,
            "content_codebook_size": 16,
            "sampling_ratios": [1],
        },
        "DiT": {
            "depth": 1,
            "num_heads": 2,
            "hidden_dim": DIT,
            "in_channels": MELS,
            "content_type": "continuous",
            "content_dim": DIT,
            "content_codebook_size": 16,
            "class_dropout_prob": 0.1,
            "final_layer_type": "wavenet",
            "style_condition": True,
            "long_skip_connection": True,
            "uvit_skip_connection": True,
            "is_causal": False,
        },
        "wavenet": {
            "num_layers": 1,
            "hidden_dim": DIT,
            "kernel_size": 5,
            "dilation_rate": 1,
            "p_dropout": 0.2,
            "style_condition": True,
        },
    },
}

# The product of the upsampling rates is the hop of the spectrogram.
VOCODER: dict[str, Any] = {
    "num_mels": MELS,
    "sampling_rate": RATE,
    "hop_size": 256,
    "upsample_initial_channel": 64,
    "upsample_rates": [8, 8, 4],
    "upsample_kernel_sizes": [16, 16, 8],
    "resblock": "1",
    "resblock_kernel_sizes": [3],
    "resblock_dilation_sizes": [[1, 3, 5]],
    "activation": "snakebeta",
    "snake_logscale": True,
    "use_bias_at_final": False,
    "use_tanh_at_final": False,
}


def finite(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors as they are saved.

    :raises ValueError: one of them has something else than numbers.
    """
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise ValueError(f"{name}: found a weight that is no number, expected only numbers")
    return {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}


def save_pretrained(model: torch.nn.Module, config: PretrainedConfig, folder: Path) -> None:
    """Save a model of transformers in half precision, as it would be most of all bytes."""
    config.save_pretrained(folder)
    save_file(finite(model.half().state_dict()), folder / "model.safetensors", {"format": "pt"})


def make_vocabulary(folder: Path) -> int:
    """Every byte is a token of text; returns the number of tokens with the special ones."""
    from indextts.utils.tokenizer import get_encoding

    lines = (f"{base64.b64encode(bytes([byte])).decode()} {byte}\n" for byte in range(256))
    (folder / f"{VOCABULARY}.tiktoken").write_text("".join(lines), encoding="ascii")
    return int(get_encoding(VOCABULARY, model_dir=str(folder)).n_vocab)


def make_config(folder: Path) -> Any:
    """The configuration that everything is built from, as the application reads it."""
    config = OmegaConf.create(CONFIG)
    config.gpt.number_text_tokens = make_vocabulary(folder)
    (folder / "config.yaml").write_text(OmegaConf.to_yaml(config), encoding="utf-8")
    return config


def make_gpt(config: Any, folder: Path) -> None:
    from indextts.gpt.model_v2 import UnifiedVoice

    torch.manual_seed(1)
    gpt = UnifiedVoice(**config.gpt, spk_cond_mode="campplus")
    stop_after(gpt, SPOKEN)
    torch.save(finite(gpt.state_dict()), folder / "gpt.pth")


@torch.no_grad()
def stop_after(gpt: torch.nn.Module, spoken: int) -> None:
    """Let a place far along in the speech say so in the first channel, which the stop token heeds.

    Left to chance, a sentence would be one token long or as many as there may be.
    """
    places, head = gpt.mel_pos_embedding.emb.weight, gpt.mel_head
    # Much more than what the other channels have, so that it comes out of the layers as the square
    # root of their number, and that is what the norm lets through.
    places[:spoken, 0], places[spoken:, 0] = -10.0, 10.0
    head.weight[STOP] = 0.0
    head.weight[STOP, 0] = CERTAIN / math.sqrt(GPT)
    head.bias[STOP] = 0.0
    # Nothing is spoken for the start token: it has no place in the codebook.
    head.bias[START] = -100.0


def make_s2mel(config: Any, folder: Path) -> None:
    from indextts.s2mel.modules.commons import MyModel

    torch.manual_seed(2)
    parts = MyModel(config.s2mel).models
    net = {name: finite(part.state_dict()) for name, part in parts.items()}
    torch.save({"net": net}, folder / "s2mel.pth")


def make_codec(config: Any, folder: Path) -> None:
    from indextts.codec.models import EnhancedCodec

    torch.manual_seed(3)
    codec = EnhancedCodec(**config.semantic_codec, cfg=config.semantic_codec)
    torch.save({"model": finite(codec.state_dict())}, folder / "codec.pth")


def make_features(config: Any, folder: Path) -> None:
    """Speakers, their emotions, and how what comes out of the semantic model is spread."""
    torch.manual_seed(4)
    torch.save(torch.randn(sum(EMOTIONS), STYLE), folder / config.spk_matrix)
    torch.save(0.1 * torch.randn(sum(EMOTIONS), GPT), folder / config.emo_matrix)
    spread = {"mean": 0.1 * torch.randn(SEMANTIC), "var": 0.5 + torch.rand(SEMANTIC)}
    torch.save(spread, folder / config.w2v_stat)


def make_semantic_model(folder: Path) -> None:
    torch.manual_seed(5)
    config = Wav2Vec2BertConfig(
        hidden_size=SEMANTIC, num_hidden_layers=SEMANTIC_LAYERS, intermediate_size=64
    )
    save_pretrained(Wav2Vec2BertModel(config), config, folder)
    SeamlessM4TFeatureExtractor(padding_value=1).save_pretrained(folder)


def make_speaker_encoder(folder: Path) -> None:
    from indextts.s2mel.modules.campplus.DTDNN import CAMPPlus

    torch.manual_seed(6)
    encoder = CAMPPlus(feat_dim=MELS, embedding_size=STYLE)
    torch.save(finite(encoder.state_dict()), folder / "campplus_cn_common.bin")


def make_vocoder(folder: Path) -> None:
    from indextts.s2mel.modules.bigvgan.bigvgan import BigVGAN
    from indextts.s2mel.modules.bigvgan.env import AttrDict

    torch.manual_seed(7)
    vocoder = BigVGAN(AttrDict(VOCODER)).eval()
    make_audible(vocoder)
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(VOCODER, indent=2) + "\n", encoding="utf-8")
    torch.save({"generator": finite(vocoder.state_dict())}, folder / "bigvgan_generator.pt")


@torch.no_grad()
def make_audible(vocoder: torch.nn.Module) -> None:
    """Set how loud it is. As it is built, its biases drown what depends on the input."""
    for name, weight in vocoder.named_parameters():
        if name.endswith("bias"):
            weight.zero_()
    sound = vocoder(torch.randn(1, MELS, 200))
    vocoder.conv_post.weight_g.mul_(LOUDNESS / sound.std())


def make_emotion_model(folder: Path) -> None:
    """The model that reads emotions out of a text; this one has nothing to say of any text."""
    tokenizer = Tokenizer(models.BPE(bytes_as_tokens(), merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([END])
    end = tokenizer.token_to_id(END)
    torch.manual_seed(8)
    config = Qwen3Config(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=32,
        eos_token_id=end,
        tie_word_embeddings=False,
        architectures=["Qwen3ForCausalLM"],
    )
    model = Qwen3ForCausalLM(config)
    end_at_once(model, end)
    save_pretrained(model, config, folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": END,
        "chat_template": CHAT,
        # All that the model takes; the class would add another.
        "model_input_names": ["input_ids", "attention_mask"],
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(settings, indent=2) + "\n", encoding="utf-8"
    )


def bytes_as_tokens() -> dict[str, int]:
    """A token for each byte, and no longer ones."""
    return {sign: place for place, sign in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}


@torch.no_grad()
def end_at_once(model: Qwen3ForCausalLM, end: int) -> None:
    """Let the first channel say in every token that the answer ends.

    The application would wait for 32768 tokens.
    """
    model.model.embed_tokens.weight[:, 0] = 1.0
    model.lm_head.weight[end] = 0.0
    model.lm_head.weight[end, 0] = CERTAIN


def make_models(folder: Path) -> None:
    """Make a model folder, which must not be there yet."""
    folder.mkdir(parents=True)
    config = make_config(folder)
    make_gpt(config, folder)
    make_s2mel(config, folder)
    make_codec(config, folder)
    make_features(config, folder)
    make_emotion_model(folder / "qwen0.6bemo4-merge")
    others = folder / "hf_cache"
    make_semantic_model(others / "w2v-bert-2.0")
    make_speaker_encoder(others)
    make_vocoder(others / "bigvgan")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("application", type=Path, help="where webui.py is; nothing is written here")
    parser.add_argument("models", type=Path, help="the model folder, which is made")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse_arguments(arguments)
    sys.dont_write_bytecode = True
    sys.path.insert(0, os.path.abspath(options.application))
    try:
        make_models(options.models.absolute())
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
