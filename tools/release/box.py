"""Empty places in which a release is installed as a stranger would: this machine's Python alone, or a bare Debian."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

STEP_S = 900
COMMANDS = ("sh", "env", "python3", "mktemp", "cat", "rm", "mkdir", "touch")  # all that install.sh calls
COMPILERS = ("cc", "gcc", "c++", "g++", "clang", "cmake", "make", "pip", "pip3", "uv", "curl")
DEBIAN = "bookworm"
GET = "import sys, urllib.request as u; sys.stdout.buffer.write(u.urlopen(sys.argv[1]).read())"  # there is no curl


@dataclass(frozen=True)
class Box:
    """A place with a home and no variables of ours. `root`: its files as seen from outside; `home`: as seen in it.
    `enter`: what stands before a command."""

    root: Path
    home: Path
    path: str
    enter: tuple[str, ...] = ()

    def command(self, *words: str, env: Mapping[str, str] | None = None) -> list[str]:
        """The whole command that runs `words` in there."""
        variables = {"HOME": str(self.home), "PATH": self.path, "LANG": "C.UTF-8", **(env or {})}
        return [*self.enter, "env", "-i", *(f"{name}={value}" for name, value in variables.items()), *words]

    def run(self, *words: str, key: str = "", status: int = 0) -> str:
        """What it says on stdout and stderr. `key`: comes in on stdin. Raises AssertionError at another status."""
        done = subprocess.run(self.command(*words), input=key, capture_output=True, text=True, timeout=STEP_S)
        assert done.returncode == status, f"{words}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def has(self, command: str) -> bool:
        return any((self.root / place.lstrip("/") / command).exists() for place in self.path.split(":"))

    def outside(self, path: Path) -> Path:
        """A path of the box, as seen from outside."""
        return self.root / path.relative_to("/") if self.enter else path

    def files(self) -> set[str]:
        """Every file that is in it."""
        skipped = {self.root / name for name in ("proc", "dev", "sys")} if self.enter else set()
        found = set()
        for folder, below, names in os.walk(self.root):
            below[:] = [name for name in below if Path(folder) / name not in skipped]
            found |= {f"{folder}/{name}" for name in (*names, *below)}
        return found


@contextmanager
def alone(folder: Path) -> Iterator[Box]:
    """This machine's Python in a home of its own, with hardly a command beside it."""
    home, bin = folder / "home", folder / "bin"
    home.mkdir(parents=True)
    bin.mkdir()
    for name in COMMANDS:
        found = shutil.which(name, path=os.defpath if name != "python3" else f"/usr/local/bin:{os.defpath}")
        assert found is not None, f"no {name}"
        (bin / name).symlink_to(found)
    yield Box(home, home, str(bin))


@contextmanager
def debian(folder: Path) -> Iterator[Box]:
    """A bare Debian with python3 and nothing else, as root with debootstrap; what was fetched for it is kept."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "supernet" / "bare" / f"{DEBIAN}-python3"
    if not cache.exists():
        new = cache.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        cache.parent.mkdir(parents=True, exist_ok=True)
        bootstrap = ["debootstrap", "--variant=minbase", "--include=python3", DEBIAN, str(new)]
        subprocess.run(bootstrap, check=True, timeout=STEP_S, stdout=subprocess.DEVNULL)
        new.rename(cache)
    root = folder / "debian"
    subprocess.run(["cp", "-a", str(cache), str(root)], check=True, timeout=STEP_S)
    # With a /proc of its own, which goes with it; what is entered is the command itself, so that a signal reaches it.
    mounted = f'mount -t proc proc {root}/proc && exec chroot {root} "$@"'
    enter = ("unshare", "--mount", "sh", "-c", mounted, "sh")
    try:
        yield Box(root, Path("/root"), "/usr/sbin:/usr/bin:/sbin:/bin", enter)
    finally:
        subprocess.run(["rm", "-rf", "--one-file-system", str(root)], check=True, timeout=STEP_S)
