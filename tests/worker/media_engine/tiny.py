"""Pipelines of every family with a few thousand random weights, in folders as the hub has them: what the child loads is
real but for its size. They draw noise; each takes about a second a picture on one core.

`python -m tests.worker.media_engine.tiny FOLDER` makes them all, in a process of its own: a test has no need of torch.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from diffusers.pipelines.ace_step import AceStepConditionEncoder
from diffusers.pipelines.ltx2 import LTX2TextConnectors
from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from tokenizers.processors import TemplateProcessing

from worker.media_engine.child.processor import PicturesAndText

WORDS = 300  # in the vocabulary of each: 256 bytes, and what is special
CHAT = "{% for m in messages %}<|im_start|>{{ m['content'] }}<|im_end|>{% endfor %}"
SPECIAL = [
    *("<pad>", "<bos>", "<eos>", "<|im_start|>", "<|im_end|>"),
    *("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>"),
]


def tokenizer(length: int = 32, side: str = "right") -> transformers.PreTrainedTokenizerFast:
    """One token a byte, between a begin and an end."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {word: at for at, word in enumerate([*SPECIAL, *alphabet])}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(word, special=True) for word in SPECIAL])
    made.post_processor = TemplateProcessing(single="<bos> $A <eos>", special_tokens=[("<bos>", 1), ("<eos>", 2)])
    names = {"pad_token": "<pad>", "bos_token": "<bos>", "eos_token": "<eos>"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=length, padding_side=side, chat_template=CHAT, **names
    )


def clip(hidden: int = 32) -> transformers.CLIPTextModel:
    return transformers.CLIPTextModel(
        transformers.CLIPTextConfig(
            hidden_size=hidden,
            intermediate_size=2 * hidden,
            num_hidden_layers=2,
            num_attention_heads=2,
            vocab_size=WORDS,
            max_position_embeddings=32,
            bos_token_id=1,
            eos_token_id=2,
            pad_token_id=0,
        )
    )


def t5(kind: Any = transformers.T5EncoderModel) -> Any:
    small = {"d_model": 32, "d_kv": 8, "d_ff": 37, "num_layers": 2, "num_heads": 4, "vocab_size": WORDS}
    config = transformers.UMT5Config if kind is transformers.UMT5EncoderModel else transformers.T5Config
    return kind(config(**small))


def picture_vae(channels: int, **more: float) -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        layers_per_block=1,
        latent_channels=channels,
        sample_size=64,
        **more,
    )


def stable_diffusion() -> Any:
    return diffusers.StableDiffusionPipeline(
        unet=diffusers.UNet2DConditionModel(
            block_out_channels=(16, 32),
            layers_per_block=1,
            sample_size=32,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            attention_head_dim=8,
            norm_num_groups=8,
        ),
        scheduler=diffusers.DDIMScheduler(beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False),
        vae=picture_vae(4),
        text_encoder=clip(),
        tokenizer=tokenizer(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def z_image() -> Any:
    transformer = diffusers.ZImageTransformer2DModel(
        all_patch_size=(2,),
        all_f_patch_size=(1,),
        in_channels=16,
        dim=32,
        n_layers=2,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[256, 64, 64],
    )
    with torch.no_grad():  # these two are made without a value
        transformer.x_pad_token.fill_(1)
        transformer.cap_pad_token.fill_(1)
    return diffusers.ZImagePipeline(
        transformer=transformer,
        vae=picture_vae(16, scaling_factor=0.36, shift_factor=0.12),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        text_encoder=qwen3(16),
        tokenizer=tokenizer(512),
    )


def qwen3(hidden: int) -> transformers.Qwen3Model:
    return transformers.Qwen3Model(
        transformers.Qwen3Config(
            hidden_size=hidden,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            vocab_size=WORDS,
            max_position_embeddings=2048,
            pad_token_id=0,
        )
    )


def flux() -> Any:
    return diffusers.FluxPipeline(
        transformer=diffusers.FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=[4, 4, 8],
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=picture_vae(4, scaling_factor=1.5, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=clip(),
        tokenizer=tokenizer(),
        text_encoder_2=t5(),
        tokenizer_2=tokenizer(64),
    )


def chroma() -> Any:
    return diffusers.ChromaPipeline(
        transformer=diffusers.ChromaTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            axes_dims_rope=[4, 4, 8],
            approximator_num_channels=64,  # the sines of a time step take 64
            approximator_hidden_dim=32,
            approximator_layers=1,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=picture_vae(4, scaling_factor=1.5, shift_factor=0.06, use_quant_conv=False, use_post_quant_conv=False),
        text_encoder=t5(),
        tokenizer=tokenizer(64),
    )


def qwen_edit() -> Any:
    words = tokenizer(1024)
    images = transformers.Qwen2VLImageProcessorPil(min_pixels=28 * 28, max_pixels=56 * 56)
    token = words.convert_tokens_to_ids
    text = {
        **{"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "vocab_size": WORDS},
        **{"num_attention_heads": 2, "num_key_value_heads": 2},
        "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [1, 1, 2]},
    }
    eyes = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    return diffusers.QwenImageEditPlusPipeline(
        transformer=diffusers.QwenImageTransformer2DModel(
            patch_size=2,
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=4,
            z_dim=4,
            dim_mult=[
                1,
                1,
                1,
                1,
                1,
            ],  # 32 pixels of a side become one: each picture is made one of a million pixels first
            num_res_blocks=1,
            temperal_downsample=[False, True, True, False],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        text_encoder=transformers.Qwen2_5_VLForConditionalGeneration(
            transformers.Qwen2_5_VLConfig(
                text_config=text,
                vision_config=eyes,
                image_token_id=token("<|image_pad|>"),
                video_token_id=token("<|video_pad|>"),
                vision_start_token_id=token("<|vision_start|>"),
                vision_end_token_id=token("<|vision_end|>"),
            )
        ),
        tokenizer=words,
        processor=PicturesAndText(images, words),
    )


def _wan_parts() -> dict[str, Any]:
    return {
        "vae": diffusers.AutoencoderKLWan(
            base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
        ),
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(shift=7.0),
        "text_encoder": t5(transformers.UMT5EncoderModel),
        "tokenizer": tokenizer(64),
    }


def _wan_transformer(kind: Any = diffusers.WanTransformer3DModel, channels: int = 16, **more: Any) -> Any:
    return kind(
        patch_size=(1, 2, 2),
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=channels,
        out_channels=16,
        text_dim=32,
        freq_dim=64,
        ffn_dim=32,
        num_layers=2,
        cross_attn_norm=True,
        qk_norm="rms_norm_across_heads",
        rope_max_seq_len=32,
        **more,
    )


def wan() -> Any:
    return diffusers.WanPipeline(transformer=_wan_transformer(), **_wan_parts())


def wan_both() -> Any:
    """As Wan 2.2 5B: one set of weights for text and for a first picture."""
    return diffusers.WanPipeline(transformer=_wan_transformer(), expand_timesteps=True, **_wan_parts())


def wan_picture() -> Any:
    """As Wan 2.2 A14B for pictures: latents, a mask and the picture side by side."""
    return diffusers.WanImageToVideoPipeline(transformer=_wan_transformer(channels=36), **_wan_parts())


def wan_vace() -> Any:
    transformer = _wan_transformer(diffusers.WanVACETransformer3DModel, vace_layers=[0, 1], vace_in_channels=96)
    return diffusers.WanVACEPipeline(transformer=transformer, **_wan_parts())


def _ltx2_parts() -> dict[str, Any]:
    gemma = transformers.Gemma3ForConditionalGeneration(
        transformers.Gemma3Config(
            text_config={
                **{"hidden_size": 32, "intermediate_size": 16, "num_hidden_layers": 2, "vocab_size": WORDS},
                **{"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "pad_token_id": 0},
            },
            vision_config={
                **{"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2},
                **{"image_size": 28, "patch_size": 14},
            },
            mm_tokens_per_image=4,
        )
    )
    heads: dict[str, Any] = {}
    for stream in ("video", "audio"):
        heads |= {
            f"{stream}_connector_num_attention_heads": 4,
            f"{stream}_connector_attention_head_dim": 8,
            f"{stream}_connector_num_layers": 1,
            f"{stream}_connector_num_learnable_registers": None,
        }
    return {
        "scheduler": diffusers.FlowMatchEulerDiscreteScheduler(),
        "text_encoder": gemma,
        "tokenizer": tokenizer(1024, side="left"),
        "connectors": LTX2TextConnectors(
            caption_channels=32,
            text_proj_in_factor=3,
            connector_rope_base_seq_len=32,
            rope_double_precision=False,
            causal_temporal_positioning=False,
            rope_type="split",
            **heads,
        ),
        "transformer": diffusers.LTX2VideoTransformer3DModel(
            in_channels=4,
            out_channels=4,
            num_attention_heads=2,
            attention_head_dim=8,
            cross_attention_dim=16,
            audio_in_channels=4,
            audio_out_channels=4,
            audio_num_attention_heads=2,
            audio_attention_head_dim=4,
            audio_cross_attention_dim=8,
            num_layers=2,
            qk_norm="rms_norm_across_heads",
            caption_channels=32,
            rope_double_precision=False,
            rope_type="split",
        ),
        "vae": diffusers.AutoencoderKLLTX2Video(
            latent_channels=4,
            block_out_channels=(8, 8, 8),
            decoder_block_out_channels=(8, 8, 8),
            layers_per_block=(1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1),
            spatio_temporal_scaling=(True, True, True),
            decoder_spatio_temporal_scaling=(True, True, True),
            decoder_inject_noise=(False,) * 4,
            downsample_type=("spatiotemporal",) * 3,
            upsample_residual=(False,) * 3,
            upsample_factor=(1, 1, 1),
            patch_size=1,
        ),
        "audio_vae": diffusers.AutoencoderKLLTX2Audio(
            base_channels=4,
            ch_mult=(1, 1, 1),
            num_res_blocks=1,
            resolution=32,
            latent_channels=2,
            mel_bins=8,
        ),
        "vocoder": LTX2Vocoder(
            in_channels=16,
            hidden_channels=32,
            upsample_kernel_sizes=[32, 20],
            upsample_factors=[16, 10],  # 160 samples of each column of the spectrum
            resnet_kernel_sizes=[3],
            resnet_dilations=[[1, 3, 5]],
            output_sampling_rate=16000,
        ),
    }


def ltx2() -> Any:
    return diffusers.LTX2Pipeline(**_ltx2_parts())


def ltx2_sound() -> Any:
    return diffusers.LTX2DFRPipeline(**_ltx2_parts())


def ace_step() -> Any:
    small = {"hidden_size": 32, "intermediate_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2}
    small |= {"head_dim": 8, "sliding_window": 16}
    return diffusers.AceStepPipeline(
        transformer=diffusers.AceStepTransformer1DModel(
            num_hidden_layers=2, in_channels=24, audio_acoustic_hidden_dim=8, patch_size=2, **small
        ),
        condition_encoder=AceStepConditionEncoder(
            text_hidden_dim=32,
            timbre_hidden_dim=8,
            num_lyric_encoder_hidden_layers=1,
            num_timbre_encoder_hidden_layers=1,
            **small,
        ),
        vae=diffusers.AutoencoderOobleck(
            encoder_hidden_size=4,
            downsampling_ratios=[4, 8, 10],  # 320 samples a latent, 25 latents a second
            decoder_channels=2,
            decoder_input_channels=8,
            audio_channels=2,
            channel_multiples=[1, 1, 1],
            sampling_rate=8000,
        ),
        text_encoder=qwen3(32),
        tokenizer=tokenizer(512),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
    )


MAKERS: dict[str, Callable[[], Any]] = {
    maker.__name__: maker
    for maker in (
        *(stable_diffusion, z_image, flux, chroma, qwen_edit, ace_step),
        *(wan, wan_both, wan_picture, wan_vace, ltx2, ltx2_sound),
    )
}


def save(name: str, folder: Path) -> Path:
    """The pipeline of this name, in a folder below."""
    torch.manual_seed(0)
    place = folder / name
    pipe = MAKERS[name]()
    pipe.save_pretrained(place, safe_serialization=True)
    if isinstance(getattr(pipe, "processor", None), PicturesAndText):  # as the hub has it
        pipe.processor.image_processor.save_pretrained(place / "processor")
        index = json.loads((place / "model_index.json").read_text())
        (place / "model_index.json").write_text(json.dumps(index | {"processor": ["transformers", "Qwen2VLProcessor"]}))
    for template in place.glob("*/chat_template.jinja"):  # the catalog's entries fetch it with its tokenizer, as JSON
        described = template.with_name("tokenizer_config.json")
        value = json.loads(described.read_text()) | {"chat_template": template.read_text()}
        described.write_text(json.dumps(value))
        template.unlink()
    return place


if __name__ == "__main__":
    torch.set_num_threads(1)
    for family in MAKERS:
        save(family, Path(sys.argv[1]))
