"""Makes the SSL context that `tls_server_config` describes."""

from __future__ import annotations

import contextlib
import os
import ssl
from collections.abc import Generator

from vfioguard.serve.web_config.form import TlsConfig
from vfioguard.serve.web_config.yaml_file import BadFile


def context(config: TlsConfig) -> ssl.SSLContext:
    """The context of `config`. Reads certificates and keys. Raises `BadFile`."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = config.minimum
    tls.maximum_version = config.maximum
    tls.set_alpn_protocols(["http/1.1"])
    tls.options |= ssl.OP_NO_RENEGOTIATION
    if config.ours_first:
        tls.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        tls.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    if config.ciphers:
        tls.set_ciphers(":".join(config.ciphers))
    if config.curve:
        # Python 3.11.2 of Debian 12 asks for the curve's EC_KEY. X25519 has none (cpython
        # gh-77063).
        with _explained(f"curve_preferences: {config.curve} cannot be chosen with this Python"):
            tls.set_ecdh_curve(config.curve)
    _identify(tls, config)
    if config.client_auth is not ssl.CERT_NONE:
        _ask_clients(tls, config)
    return tls


def _identify(tls: ssl.SSLContext, config: TlsConfig) -> None:
    what = config.cert_file or "cert"
    with (
        _named(config.cert_file, config.cert) as cert,
        _named(config.key_file, config.key) as key,
        _explained(f"{what} and {config.key_file or 'key'}"),
    ):
        _readable(config)
        tls.load_cert_chain(cert, key, _no_password)


def _ask_clients(tls: ssl.SSLContext, config: TlsConfig) -> None:
    tls.verify_mode = config.client_auth
    with _explained(config.client_ca_file or "client_ca"):
        if config.client_ca_file:
            tls.load_verify_locations(cafile=config.client_ca_file)
        else:
            tls.load_verify_locations(cadata=config.client_ca)


def _readable(config: TlsConfig) -> None:
    """Raise `BadFile` for a file that cannot be read. OpenSSL would not say which file it is."""
    for path in config.files:
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise BadFile(f"{path}: {error.strerror}") from error


def _no_password() -> str:
    raise ValueError("the key is encrypted, and there is nobody to ask for its password")


@contextlib.contextmanager
def _named(path: str, text: str) -> Generator[str]:
    """The path of a file for OpenSSL. Without `path` it is a file in memory that holds `text`."""
    if path:
        yield path
        return
    number = os.memfd_create("pem", os.MFD_CLOEXEC)
    try:
        os.write(number, text.encode())
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


@contextlib.contextmanager
def _explained(what: str) -> Generator[None]:
    try:
        yield
    except ssl.SSLError as error:
        reason = (error.reason or "no PEM").replace("_", " ").lower()
        raise BadFile(f"{what}: {reason}") from error
    except (OSError, ValueError) as error:
        raise BadFile(f"{what}: {error}") from error
