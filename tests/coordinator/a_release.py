"""A release that a coordinator can serve, made in a moment: its wheels hold nothing."""

from pathlib import Path

from tools.release import manifest


def release(folder: Path, version: str = "0.2.0") -> Path:
    """With the engines cpu and vulkan, and two packages beside ours."""
    names = [f"supernet-{version}-py3-none-any.whl", f"supernet-{version}.tar.gz", "requirements.txt"]
    names += ["Typing_Extensions-4.0-py3-none-any.whl", "pip-26.0-py3-none-any.whl"]
    names += [f"engines/{engine}/llama_cpp_python-0.3.36-py3-none-any.whl" for engine in ("cpu", "vulkan")]
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    engines = {name.split("/")[1]: manifest.Engine(name, "x86_64", "2.17", ()) for name in names if "/" in name}
    manifest.write(folder, version, ["3.11"], engines)
    (folder / "install.sh").write_text("#!/bin/sh\n")
    return folder
