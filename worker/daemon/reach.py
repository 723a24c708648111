"""Why the coordinator cannot be reached, in words and with what to do, for the link and for --check."""

import ipaddress
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

_SECURE = {"wss": "ws", "https": "ws", "ws": "wss", "http": "wss"}  # what to try instead
# How OpenSSL names an answer that is no TLS at all: a server's "400 Bad Request", say.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
_CERTIFICATES = {
    "certificate has expired": "Its operator has to renew it; if that was done, look at the clock of this machine.",
    "certificate is not yet valid": "Look at the clock of this machine.",
    "mismatch": "Dial the name that the certificate is made out to.",
    "": "Ask its operator; SSL_CERT_FILE=FILE makes this machine trust an authority of your own.",
}


@dataclass(frozen=True)
class Reason:
    """`remedy` is empty where no better one is known than that of the problem. `final`: so will each other try end."""

    text: str
    remedy: str = ""
    final: bool = False


def loopback(url: str) -> bool:
    """Does it name this very machine? No proxy of the environment gets there."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reason(error: BaseException, url: str) -> Reason:
    """Of an error while connecting to `url`."""
    where = urlsplit(url).netloc
    match error:
        case ssl.SSLCertVerificationError():
            fault = error.verify_message or str(error)
            remedy = next(remedy for part, remedy in _CERTIFICATES.items() if part in fault)
            return Reason(f"the certificate of {where} is not accepted: {fault.rstrip('.')}", remedy)
        case ssl.SSLError() if error.reason in _NO_TLS:
            return Reason(f"{where} answers, but speaks no TLS there", _instead(url))
        case ssl.SSLError():
            return Reason(
                f"no TLS can be agreed on with {where}: {(error.reason or str(error)).replace('_', ' ').lower()}"
            )
        case socket.gaierror():
            return Reason(f"the name {urlsplit(url).hostname} cannot be resolved: {error.strerror}")
        case ConnectionRefusedError():
            return Reason(f"nothing listens at {where}")
        case _:
            return Reason(str(error) or type(error).__name__)


def no_http(url: str) -> Reason:
    """Something answered, and not with HTTP."""
    text = f"{urlsplit(url).netloc} answers, but not with HTTP"
    plain = urlsplit(url).scheme in ("ws", "http")
    return Reason(f"{text}: it may speak TLS", _instead(url)) if plain else Reason(text)


def redirect(url: str, target: str) -> Reason:
    """We follow none: the key would go along. `target` is whatever a stranger wrote; it need be no address."""
    host = urlsplit(url).netloc
    try:
        parts = urlsplit(urljoin(url, target))
        tls = parts.scheme == "https" and parts.hostname == urlsplit(url).hostname
    except ValueError:
        return Reason(f"{host} redirects to {target[:200]}, which is no address")
    if tls:
        text = f"{host} wants TLS: it redirects to {target[:200]}"
        return Reason(text, f"Give --coordinator wss://{parts.netloc}.", final=True)
    remedy = "Is there a page that wants a login first, or is this not the coordinator's own address?"
    return Reason(f"{host} redirects to {target[:200]}", remedy)


def refusal(url: str, status: int, said: str, location: str | None = None) -> Reason | None:
    """Of an HTTP answer; None: it says nothing of the address."""
    if 300 <= status < 400 and location:
        return redirect(url, location)
    if status == 400 and urlsplit(url).scheme in ("ws", "http") and "HTTPS" in said:  # so say nginx and servers in Go
        return Reason(f"{urlsplit(url).netloc} wants TLS (HTTP 400)", _instead(url), final=True)
    return None


def _instead(url: str) -> str:
    parts = urlsplit(url)
    return f"Is it {_SECURE[parts.scheme]}://{parts.netloc}? Give --coordinator so."
