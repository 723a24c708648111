"""`alert test`: does what the network would tell its operator arrive?"""

import asyncio
import secrets
import time

from coordinator.config import Config
from coordinator.store.errors import StoreError
from program.alert_formats import written
from program.alerts import Alert
from program.post import NotDelivered, post, read_target
from program.secret_files import read_secret


def send_test(config: Config) -> str:
    """Send a message to --alert-url; returns what became of it. Raises StoreError, whose words are for the operator."""
    if config.alert_url is None:
        raise StoreError("there is nobody to tell: give --alert-url, as to `serve`")
    try:
        secret = read_secret(config.alert_secret) if config.alert_secret else None
    except ValueError as error:
        raise StoreError(f"--alert-secret: {error}") from None
    now_s, text = int(time.time()), "This is a test. Messages come here when something is wrong, and when it is over."
    name = f"msg_{secrets.token_hex(12)}"
    alert = Alert(name, "test", "", "info", False, f"{config.replica_name} can reach you here", text, now_s)
    made = written(config.alert_kind, alert, secret, now_s)
    try:
        status = asyncio.run(post(read_target(config.alert_url), made.headers, made.body))
    except NotDelivered as error:
        raise StoreError(f"it did not arrive: {error}") from None
    if not 200 <= status < 300:
        raise StoreError(f"it was refused with status {status}")
    return f"it arrived (status {status})"
