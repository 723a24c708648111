"""Which paths are the SDKs', and which of them are not served."""

import pytest

from coordinator.sogni.paths import is_theirs, not_offered


def test_served_paths_of_theirs_are_known() -> None:
    for path in ("/v1/account/me", "/v4/account/balance", "/api/v1/job-llm/estimate/spark/m/1/2"):
        assert is_theirs(path)
        assert not is_theirs(path.replace("v1", "v9").replace("v4", "v9"))
    assert not is_theirs("/v1/account")
    assert not is_theirs("/v1/chat/completions")


@pytest.mark.parametrize(
    ("path", "word"),
    [
        ("/v1/chat/runs", "chat.hosted"),
        ("/v1/chat/runs/abc/events/stream", "chat.hosted"),
        ("/v1/creative-agent/tools/execute", "chat.hosted"),
        ("/v1/account/login", "API key"),
        ("/v1/account/refresh-token", "API key"),
        ("/v2/wallet/balance", "wallets"),
        ("/v3/account/token/deposit", "wallets"),
        ("/v3/account/reward/claim", "bonus"),
        ("/v1/subscriptions/status", "subscriptions"),
        ("/v1/projects/1", "/v1/images/generations"),
        ("/v1/image/upload", "/v1/images/generations"),
        ("/api/v1/models/list", "/v1/images/generations"),
        ("/v1/loras/comfy", "/v1/images/generations"),
        ("/v1/leaderboard/", "nothing of the kind"),
    ],
)
def test_what_is_not_offered_is_said_with_what_is(path: str, word: str) -> None:
    assert word in not_offered(path)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/models", "/v1/images/generations", "/v1/media", "/x"])
def test_other_paths_are_none_of_theirs(path: str) -> None:
    assert not_offered(path) == ""
