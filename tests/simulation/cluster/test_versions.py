"""The next version says more at every place where this one must pass it over, and this one reads what it knows."""

import json

from coordinator.cluster.protocol.codec import decode, encode
from coordinator.cluster.protocol.envelope import Envelope, pack, unpack
from coordinator.cluster.protocol.messages import Events
from tests.coordinator.cluster.samples import JOB, delta, placed
from tools.simulation.cluster.versions import NEW, newer


def test_each_event_says_more_and_is_read_as_it_was() -> None:
    events = Events(((JOB, 1, 0, placed()), (JOB, 1, 1, delta("ab"))))
    said = unpack(newer(pack(Envelope("0000000b", (encode(events),)))))
    assert said is not None
    content = json.loads(said.messages[0].partition(b"\n")[2])
    assert all(NEW.items() <= record.items() for record in (content, *(event for *_, event in content["items"])))
    assert decode(said.messages[0]) == events
