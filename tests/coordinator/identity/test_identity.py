"""What browsers are known by; tests/coordinator/api/test_identity.py has the rest, over real sockets."""

from coordinator.clock import now_ms
from coordinator.identity.sessions import IDLE_MS, KEPT_MS
from coordinator.store.tables import keys
from tests.coordinator.api.browser import Browser
from tests.coordinator.conftest import Start, until


async def test_a_session_in_use_is_renewed_once_a_day(start_coordinator: Start) -> None:
    async with start_coordinator(signup="open") as coordinator, Browser(coordinator) as browser:
        await browser.sign_up()
        services = coordinator.running.services
        token = browser.http.cookies["supernet-session"]
        found = await services.identity.session(token)
        assert found is not None
        before = found[1].expires_ms
        found = await services.identity.session(token)
        assert found is not None and found[1].expires_ms == before

        def age(database: object) -> None:
            soon = now_ms() + IDLE_MS - KEPT_MS - 1000
            with coordinator.running.store.database.transaction() as connection:
                connection.execute(keys.update().where(keys.c.id == found[1].key).values(expires_ms=soon))
                connection.exec_driver_sql("UPDATE revision SET number = number + 1")

        await services.accounts.change(age)
        await services.identity.session(token)
        again = await services.identity.session(token)
        assert again is not None and before is not None and (again[1].expires_ms or 0) >= before
        assert await services.identity.session("forged.token") is None
        await browser.sign_out()
        await until(lambda: not services.accounts.in_use(again[1].key))
        assert await services.identity.session(token) is None
