"""What a worker made, uploaded at any replica."""

from coordinator.cluster.protocol.messages import Counts, MayUpload, Message, Upload, Uploaded
from coordinator.dispatch.effects import Finished, Made
from coordinator.scheduler.state import JobSpec
from tests.coordinator.cluster.town import Town
from tests.coordinator.dispatch.driver import M
from tests.coordinator.media.making import PICTURE, artefact
from wire.media import MediaOffer


def asks(town: Town, at: str, to: str, message: Message) -> list[Message]:
    """What a replica's shell gets when it asks another."""
    replica = town.replicas[at]
    answers: list[Message] = []
    replica.post.ask(town.replicas[to].me, message, 1.0, lambda found, now: answers.extend(found), town.now)
    town.perform(at, replica.post.collect())
    town.settle()
    return answers


def test_what_a_worker_made_may_be_uploaded_at_a_third_replica() -> None:
    town = Town("a", "b", "c")
    painter = MediaOffer(id=M, modes=("generate_image",), max_pixels=4096 * 4096, speed=1.0)
    box = town.box("w", "b", slots=1, media=(painter,))
    job = f"j.0.{town.replicas['a'].me}"
    town.call("a", "submit", JobSpec(job, "client", M, PICTURE, 1, upload_secret="s", blobs={}))
    assert town.has("b") == 1
    token = next(attempt.start.upload.token for attempt in box.jobs.values() if attempt.start.upload)
    assert asks(town, "c", "a", Upload(job, 1, "another's")) == [MayUpload(None)]
    (may,) = asks(town, "c", "a", Upload(job, 1, token))
    assert isinstance(may, MayUpload) and may.spec is not None and may.spec.id == job
    assert asks(town, "c", "a", Uploaded(job, 1, artefact=artefact())) == [Counts(kept=True)]
    assert [type(one) for one in town.told[job][-2:]] == [Made, Finished]
    assert asks(town, "c", "a", Uploaded(job, 1, artefact=artefact())) == [Counts(kept=False)]


def test_whether_a_silent_cell_has_taken_what_was_made_nobody_claims_to_know() -> None:
    """To say no would have the replica that stored it delete what the client is about to be given, and pays for."""
    town = Town("a", "b", "c")
    painter = MediaOffer(id=M, modes=("generate_image",), max_pixels=4096 * 4096, speed=1.0)
    town.box("w", "b", slots=1, media=(painter,))
    job = f"j.0.{town.replicas['a'].me}"
    town.call("a", "submit", JobSpec(job, "client", M, PICTURE, 1, upload_secret="s", blobs={}))
    replica, answers = town.replicas["c"], list[tuple[Message, ...]]()
    asked = Uploaded(job, 1, artefact=artefact())
    replica.post.ask(town.replicas["a"].me, asked, 2.0, lambda found, now: answers.append(found), town.now)
    town.cut = {"b"}
    town.perform("c", replica.post.collect())
    town.settle()
    assert answers == [()]
    town.cut.clear()
    assert asks(town, "c", "a", asked) == [Counts(kept=True)]
