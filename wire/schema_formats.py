"""The formats of texts that a grammar holds an answer to, each said by keywords that the grammar library knows.

They are those of OpenAI's strict mode, and `uri`. The library's own expressions let through a 29 February in any year,
a leap second at any hour, host names of any length and what only looks like an internationalised one. Here a leap
second is written in UTC only, and a host's label with two hyphens in third and fourth place (`xn--...`) not at all:
whether it stands for a name cannot be said by an expression.
"""

from typing import Any

_LONG_MONTHS = "(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
_SHORT_MONTHS = "(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
_LEAP_YEAR = "(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)"
_DATE = f"(?:[0-9]{{4}}-(?:{_LONG_MONTHS}|{_SHORT_MONTHS}|02-(?:0[1-9]|1[0-9]|2[0-8]))|{_LEAP_YEAR}-02-29)"
_HOUR, _FRACTION = "(?:[01][0-9]|2[0-3])", r"(?:\.[0-9]+)?"
_TIME = (
    f"(?:{_HOUR}:[0-5][0-9]:[0-5][0-9]{_FRACTION}(?:[Zz]|[+-]{_HOUR}:[0-5][0-9])|23:59:60{_FRACTION}(?:[Zz]|[+-]00:00))"
)
_HOURS = "T(?:[0-9]+H(?:[0-9]+M(?:[0-9]+S)?)?|[0-9]+M(?:[0-9]+S)?|[0-9]+S)"
_DAYS = "(?:[0-9]+Y(?:[0-9]+M(?:[0-9]+D)?)?|[0-9]+M(?:[0-9]+D)?|[0-9]+D)"

_A, _X = "[A-Za-z0-9]", "[A-Za-z0-9-]"
_LABEL = f"{_A}(?:{_A}|{_X}{_A}|{_X}{_A}{_X}{{0,59}}{_A}|{_X}-{_A}(?:{_X}{{0,58}}{_A})?)?"
_HOSTNAME = rf"{_LABEL}(?:\.{_LABEL})*"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"(?:{_BYTE}\.){{3}}{_BYTE}"
_H16 = "[0-9A-Fa-f]{1,4}"
_LS32 = f"(?:{_H16}:{_H16}|{_IPV4})"
_IPV6_FORMS = [  # RFC 3986, section 3.2.2, in its order
    f"(?:{_H16}:){{6}}{_LS32}",
    f"::(?:{_H16}:){{5}}{_LS32}",
    *(f"(?:(?:{_H16}:){{0,{before}}}{_H16})?::(?:{_H16}:){{{4 - before}}}{_LS32}" for before in range(5)),
    f"(?:(?:{_H16}:){{0,5}}{_H16})?::{_H16}",
    f"(?:(?:{_H16}:){{0,6}}{_H16})?::",
]
_IPV6 = f"(?:{'|'.join(_IPV6_FORMS)})"
_ATOM = "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"

_UNRESERVED = "[A-Za-z0-9._~!$&'()*+,;=-]"  # with the sub-delims of RFC 3986
_ESCAPED = "%[0-9A-Fa-f]{2}"
_PCHAR = f"(?:{_UNRESERVED}|[:@]|{_ESCAPED})"
_HOST = rf"(?:\[(?:{_IPV6}|[vV][0-9A-Fa-f]+\.(?:{_UNRESERVED}|:)+)\]|(?:{_UNRESERVED}|{_ESCAPED})*)"
_AUTHORITY = f"(?:(?:{_UNRESERVED}|:|{_ESCAPED})*@)?{_HOST}(?::[0-9]*)?"
_PATHS = f"(?://{_AUTHORITY}(?:/{_PCHAR}*)*|/(?:{_PCHAR}+(?:/{_PCHAR}*)*)?|{_PCHAR}+(?:/{_PCHAR}*)*)?"
_URI = rf"[A-Za-z][A-Za-z0-9+.-]*:{_PATHS}(?:\?(?:{_PCHAR}|[/?])*)?(?:#(?:{_PCHAR}|[/?])*)?"

_EXPRESSIONS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}[Tt]{_TIME}",
    "duration": f"P(?:{_DAYS}(?:{_HOURS})?|{_HOURS}|[0-9]+W)",  # RFC 3339, appendix A
    "email": rf"{_ATOM}(?:\.{_ATOM})*@(?:{_HOSTNAME}|\[{_IPV4}\])",
    "hostname": _HOSTNAME,
    "ipv4": _IPV4,
    "ipv6": _IPV6,
    "uuid": "[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "uri": _URI,
}
FORMATS: dict[str, dict[str, Any]] = {
    name: {"pattern": f"^(?:{expression})$"} for name, expression in _EXPRESSIONS.items()
}
FORMATS["hostname"]["maxLength"] = 253  # RFC 1035, as text
