"""opencode or Codex, run once without a screen: it reads a file with its own tool, copies it with another, answers.

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
    return "reads a file, copies it, answers; streamed"


def main(name: str) -> None:
    with tempfile.TemporaryDirectory(prefix=name) as folder:
        work = Path(folder) / "work"
        work.mkdir()
        (work.parent / "home").mkdir()
        command = {"opencode": opencode, "codex": codex}[name](work, SAID["files"][f"ask_{name}"])
        tell("the same, streamed", lambda: copy(command, work))


main(sys.argv[1])
