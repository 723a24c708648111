"""Which addresses are of the internet at large, and which lie in a network behind it: a home's, a firm's, a cloud's."""

import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_PROTOCOLS = IPv4Network("192.0.0.0/24")  # older versions of Python call half of it global
_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # an IPv4 address in its last 32 bits; 64:ff9b:1::/48 is a network's own affair


def public(address: str) -> bool:
    """Return whether packets to this IP address leave for the internet. Raises ValueError for what is no IP address.

    An address that NAT64 leads to is judged by the IPv4 address in it: in a network without IPv4 that is the way to
    all of the older internet. Other wrappings of IPv4 (mapped, compatible, 6to4, Teredo) no name has any more, unless
    to get past a check like this one.
    """
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address) and ip in _NAT64:
        ip = IPv4Address(int(ip) & 0xFFFFFFFF)
    if isinstance(ip, IPv6Address) and (ip not in _GLOBAL_UNICAST or ip.sixtofour or ip.teredo):
        return False
    return ip.is_global and not ip.is_multicast and ip not in _PROTOCOLS


def addresses(host: str) -> list[str]:
    """Return the IP addresses that the system knows of a host. Raises OSError."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
