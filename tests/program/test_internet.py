import pytest

from program.internet import addresses, public


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "64:ff9b::8.8.8.8", "192.88.98.1"],
)
def test_addresses_of_the_internet(address: str) -> None:
    assert public(address)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254"),
        *("100.64.0.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
        *("192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.0.0.8"),
        *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12:3456::1", "fec0::1", "ff02::1", "2001:db8::1"),
        *("::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::10.0.0.1", "::8.8.8.8"),
        *("64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "64:ff9b::7f00:1", "64:ff9b:1::8.8.8.8"),
        *("2002:a00:1::", "2002:808:808::1", "2001:0:808:808::1", "100::1", "5f00::1", "fd00:ec2::254"),
    ],
)
def test_addresses_of_a_network_behind_it(address: str) -> None:
    assert not public(address)


def test_a_name_is_no_address() -> None:
    with pytest.raises(ValueError, match="localhost"):
        public("localhost")


def test_a_host_has_the_addresses_that_the_system_knows() -> None:
    assert addresses("127.0.0.1") == ["127.0.0.1"] and addresses("::1") == ["::1"]
    assert not any(public(address) for address in addresses("localhost"))
