"""Why the coordinator cannot be reached, in words and with what to do, for the link and for --check."""

import ipaddress
import socket
import ssl
from urllib.parse import urljoin, urlsplit

from worker.daemon.reason import Reason

_SECURE = {"wss": "ws", "https": "ws", "ws": "wss", "http": "wss"}  # what to try instead
# How OpenSSL names an answer that is no TLS at all: a server's "400 Bad Request", say.
_NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE")
_CERTIFICATES = {
    "certificate has expired": "Its operator has to renew it; if that was done, look at the clock of this machine.",
    "certificate is not yet valid": "Look at the clock of this machine.",
    "mismatch": "Dial the name that the certificate is made out to.",
    "": "Ask its operator; SSL_CERT_FILE=FILE makes this machine trust an authority of your own.",
}


def loopback(url: str) -> bool:
    """Return True for an address of this very machine, which no proxy of the environment can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reason(error: BaseException, url: str) -> Reason:
    """Explain an error that was raised while connecting to `url`."""
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
    """Explain an answer that is not HTTP."""
    text = f"{urlsplit(url).netloc} answers, but not with HTTP"
    plain = urlsplit(url).scheme in ("ws", "http")
    return Reason(f"{text}: it may speak TLS", _instead(url)) if plain else Reason(text)


def redirect(url: str, target: str) -> Reason:
    """Explain a redirect. We follow none: the key would go along. `target` was written by a stranger, and may be no
    address."""
    host = urlsplit(url).netloc
    try:
        parts = urlsplit(urljoin(url, target))
        tls = parts.scheme == "https" and parts.hostname == urlsplit(url).hostname
        port = "" if parts.port is None else f":{parts.port}"
    except ValueError:
        return Reason(f"{host} redirects to what is no address", said=target)
    if tls:
        remedy = f"Give --coordinator wss://{_host(url)}{port}."
        return Reason(f"{host} wants TLS: it redirects to https", remedy, final=True, said=target)
    remedy = "Is there a page that wants a login first, or is this not the coordinator's own address?"
    return Reason(f"{host} redirects elsewhere", remedy, said=target)


def refusal(url: str, status: int, said: str, location: str | None = None) -> Reason | None:
    """Explain an HTTP answer; None: it says nothing about the address."""
    if 300 <= status < 400 and location:
        return redirect(url, location)
    if status == 400 and urlsplit(url).scheme in ("ws", "http") and "HTTPS" in said:  # so say nginx and servers in Go
        return Reason(f"{urlsplit(url).netloc} wants TLS (HTTP 400)", _instead(url), final=True)
    return None


def _host(url: str) -> str:
    return urlsplit(url).netloc.removesuffix(f":{urlsplit(url).port}")


def _instead(url: str) -> str:
    parts = urlsplit(url)
    return f"Is it {_SECURE[parts.scheme]}://{parts.netloc}? Give --coordinator so."
