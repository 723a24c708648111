"""An agent of the terminal, run once without a screen: it reads a file with its own tool, copies it, answers.

The command line and the settings of each are below; the first argument says which.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from outcome import MODEL, SAID, URL, tell

RUN_S = 240

OPENCODE = {
    "autoupdate": False,
    "share": "disabled",
    "provider": {
        "supernet": {
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": URL, "apiKey": "{env:CLIENT_KEY}"},
            "models": {MODEL: {"tool_call": True, "limit": {"context": 262144, "output": 4096}}},
        }
    },
}
CODEX = f"""
model = "{MODEL}"
model_provider = "supernet"
approval_policy = "never"
sandbox_mode = "danger-full-access"
[model_providers.supernet]
name = "Supernet"
base_url = "{URL}"
env_key = "CLIENT_KEY"
wire_api = "responses"
"""


def opencode(work: Path, ask: str) -> list[str]:
    (work / "opencode.json").write_text(json.dumps(OPENCODE))
    return ["opencode", "run", "--print-logs", "--model", f"supernet/{MODEL}", "--format", "json", ask]


def codex(work: Path, ask: str) -> list[str]:
    (work.parent / "home" / "config.toml").write_text(CODEX)
    return ["codex", "exec", "--json", "--skip-git-repo-check", ask]


def claude(work: Path, ask: str) -> list[str]:
    os.environ |= {
        "ANTHROPIC_BASE_URL": URL.removesuffix("/v1"),
        "ANTHROPIC_API_KEY": os.environ["CLIENT_KEY"],
        "ANTHROPIC_MODEL": MODEL,
    }
    return ["claude", "--print", "--output-format", "json", "--permission-mode", "acceptEdits", ask]


def qwen(work: Path, ask: str) -> list[str]:
    os.environ |= {"OPENAI_BASE_URL": URL, "OPENAI_API_KEY": os.environ["CLIENT_KEY"], "OPENAI_MODEL": MODEL}
    return ["qwen", "--auth-type", "openai", "--yolo", "--prompt", ask]


def pi(work: Path, ask: str) -> list[str]:
    provider = {"baseUrl": URL, "api": "openai-completions", "apiKey": "CLIENT_KEY", "models": [{"id": MODEL}]}
    settings = work.parent / "home" / ".pi" / "agent"
    settings.mkdir(parents=True)
    (settings / "models.json").write_text(json.dumps({"providers": {"supernet": provider}}))
    return ["pi", "--provider", "supernet", "--model", MODEL, "--print", ask]


def cline(work: Path, ask: str) -> list[str]:
    key = ["--apikey", os.environ["CLIENT_KEY"], "--modelid", MODEL, "--baseurl", URL]
    env = os.environ | {"HOME": str(work.parent / "home")}
    subprocess.run(
        ["cline", "auth", "--provider", "openai", *key], env=env, check=True, stdout=sys.stderr, timeout=RUN_S
    )
    return ["cline", "--json", "--provider", "openai", "--model", MODEL, ask]


def aider(work: Path, ask: str) -> list[str]:
    os.environ |= {"OPENAI_API_BASE": URL, "OPENAI_API_KEY": os.environ["CLIENT_KEY"]}
    quiet = ["--no-git", "--no-check-update", "--analytics-disable", "--no-pretty", "--yes-always"]
    here = str(Path(sys.executable).parent / "aider")
    return [here, "--model", f"openai/{MODEL}", *quiet, "--message", ask, "word.txt", "copy.txt"]


AGENTS = {
    "opencode": opencode,
    "codex": codex,
    "claude": claude,
    "qwen": qwen,
    "pi": pi,
    "cline": cline,
    "aider": aider,
}


def copy(command: list[str], work: Path) -> str:
    task = SAID["files"]
    (work / "word.txt").write_text(task["word"] + "\n")
    # A home of its own: the user's settings and sessions stay out of it. PWD, because opencode believes it first.
    home = str(work.parent / "home")
    env = os.environ | {"HOME": home, "XDG_CONFIG_HOME": "", "CODEX_HOME": home, "PWD": str(work)}
    ran = subprocess.run(
        command, cwd=work, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=RUN_S, check=False
    )
    print(ran.stdout, ran.stderr, file=sys.stderr)
    assert ran.returncode == 0, f"exit code {ran.returncode}"
    assert task["answer"] in ran.stdout, "no answer"
    assert (work / "copy.txt").read_text().strip() == task["word"], "nothing was copied"
    return "a file is copied, and the answer is there"


def main(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix=name) as folder:
        work = Path(folder) / "work"
        work.mkdir()
        (work.parent / "home").mkdir()
        command = AGENTS[name](work, SAID["files"][f"ask_{name}"])
        # aider gives the model no tools: it writes what stands in the answer's text
        tell("streamed answer" if name == "aider" else "the same, streamed", lambda: copy(command, work))


main(sys.argv[1])
