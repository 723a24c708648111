"""The door for browsers; tests/coordinator/api/test_identity.py attacks it."""

from coordinator.api.session_gate import cookie
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Start


def test_a_cookie_is_found_among_others_and_nonsense_has_none() -> None:
    assert cookie("a=1; supernet-session=x.y; b=2", "supernet-session") == "x.y"
    for header in ("", "supernet-session", ";;;", "=x", "other=supernet-session"):
        assert cookie(header, "supernet-session") == ""


async def test_what_is_below_the_door_is_the_api_and_nothing_else(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        assert (await browser.ask("GET", "models")).status_code == 401
        await browser.sign_up()
        assert (await browser.ask("GET", "models")).status_code == 200
        assert (await browser.ask("GET", "nothing")).status_code == 404
        sent = {"x-csrf-token": browser.csrf}
        assert (await browser.http.get("/session/metrics", headers=sent)).status_code == 404
        key = await browser.ask("GET", "account", authorization="Bearer nonsense")
        assert key.status_code == 200  # the session counts there, whatever else is sent


def test_a_cookie_is_found_beside_those_of_other_programs_whatever_they_are() -> None:
    for other in ('a={"x":1}', "x", "é=1", "=", '"', "a=" + "b" * 5000):
        assert cookie(f"{other}; supernet-session=x.y", "supernet-session") == "x.y"
        assert cookie(f"supernet-session=x.y; {other}", "supernet-session") == "x.y"
