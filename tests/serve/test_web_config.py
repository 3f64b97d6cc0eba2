"""The file of --web.config.file, held against Prometheus's own reader of it (promtool)."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from tests.serve.certificates import Certificates
from vfioguard.serve.web_config.form import load
from vfioguard.serve.web_config.tls import context
from vfioguard.serve.web_config.yaml_file import BadFile

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
GOOD = [
    "",
    "# nothing\n",
    f"basic_auth_users:\n  admin: {HASH}\n  'o t h e r': '{HASH}'\n",
    TLS,
    f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n",
    f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n",
    f"{TLS}  client_auth_type: NoClientCert\n",
    f"{TLS}  client_auth_type: RequestClientCert\n",
    f"{TLS}  min_version: TLS12\n  max_version: TLS13\n  prefer_server_cipher_suites: false\n",
    f"{TLS}  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256]\n",
    f"{TLS}  curve_preferences: [CurveP256]\n",
    "http_server_config:\n  http2: false\n",
    "http_server_config:\n  headers:\n    X-Frame-Options: deny\n    X-XSS-Protection:\n",
    "http_server_config:\n  http2: true\n  headers:\n    Strict-Transport-Security: max-age=3\n",
]  # fmt: skip
BAD = [
    ("tls_server_confg: {}\n", ":1: tls_server_confg: no such key; did you mean tls_server_config"),
    (f"{TLS}  cert_fle: x\n", ":4: cert_fle: no such key; did you mean cert_file"),
    (f"{TLS}  cert_file: x\n", ":4: cert_file: is there twice"),
    (f"{TLS}  client_ca_file: ca.pem\n", "a client CA needs a client_auth_type"),
    (f"{TLS}  client_auth_type: requireAndVerify\n", ":4: client_auth_type: no 'requireAndVerify'"),
    (f"{TLS}  min_version: TLS14\n", ":4: min_version: no 'TLS14'"),
    (f"{TLS}  cipher_suites: [TLS_NONE]\n", ":4: cipher_suites: no 'TLS_NONE'"),
    (f"{TLS}  curve_preferences: [P-256]\n", ":4: curve_preferences: no 'P-256'"),
    ("tls_server_config:\n  cert_file: server.pem\n", "tls_server_config has no key_file"),
    ("tls_server_config:\n  key_file: server.key\n", "tls_server_config has no cert_file"),
    ("tls_server_config:\n  cert_file: no.pem\n  key_file: server.key\n", "no.pem: No such file"),
    ("tls_server_config:\n  cert_file: server.pem\n  key_file: client.key\n", "mismatch"),
    ("basic_auth_users:\n  admin: secret\n", ":2: admin: is no bcrypt hash"),
    ("basic_auth_users: [x]\n", ":1: basic_auth_users: is no mapping"),
    ("http_server_config:\n  http2: maybe\n", ":2: http2: is neither true nor false"),
    ("http_server_config:\n  headers:\n    Server: x\n", ":3: Server: cannot be set"),
    ("http_server_config:\n  headers:\n    X-Frame-Options: all\n", ":3: X-Frame-Options: is not"),
    ("a: [\n", ":2: "),
]  # fmt: skip
#: What exporter-toolkit takes and we refuse, with the reason; docs/web-config.md says so.
STRICTER = [
    (f"{TLS}  min_version: TLS10\n", "TLS before 1.2 is broken"),
    (f"{TLS}  max_version: TLS11\n", "TLS before 1.2 is broken"),
    (f"{TLS}  client_auth_type: RequireAnyClientCert\n", "a certificate that nobody has signed"),
    (f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n", "needs client_ca_file"),
    (f"{TLS}  curve_preferences: [CurveP256, X25519]\n", "only one curve"),
    (f"{TLS}  min_version: TLS13\n  max_version: TLS12\n", "is above max_version"),
]  # fmt: skip


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Certificates(tmp_path_factory.mktemp("web")).directory


def ours(path: Path) -> str:
    """What we say of it; nothing where it is good."""
    try:
        config = load(str(path))
        if config.tls is not None:
            context(config.tls)
    except BadFile as error:
        return str(error)
    return ""


def theirs(path: Path) -> bool:
    """Whether it is good to Prometheus."""
    promtool = shutil.which("promtool")
    assert promtool is not None, "promtool is missing: apt-get install prometheus"
    command = [promtool, "check", "web-config", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("text", GOOD)
def test_what_prometheus_takes_is_taken(directory: Path, text: str) -> None:
    path = directory / "web.yml"
    path.write_text(text)
    assert theirs(path)
    assert ours(path) == ""


# Debian 12's Python cannot choose X25519; no Python can choose this one.
def test_a_curve_that_this_python_cannot_choose_is_refused_in_one_line(directory: Path) -> None:
    (directory / "web.yml").write_text(TLS)
    config = load(str(directory / "web.yml")).tls
    assert config is not None
    with pytest.raises(BadFile, match="ED25519 cannot be chosen with this Python: "):
        context(config._replace(curve="ED25519"))


@pytest.mark.parametrize(("text", "why"), BAD)
def test_what_prometheus_refuses_is_refused_in_one_line(
    directory: Path, text: str, why: str
) -> None:
    path = directory / "web.yml"
    path.write_text(text)
    assert not theirs(path)
    assert why in ours(path)
    assert "\n" not in ours(path)


@pytest.mark.parametrize(("text", "why"), STRICTER)
def test_what_would_be_weaker_than_it_looks_is_refused(
    directory: Path, text: str, why: str
) -> None:
    path = directory / "web.yml"
    path.write_text(text)
    assert theirs(path)
    assert why in ours(path)


@pytest.mark.parametrize(
    ("text", "protects"),
    [
        (TLS, False),
        (f"basic_auth_users:\n  admin: {HASH}\n", False),
        (f"{TLS}basic_auth_users:\n  admin: {HASH}\n", True),
        (f"{TLS}  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n", True),
        (f"{TLS}  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n", False),
    ],
)
def test_only_tls_together_with_knowing_who_it_is_protects(
    directory: Path, text: str, protects: bool
) -> None:
    path = directory / "web.yml"
    path.write_text(text)
    assert load(str(path)).protects is protects


def test_what_newer_toolkits_have_is_understood(directory: Path) -> None:
    path = directory / "web.yml"
    texts = {name: (directory / name).read_text() for name in ("server.pem", "server.key")}
    inline = "".join(
        f"  {key}: |\n" + "".join(f"    {line}\n" for line in texts[name].splitlines())
        for key, name in (("cert", "server.pem"), ("key", "server.key"))
    )
    more = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"
    more += "  client_allowed_sans: [host1.example]\nrate_limit:\n  interval: 1m30.5s\n  burst: 3\n"
    path.write_text(f"tls_server_config:\n{inline}{more}")
    config = load(str(path))
    assert (config.interval, config.burst) == (90.5, 3)
    assert config.tls is not None
    assert config.tls.allowed_sans == {"host1.example"}
    found = context(config.tls)
    assert found.minimum_version is ssl.TLSVersion.TLSv1_2
    assert found.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rate_limit:\n  interval: 5\n  burst: 1\n", ":2: interval: is no duration"),
        ("rate_limit:\n  interval: 1s\n", "no request would be answered"),
        ("rate_limit:\n  burst: -1\n", ":2: burst: is no number"),
        (f"{TLS}  client_allowed_sans: [x]\n", "needs client_auth_type"),
    ],
)
def test_what_newer_toolkits_have_is_checked(directory: Path, text: str, why: str) -> None:
    path = directory / "web.yml"
    path.write_text(text)
    assert why in ours(path)
