"""A real S3 server with a bucket: SeaweedFS, whose program comes as a Python package."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from tools.free_port import free_port

WEED = Path(sys.executable).parent / "weed"
START_S = 60.0
KEY, SECRET = "test-key", "test-secret"


@contextmanager
def bucket(folder: Path) -> Iterator[dict[str, str]]:
    """The variables under which a client finds the server; its bucket is `media`."""
    rights = ["Admin", "Read", "Write", "List", "Tagging"]
    identity = {"name": "test", "credentials": [{"accessKey": KEY, "secretKey": SECRET}], "actions": rights}
    config, data = folder / "s3.json", folder / "data"
    config.write_text(json.dumps({"identities": [identity]}))
    data.mkdir()
    master, volume, filer, s3 = (free_port() for _ in range(4))
    ports = (f"-master.port={master}", f"-volume.port={volume}", f"-filer.port={filer}", f"-s3.port={s3}")
    local = ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={data}", "-master.volumeSizeLimitMB=64")
    command = (str(WEED), "server", *local, *ports, "-filer", "-s3", f"-s3.config={config}")
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=quiet, stderr=quiet, cwd=folder, start_new_session=True) as process:
        try:
            endpoint = f"http://127.0.0.1:{s3}"
            _make_bucket(endpoint)
            names = ("AWS_ENDPOINT", "AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
            yield dict(zip(names, (endpoint, "us-east-1", KEY, SECRET), strict=True))
        finally:
            process.kill()


def _make_bucket(endpoint: str) -> None:
    """Make the bucket, as soon as the server lets us, by a signed PUT; and wait until it takes an object."""
    store = S3Store(
        "media",
        endpoint=endpoint,
        region="us-east-1",
        access_key_id=KEY,
        secret_access_key=SECRET,
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )
    deadline = time.monotonic() + START_S
    while True:
        try:
            link = obstore.sign(store, "PUT", "", timedelta(minutes=5))
            httpx.put(link)
            obstore.put(store, "probe", b"x")
            obstore.delete(store, "probe")
            return
        except (httpx.HTTPError, BaseError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
