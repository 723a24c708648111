"""What a picture looks like before it is finished."""

from typing import Any

import numpy as np
import torch

from worker.media_files.encode import Pixels


def picture_of(pipe: Any, latents: Any, width: int, height: int) -> Pixels:
    """The latents of a step, decoded."""
    vae = pipe.vae
    with torch.no_grad():
        if hasattr(pipe, "_unpack_latents"):
            latents = pipe._unpack_latents(latents, height, width, pipe.vae_scale_factor)
        mean = getattr(vae.config, "latents_mean", None)
        if isinstance(mean, list | tuple):
            shape = (1, -1, *(1,) * (latents.ndim - 2))
            middle = torch.tensor(mean, device=latents.device, dtype=latents.dtype).view(shape)
            spread = torch.tensor(vae.config.latents_std, device=latents.device, dtype=latents.dtype).view(shape)
            latents = latents * spread + middle
        else:
            latents = latents / vae.config.scaling_factor + (getattr(vae.config, "shift_factor", None) or 0.0)
        pixels = vae.decode(latents.to(vae.dtype), return_dict=False)[0]
        pixels = pixels[:, :, 0] if pixels.ndim == 5 else pixels
    shown = (pixels[0].float().cpu().permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1)
    made: Pixels = (np.nan_to_num(shown) * 255).round().astype(np.uint8)
    return made
