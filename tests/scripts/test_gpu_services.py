"""install_service --gpu: a service for each GPU, below a folder, with an nvidia-smi that lists as many as a test wants.

What systemd makes of the units is looked at with its own checker, where there is one.
"""

import shutil
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from tests.scripts.test_scripts import GIVEN, UNIT, Checkout, box, checkout, executable, install

__all__ = ["box", "checkout"]  # fixtures

SYSTEM = "etc/systemd/system"
OTHERS = f"{SYSTEM}/supernet-worker.service.d/gpus.conf"
TEMPLATE = f"{SYSTEM}/supernet-worker@.service"


def cards(box: Checkout, count: int) -> None:
    """So many GPUs are in the machine from now on."""
    numbers = "\\n".join(map(str, range(count)))
    executable(box.standins / "nvidia-smi", f"#!/bin/sh\nprintf '{numbers}\\n'\n")


@pytest.fixture
def two(box: Checkout) -> Checkout:
    """A machine of two GPUs, with a service that has both."""
    cards(box, 2)
    assert install(box, *GIVEN, str(box.folder / "key.txt"), "--model", "some-model")[1].returncode == 0
    return box


def done(box: Checkout, *args: str) -> tuple[Path, str]:
    root, ended = install(box, *args)
    assert ended.returncode == 0, ended.stderr
    return root, ended.stdout


def refused(box: Checkout, *args: str) -> str:
    before = tree(box)
    _, ended = install(box, *args)
    assert ended.returncode == 1 and tree(box) == before, "what is refused changes nothing"
    return ended.stderr


def tree(box: Checkout) -> dict[str, bytes]:
    every = (path for path in (box.folder / "root").rglob("*") if path.is_file() and not path.is_symlink())
    return {path.relative_to(box.folder).as_posix(): path.read_bytes() for path in every}


def visible(text: str) -> list[str]:
    """The GPUs that a unit gives its worker."""
    words = text.replace("\n", " ").replace("=", " ").split()
    return [words[at + 1] for at, word in enumerate(words) if word == "CUDA_VISIBLE_DEVICES"]


def test_a_second_gpu_is_a_second_service_with_a_state_of_its_own_and_the_same_models(two: Checkout) -> None:
    root, said = done(two, "--gpu", "1", "--model", "another-model")
    first = tomllib.loads((root / "etc/supernet/worker.toml").read_text())
    second = tomllib.loads((root / "etc/supernet/worker@1.toml").read_text())
    assert (first["state_dir"], second["state_dir"]) == ("/var/lib/supernet", "/var/lib/supernet-1")
    same = ("coordinator", "key_file", "models_dir")
    assert [first[name] for name in same] == [second[name] for name in same]
    assert (first["model"], second["model"]) == ("some-model", "another-model")
    assert second["name"].endswith("-gpu1") and "name" not in first
    assert "supernet-worker@1 --status" in said and "journalctl -fu supernet-worker@1" in said


def test_each_worker_sees_its_own_gpu_alone(two: Checkout) -> None:
    """So neither plans with the memory of the other's."""
    cards(two, 4)
    root, _ = done(two, "--gpu", "1")
    assert visible((root / TEMPLATE).read_text()) == ["%i"]
    assert visible((root / OTHERS).read_text()) == ["0,2,3"]
    done(two, "--gpu", "3")
    assert visible((root / OTHERS).read_text()) == ["0,2"]
    command = (root / "usr/local/bin/supernet-worker@3").read_text()
    assert "CUDA_VISIBLE_DEVICES=3 GGML_VK_VISIBLE_DEVICES=3" in command and "worker@3.toml" in command
    assert stat.S_IMODE((root / "usr/local/bin/supernet-worker@3").stat().st_mode) == 0o755


def test_the_unit_of_a_gpu_differs_in_nothing_else(two: Checkout) -> None:
    root, _ = done(two, "--gpu", "1")
    lines = (root / TEMPLATE).read_text().splitlines()
    changed = {new: old for new, old in zip(lines, UNIT.read_text().splitlines(), strict=True) if new != old}
    assert {line.partition("=")[0] for line in changed if not line.startswith("#")} == {
        "Description",
        "ExecStart",
        "Environment",
        "StateDirectory",
    }
    assert "StateDirectory=supernet-%i" in changed and "CacheDirectory=supernet" in lines
    start = next(line for line in changed if line.startswith("ExecStart="))
    assert start.endswith(f" {changed[start].partition('=')[2]}"), "whatever worker.env says, the GPU is the unit's"


def test_the_command_of_a_gpu_starts_its_worker(two: Checkout) -> None:
    root, _ = done(two, "--gpu", "1")
    worker = two.folder / "worker"
    executable(worker, '#!/bin/sh\necho "$CUDA_VISIBLE_DEVICES $SUPERNET_CONFIG $*"\n')
    command = root / "usr/local/bin/supernet-worker@1"
    command.write_text(command.read_text().replace("/opt/supernet/current/bin/supernet-worker", str(worker)))
    said = subprocess.run([command, "--status"], env={}, capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "1 /etc/supernet/worker@1.toml --status\n"


def test_a_second_service_begins_with_the_settings_of_the_first_but_what_is_its_own(two: Checkout) -> None:
    settings = two.folder / "root/etc/supernet/worker.toml"
    with settings.open("a") as more:
        more.write('max_power_w = 300\nmetrics = "127.0.0.1:9100"\nname = "box"\n')
    root, _ = done(two, "--gpu", "1")
    second = tomllib.loads((root / "etc/supernet/worker@1.toml").read_text())
    assert second["max_power_w"] == 300 and "metrics" not in second and second["name"] != "box"
    (root / "etc/supernet/worker@1.toml").write_text((root / "etc/supernet/worker@1.toml").read_text() + "slots = 3\n")
    done(two, "--gpu", "1")
    again = tomllib.loads((root / "etc/supernet/worker@1.toml").read_text())
    assert again == second | {"slots": 3}, "an upgrade keeps what its owner wrote"


def test_one_upgrade_is_one_of_all_services(two: Checkout) -> None:
    root, _ = done(two, "--gpu", "1")
    (root / TEMPLATE).write_text("old")
    current = (root / "opt/supernet/current").readlink()
    done(two)
    assert (root / "opt/supernet/current").readlink() != current
    assert "Description=" in (root / TEMPLATE).read_text() and visible((root / OTHERS).read_text()) == ["0"]


def test_with_a_service_for_each_gpu_an_upgrade_makes_none_for_all(box: Checkout) -> None:
    cards(box, 2)
    key = str(box.folder / "key.txt")
    for number in "01":
        root, _ = done(box, "--gpu", number, *GIVEN, key)
    done(box, "--coordinator", "wss://other.example")
    for number in "01":
        settings = tomllib.loads((root / f"etc/supernet/worker@{number}.toml").read_text())
        assert settings["coordinator"] == "wss://other.example" and settings["state_dir"].endswith(f"-{number}")
    units = {path.name for path in (root / SYSTEM).rglob("*") if path.is_file()}
    assert units == {"supernet-worker@.service"}
    assert {path.name for path in (root / "etc/supernet").iterdir()} == {"key", "worker@0.toml", "worker@1.toml"}


def test_one_service_goes_and_leaves_the_others_its_gpu(two: Checkout) -> None:
    cards(two, 3)
    root, _ = done(two, "--gpu", "1")
    done(two, "--gpu", "2")
    (root / "var/lib/supernet-2").mkdir(parents=True)
    mine = root / SYSTEM / "supernet-worker.service.d" / "override.conf"
    mine.write_text("[Service]\nNice=5\n")
    _, said = done(two, "--uninstall", "--gpu", "2")
    assert "kept: /etc/supernet/worker@2.toml and /var/lib/supernet-2" in said
    assert visible((root / OTHERS).read_text()) == ["0,2"] and (root / TEMPLATE).exists()
    assert not (root / "usr/local/bin/supernet-worker@2").exists()
    done(two, "--uninstall", "--gpu", "2", "--purge")
    assert not (root / "var/lib/supernet-2").exists() and not (root / "etc/supernet/worker@2.toml").exists()
    done(two, "--uninstall", "--gpu", "1")
    assert not (root / OTHERS).exists() and not (root / TEMPLATE).exists()
    assert mine.exists() and (root / SYSTEM / "supernet-worker.service").exists()
    assert (root / "opt/supernet/current").exists(), "the first one goes on"


def test_uninstalling_takes_all_services_and_a_purge_all_that_is_theirs(two: Checkout) -> None:
    root, _ = done(two, "--gpu", "1")
    for name in ("var/lib/supernet", "var/lib/supernet-1", "var/cache/supernet"):
        (root / name).mkdir(parents=True)
    done(two, "--uninstall")
    left = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert left == {"etc/supernet/key", "etc/supernet/worker.toml", "etc/supernet/worker@1.toml"}
    done(two, "--uninstall", "--purge")
    assert not [path for path in root.rglob("*") if "supernet" in path.name]


def test_a_gpu_that_nobody_has_or_that_somebody_has_already_is_refused(two: Checkout) -> None:
    assert "no GPU 2 here" in refused(two, "--gpu", "2")
    for wrong in ("-1", "one", "01", "1,0", "1 2", ""):
        assert "is a number" in refused(two, "--gpu", wrong)
    assert "no service of GPU 1" in refused(two, "--uninstall", "--gpu", "1")
    env = two.folder / "root/etc/supernet/worker.env"
    env.write_text('HF_TOKEN=hf\nCUDA_VISIBLE_DEVICES="0,1"\n')
    assert "has GPU 1: CUDA_VISIBLE_DEVICES=0,1 in worker.env" in refused(two, "--gpu", "1")
    env.write_text("CUDA_VISIBLE_DEVICES=0\n")
    done(two, "--gpu", "1")


def test_the_last_gpu_is_not_taken_from_the_service_that_has_all(two: Checkout) -> None:
    cards(two, 1)
    assert "no GPU would be left" in refused(two, "--gpu", "0")
    cards(two, 2)
    done(two, "--gpu", "0")
    assert "no GPU would be left" in refused(two, "--gpu", "1")


def test_a_broken_driver_makes_no_service(two: Checkout) -> None:
    executable(two.standins / "nvidia-smi", "#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert "no GPU 1 here" in refused(two, "--gpu", "1")


def test_an_upgrade_while_the_driver_is_away_leaves_everybody_the_same_gpu(two: Checkout) -> None:
    root, _ = done(two, "--gpu", "1")
    executable(two.standins / "nvidia-smi", "#!/bin/sh\nexit 9\n")
    done(two)
    assert visible((root / OTHERS).read_text()) == ["0"], "with none it would serve from the CPU"


def test_a_dry_run_shows_all_that_would_be_done(two: Checkout) -> None:
    before = tree(two)
    env = {"root": str(two.folder / "root")}
    _, said = done(two, "--gpu", "1", "--dry-run")
    assert tree(two) == before
    root = env["root"]
    for line in (
        f"+ write {root}/{TEMPLATE}",
        f"+ write {root}/{OTHERS}: supernet-worker keeps GPU 0",
        f"+ write {root}/usr/local/bin/supernet-worker@1",
        f"to {root}/etc/supernet/worker@1.toml",
        "state_dir",
    ):
        assert line in said, said
    whole = two.run("install_service", "--gpu", "1", "--dry-run", *GIVEN, str(two.folder / "key.txt"))
    assert "+ systemctl enable supernet-worker@1" in whole.stdout, whole.stderr
    assert "+ systemctl restart --no-block supernet-worker@1" in whole.stdout and tree(two) == before
    gone = two.run("install_service", "--uninstall", "--gpu", "1", "--dry-run")
    assert "no service of GPU 1" in gone.stderr


def test_what_a_service_was_measured_at_is_taken_over_into_its_own_state(two: Checkout) -> None:
    home = two.folder / "home"
    measured = home / ".local/state/supernet/measured.json"
    measured.parent.mkdir(parents=True)
    measured.write_text("[]")
    root, _ = done(two, "--gpu", "1", "--take-from", str(home))
    assert (root / "var/lib/supernet-1/measured.json").read_text() == "[]"


def test_systemd_has_nothing_against_the_units(two: Checkout) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("no systemd here")
    root, _ = done(two, "--gpu", "1")
    one = root / SYSTEM / "supernet-worker@1.service"
    one.write_text((root / TEMPLATE).read_text().replace("/opt/supernet/current/bin/supernet-worker", "/bin/true"))
    found = subprocess.run([program, "verify", str(one)], capture_output=True, text=True, timeout=60)
    ours = [line for line in found.stderr.splitlines() if "supernet-worker@1" in line]
    assert not ours, found.stderr
