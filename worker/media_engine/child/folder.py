"""Whether a folder of weights is only weights: nothing in it may run, and nothing in it decides which code runs.

A pickle is a program, and so is a Python file; a description that names code of its own (`auto_map`) asks for one. The
class of the pipeline comes from the catalog. Those of its parts are read here, for pipelines.py to hold against what
diffusers and transformers themselves have.
"""

import json
import re
from pathlib import Path
from typing import Any

ALLOWED = (".safetensors", ".json", ".txt", ".model", ".md")
DESCRIPTION_BYTES = 4 * 2**20  # more is a vocabulary
INDEX = "model_index.json"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class HostileFolderError(ValueError):
    """There is something in the folder that no weights need."""


def parts(folder: Path) -> dict[str, tuple[str, str]]:
    """Part of the pipeline -> (library, class), as its index says. Raises HostileFolderError, and OSError."""
    for path in sorted(folder.rglob("*")):
        _check(folder, path)
    found: dict[str, tuple[str, str]] = {}
    for name, value in _read(folder / INDEX).items():
        if name.startswith("_") or not isinstance(value, list) or value in ([None, None], []):
            continue
        if len(value) != 2 or not all(isinstance(word, str) and _NAME.fullmatch(word) for word in (name, *value)):
            raise HostileFolderError(f"{INDEX} has {name!r} of no plain class: {str(value)[:100]}")
        found[name] = (value[0], value[1])
    if not found:
        raise HostileFolderError(f"{INDEX} names no part of a pipeline")
    return found


def _check(folder: Path, path: Path) -> None:
    where = path.relative_to(folder)
    if not path.resolve().is_relative_to(folder.resolve()):
        raise HostileFolderError(f"{where} leads out of the folder of the weights")
    if path.is_dir():
        return
    if path.suffix not in ALLOWED or not path.is_file():
        raise HostileFolderError(f"{where} is none of {', '.join(ALLOWED)}: a pickle or a program is never loaded")
    if path.suffix == ".json" and path.stat().st_size <= DESCRIPTION_BYTES:
        if asked := {"auto_map", "custom_pipelines", "custom_generate"} & _read(path).keys():
            raise HostileFolderError(f"{where} asks for code of its own ({', '.join(sorted(asked))})")


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise HostileFolderError(f"{path.name} is no JSON: {type(error).__name__}") from None
    return value if isinstance(value, dict) else {}
