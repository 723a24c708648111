from hashlib import sha256

from coordinator.cluster.protocol.messages import MAX_FILES_BYTES, crosses
from coordinator.scheduler.state import JobSpec
from wire.chat import ChatRequest, Message

REQUEST = ChatRequest(messages=(Message(role="user", content="hello"),), max_tokens=1000)


def spec(*files: bytes) -> JobSpec:
    return JobSpec("j.0.0123abcd", "a", "m", REQUEST, 7, blobs={sha256(data).hexdigest(): data for data in files})


def test_a_job_crosses_with_files_that_the_bus_can_carry() -> None:
    assert crosses(spec())
    assert crosses(spec(bytes(MAX_FILES_BYTES // 2), b"x" * (MAX_FILES_BYTES // 2)))
    assert not crosses(spec(bytes(MAX_FILES_BYTES // 2), b"x" * (MAX_FILES_BYTES // 2 + 1)))
