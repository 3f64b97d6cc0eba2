"""The form of `--web.config.file`, which says how TLS, passwords, headers and a rate are set.

It is exporter-toolkit's form (prometheus/exporter-toolkit docs/web-configuration.md).
docs/web-config.md lists the differences.
"""

from __future__ import annotations

import os
import re
import ssl

from vfioguard.serve.web_config.yaml_file import Value, read
from vfioguard.typed import NamedTuple

_TLS = (
    "cert", "key", "client_ca", "cert_file", "key_file", "client_auth_type", "client_ca_file",
    "client_allowed_sans", "min_version", "max_version", "cipher_suites",
    "prefer_server_cipher_suites", "curve_preferences",
)  # fmt: skip
_VERSIONS = {
    "TLS13": ssl.TLSVersion.TLSv1_3,
    "TLS12": ssl.TLSVersion.TLSv1_2,
    "TLS11": ssl.TLSVersion.TLSv1_1,
    "TLS10": ssl.TLSVersion.TLSv1,
}
#: Go's names (crypto/tls.ClientAuthType). None means that Python's ssl cannot do it.
_CLIENT_AUTH = {
    "NoClientCert": ssl.CERT_NONE,
    "RequestClientCert": ssl.CERT_NONE,
    "RequireAnyClientCert": None,
    "RequireClientCert": None,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
#: Go's names (crypto/tls.CipherSuites()), and OpenSSL's. As in Go, those of TLS 1.3 cannot be
#: chosen.
_CIPHERS = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
_CURVES = {
    "CurveP256": "prime256v1",
    "CurveP384": "secp384r1",
    "CurveP521": "secp521r1",
    "X25519": "X25519",
}
#: The headers that may be set, and the values that each may have, as in exporter-toolkit. () means
#: any value.
_HEADERS: dict[str, tuple[str, ...]] = {
    "Strict-Transport-Security": (),
    "X-Content-Type-Options": ("nosniff",),
    "X-Frame-Options": ("deny", "sameorigin"),
    "X-XSS-Protection": (),
    "Content-Security-Policy": (),
}
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")


class TlsConfig(NamedTuple):
    """The `tls_server_config`. Paths are not relative. `ciphers` and `curve` are OpenSSL's names.

    `cert`, `key` and `client_ca` are PEM texts. `ours_first`: the server's order of ciphers counts.
    """

    cert_file: str
    key_file: str
    cert: str
    key: str
    client_auth: ssl.VerifyMode
    client_ca_file: str
    client_ca: str
    allowed_sans: frozenset[str]
    minimum: ssl.TLSVersion
    maximum: ssl.TLSVersion
    ciphers: tuple[str, ...]
    ours_first: bool
    curve: str

    @property
    def files(self) -> tuple[str, ...]:
        """The paths of the files that are read."""
        return tuple(filter(None, (self.cert_file, self.key_file, self.client_ca_file)))


class WebConfig(NamedTuple):
    """The whole file. `users` has bcrypt hashes by name.

    All clients together get one more request each `interval` seconds, up to `burst` at once. 0
    seconds mean no limit.
    """

    tls: TlsConfig | None = None
    users: dict[str, str] = {}  # noqa: RUF012 - nobody changes it
    headers: tuple[tuple[bytes, bytes], ...] = ()
    interval: float = 0.0
    burst: int = 0

    @property
    def protects(self) -> bool:
        """Whether clients must prove who they are, and nobody can overhear them."""
        tls = self.tls
        return tls is not None and (bool(self.users) or tls.client_auth is ssl.CERT_REQUIRED)


def load(path: str) -> WebConfig:
    """Read the file at `path`. Raises `BadFile`. Certificates and keys are not read yet."""
    top = read(path).table(
        ("tls_server_config", "http_server_config", "basic_auth_users", "rate_limit")
    )
    http = top["http_server_config"].table(("http2", "headers"))
    http["http2"].switch(default=True)
    rate = top["rate_limit"].table(("interval", "burst"))
    interval, burst = _duration(rate["interval"]), rate["burst"].number()
    if interval and not burst:
        raise rate["burst"].bad("is 0: no request would be answered")
    return WebConfig(
        tls=_tls(top["tls_server_config"], os.path.dirname(os.path.abspath(path))),
        users={name: _hashed(value) for name, value in top["basic_auth_users"].mapping().items()},
        headers=tuple(_header(name, value) for name, value in http["headers"].mapping().items()),
        interval=interval,
        burst=burst,
    )


def _tls(value: Value, directory: str) -> TlsConfig | None:
    keys = value.table(_TLS)
    names = ("cert_file", "key_file", "client_ca_file")
    files = {name: _file(keys[name], directory) for name in names}
    cert, key, client_ca = (keys[name].text() for name in ("cert", "key", "client_ca"))
    auth = _client_auth(keys, ca=bool(files["client_ca_file"] or client_ca))
    if not any((*files.values(), cert, key, client_ca, keys["client_auth_type"].text())):
        return None
    for inline, name in (cert, "cert"), (key, "key"):
        if not inline and not files[f"{name}_file"]:
            raise value.bad(f"tls_server_config has no {name}_file")
    suites = [(item, item.choice(_CIPHERS)) for item in keys["cipher_suites"].items()]
    minimum = _version(keys["min_version"], "TLS12")
    maximum = _version(keys["max_version"], "TLS13")
    if minimum > maximum:
        raise keys["min_version"].bad("is above max_version")
    return TlsConfig(
        cert_file=files["cert_file"], key_file=files["key_file"], cert=cert, key=key,
        client_auth=auth, client_ca_file=files["client_ca_file"], client_ca=client_ca,
        allowed_sans=_sans(keys["client_allowed_sans"], auth),
        minimum=minimum, maximum=maximum,
        ciphers=tuple(cipher for _, name in suites if (cipher := _CIPHERS[name])),
        ours_first=keys["prefer_server_cipher_suites"].switch(default=True),
        curve=_curve(keys["curve_preferences"]),
    )  # fmt: skip


def _file(value: Value, directory: str) -> str:
    """The path of a file. It may be relative to `directory`, that of the configuration."""
    return os.path.join(directory, name) if (name := value.text()) else ""


def _client_auth(keys: dict[str, Value], *, ca: bool) -> ssl.VerifyMode:
    value = keys["client_auth_type"]
    name = value.choice(_CLIENT_AUTH) or "NoClientCert"
    mode = _CLIENT_AUTH[name]
    if mode is None:
        raise value.bad(
            f"{name} takes a certificate that nobody has signed; use RequireAndVerifyClientCert"
        )
    if ca and name == "NoClientCert":
        raise value.bad("a client CA needs a client_auth_type, such as RequireAndVerifyClientCert")
    if mode is not ssl.CERT_NONE and not ca:
        raise value.bad(f"{name} needs client_ca_file: not every public CA shall let clients in")
    return mode


def _sans(value: Value, auth: ssl.VerifyMode) -> frozenset[str]:
    names = frozenset(item.text() for item in value.items())
    if names and auth is not ssl.CERT_REQUIRED:
        raise value.bad("needs client_auth_type: RequireAndVerifyClientCert")
    return names


def _version(value: Value, default: str) -> ssl.TLSVersion:
    version = _VERSIONS[value.choice(_VERSIONS) or default]
    if version < ssl.TLSVersion.TLSv1_2:
        raise value.bad("TLS before 1.2 is broken (RFC 8996); TLS12 is the least")
    return version


def _curve(value: Value) -> str:
    names = [item.choice(_CURVES) for item in value.items()]
    if len(names) > 1:
        raise value.bad("only one curve can be chosen here; leave it out for OpenSSL's own choice")
    return _CURVES[names[0]] if names else ""


def _hashed(value: Value) -> str:
    hashed = value.text()
    if not _BCRYPT.fullmatch(hashed):
        raise value.bad("is no bcrypt hash ($2y$...); make one with: htpasswd -nBC 10 NAME")
    return hashed


def _header(name: str, value: Value) -> tuple[bytes, bytes]:
    if name not in _HEADERS:
        raise value.bad(f"cannot be set; there are {', '.join(_HEADERS)}")
    text = value.text()
    if text and _HEADERS[name] and text not in _HEADERS[name]:
        raise value.bad(f"is not one of: {', '.join(_HEADERS[name])}")
    if not text.isascii() or not text.isprintable():
        raise value.bad("has characters that no header may have")
    return name.lower().encode(), text.encode()


def _duration(value: Value) -> float:
    """The seconds of a duration in Go's form: 1s, 500ms, 1m30s."""
    text = value.text() or "0"
    parts = _DURATION.findall(text)
    if text != "0" and "".join(map("".join, parts)) != text:
        raise value.bad("is no duration such as 1s or 500ms")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
