"""A tiny hybrid, made as slow as a large one: it says the same, and a step takes milliseconds.

A step of a tiny model takes a tenth of one, less than what is around it. So it gets layers that add nothing (what
comes out of them is multiplied by zeros) until there are as many as in Qwen3.6-35B-A3B, and all have a wider inside,
most of it zeros: a prediction head, where the model has one, is one layer of forty-one, as there.
"""

from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

LAYERS, INNER = 40, 2048
_CLOSING = ("attn_output.weight", "ssm_out.weight", "ffn_down.weight")


def write_stretched(path: Path, source: Path) -> None:
    """About 65 MB."""
    reader = gguf.GGUFReader(source)
    heads = _number(reader, "nextn_predict_layers")
    layers, period = _number(reader, "block_count") - heads, _number(reader, "full_attention_interval")
    out = gguf.GGUFWriter(str(path), "qwen35")
    changed = {"qwen35.block_count": LAYERS + heads, "qwen35.feed_forward_length": INNER}
    for field in reader.fields.values():
        if not field.name.startswith("GGUF.") and field.name != "general.architecture":
            value = changed.get(field.name, field.contents())
            items = field.types[-1] if len(field.types) > 1 else None
            out.add_key_value(field.name, value, field.types[0], sub_type=items)
    tensors = {tensor.name: np.array(tensor.data) for tensor in reader.tensors}
    blocks = [_block(tensors, layer) for layer in range(layers + heads)]
    found = {name: tensor for name, tensor in tensors.items() if not name.startswith("blk.")}
    for layer in range(LAYERS):
        block = blocks[layer] if layer < layers else _idle(blocks[layer % period])
        found |= {f"blk.{layer}.{name}": tensor for name, tensor in block.items()}
    for head in range(heads):
        found |= {f"blk.{LAYERS + head}.{name}": tensor for name, tensor in blocks[layers + head].items()}
    for name, tensor in found.items():
        out.add_tensor(name, tensor)
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


def _number(reader: gguf.GGUFReader, name: str) -> int:
    field = reader.fields.get(f"qwen35.{name}")
    return int(field.contents()) if field else 0


def _block(tensors: dict[str, NDArray[Any]], layer: int) -> dict[str, NDArray[Any]]:
    """The tensors of a layer, with a wider inside."""
    begin = f"blk.{layer}."
    return {name.removeprefix(begin): _wider(name, one) for name, one in tensors.items() if name.startswith(begin)}


def _wider(name: str, tensor: NDArray[Any]) -> NDArray[Any]:
    if name.endswith(("ffn_gate.weight", "ffn_up.weight")):
        return np.pad(tensor, ((0, INNER - len(tensor)), (0, 0)))
    if name.endswith("ffn_down.weight"):
        return np.pad(tensor, ((0, 0), (0, INNER - tensor.shape[1])))
    return tensor


def _idle(block: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """A layer that adds nothing."""
    return {name: np.zeros_like(tensor) if name in _CLOSING else tensor for name, tensor in block.items()}
