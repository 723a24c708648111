"""scripts/gpu_check: what this machine's GPU can do."""
