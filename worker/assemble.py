"""From configuration to what the daemon runs on: files, header, machine, plan. Everything here may block."""

import json
import logging
import shutil
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from wire.catalog import ModelSpec
from wire.messages import ModelOffer, SpeedPoint
from worker import check, gguf_header, hardware, state, weights
from worker.config import Config, api_url, read_catalogue
from worker.engine import probe
from worker.explain import Plan
from worker.machine import Machine
from worker.plan import Wishes, plan

log = logging.getLogger("supernet.assemble")

SPEEDS: TypeAdapter[tuple[SpeedPoint, ...]] = TypeAdapter(tuple[SpeedPoint, ...])


@dataclass(frozen=True)
class Assembly:
    """A model that is here and fits."""

    spec: ModelSpec
    weights: weights.Weights
    machine: Machine
    plan: Plan

    def offer(self, speed: tuple[SpeedPoint, ...]) -> ModelOffer:
        engine = self.plan.engine
        return ModelOffer(
            id=self.spec.id,
            sha256=self.weights.sha256[0],
            context=engine.context,
            slots=engine.slots,
            features=("thinking",) if self.spec.thinking else (),
            speed=speed,
        )


def chosen(config: Config) -> ModelSpec:
    """The catalogue entry to serve. Raises ConfigError or SupernetError (model_not_found)."""
    catalogue = read_catalogue(config.catalogue)
    return catalogue.get(config.model or catalogue.default)


def assemble(config: Config, report: weights.Report) -> Assembly:
    """Fetch or find the files, look at the machine, and lay the model out on it.

    Raises ConfigError, SupernetError, WeightsError, GgufError, PlanError: each says what the owner can do.
    """
    spec = chosen(config)
    if config.model_file:
        files = weights.local(config.model_file, config.models_dir, report)
    else:
        files = weights.ensure(spec, config.models_dir, report, weights.Hub(endpoint=config.hub))
    header = gguf_header.join(_header(part) for part in files.parts)
    machine, build = hardware.detect(config.visible_gpus), probe.ask()
    if machine.hardware.gpus and not build.gpu:
        log.warning("this llama.cpp was built without GPU support: %s", build.problem or "run scripts/setup again")
    wishes = Wishes(
        slots=config.slots,
        context=config.context,
        threads=config.threads,
        longest_stall_ms=config.longest_stall_ms,
        reserve_bytes=config.reserve_mib * 2**20,
        gpu=build.gpu,
    )
    return Assembly(spec, files, machine, plan(header, str(files.path), spec, machine, wishes))


def findings(config: Config) -> list[check.Finding]:
    """What --check looks at: machine, disk, hub, coordinator, key."""
    spec = chosen(config)
    wanted = config.model_file is None and spec.package is None
    target = check.Target(
        coordinator=api_url(config.coordinator) if config.coordinator else None,
        key=config.key,
        hub=config.hub if wanted else None,
        folder=config.models_dir,
        needed_bytes=sum(file.size_bytes or 0 for file in spec.files) if wanted else 0,
    )
    probes = check.Probes(
        lambda: hardware.detect(config.visible_gpus), lambda: probe.ask().gpu, _free_disk, check.http_get
    )
    return check.check(target, probes)


def _free_disk(folder: Path) -> int:
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _header(path: Path) -> gguf_header.Header:
    with path.open("rb") as stream:
        return gguf_header.read(stream, path.stat().st_size)


# ---- the speed curve, measured once for each layout ----------------------------------------------------------------


def remember_speed(assembly: Assembly, folder: Path, points: list[SpeedPoint]) -> None:
    """Keep a measured curve; Hello carries it while the file and its layout stay the same."""
    curve = SPEEDS.dump_python(tuple(points), mode="json")
    state.write(folder / "speed.json", json.dumps({"layout": _layout(assembly), "curve": curve}))


def known_speed(assembly: Assembly, folder: Path) -> tuple[SpeedPoint, ...]:
    """The curve that was measured for this very layout; empty if there is none."""
    try:
        kept = json.loads((folder / "speed.json").read_text())
        return SPEEDS.validate_python(kept["curve"]) if kept["layout"] == _layout(assembly) else ()
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        return ()


def _layout(assembly: Assembly) -> dict[str, object]:
    layout = assembly.plan.to_dict()["engine"] | {"sha256": list(assembly.weights.sha256)}
    del layout["path"]
    return json.loads(json.dumps(layout))  # type: ignore[no-any-return]
