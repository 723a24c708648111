"""The part that draws: a UNet on 8 x 8 latents and the text encoder that tells it what, trained together."""

import time
from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from tools.train_toy.captions import caption
from tools.train_toy.things import THINGS
from tools.train_toy.tokens import LENGTH

BATCH = 24
RATE = 1.5e-3
FORGET = 0.999  # of the running average of the weights, which is what is shipped
UNTOLD = 0.1  # share of pictures without a caption: what guidance compares with
WIDTH = 128  # numbers for a word


class Drawer(nn.Module):
    """Both parts under one name, so that they are optimised, averaged and saved as one."""

    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        super().__init__()
        self.unet = UNet2DConditionModel(
            sample_size=8,
            in_channels=8,
            out_channels=8,
            block_out_channels=(64, 128),
            down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
            layers_per_block=1,
            cross_attention_dim=WIDTH,
            attention_head_dim=4,
            norm_num_groups=16,
        )
        self.words = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=WIDTH,
                intermediate_size=3 * WIDTH,
                projection_dim=WIDTH,
                num_hidden_layers=2,
                num_attention_heads=4,
                max_position_embeddings=LENGTH,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )

    def forward(self, noisy: Tensor, times: Tensor, ids: Tensor) -> Tensor:
        return self.unet(noisy, times, self.words(ids).last_hidden_state).sample


def make_scheduler() -> DDIMScheduler:
    """Noise to the very end (zero signal at the last step), so that white backgrounds stay white."""
    return DDIMScheduler(
        beta_schedule="scaled_linear",
        beta_start=0.00085,
        beta_end=0.012,
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="v_prediction",
        rescale_betas_zero_snr=True,
        timestep_spacing="trailing",
    )


def token_ids(tokenizer: CLIPTokenizer, texts: list[str]) -> Tensor:
    return tokenizer(texts, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt").input_ids


def rate(step: int, steps: int) -> float:
    """Warm up, hold, and fall in a straight line over the last 40 %."""
    return min(1.0, (step + 1) / 200, (steps - step) / (0.4 * steps))


def batch(tokenizer: CLIPTokenizer, latents: Tensor, rng: Random) -> tuple[Tensor, Tensor]:
    """Latents, half of pictures as they are, and ids of captions. `latents`: (things, variants, 8, 8, 8)."""
    picked = [rng.randrange(len(THINGS)) for _ in range(BATCH)]
    clean = torch.stack([latents[n, rng.choice([0, rng.randrange(latents.shape[1])])] for n in picked])
    texts = ["" if rng.random() < UNTOLD else caption(THINGS[n], rng) for n in picked]
    return clean, token_ids(tokenizer, texts)


def loss_of(drawer: Drawer, scheduler: DDIMScheduler, clean: Tensor, ids: Tensor) -> Tensor:
    """Mean square of the error in v (Salimans and Ho 2022, arXiv:2202.00512)."""
    noise = torch.randn_like(clean)
    times = torch.randint(scheduler.config.num_train_timesteps, (len(clean),))
    noisy = scheduler.add_noise(clean, noise, times)
    return F.mse_loss(drawer(noisy, times, ids), scheduler.get_velocity(clean, noise, times))


class Training:
    """One run that can be saved and taken up again."""

    def __init__(self, tokenizer: CLIPTokenizer, latents: Tensor) -> None:
        self.tokenizer, self.latents = tokenizer, latents
        self.scheduler = make_scheduler()
        self.drawer = Drawer(tokenizer)
        self.average = deepcopy(self.drawer).requires_grad_(False)
        self.optimizer = torch.optim.AdamW(self.drawer.parameters(), betas=(0.9, 0.98), weight_decay=0.01, fused=True)
        self.step = 0
        self.losses: list[float] = []

    def state(self) -> dict[str, object]:
        parts = {name: getattr(self, name).state_dict() for name in ("drawer", "average", "optimizer")}
        return {**parts, "step": self.step, "losses": self.losses}

    def resume(self, state: dict[str, Any]) -> None:
        for name in ("drawer", "average", "optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.losses = state["step"], state["losses"]

    def run(self, steps: int) -> Iterator[int]:
        """Up to `steps` in all; yields each finished step, so that the caller can save and judge."""
        rng, started = Random(self.step), time.monotonic()
        while self.step < steps:
            for group in self.optimizer.param_groups:
                group["lr"] = RATE * rate(self.step, steps)
            loss = loss_of(self.drawer, self.scheduler, *batch(self.tokenizer, self.latents, rng))
            loss.backward()
            nn.utils.clip_grad_norm_(self.drawer.parameters(), 1.0)
            self.optimizer.step()
            self.optimizer.zero_grad()
            self.step += 1
            self._follow()
            self.losses.append(loss.item())
            if self.step % 100 == 0:
                mean = sum(self.losses[-100:]) / 100
                print(f"diffusion {self.step}/{steps}  loss {mean:.4f}  {time.monotonic() - started:.0f} s", flush=True)
            yield self.step

    @torch.no_grad()
    def _follow(self) -> None:
        """The running average moves a little towards the newest weights, faster at the start."""
        keep = min(FORGET, (1 + self.step) / (10 + self.step))
        for mine, newest in zip(self.average.parameters(), self.drawer.parameters(), strict=True):
            mine.lerp_(newest, 1 - keep)
