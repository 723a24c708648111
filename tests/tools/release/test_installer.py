"""install.sh as a stranger runs it, against releases that are not what they should be, and its parts."""

import argparse
import hashlib
import http.server
import json
import os
import platform
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.coordinator.a_release import release
from tools.release import build, manifest
from tools.release.installer import environment, machine, served, service
from tools.release.installer import home as installer_home
from tools.release.installer.home import Home
from tools.release.installer.served import InstallError, Release

INSTALL_S = 120
OTHER = "another key than before"


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def served_at(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A release with an installer of its own, and where it is served."""
    folder = release(tmp_path / "served" / "downloads")
    build._installer(folder, "0.2.0", manifest.digest(folder / "manifest.json"))
    handler = partial(Quiet, directory=str(tmp_path / "served"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", folder
        server.shutdown()


def install(folder: Path, home: Path, *options: str, key: str = "sk-sn-12345678") -> tuple[int, str]:
    home.mkdir(exist_ok=True)
    env = {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:{os.defpath}", "SUPERNET_KEY": key}
    command = ["sh", str(folder / "install.sh"), *options]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=INSTALL_S, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout + done.stderr


def test_a_dry_run_says_what_would_be_done_and_does_nothing(served_at: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served_at
    status, said = install(folder, tmp_path / "home", url, "--user", "--engine", "cpu", "--dry-run")
    assert status == 0 and "would install 0.2.0 (cpu)" in said
    assert list((tmp_path / "home").iterdir()) == []


def test_what_is_not_the_file_of_the_release_is_never_used(served_at: tuple[str, Path], tmp_path: Path) -> None:
    """Neither another manifest, nor a file that is not as the manifest says; and nothing is left of the attempt."""
    url, folder = served_at
    file = folder / "requirements.txt"
    file.write_text("x" * file.stat().st_size)
    status, said = install(folder, tmp_path / "home", url, "--user", "--engine", "cpu")
    assert status == 1 and "requirements.txt is not the file that the release has" in said
    manifest.write(folder, "0.2.0", ["3.11"], {})
    status, said = install(folder, tmp_path / "home", url, "--user", "--engine", "cpu")
    assert status == 1 and "fetch install.sh again" in said
    assert list((tmp_path / "home").rglob("bin")) == []


def test_the_installer_carries_its_python_and_the_hash_of_its_manifest(served_at: tuple[str, Path]) -> None:
    _, folder = served_at
    text = (folder / "install.sh").read_text()
    assert f'MANIFEST_SHA256 = "{manifest.digest(folder / "manifest.json")}"' in text and "@" not in text.split("@")[0]
    assert 'VERSION = "0.2.0"' in text and "@FILES@" not in text and "@MANIFEST@" not in text
    assert set(re.findall(r"installer/(\w+\.py)", text)) == {path.name for path in build.INSTALLER.glob("*.py")}


@pytest.mark.parametrize(
    "url", ["net.example", "https://me@net.example", "https://net.example/?q", 'https://a"b', "ftp://a"]
)
def test_what_is_no_address_is_refused_before_anything_is_asked(
    served_at: tuple[str, Path], tmp_path: Path, url: str
) -> None:
    status, said = install(served_at[1], tmp_path / "home", url, "--user", "--dry-run")
    assert status == 2 and "address" in said


def test_code_that_lies_where_it_is_started_is_none_of_the_installers(
    served_at: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = served_at
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "__init__.py").write_text("raise SystemExit('taken')\n")
    monkeypatch.chdir(tmp_path)
    status, said = install(folder, tmp_path / "home", url, "--user", "--engine", "cpu", "--dry-run")
    assert status == 0 and "taken" not in said


def test_what_is_no_key_is_refused(served_at: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served_at
    status, said = install(folder, tmp_path / "home", url, "--user", "--engine", "cpu", key="two words, not a key")
    assert status == 1 and "no key" in said and "two words" not in said


@pytest.mark.parametrize(
    ("engine", "why"),
    [
        ({"machine": "vax", "glibc": "2.17", "cpu": []}, "for vax"),
        ({"machine": os.uname().machine, "glibc": "99.0", "cpu": []}, "needs glibc 99"),
        ({"machine": os.uname().machine, "glibc": "2.17", "cpu": ["avx1024"]}, "lacks avx1024"),
    ],
)
def test_an_engine_that_would_not_run_here_is_refused_with_what_to_do(engine: dict[str, object], why: str) -> None:
    with pytest.raises(InstallError, match=f"{why}.*scripts/setup"):
        machine._suits(engine)


def made(folder: Path) -> Home:
    home = Home(folder / "worker", dry=False)
    home.folder.mkdir()
    return home


def test_settings_that_are_not_given_keep_their_value_and_the_key_is_the_owners_alone(tmp_path: Path) -> None:
    home = made(tmp_path)
    home._write({"coordinator": "https://a.example", "model": "m"}, "sk-sn-12345678")
    home.settings.write_text(home.settings.read_text() + "max_power_w = 300\n")
    home._write({"coordinator": "https://b.example"}, "")
    lines = home.settings.read_text().splitlines()
    assert 'coordinator = "https://b.example"' in lines and 'model = "m"' in lines and "max_power_w = 300" in lines
    assert len(lines) == len({line.partition("=")[0] for line in lines})
    assert home.key.read_text() == "sk-sn-12345678\n" and home.key.stat().st_mode & 0o777 == 0o600
    home._write({}, OTHER)
    assert home.key.read_text() == OTHER + "\n"


def test_a_key_file_that_was_there_becomes_the_owners_alone(tmp_path: Path) -> None:
    home = made(tmp_path)
    home.key.touch()
    home.key.chmod(0o644)
    home._write({}, OTHER)
    assert home.key.stat().st_mode & 0o777 == 0o600


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME is a link to it; a worker that is installed there says what it was started with."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))

    def fill(release: Release, engine: str, venv: Path) -> None:
        (venv / "bin").mkdir(parents=True)
        program = venv / "bin" / "supernet-worker"
        program.write_text('#!/bin/sh\necho "$SUPERNET_CONFIG" "$@"\n')
        program.chmod(0o755)

    monkeypatch.setattr(installer_home, "fill", fill)
    return tmp_path / "home"


def test_the_release_before_stays_where_the_home_is_a_link(at_home: Path) -> None:
    for _ in range(3):
        Home(at_home / "worker", dry=False).install(Release.__new__(Release), "cpu", {}, "")
    releases = sorted((at_home / "worker" / "releases").iterdir())
    assert len(releases) == 2 and (at_home / "worker" / "current").resolve() == releases[1].resolve()


def test_the_command_starts_from_a_folder_of_any_name(at_home: Path) -> None:
    home = Home(at_home / "it's $HOME", dry=False)
    home.install(Release.__new__(Release), "cpu", {}, "")
    env = {"PATH": os.defpath}
    said = subprocess.run([home.command, "--plan"], capture_output=True, text=True, env=env, timeout=60, check=True)
    assert said.stdout == f"{home.settings} --plan\n"
    env["SUPERNET_CONFIG"] = "/other"
    said = subprocess.run([home.command], capture_output=True, text=True, env=env, timeout=60, check=True)
    assert said.stdout == "/other\n"


@pytest.mark.parametrize(
    ("url", "trusted"), [("http://10.0.0.5:8080", ["--trusted-host", "10.0.0.5:8080"]), ("https://net.example", [])]
)
def test_pip_takes_plain_http_from_the_coordinator_alone_and_with_hashes(
    served_at: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, trusted: list[str]
) -> None:
    monkeypatch.setattr(served, "MANIFEST_SHA256", manifest.digest(served_at[1] / "manifest.json"))
    found = Release(served_at[0], tmp_path / "kept")
    found.pythons = [".".join(platform.python_version_tuple()[:2])]
    fetched = {name: found.fetch(name) for name in found.entries}
    monkeypatch.setattr(found, "fetch", fetched.__getitem__)
    found.files = f"{url}/downloads"
    ran: list[list[str]] = []
    monkeypatch.setattr(environment, "_run", ran.append)
    environment.fill(found, "cpu", tmp_path / "venv")
    (install,) = (command for command in ran if "install" in command)
    at = install.index("--require-hashes") + 1
    assert install[at : install.index("--index-url")] == trusted


def test_a_command_of_that_name_that_is_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    home = made(tmp_path)
    home.command = tmp_path / "supernet-worker"
    home.command.write_text("#!/bin/sh\n")
    home.remove(purge=True)
    assert home.command.exists() and not home.folder.exists()


def test_a_second_gpu_is_a_service_and_that_takes_root(served_at: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served_at
    status, said = install(folder, tmp_path / "home", url, "--user", "--gpu", "1")
    assert status == 1 and "needs root" in said and "CUDA_VISIBLE_DEVICES" in said
    status, said = install(folder, tmp_path / "home", url, "--gpu", "1,2")
    assert status == 2 and "--gpu is a number" in said


def test_the_gpu_that_is_asked_for_is_that_of_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made and what is removed: scripts/install_service does the rest."""
    ran: list[list[str]] = []
    monkeypatch.setattr("tools.release.installer.service.subprocess.run", lambda command, check: ran.append(command))
    monkeypatch.setattr(service, "KEPT_SERVICE", tmp_path / "opt" / "install_service")
    found = Release.__new__(Release)
    found.folder = tmp_path
    monkeypatch.setattr(found, "fetch", lambda name: build.ROOT / "scripts" / name)
    args = argparse.Namespace(url="https://net.example", model=None, gpu="1", dry_run=False)
    service.serve(found, "cpu", args, "")
    service.stop_serving(False, True, "1")
    service.stop_serving(False, False, None)
    made, dry, gone = ran
    assert made[-2:] == ["--gpu", "1"] and dry[2:] == ["--uninstall", "--dry-run", "--gpu", "1"]
    assert gone[2:] == ["--uninstall"]


def test_a_file_larger_than_it_should_be_is_not_read_to_its_end(served_at: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = served_at
    text = (folder / "manifest.json").read_bytes()
    served.MANIFEST_SHA256 = hashlib.sha256(text).hexdigest()
    found = Release(url, tmp_path / "kept")
    (folder / "requirements.txt").write_bytes(b"x" * 10**6)
    with pytest.raises(InstallError, match="larger than it should be"):
        found.fetch("requirements.txt")
    assert json.loads(text)["version"] == "0.2.0"
