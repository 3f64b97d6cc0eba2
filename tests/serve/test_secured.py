"""A --web.config.file at work, asked with curl and openssl, and what happens when it changes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import bcrypt
import pytest

from tests.serve.certificates import Certificates
from tests.serve.serving import Clock
from tests.serve.test_daemon import ALLOWED, REPOSITORY, Daemon, curl, daemon
from tests.support.commands import SERVE
from vfioguard.serve.web_config.in_force import Secured
from vfioguard.serve.web_config.yaml_file import BadFile

TLS = "tls_server_config:\n  cert_file: server.pem\n  key_file: server.key\n"
CLIENTS = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


def users(**passwords: str) -> str:
    hashed = {
        name: bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
        for name, password in passwords.items()
    }
    return "basic_auth_users:\n" + "".join(f"  {n}: {one}\n" for n, one in hashed.items())


def write(made: Certificates, text: str) -> str:
    path = made.directory / "web.yml"
    path.write_text(text)
    return str(path)


def port_of(running: Daemon) -> str:
    return running.url.rpartition(":")[2]


def hello(port: str, *options: str) -> subprocess.CompletedProcess[str]:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    )


def test_over_tcp_a_user_and_tls_are_needed_and_over_the_socket_file_neither(
    made: Certificates, tmp_path: Path
) -> None:
    path = write(made, TLS + users(admin="secret"))
    unix = ("--web.listen-address", f"unix:{tmp_path}/s", "--web.access-log")
    with daemon(ALLOWED, "--web.config.file", path, *unix, listen="0.0.0.0:0") as running:
        running.wait_for("17 allowed of 17")
        port = port_of(running)
        url, ca = f"https://localhost:{port}/-/healthy", f"{made.directory}/ca.pem"
        assert curl("--cacert", ca, "-u", "admin:secret", url) == (0, "healthy\n")
        assert curl("--cacert", ca, "-u", "admin:wrong", url)[0] == 22
        assert curl("--cacert", ca, url)[0] == 22
        assert curl("-u", "admin:secret", url)[0] == 60  # who does not know the CA
        assert curl(f"http://localhost:{port}/-/healthy")[0] != 0
        assert curl("--unix-socket", f"{tmp_path}/s", "http://x/-/healthy") == (0, "healthy\n")
        old = hello(port, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
        assert "Cipher is (NONE)" in old.stdout
        new = hello(port, "-tls1_3", "-alpn", "h2,http/1.1")
        assert "ALPN protocol: http/1.1" in new.stdout
        assert running.stop() == 0
    log = "".join(running.log)
    assert 'user=admin "GET /-/healthy" 200' in log
    assert f'uid={os.getuid()} gid={os.getgid()} "GET /-/healthy" 200' in log
    assert '"GET /-/healthy" 401' in log
    assert "secret" not in log


def test_a_client_needs_a_certificate_of_the_ca_and_an_allowed_name(made: Certificates) -> None:
    path = write(made, f"{TLS}{CLIENTS}  client_allowed_sans: [client.example]\n")
    with daemon(ALLOWED, "--web.config.file", path, listen="0.0.0.0:0") as running:
        url = f"https://127.0.0.1:{port_of(running)}/-/healthy"
        here = made.directory

        def ask(name: str) -> int:
            identity = ("--cert", f"{here}/{name}.pem", "--key", f"{here}/{name}.key")
            return curl("--cacert", f"{here}/ca.pem", *identity, url)[0]

        assert ask("client") == 0
        assert ask("server") == 22  # 403: of the same CA, with another name
        assert curl("--cacert", f"{here}/ca.pem", url)[0] not in {0, 22}  # no TLS at all


def test_a_file_that_lets_everybody_in_does_not_open_an_address_to_others(
    made: Certificates,
) -> None:
    path = write(made, TLS)
    command = [*SERVE, "--web.config.file", path]
    result = subprocess.run(
        [*command, "--web.listen-address", "0.0.0.0:0"],
        cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert result.returncode == 3
    assert "0.0.0.0:0: others could reach it" in result.stderr.splitlines()[-1]


def test_others_may_reach_us_where_an_option_says_so() -> None:
    with daemon(ALLOWED, "--web.allow-unauthenticated", listen="0.0.0.0:0") as running:
        assert curl(f"http://127.0.0.1:{port_of(running)}/-/healthy") == (0, "healthy\n")


def test_a_certificate_that_was_renewed_is_shown(made: Certificates) -> None:
    clock = Clock()
    secured = Secured(write(made, TLS), clock)
    first = secured.tls()
    clock.now += 5
    assert secured.tls() is first
    made.renew("server")
    assert secured.tls() is first  # not looked at more than once a second
    clock.now += 5
    assert secured.tls() is not first


def test_a_file_that_became_wrong_changes_nothing_and_is_told_once(
    made: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    secured = Secured(write(made, TLS + users(admin="secret")), clock)
    before = secured.tls(), secured.passwords
    for text in ("tls: [\n", "", TLS, users(admin="x")):
        write(made, text + "# longer\n" * len(text))
        for _ in range(3):
            clock.now += 5
            secured.look()
    assert (secured.tls(), secured.passwords) == before
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 4
    assert all(one.endswith("what was read before is still in force") for one in told)
    assert "would let everybody in" in told[2]


def test_new_users_are_known_and_the_same_ones_are_remembered(made: Certificates) -> None:
    clock = Clock()
    text = TLS + users(admin="secret")
    secured = Secured(write(made, text), clock)
    first = secured.passwords
    write(made, text + "# the same users\n")
    clock.now += 5
    secured.look()
    assert secured.passwords is first
    write(made, TLS + users(admin="other"))
    clock.now += 5
    secured.look()
    assert secured.passwords is not first


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="No such file or directory"):
        Secured(f"{tmp_path}/none.yml")
