"""Debian's archive, through an apt that knows only a folder of the lab's own.

The apt of the machine is not touched: lists, packages, pins and the (empty) status of dpkg are
below the folder. Packages are unpacked there, and their programs run by the dynamic loader that
came with them. So the machine needs apt, dpkg and Python alone, and no root.
"""

from __future__ import annotations

import fcntl
import glob
import os
import re
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from lab.say import Clock, Failed, line, megabytes, progress, seconds

MIRROR = os.environ.get("LAB_MIRROR", "http://deb.debian.org/debian")
_KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
#: An index older than this is fetched anew, in seconds.
_STALE = 24 * 3600
#: The rest of trixie is what runs; bookworm and sid give kernels, backports the newest QEMU.
_PINS = """\
Package: *
Pin: release n=sid
Pin-Priority: 50

Package: *
Pin: release n=bookworm
Pin-Priority: 60

Package: qemu-* seabios ipxe-qemu opensbi
Pin: release n=trixie-backports
Pin-Priority: 600
"""
#: What no program of the lab opens.
_UNWANTED = [f"./usr/share/{name}" for name in ("doc", "man", "locale", "lintian", "bug", "info")]


class Suite(NamedTuple):
    """One part of the archive: the packages of a release for one architecture."""

    release: str
    arch: str


class Package(NamedTuple):
    """A file of the archive that apt would fetch: its name, and its size in bytes."""

    file: str
    size: int


class Archive:
    """Debian's archive as one folder holds it."""

    def __init__(self, folder: str) -> None:
        self.folder = os.path.abspath(folder)
        self.root = f"{self.folder}/root"
        self._apt = f"{self.folder}/apt"
        self._packages = f"{self._apt}/cache/archives"
        self._stamp = f"{self._apt}/updated"
        self._environment = dict(os.environ, APT_CONFIG=f"{self._apt}/apt.conf", LC_ALL="C.UTF-8")

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder: two labs in one would empty each other's cells. Raises Failed."""
        with open(f"{self.folder}/lock", "a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Failed(f"another lab is in {self.folder}: LAB=FOLDER names another") from None
            yield

    # ---- apt

    def _configure(self, suites: Iterable[Suite]) -> None:
        for name in ("parts", "lists/partial", "cache/archives/partial", "empty/partial"):
            os.makedirs(f"{self._apt}/{name}", exist_ok=True)
        # A proxy of the machine is the lab's as well; its hooks are not.
        proxies = [
            text
            for text in self._run(["apt-config", "dump", "Acquire"], dict(os.environ)).splitlines()
            if re.match(r"Acquire::https?::", text)
        ]
        apt = self._apt
        _write(f"{apt}/status", "")
        _write(f"{apt}/preferences", _PINS)
        _write(
            f"{apt}/apt.conf",
            f'Dir::Etc::Parts "{apt}/parts";\nDir::Etc::Main "/dev/null";\n'
            f'Dir::Etc::SourceList "{apt}/sources.list";\nDir::Etc::SourceParts "/dev/null";\n'
            f'Dir::Etc::Preferences "{apt}/preferences";\n'
            'Dir::Etc::PreferencesParts "/dev/null";\n'
            f'Dir::State "{apt}";\nDir::State::Lists "{apt}/lists";\n'
            f'Dir::State::Status "{apt}/status";\nDir::Cache "{apt}/cache";\n'
            'APT::Architecture "amd64";\nAPT::Install-Recommends "false";\n'
            'APT::Architectures { "amd64"; "arm64"; "riscv64"; "s390x"; "ppc64el"; "loong64"; };\n'
            'APT::Sandbox::User "";\nAcquire::Languages "none";\nAcquire::PDiffs "false";\n'
            'Acquire::GzipIndexes "true";\nAcquire::Retries "3";\n' + "\n".join(proxies) + "\n",
        )
        # A mirror that is behind is good enough for kernels; signatures are checked all the same.
        options = f"check-valid-until=no signed-by={_KEYS}"
        rows = [f"deb [{options} arch={s.arch}] {MIRROR} {s.release} main" for s in sorted(suites)]
        _write(f"{apt}/sources.list", "\n".join(rows) + "\n")

    def update(self, suites: Iterable[Suite]) -> None:
        """Fetch the indexes of these parts, unless the folder has them and they are of today.

        Raises Failed if the archive does not give one.
        """
        wanted = {*suites, Suite("trixie", "amd64"), Suite("trixie-backports", "amd64")}
        stamp, kept = self._stamp, self.indexes()
        if wanted <= kept:
            return
        self._configure(wanted | kept)
        line(f"fetching {len(wanted | kept)} package indexes of {MIRROR}, about 10 MB each")
        clock = Clock()
        self._run(["apt-get", "-q", "-o", "APT::Update::Error-Mode=any", "update"])
        _write(stamp, "\n".join(f"{s.release} {s.arch}" for s in sorted(wanted | kept)))
        line(f"fetched them in {seconds(clock())}")

    def indexes(self) -> set[Suite]:
        """The parts whose indexes are here and of today.

        apt's configuration has paths: if the folder had another name then, there are none.
        """
        try:
            if time.time() - os.path.getmtime(self._stamp) >= _STALE:
                return set()
            with open(self._stamp) as stamp, open(f"{self._apt}/apt.conf") as configuration:
                suites = {Suite(*row.split()) for row in stamp.read().splitlines()}
                return suites if f'"{self._apt}/lists"' in configuration.read() else set()
        except FileNotFoundError:
            return set()

    def is_newer_than_index(self, path: str) -> bool:
        """Whether a file was written after the indexes were fetched."""
        return os.path.exists(path) and os.path.getmtime(path) >= os.path.getmtime(self._stamp)

    def names(self, prefix: str) -> set[str]:
        """The packages of all fetched indexes with this prefix, without their architecture."""
        listed = self._run(["apt-cache", "pkgnames", prefix]).split()
        return {name.partition(":")[0] for name in listed}

    def version(self, name: str) -> str:
        """The version of a package that apt would fetch. Raises Failed if there is none."""
        shown = self._run(["apt-cache", "--no-all-versions", "show", name])
        found = re.search(r"^Version: (\S+)$", shown, re.MULTILINE)
        if found is None:
            raise Failed(f"the archive: no version of {name}")
        return found[1]

    def closure(self, names: Iterable[str]) -> list[Package]:
        """What apt would fetch for these packages and all that they depend on."""
        # What is in the cache would not be printed: an empty one is shown instead.
        cache = f"Dir::Cache::Archives={self._apt}/empty"
        return _told(self._run(["apt-get", "-yqo", cache, "--print-uris", "install", *names]))

    def alone(self, names: Iterable[str]) -> list[Package]:
        """What apt would fetch for these packages, without what they depend on."""
        return _told(self._run(["apt-get", "-q", "--print-uris", "download", *names]))

    def fetch(self, names: list[str], *, depends: bool) -> list[str]:
        """Fetch packages, the sizes told first, and return the paths of their files.

        What a broken run has left is used: apt goes on in the middle of a file. Raises Failed, with
        apt's own line, if the archive does not have one.
        """
        if not names:
            return []
        packages = self.closure(names) if depends else self.alone(names)
        os.makedirs(self._packages, exist_ok=True)
        paths = [f"{self._packages}/{package.file}" for package in packages]
        missing = [
            package
            for package, path in zip(packages, paths, strict=True)
            if not os.path.exists(path) or os.path.getsize(path) != package.size
        ]
        size = sum(package.size for package in missing)
        if missing:
            line(f"fetching {len(missing)} packages, {megabytes(size)}: {_some(missing)}")
            verb = ["-y", "-d", "install"] if depends else ["download"]
            self._follow(["apt-get", "-q", *verb, *names], size)
        return paths

    def _follow(self, command: list[str], size: int) -> None:
        """Run apt, and show how much of so many bytes is there."""
        clock, before = Clock(), bytes_in(self._packages)
        with open(f"{self.folder}/apt.log", "w+") as log, subprocess.Popen(
            command, cwd=self._packages, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT,
        ) as process:  # fmt: skip
            try:
                while process.poll() is None:
                    time.sleep(0.2)
                    there = max(0, bytes_in(self._packages) - before)
                    left = clock() / there * max(0, size - there) if there else 0
                    progress(
                        f"fetched {megabytes(there)} of {megabytes(size)}, {seconds(left)} left"
                    )
            except BaseException:
                process.kill()
                raise
            log.seek(0)
            said = log.read()
        if process.returncode:
            raise Failed(_complaint(said))
        line(f"fetched them in {seconds(clock())}")

    def _run(self, command: list[str], environment: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            command, env=environment or self._environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise Failed(_complaint(done.stdout + done.stderr))
        return done.stdout

    # ---- what was unpacked

    def unpack(self, paths: Iterable[str]) -> None:
        """Unpack packages into the folder's root, each once; the files of packages are kept."""
        done = f"{self.folder}/unpacked"
        os.makedirs(done, exist_ok=True)
        os.makedirs(self.root, exist_ok=True)
        for path in paths:
            stamp = f"{done}/{os.path.basename(path)}"
            if os.path.exists(stamp):
                continue
            progress(f"unpacking {os.path.basename(path)}")
            with subprocess.Popen(
                ["dpkg-deb", "--fsys-tarfile", path], stdout=subprocess.PIPE
            ) as data:
                taken = subprocess.run(
                    ["tar", "-x", "-C", self.root, "--no-same-owner",
                     *(f"--exclude={name}" for name in _UNWANTED)],
                    stdin=data.stdout, check=False,
                )  # fmt: skip
            if data.returncode or taken.returncode:
                raise Failed(f"{os.path.basename(path)} cannot be unpacked: is the disk full?")
            _write(stamp, "")

    def program(self, path: str, *arguments: str) -> list[str]:
        """The command that runs a program of the root, by the loader and libraries beside it."""
        libraries = [f"{self.root}/usr/lib/x86_64-linux-gnu"]
        libraries += glob.glob(f"{self.root}/usr/lib/llvm-*/lib")
        return [
            f"{self.root}/usr/lib64/ld-linux-x86-64.so.2", "--argv0", os.path.basename(path),
            "--library-path", ":".join(libraries), f"{self.root}/{path}", *arguments,
        ]  # fmt: skip


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _told(uris: str) -> list[Package]:
    """The lines 'URI' FILE SIZE HASH of --print-uris."""
    rows = re.findall(r"^'[^']*' (\S+) (\d+)", uris, re.MULTILINE)
    return [Package(file, int(size)) for file, size in rows]


def _some(packages: list[Package]) -> str:
    """The largest packages by name, so that one sees what takes the time."""
    largest = sorted(packages, key=lambda package: -package.size)[:3]
    names = ", ".join(
        f"{package.file.partition('_')[0]} {megabytes(package.size)}" for package in largest
    )
    return names + (" and smaller ones" if len(packages) > 3 else "")


def bytes_in(folder: str) -> int:
    """The bytes of the files of a folder of apt, while apt moves them out of its partial/."""
    total = 0
    for entry in (*os.scandir(folder), *os.scandir(f"{folder}/partial")):
        with suppress(FileNotFoundError):
            total += entry.stat().st_size if entry.is_file() else 0
    return total


def _complaint(said: str) -> str:
    """Apt's first error, as one line."""
    errors = [text for text in said.splitlines() if text.startswith("E: ")] or [said.strip()[-200:]]
    return f"the archive: {errors[0].removeprefix('E: ')}"
