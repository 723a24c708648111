"""The nginx of docs/run-a-coordinator.md, in front of a real network: TLS, streams that are not held back, workers."""

import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from openai import DefaultHttpxClient, OpenAI

from tools.free_port import free_port
from tools.local_network import MODEL, Network, until

PAGE = Path(__file__).parents[2] / "docs" / "run-a-coordinator.md"


@dataclass
class Front:
    """nginx on `port`; `certificate` is what its clients have to trust."""

    port: int
    certificate: Path


def written(network: Network, folder: Path, port: int) -> Path:
    """The page's block with this machine's ports and certificate, and what a whole configuration needs around it."""
    block = re.search(r"^```nginx\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert block, f"{PAGE} has no nginx block"
    server = (
        block[1]
        .replace("listen 443", f"listen 127.0.0.1:{port}")
        .replace("127.0.0.1:8080", f"127.0.0.1:{network.port}")
    )
    server = server.replace("/etc/ssl/net.example", f"{folder}/localhost")
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    head = f"daemon off; user root; pid {folder}/pid; error_log stderr; events {{}}" if os.geteuid() == 0 else ""
    head = head or f"daemon off; pid {folder}/pid; error_log stderr; events {{}}"
    file.write_text(f"{head} http {{ access_log off; {paths} {server} }}")
    return file


@pytest.fixture
def front(empty: Network, tmp_path: Path) -> Iterator[Front]:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not program:
        if os.environ.get("CI"):
            pytest.fail("no nginx: .ci/run installs it")
        pytest.skip("no nginx here (apt install nginx-light)")
    folder = tmp_path / "nginx"
    folder.mkdir()
    make = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    make += ["-addext", "subjectAltName=DNS:localhost", "-keyout", f"{folder}/localhost.key"]
    subprocess.run([*make, "-out", f"{folder}/localhost.pem"], check=True, capture_output=True, timeout=60)
    port = free_port()
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen([program, "-c", written(empty, folder, port), "-p", folder], stderr=log)
    try:
        yield Front(port, folder / "localhost.pem")
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)


def test_a_worker_dials_through_it_and_an_answer_streams_through_it(
    empty: Network, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(cafile=str(front.certificate))
    base = f"https://localhost:{front.port}"

    def up() -> bool:
        try:
            return httpx.get(f"{base}/readyz", verify=context).status_code == 200
        except httpx.ConnectError:
            return False

    until(up)
    monkeypatch.setenv("SSL_CERT_FILE", str(front.certificate))
    worker = empty.start_worker("--coordinator", f"wss://localhost:{front.port}", "--scripted", "-")
    assert f"wss://localhost:{front.port}" in str(worker.popen.args)

    with OpenAI(base_url=f"{base}/v1", api_key=empty.key, http_client=DefaultHttpxClient(verify=context)) as client:
        request: dict[str, Any] = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
        long: dict[str, Any] = {"max_tokens": 2000, "extra_body": {"ignore_eos": True}}  # 40 s
        stream = client.chat.completions.create(**request, **long, stream=True)
        for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        supply = empty.get(f"/v1/models/{MODEL}")
        assert supply["free_slots"] < supply["slots"], "held back: it was over before its first word came"
        stream.close()
        whole = client.chat.completions.create(**request, max_tokens=20)
        assert whole.usage and whole.usage.completion_tokens == 20
    too_large = httpx.post(f"{base}/v1/chat/completions", content=b"x" * (9 << 19), verify=context, timeout=60)
    assert too_large.status_code in (401, 413) and "error" in too_large.json()
