"""Where a request comes from: its address behind the operator's own proxies, and the range that is counted as one.

A header says what its sender likes. So `X-Forwarded-For` is read from the right, as long as the one that wrote the
next part is a proxy that the operator has named.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Networks = tuple[IPv4Network | IPv6Network, ...]
IPV4_BITS, IPV6_BITS = 24, 56  # what one customer of a provider has, or a few


def read_networks(text: str) -> Networks:
    """Addresses and networks between commas: 127.0.0.1, 10.0.0.0/8. Raises ValueError."""
    try:
        return tuple(ip_network(part.strip()) for part in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is no list of addresses such as 127.0.0.1,10.0.0.0/8") from None


def client_address(peer: str, forwarded: str, proxies: Networks) -> str:
    """The nearest address that is none of `proxies`. `peer`: of the connection; `forwarded`: X-Forwarded-For, or ""."""
    known = _address(peer)
    parts = [part.strip() for part in forwarded.split(",")]
    while known is not None and any(known in network for network in proxies) and parts:
        before = _address(parts.pop())
        if before is None:
            break
        known = before
    return str(known) if known is not None else ""


def place_of(address: str) -> str:
    """The range that the address lies in: 203.0.113.0/24, 2001:db8::/56. "": it is no address."""
    known = _address(address)
    if known is None:
        return ""
    bits = IPV4_BITS if known.version == 4 else IPV6_BITS
    return str(ip_network(f"{known}/{bits}", strict=False))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        known = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return known.ipv4_mapped or known if isinstance(known, IPv6Address) else known
