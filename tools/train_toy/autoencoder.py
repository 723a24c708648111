"""The autoencoder: 64 x 64 pixels to 8 x 8 x 8 numbers and back."""

import time
from collections.abc import Iterator

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from torch.nn import functional as F

BATCH = 16
RATE = 2e-3
PRIOR = 1e-3  # weight of the distance to a normal distribution: leaves noise of about a tenth in every number


def make_autoencoder() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(16, 32, 64, 64),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=8,
        layers_per_block=1,
        norm_num_groups=8,
        mid_block_add_attention=False,
        sample_size=64,
        scaling_factor=1.0,
    )


def edges(pictures: Tensor) -> Tensor:
    """Differences to the right and lower neighbour: blurred lines cost here."""
    across = pictures[..., :-1, 1:] - pictures[..., :-1, :-1]
    down = pictures[..., 1:, :-1] - pictures[..., :-1, :-1]
    return torch.cat([across, down], 1)


def rate(step: int, steps: int) -> float:
    """Warm up, hold, and fall in a straight line over the last 40 %."""
    return min(1.0, (step + 1) / 30, (steps - step) / (0.4 * steps))


def loss_of(vae: AutoencoderKL, pictures: Tensor) -> tuple[Tensor, float]:
    """The whole loss, and the mean square of the error in it."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = vae.encode(pictures).latent_dist
        drawn = vae.decode(hidden.sample()).sample.float()
    square = F.mse_loss(drawn, pictures)
    loss = square + 0.2 * F.l1_loss(drawn, pictures) + 0.4 * F.l1_loss(edges(drawn), edges(pictures))
    return loss + PRIOR * hidden.kl().mean() / hidden.mean[0].numel(), square.item()


def train(
    vae: AutoencoderKL, pictures: Tensor, first: int, steps: int, optimizer: torch.optim.Optimizer
) -> Iterator[int]:
    """`pictures`: (N, 3, 64, 64), -1 to 1. Yields each finished step, so that the caller can save."""
    started, squares = time.monotonic(), []
    for step in range(first, steps):
        for group in optimizer.param_groups:
            group["lr"] = RATE * rate(step, steps)
        picked = pictures[torch.randint(len(pictures), (BATCH,))]
        loss, square = loss_of(vae, picked)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        squares.append(square)
        if step % 50 == 49:
            note = f"autoencoder {step + 1}/{steps}  square error {sum(squares[-50:]) / 50:.4f}"
            print(f"{note}  {time.monotonic() - started:.0f} s", flush=True)
        yield step + 1


@torch.no_grad()
def latents(vae: AutoencoderKL, pictures: Tensor) -> Tensor:
    return torch.cat([vae.encode(part).latent_dist.mean for part in pictures.split(64)])


@torch.no_grad()
def standardise(vae: AutoencoderKL, pictures: Tensor) -> None:
    """Moves mean and spread of the numbers into the two 1 x 1 convolutions: each channel is then about normal."""
    found = latents(vae, pictures)
    mean, spread = found.mean((0, 2, 3)), found.std((0, 2, 3))
    count = len(mean)
    inward, outward = vae.quant_conv, vae.post_quant_conv
    inward.weight[:count] /= spread[:, None, None, None]
    inward.bias[:count] = (inward.bias[:count] - mean) / spread
    inward.bias[count:] -= 2 * spread.log()  # the logarithm of the variance
    outward.bias += outward.weight[:, :, 0, 0] @ mean
    outward.weight *= spread[None, :, None, None]
