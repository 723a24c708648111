"""What install.sh does as root, in a bare Debian whose systemctl only notes what it is told: scripts/try_install has a
real one, and installs from a checkout."""

from collections.abc import Callable
from dataclasses import replace

from tools.local_network import Network
from tools.release.box import GET, Box

SMI = "#!/bin/sh\nprintf '0\\n1\\n'\n"
SYSTEMCTL = '#!/bin/sh\necho "$*" >>/systemctl.log\n'
LEFT = ("systemctl.log", "etc/shadow-", "etc/gshadow-", "etc/passwd-", "etc/group-")  # Debian's own copies of before


def live(box: Box, network: Network, say: Callable[[str], None]) -> None:
    """Install, upgrade without a question, remove. Raises AssertionError. `network` serves a release."""
    box = replace(box, path=f"/usr/local/bin:{box.path}")
    (box.root / "run" / "systemd" / "system").mkdir(parents=True)
    systemctl = box.root / "usr" / "bin" / "systemctl"
    systemctl.write_text(SYSTEMCTL)
    systemctl.chmod(0o755)
    key = network.post("/v1/account/keys", {"name": "service", "scopes": ["worker"]})["key"]
    script = str(box.home / "install.sh")
    box.outside(box.home / "install.sh").write_text(
        box.run("python3", "-c", GET, f"{network.url}/downloads/install.sh")
    )
    before = box.files()
    box.run("sh", script, network.url, "--key-file", "/dev/stdin", "--dry-run", key=key)
    assert box.files() == before, "a dry run leaves something"
    said = box.run("sh", script, network.url, "--key-file", "/dev/stdin", key=key)
    kept = box.root / "etc" / "supernet" / "key"
    assert kept.read_text().strip() == key and kept.stat().st_mode & 0o777 == 0o640 and key not in said
    assert network.url in (box.root / "etc" / "supernet" / "worker.toml").read_text()
    version = box.run("supernet-worker", "--version")
    box.run("sh", script, network.url)
    assert box.run("supernet-worker", "--version") == version
    assert len(list((box.root / "opt" / "supernet" / "releases").iterdir())) == 2, "the one before stays"
    told = (box.root / "systemctl.log").read_text().splitlines()
    assert told.count("restart --no-block supernet-worker") == 2 and "enable supernet-worker" in told
    say("as root: a service of its own user, upgraded without being asked for the key again")
    _second_gpu(box, network, script)
    say("as root: a second GPU is a second service, and goes by itself")
    box.run("sh", script, "--remove", "--purge")
    left = box.files() - before - {str(box.root / name) for name in LEFT}
    assert not left, f"left behind: {sorted(left)[:10]}"
    say("as root: removed, and nothing is left")


def _second_gpu(box: Box, network: Network, script: str) -> None:
    smi = box.root / "usr" / "bin" / "nvidia-smi"
    smi.write_text(SMI)
    smi.chmod(0o755)
    before = box.files()
    box.run("sh", script, network.url, "--engine", "cpu", "--gpu", "1")
    settings = (box.root / "etc" / "supernet" / "worker@1.toml").read_text()
    assert network.url in settings and "/var/lib/supernet-1" in settings
    told = (box.root / "systemctl.log").read_text().splitlines()
    assert told[-1] == "restart --no-block supernet-worker supernet-worker@1"
    others = box.root / "etc" / "systemd" / "system" / "supernet-worker.service.d" / "gpus.conf"
    assert "CUDA_VISIBLE_DEVICES=0 " in others.read_text()
    assert box.run("supernet-worker@1", "--version") == box.run("supernet-worker", "--version")
    box.run("sh", script, "--remove", "--purge", "--gpu", "1")
    assert not others.exists() and (box.root / "opt" / "supernet" / "current").is_symlink()
    new = {path for path in box.files() - before if "/opt/supernet/" not in path}  # the release is another one
    assert not new, f"left behind: {sorted(new)[:10]}"
    smi.unlink()
