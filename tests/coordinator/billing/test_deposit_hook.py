"""A payment service is believed by its signature, and by nothing else."""

import base64

import pytest

from coordinator.billing.deposit_hook import Signed, read_headers, verify
from wire.errors import ErrorCode, SupernetError

# The example of the standard's own specification and libraries.
SECRET = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
ID, STAMP = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
BODY, SIGNATURE = b'{"test": 2432232314}', "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": ID, "webhook-timestamp": STAMP, "webhook-signature": SIGNATURE}


def test_the_example_of_the_standard_is_right() -> None:
    verify(SECRET, read_headers(HEADERS, 1614265331.0), BODY)
    both = read_headers(HEADERS | {"webhook-signature": f"v1,AAAA {SIGNATURE}"}, 1614265331.0)
    verify(SECRET, both, BODY)


@pytest.mark.parametrize(
    "signed",
    [
        Signed(ID, STAMP, ("",)),
        Signed(ID, STAMP, (SIGNATURE.replace("v1", "v1a"),)),
        Signed(ID, STAMP, ("v1,é",)),
        Signed("msg_other", STAMP, (SIGNATURE,)),
        Signed(ID, "1614265331", (SIGNATURE,)),
    ],
)
def test_another_id_time_or_signature_is_wrong(signed: Signed) -> None:
    with pytest.raises(SupernetError) as caught:
        verify(SECRET, signed, BODY)
    assert caught.value.code is ErrorCode.PERMISSION_DENIED


def test_another_body_is_wrong() -> None:
    with pytest.raises(SupernetError):
        verify(SECRET, read_headers(HEADERS, 1614265331.0), BODY + b" ")


@pytest.mark.parametrize(
    ("headers", "now_s"),
    [
        ({}, 1614265331.0),
        (HEADERS | {"webhook-id": "a b"}, 1614265331.0),
        (HEADERS | {"webhook-id": "x" * 129}, 1614265331.0),
        (HEADERS | {"webhook-timestamp": "²"}, 1614265331.0),
        (HEADERS | {"webhook-timestamp": "9" * 13}, 1614265331.0),
        (HEADERS, 1614265331.0 + 300),
        (HEADERS, 1614265329.0 - 300),
    ],
)
def test_headers_that_are_none_or_of_another_time_are_refused(headers: dict[str, str], now_s: float) -> None:
    with pytest.raises(SupernetError) as caught:
        read_headers(headers, now_s)
    assert caught.value.code is ErrorCode.PERMISSION_DENIED
