"""An operator tries the address before it is needed."""

from pathlib import Path

import pytest

from coordinator.cli.alerting import send_test
from coordinator.config import Config
from coordinator.store.errors import StoreError
from tests.fakes.receiver import receiving, status


def test_a_test_arrives_or_says_why_not(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="--alert-url"):
        send_test(Config())
    with pytest.raises(StoreError, match="--alert-secret: cannot read"):
        send_test(Config(alert_url="http://127.0.0.1:9/", alert_secret=tmp_path / "none"))
    with receiving() as here:
        assert send_test(Config(alert_url=here.url, alert_kind="ntfy")) == "it arrived (status 200)"
        here.answer = status(403)
        with pytest.raises(StoreError, match="refused with status 403"):
            send_test(Config(alert_url=here.url))
    with pytest.raises(StoreError, match="did not arrive: it could not be reached"):
        send_test(Config(alert_url=here.url))
    assert here.got[0].body.startswith(b"This is a test.")
