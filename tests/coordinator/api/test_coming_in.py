"""What all ways in share."""

from coordinator.api.coming_in import PROVIDER, ComingIn
from coordinator.api.session_gate import CHALLENGE_S, PROVIDER_S
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Start


async def test_each_question_has_its_own_cookie_and_its_own_time(start_coordinator: Start) -> None:
    async with start_coordinator(public_url="https://net.example") as coordinator:
        way = ComingIn(coordinator.running.services.identity)
        assert way._question(PROVIDER) == ("__Host-supernet-provider", PROVIDER_S)
        assert way._question("signin") == ("__Secure-supernet-challenge", CHALLENGE_S)


async def test_who_has_come_in_carries_no_question_on(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        signed_up = await browser.sign_up()
        dropped = [text for text in signed_up.headers.get_list("set-cookie") if "Max-Age=0" in text]
        assert {text.partition("=")[0] for text in dropped} == {"supernet-challenge", "supernet-provider"}
