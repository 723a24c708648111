"""The expressions of formats; tests/worker/chat/test_schema_suite.py holds them to cases that others wrote."""

import re

import pytest

from wire.schema_formats import FORMATS

CASES = {
    "date": (["2024-02-29", "2000-02-29", "1999-12-31"], ["2023-02-29", "1900-02-29", "2024-04-31", "2024-13-01"]),
    "time": (["08:30:06.28Z", "23:59:60Z", "08:30:06+01:00"], ["22:59:60Z", "24:00:00Z", "08:30:06", "8:30:06Z"]),
    "date-time": (["1990-02-28t15:59:59.1-08:00"], ["1990-02-31T15:59:59Z", "1990-02-28"]),
    "duration": (["P4DT12H30M5S", "P2W", "PT36H"], ["P", "PT", "P1Y2W", "P2D1Y"]),
    "email": (["joe.bloggs@example.com", "a@[127.0.0.1]"], ["2962", ".a@b.c", "a..b@c", "a@b=c"]),
    "hostname": (["a", "www.example.com", "a--b.com", "1-2"], ["-a", "a-", "a..b", "a.", "xn--ok", "a" * 64]),
    "ipv4": (["192.168.0.1"], ["256.1.1.1", "1.2.3", "01.2.3.4"]),
    "ipv6": (["::1", "::", "1:2:3:4:5:6:7:8", "1::d6:192.168.0.1"], ["1:2", ":::", "12345::", "1::2::3", "::1%eth0"]),
    "uuid": (["2eb8aa08-aa98-11ea-b4aa-73b441d16380"], ["2eb8aa08aa9811eab4aa73b441d16380"]),
    "uri": (["http://a.b/c?d#e", "urn:a:b", "ldap://[2001:db8::7]/c"], ["//a/b", "a b:c", "http://a/%6G", "1http://a"]),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_is_what_its_standard_says(name: str) -> None:
    right, wrong = CASES[name]
    for text in right:
        assert re.search(FORMATS[name]["pattern"], text), text
    for text in wrong:
        assert not re.search(FORMATS[name]["pattern"], text), text
