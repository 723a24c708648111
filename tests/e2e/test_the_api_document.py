"""schemathesis against a running network: bodies that the document allows and bodies that it does not, and every answer
is one that the document names, of the shape that it names."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from coordinator.api.pages import OPENAPI
from tools.local_network import Network
from tools.seeing_network import SeeingNetwork

pytest_plugins = ["schemathesis.pytest.plugin"]  # off for all others: it takes a second of every start

EXAMPLES = 10  # an operation; schemathesis covers each bound and each kind of every field besides
# What a request may be refused for though each of its fields is what it should be: the document says so in words.
TOGETHER = re.compile(
    "are the same parameter|it needs '|no tool in 'tools' has this name|another tool has the same name"
    "|needs at least one (function|tool) in 'tools'|With those of 'messages' there are"
    "|number that is out of range|levels deep"
    "|it holds nothing that can be read|cannot think"
    "|parts are not accepted here"  # of a model that does not take them
    "|the last message is none of the assistant's|goes with 'continue_final_message' alone"
    r"|Missing required parameter: 'input\[\d+\]\.id'"  # where there is no `call_id` either
    "|send the file itself, as 'data:|Pictures are JPEG|not valid base64|it holds no bytes"
    "|expected a data URI, or a link|expected a PNG, JPEG or WebP picture"
    "|only the last message can be continued"
    "|give 'hours' or 'days', not both|Missing 'gpu_gb': the memory of the card"  # where 'ram_gb' is given alone
    "|Content-Type is none of those that are kept"  # of a form's part: that stands nowhere in a schema
)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    """A coordinator, and a worker that says one word, of a picture too."""
    folder = tmp_path_factory.mktemp("document")
    script = folder / "script.json"
    script.write_text(json.dumps([{"when": "\n", "say": "hello"}]))
    network = SeeingNetwork(folder, Path("none"), context=2**20)
    try:
        network.start_coordinator()
        network.start_worker("--scripted", str(script), "--scripted-vision", "--context", str(2**20))
        yield network
    finally:
        network.close()


# Not what changes an account: the keys of this very run are at stake. Nor the events of the network, which never end.
described = schemathesis.openapi.from_dict(json.loads(OPENAPI)).exclude(path_regex="/v1/account/|/v1/network/events")


def nobody_draws(response: schemathesis.Response) -> bool:
    """Whether that is the answer: this network has no pipeline for media, so there is no other to a proper request."""
    return response.status_code == 503 and response.json()["error"]["code"] == "no_worker"


# Films and sounds are no bodies that it can make up: tests/coordinator/api/test_media.py sends some.
@pytest.mark.filterwarnings("ignore:Skipped test cases with unsupported payload media types")
@described.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_answer_is_one_that_the_document_names(case: schemathesis.Case[Any], network: Network) -> None:
    headers = {"Authorization": f"Bearer {network.key}"}
    with requests.Session() as session:
        session.trust_env = False
        response = case.call(base_url=network.url, session=session, headers=headers, timeout=60)
    excluded: list[Any] = [positive_data_acceptance, *([not_a_server_error] if nobody_draws(response) else [])]
    case.validate_response(response, excluded_checks=excluded)
    allowed = case.meta is not None and case.meta.generation.mode is GenerationMode.POSITIVE
    if allowed and response.status_code == 400:
        assert TOGETHER.search(response.json()["error"]["message"]), response.text
