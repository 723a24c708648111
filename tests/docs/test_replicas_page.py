"""The configurations of docs/run-replicas.md, given to the programs that read them."""

import http.client
import http.server
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from coordinator.identity.addresses import client_address, read_networks
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


class Listener(http.server.BaseHTTPRequestHandler):
    """Answers with what it heard of X-Forwarded-For."""

    def do_GET(self) -> None:
        heard = ",".join(self.headers.get_all("x-forwarded-for", [])).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(heard)))
        self.end_headers()
        self.wfile.write(heard)

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_behind_haproxy_each_client_has_its_own_address(tmp_path: Path) -> None:
    program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        pytest.skip("no haproxy here (apt install haproxy)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = re.sub(r"replica-\w:8080", f"127.0.0.1:{server.server_port}", (FOLDER / "haproxy.cfg").read_text())
        config = tmp_path / "haproxy.cfg"
        config.write_text(text.replace("bind :8080", f"bind 127.0.0.1:{port}").replace("maxconn 60000", "maxconn 60"))
        balancer = subprocess.Popen([program, "-db", "-f", config])
        try:
            heard = asked(port)
        finally:
            balancer.terminate()
            balancer.wait(60)
            server.shutdown()
    assert heard.startswith("6.6.6.6,")
    assert client_address("10.0.0.1", heard, read_networks("10.0.0.0/8")) == "127.0.0.1"


def asked(port: int) -> str:
    """What a replica hears of a client at 127.0.0.1 that says it is 6.6.6.6, once the balancer is up."""
    for _ in range(200):
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as line:
            try:
                line.request("GET", "/livez", headers={"x-forwarded-for": "6.6.6.6"})
                return line.getresponse().read().decode()
            except ConnectionRefusedError:
                time.sleep(0.05)
    raise AssertionError("the balancer did not start")


def test_systemd_takes_the_service() -> None:
    program = shutil.which("systemd-analyze")
    if not program:
        pytest.skip("no systemd here")
    unit = FOLDER / "supernet-coordinator.service"
    done = subprocess.run([program, "verify", unit], capture_output=True, text=True, timeout=60)
    told = [line for line in done.stderr.splitlines() if "is not executable" not in line]  # it is not installed here
    assert told == []
