"""Every problem that this worker can have, typed, each with a sentence that says what to do. Pure.

One table for all who show them: the log, --check, --status, and the coordinator's pages by Issue frames.
"""

from dataclasses import dataclass
from typing import Literal

from wire.messages import Issue

Severity = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Row:
    """How bad a problem is and what to do. `error`: the worker serves nothing, or too little, until somebody acts."""

    severity: Severity
    remedy: str


ISSUES: dict[str, Row] = {
    # the model's files
    "disk_full": Row("error", "Free some space, or choose another folder with --models-dir."),
    "models_cap": Row(
        "error", "Raise --models-cap-gib, choose a smaller model, or end the other worker that uses the same folder."
    ),
    "gated_repository": Row("error", "Accept the model's terms on the hub with your account and set HF_TOKEN."),
    "damaged_file": Row("error", "Fetch the file again: remove it and restart, or name another with --model-file."),
    "hub_unreachable": Row("error", "Check the network, a proxy (HTTPS_PROXY) and HF_ENDPOINT."),
    "hub_token_refused": Row("error", "Make a new token on the hub and set HF_TOKEN; a public model needs none."),
    "hub_rate_limited": Row("error", "Wait as long as it says; the hub allows more with an account's HF_TOKEN."),
    "hub_refuses": Row("error", "See the model's page on the hub with HF_TOKEN's account; a proxy may refuse too."),
    "wrong_answer": Row(
        "error", "Sign in to the network, or go round its proxy (NO_PROXY); what has arrived of the model is kept."
    ),
    "not_found": Row("error", "Check repository, revision and file in the catalog, or the path of --model-file."),
    "unverifiable_file": Row("error", "Use the hub itself, not a mirror (HF_ENDPOINT)."),
    "not_the_model": Row(
        "error",
        "Leave --model-file out to fetch the right file, or name with --model what yours is. A file of your own needs"
        " an entry of its own in the catalog (docs/run-a-worker.md).",
    ),
    "unconfirmed_file": Row("warning", "Let the worker reach the hub once, or give a sha256 in the catalog."),
    "no_vision": Row("warning", "Text is served all the same. --vision off leaves pictures to other workers."),
    "locked": Row("error", "Look after the other worker that fetches this model, or use another --models-dir."),
    "not_in_catalog": Row(
        "error",
        "Choose another with --model (--models lists what the coordinator has), and restart. It is served again by"
        " itself if the operator puts it back.",
    ),
    "catalog_changed": Row(
        "warning", "Restart the worker to serve what stands there; where --catalog names a file, change that first."
    ),
    # the machine
    "not_enough_memory": Row("error", "Close other programs, choose a smaller model, or ask for less (--context)."),
    "impossible_wish": Row("error", "Change --slots or --context, or leave them to the plan."),
    "driver_too_old": Row("error", "Install a newer NVIDIA driver (`nvidia-smi` shows the present one), and restart."),
    "driver_missing": Row("info", "Install the NVIDIA driver, or in a container the NVIDIA Container Toolkit."),
    "gpu_unused": Row("error", "Install the CUDA toolkit and run scripts/setup again: this llama.cpp knows no GPU."),
    "gpu_unreachable": Row("error", "See whether `nvidia-smi` (AMD: `rocm-smi`) works; reload its driver or reboot."),
    "engine_slowed": Row("warning", "Run scripts/setup on this machine: it builds llama.cpp for it, and proves it."),
    "library_broken": Row("error", "Run scripts/setup again: it builds llama.cpp for this machine."),
    "gpu_in_use": Row("warning", "Close what else uses the GPU (`nvidia-smi` lists it) to serve more."),
    "engine_down": Row("warning", "It is being restarted. If it comes again, see the worker's log."),
    "engine_broken": Row("error", "See the worker's log, and try fewer --slots or less --context. It is tried again."),
    "engine_not_loaded": Row("error", "Close what else takes the memory, or ask for less (--slots, --context)."),
    "engine_cannot_compute": Row(
        "error", "Update the GPU's driver, run scripts/setup again, or ask for less (--slots, --context)."
    ),
    # a pipeline for media
    "media_not_installed": Row(
        "error", 'Install what makes media beside the worker: pip install "supernet[media]" (docs/run-a-worker.md).'
    ),
    "media_engine_down": Row("warning", "It is being restarted. If it comes again, see the worker's log."),
    "media_engine_broken": Row(
        "error", "See the worker's log. A worker that chats as well tries it again when it is restarted."
    ),
    "upload_refused": Row("error", "Check what stands between this worker and its coordinator: a proxy, a size limit."),
    "preparer_broken": Row("error", "Fetch the model's file again, or run scripts/setup again."),
    "driver_hangs": Row("error", "Reboot: a process that waits for the driver of the GPU cannot be ended otherwise."),
    # the network
    "coordinator_unreachable": Row("error", "Check the address, the network and a proxy or firewall on the way."),
    "coordinator_refuses": Row("error", "Check the address of --coordinator, and upgrade this worker if it is old."),
    "key_missing": Row("error", "Give the account's key with --key-file or SUPERNET_KEY."),
    "key_refused": Row("error", "Copy the key again from your account; a revoked one needs a new one."),
    # fewer slots than there are, because the owner wants it so (availability.py)
    "paused": Row("info", "supernet-worker --resume"),
    "off_schedule": Row("info", "Nothing: it opens by itself (--schedule)."),
    "owner_uses_gpu": Row("info", "Nothing: slots come back when the GPU is quiet (--yield-to-owner)."),
    "too_hot": Row("warning", "Let the GPU breathe; slots come back when it is cooler (--max-temperature-c)."),
    "too_much_power": Row("info", "Nothing: slots come back below the ceiling (--max-power-w)."),
}


def issue(code: str, message: str, remedy: str = "") -> Issue:
    """Return the problem of this code; KeyError for a code without a row. `remedy`: a better one than the row's."""
    row = ISSUES[code]
    return Issue(code=code, severity=row.severity, message=message, remedy=remedy or row.remedy)


def over(code: str, message: str) -> Issue:
    """Return the Issue that says that a problem is over."""
    return Issue(code=code, severity="info", message=message, active=False)


# The oldest driver branch for programs of each major version of CUDA ("CUDA compatibility", table of minor version
# compatibility, in NVIDIA's deployment guides).
OLDEST_DRIVER = {11: 450, 12: 525, 13: 580}


def driver_issue(driver: str, cuda: int) -> Issue | None:
    """Return what is wrong with a driver, e.g. "535.183.01", for llama.cpp built with CUDA `cuda` (0: unknown)."""
    branch, least = driver.partition(".")[0], OLDEST_DRIVER.get(cuda, 0)
    if not branch.isdecimal() or int(branch) >= least:
        return None
    return issue("driver_too_old", f"NVIDIA driver {driver} cannot run CUDA {cuda}: it takes R{least} or newer")
