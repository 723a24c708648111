"""What a conversation has for its tools: the handles of the things of ours that it has links to."""

from coordinator.media.handles import Handles
from coordinator.request import ChatJob


def handed(job: ChatJob, base: str) -> Handles:
    """The handles of all that the conversation has, in its order. `base`: the address of our links."""
    handles = Handles(base)
    for message in job.request.messages:
        handles.add_links(message.content)
    return handles
