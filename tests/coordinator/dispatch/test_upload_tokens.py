import re

from coordinator.dispatch.upload_tokens import offered, token
from coordinator.scheduler.state import JobSpec
from tests.coordinator.dispatch.driver import REQUEST
from tests.coordinator.media.making import FILM, MUSIC, PICTURE
from wire.media import LIMIT_BYTES
from wire.request import Request


def spec(request: Request, secret: str = "secret") -> JobSpec:
    return JobSpec("j", "a", "m", request, 1, upload_secret=secret)


def test_each_attempt_of_each_job_has_a_token_of_its_own() -> None:
    tokens = [token(secret, attempt) for secret in ("a", "b") for attempt in (1, 2)]
    assert len(set(tokens)) == 4
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", each) for each in tokens)


def test_an_attempt_may_upload_as_much_as_what_it_makes_can_be_and_a_chat_nothing() -> None:
    assert offered(spec(REQUEST), 1) is None
    limits = []
    for request in (PICTURE, FILM, MUSIC):
        upload = offered(spec(request), 2)
        assert upload is not None and upload.token == token("secret", 2)
        limits.append(upload.limit_bytes)
    assert limits == [LIMIT_BYTES["image"], LIMIT_BYTES["video"], LIMIT_BYTES["audio"]]
