"""What an EngineSpec may ask of llama.cpp: all else aborts the process, or comes to another context than asked for."""

from worker.bindings.backend import refused
from worker.engine.port import EngineSpec

MAX_SEQUENCES = 256  # LLAMA_MAX_SEQ of llama-cparams.h


def check(spec: EngineSpec) -> None:
    """Raise SupernetError(MODEL_NOT_LOADED) that says what is impossible."""
    for name in ("slots", "context", "batch", "longest_stall_ms", "threads"):
        if getattr(spec, name) < 1:
            raise refused(f"{name} must be at least 1")
    if spec.slots + spec.anchors > MAX_SEQUENCES or spec.anchors < 0:
        raise refused(f"slots and anchors together may be at most {MAX_SEQUENCES}")
    if spec.draft_rows < 0 or spec.rollback < 0:
        raise refused("draft_rows and rollback may not be below 0")
    least = spec.slots + spec.anchors + spec.draft_rows
    if spec.batch < least:  # llama.cpp reserves one row and one output for each sequence, or aborts
        raise refused(f"batch must be at least slots, anchors and draft_rows together ({least})")
    if spec.batch <= 1 + spec.rollback:  # split_equal asserts it
        raise refused(f"batch must be more than 1 and rollback together ({1 + spec.rollback})")
    if spec.head and not spec.rollback:
        raise refused("a prediction head guesses for nothing where rollback is 0")
    if spec.gpu_layers and not spec.devices:
        raise refused("layers are to be on a GPU, and none is named in devices")
    if spec.split and len(spec.split) != len(spec.devices):
        raise refused(f"split deals to {len(spec.split)} GPUs, and there are {len(spec.devices)} devices")
    if spec.kv_type != "f16" and not spec.flash_attention:
        raise refused(f"kv_type {spec.kv_type} needs flash_attention")
