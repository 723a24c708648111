"""A header with the dimensions of the catalog's first model, for plans that are made without its 18 GiB."""

from program.gguf import Header, Tensor
from worker.planning.footprint import MIB


def header() -> Header:
    """Sizes of Qwen3.6-35B-A3B; the tensors of a layer as two, what can be moved to main memory and what cannot."""
    numbers = {
        "block_count": 41,
        "nextn_predict_layers": 1,
        "context_length": 262144,
        "embedding_length": 2048,
        "attention.head_count": 16,
        "attention.head_count_kv": 2,
        "attention.key_length": 256,
        "attention.value_length": 256,
        "expert_used_count": 8,
        "expert_feed_forward_length": 512,
        "ssm.conv_kernel": 4,
        "ssm.state_size": 128,
        "ssm.group_count": 16,
        "ssm.time_step_rank": 32,
        "ssm.inner_size": 4096,
        "full_attention_interval": 4,
    }
    metadata: dict[str, int | str] = {f"qwen35moe.{key}": value for key, value in numbers.items()}
    tensors = [Tensor("token_embd.weight", 12, (2048, 248320), 300 * MIB), Tensor("output.weight", 12, (1,), 300 * MIB)]
    for layer in range(41):
        tensors.append(Tensor(f"blk.{layer}.ffn_up_exps.weight", 12, (1,), 400 * MIB))
        tensors.append(Tensor(f"blk.{layer}.attn_norm.weight", 0, (1,), 50 * MIB))
    return Header({"general.architecture": "qwen35moe", **metadata}, {}, tuple(tensors))
