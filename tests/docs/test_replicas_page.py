"""The configurations of docs/run-replicas.md, given to the programs that read them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tools.cluster.nats import PROGRAM

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "operations" / "cluster"
USER_KEY = "UDSGVA62FAFQX24ERV2H2WFPV63WI5YXHXCUYQSP3GGA43ELD6ITYRQV"


def certificate(folder: Path) -> None:
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{folder}/node.key", "-out", f"{folder}/node.pem"]
    subprocess.run(make, check=True, capture_output=True, timeout=60)
    shutil.copy(folder / "node.pem", folder / "ca.pem")


def configured(folder: Path, keys: str) -> "subprocess.CompletedProcess[str]":
    text = (FOLDER / "nats-node.conf").read_text().replace("/etc/nats/", f"{folder}/")
    (folder / "node.conf").write_text(re.sub(r"( *\{nkey: UREPLICA\d\}\n)+", keys, text))
    return subprocess.run([PROGRAM, "-t", "-c", folder / "node.conf"], capture_output=True, text=True, timeout=60)


def test_nats_takes_the_nodes_configuration_with_keys_for_the_names_in_it(tmp_path: Path) -> None:
    certificate(tmp_path)
    shutil.copy(FOLDER / "nats.conf", tmp_path)
    taken = configured(tmp_path, f"{{nkey: {USER_KEY}}}\n")
    assert taken.returncode == 0, taken.stderr
    assert configured(tmp_path, "{nkey: UREPLICA1}\n").returncode != 0


def test_haproxy_takes_its_configuration(tmp_path: Path) -> None:
    program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("no haproxy here (apt install haproxy)")
    config = tmp_path / "haproxy.cfg"
    config.write_text(re.sub(r"replica-\w:", "127.0.0.1:", (FOLDER / "haproxy.cfg").read_text()))  # no name to look up
    done = subprocess.run([program, "-c", "-f", config], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr


def test_systemd_takes_the_service() -> None:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("no systemd here")
    unit = FOLDER / "supernet-coordinator.service"
    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if "is not executable" not in line]  # it is not installed here
    assert told == []
