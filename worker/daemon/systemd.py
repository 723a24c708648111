"""systemd's notify protocol: one datagram to $NOTIFY_SOCKET (sd_notify(3)). Without systemd nothing happens."""

import os
import socket


def notify(state: str) -> None:
    """Tell the service manager, e.g. "READY=1", "WATCHDOG=1", "STATUS=…". Never fails: it is advice."""
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]  # an abstract socket
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
            out.sendto(state.encode(), address)
    except OSError:
        pass
