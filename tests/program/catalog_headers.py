"""Headers with the published dimensions of the catalog's models, and as many bytes of weights as their entries say."""

from program.gguf import Header, Tensor
from wire.catalog import ModelSpec

# layers, width, heads, heads of keys and values, their width, state, convolved groups, inner width, feed forward
HYBRIDS = {
    "qwen3.6-35b-a3b": (40, 2048, 16, 2, 256, 128, 16, 4096, 0),
    "qwen3.5-35b-a3b": (40, 2048, 16, 2, 256, 128, 16, 4096, 0),
    "qwen3.5-9b": (32, 4096, 16, 4, 256, 128, 16, 4096, 12288),
    "qwen3.5-4b": (32, 2560, 16, 4, 256, 128, 16, 4096, 9216),
    "qwen3.5-0.8b": (24, 1024, 8, 2, 256, 128, 16, 2048, 3584),
}
VOCABULARY = 248_320


def header(spec: ModelSpec) -> Header:
    """The header of one of the hybrids; its prediction layer, if it has one, is left out."""
    sizes, shape = spec.sizes, spec.shape
    assert sizes is not None and shape is not None
    dimensions = next(found for name, found in HYBRIDS.items() if spec.id.startswith(name))
    layers, width, heads, groups, key, state, convolved, inner, dense = dimensions
    numbers = {
        "block_count": layers,
        "context_length": 262_144,
        "embedding_length": width,
        "attention.head_count": heads,
        "attention.head_count_kv": groups,
        "attention.key_length": key,
        "attention.value_length": key,
        "ssm.conv_kernel": 4,
        "ssm.state_size": state,
        "ssm.group_count": convolved,
        "ssm.inner_size": inner,
        "full_attention_interval": 4,
        "feed_forward_length": dense,
        **({"expert_used_count": 8, "expert_feed_forward_length": 512} if shape.experts else {}),
    }
    metadata: dict[str, int | str] = {f"{shape.architecture}.{name}": number for name, number in numbers.items()}
    embedding = sizes.input or VOCABULARY * width * 9 // 16
    tensors = [Tensor("token_embd.weight", 12, (width, VOCABULARY), embedding)]
    if sizes.input:
        tensors.append(Tensor("output.weight", 12, (width, VOCABULARY), embedding))
    rest = sizes.files - sum(tensor.bytes for tensor in tensors) - sizes.experts
    for layer in range(layers):
        tensors.append(Tensor(f"blk.{layer}.attn_norm.weight", 0, (1,), rest // layers))
        if sizes.experts:
            tensors.append(Tensor(f"blk.{layer}.ffn_up_exps.weight", 12, (1,), sizes.experts // layers))
    return Header({"general.architecture": shape.architecture, **metadata}, {}, tuple(tensors))
