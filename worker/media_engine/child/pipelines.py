"""The one place where diffusers is at work: a folder of weights becomes a pipeline, a recipe becomes frames or samples.

Weights are loaded from the folder alone: no hub is asked, no code comes with them, no pickle is opened.
"""

import inspect
import resource
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
import transformers

from worker.media_engine.child.folder import HostileFolderError
from worker.media_engine.child.inputs import Inputs
from worker.media_engine.child.latents import picture_of
from worker.media_engine.child.mel import log_mel
from worker.media_engine.child.processor import PicturesAndText
from worker.media_engine.child.recipes import Recipe
from worker.media_engine.modes import MODES, modes
from worker.media_engine.port import PipelineSpec
from worker.media_files.encode import Output, Pixels, Sound

TILED_PIXELS = 1_500_000  # of a picture; above, and for every film, the decoder works tile by tile
BASES = (  # what a part of a pipeline may be
    diffusers.ModelMixin,
    diffusers.SchedulerMixin,
    transformers.PreTrainedModel,
    transformers.PreTrainedTokenizerBase,
    transformers.ProcessorMixin,
    transformers.ImageProcessingMixin,
    transformers.FeatureExtractionMixin,
)
LIBRARIES = {"diffusers": diffusers, "transformers": transformers}  # else a pipeline of diffusers has the class itself

OnStep = Callable[[int, Callable[[], Pixels]], None]  # the step, counted from 1, and what would show the picture so far


def out_of_memory(error: BaseException) -> bool:
    """Whether the device, or the machine, had no memory left for it."""
    said = str(error)
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or (
        isinstance(error, RuntimeError) and ("not enough memory" in said or "out of memory" in said)
    )


class Pipelines:
    """The loaded weights, as each class of diffusers that its modes need; all share them."""

    def __init__(self, spec: PipelineSpec, named: dict[str, tuple[str, str]]) -> None:
        """Load. `named`: of folder.parts. Raises HostileFolderError, and what diffusers raises for weights of another
        class."""
        torch.set_num_threads(spec.threads)
        self._spec = spec
        self._device = torch.device(spec.device)
        folder, kind = Path(spec.folder), getattr(diffusers, spec.model.pipeline)
        _check(kind, named)
        given: dict[str, Any] = {"safety_checker": None} if "safety_checker" in named else {}
        if named.get("processor", ("", ""))[1] == "Qwen2VLProcessor":
            given["processor"] = PicturesAndText.load(folder)
        self._main = kind.from_pretrained(
            folder,
            torch_dtype=_dtypes(spec),
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            **given,
        )
        self._offload = spec.offload if self._device.type != "cpu" else "none"
        self._made: dict[str, Any] = {spec.model.pipeline: self._main}
        self._placed: Any = None
        self._place(self._main)
        self.weights_bytes = sum(
            parameter.numel() * parameter.element_size()
            for part in self._main.components.values()
            if isinstance(part, torch.nn.Module)
            for parameter in part.parameters()
        )

    @property
    def modes(self) -> tuple[str, ...]:
        """Of the catalog's modes those that these weights can do."""
        expand = self._main.config.get("expand_timesteps")  # Wan 2.2 5B: it begins with a picture, and cannot restyle
        unable = {None: (), True: ("video_to_video.restyle",), False: ("generate_video.first",)}[expand]
        if self._spec.model.pipeline != "WanPipeline":
            unable = ()
        return tuple(mode for mode in modes(self._spec.model) if mode not in unable)

    @property
    def sound_hz(self) -> int:
        """The rate at which it hears; 0: it does not."""
        return int(getattr(self._main, "audio_sampling_rate", 0))

    def peak_bytes(self) -> int:
        """The most memory that was taken since the last call: of the device, or of this process on a CPU."""
        if self._device.type == "cuda":
            most = torch.cuda.max_memory_allocated(self._device)
            torch.cuda.reset_peak_memory_stats(self._device)
            return int(most)
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    def tighten(self) -> None:
        """Use as little memory as may be from now on, at the price of time."""
        if self._device.type == "cuda":
            torch.cuda.empty_cache()
            self._offload = "sequential" if self._offload == "model" else "model"
            self._placed = None
        self._tile()

    def render(self, recipe: Recipe, inputs: Inputs, seed: int, on_step: OnStep) -> Output:
        """Make it. What `on_step` raises ends it at once, and the pipeline can be used again."""
        pipe = self._of(recipe.pipeline)
        width, height = recipe.arguments.get("width", 0), recipe.arguments.get("height", 0)
        if "num_frames" in recipe.arguments or "video" in inputs.arguments or width * height > TILED_PIXELS:
            self._tile()

        def step(pipe: Any, index: int, _: Any, values: dict[str, Any]) -> dict[str, Any]:
            on_step(index + 1, lambda: picture_of(pipe, values["latents"], width, height))
            return values

        arguments = recipe.arguments | inputs.arguments | self._prepared(inputs)
        accepted = inspect.signature(pipe.__call__).parameters
        if recipe.mode == "edit_image" and "height" not in accepted:
            arguments = {name: value for name, value in arguments.items() if name not in ("width", "height")}
        result = pipe(
            **arguments,
            generator=torch.Generator("cpu").manual_seed(seed),
            output_type="pt" if recipe.mode == "generate_music" else "np",
            callback_on_step_end=step,
            callback_on_step_end_tensor_inputs=["latents"],
        )
        return self._output(pipe, result, inputs)

    def _of(self, name: str) -> Any:
        if name not in self._made:
            wanted = inspect.signature(getattr(diffusers, name)).parameters
            values = {**self._main.config, **self._main.components}
            self._made[name] = getattr(diffusers, name)(**{one: values[one] for one in wanted if one in values})
        self._place(self._made[name])
        return self._made[name]

    def _place(self, pipe: Any) -> None:
        if pipe is self._placed:
            return
        pipe.set_progress_bar_config(disable=True)
        if self._offload == "model":
            pipe.enable_model_cpu_offload(device=self._device)
        elif self._offload == "sequential":
            pipe.enable_sequential_cpu_offload(device=self._device)
        else:
            pipe.to(self._device)
        self._placed = pipe

    def _tile(self) -> None:
        vae: Any = getattr(self._main, "vae", None)
        if hasattr(vae, "enable_tiling"):
            vae.enable_tiling()

    def _prepared(self, inputs: Inputs) -> dict[str, Any]:
        prepared: dict[str, Any] = {}
        if inputs.conditions:
            condition = import_module("diffusers.pipelines.ltx2.pipeline_ltx2_condition").LTX2VideoCondition
            prepared["conditions"] = [condition(one.picture, one.frame, one.strength) for one in inputs.conditions]
        if inputs.heard is not None:
            vae = self._main.audio_vae
            mel = log_mel(inputs.heard, vae.config.mel_bins, vae.config.mel_hop_length)
            with torch.no_grad():
                encoded = vae.encode(torch.from_numpy(mel).to(self._device, vae.dtype)).latent_dist.mode()
            prepared["audio_latents"] = encoded
        return prepared

    def _output(self, pipe: Any, result: Any, inputs: Inputs) -> Output:
        if hasattr(result, "audios"):
            return Output(None, Sound(_samples(result.audios[0]), int(pipe.vae.config.sampling_rate)))
        frames = result.frames[0] if hasattr(result, "frames") else result.images[:1]
        sound = inputs.sound
        if sound is None and getattr(result, "audio", None) is not None:
            sound = Sound(_samples(result.audio[0]), int(pipe.vocoder.config.output_sampling_rate))
        return Output((np.clip(np.nan_to_num(frames), 0, 1) * 255).round().astype(np.uint8), sound)


def _samples(tensor: Any) -> "np.ndarray[Any, np.dtype[np.float32]]":
    samples: np.ndarray[Any, np.dtype[np.float32]] = tensor.detach().float().cpu().numpy()
    return np.nan_to_num(samples if samples.ndim == 2 else samples[None])


def _dtypes(spec: PipelineSpec) -> Any:
    dtype = getattr(torch, spec.dtype)
    # Wan's and Qwen's decoder loses detail in anything less
    return {"vae": torch.float32, "default": dtype} if spec.model.pipeline.startswith("Wan") else dtype


def _check(kind: Any, named: dict[str, tuple[str, str]]) -> None:
    """Raise HostileFolderError unless each part of the index is one that a pipeline has, of a class that is weights, a
    scheduler or a tokeniser of diffusers or transformers."""
    families = {kind.__name__} | {one for modes_of in MODES.values() for one in modes_of.values()}
    known = {name for family in families for name in inspect.signature(getattr(diffusers, family)).parameters}
    for name, (library, part) in named.items():
        home = LIBRARIES.get(library) or getattr(diffusers.pipelines, library, None)
        found = getattr(home, part, None)
        if name not in known or not inspect.isclass(found) or not issubclass(found, BASES):
            raise HostileFolderError(f"the index has {name} = {library}.{part}, which is no part of {kind.__name__}")
