"""Captures that must be refused, and the reason that must be given."""

from __future__ import annotations

from tests.support.tars import END, file, header, pax, record

#: Fault -> the archive that has it, and a pattern in the complaint.
BAD: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "truncated"),
    "text": (b"not a tar at all\n" * 100, "no tar archive"),
    "one zero block that is cut": (bytes(100), "truncated"),
    "absolute name": (file(b"/etc/passwd") + END, "absolute"),
    "a name that leads outside": (file(b"sys/../../x") + END, "outside of itself"),
    "a hard link": (header(b"sys/x", kind=b"1", link=b"sys/y") + END, "no file, link or dir"),
    "a character device": (header(b"dev/kmsg", kind=b"3") + END, "no file, link or directory"),
    "a block device": (header(b"dev/sda", kind=b"4") + END, "no file, link or directory"),
    "a FIFO": (header(b"sys/x", kind=b"6") + END, "no file, link or directory"),
    "GNU's sparse member": (header(b"sys/x", kind=b"S", size=1) + END, "truncated|no file"),
    "pax's sparse member": (
        pax(record(b"GNU.sparse.major", b"1")) + file(b"sys/x") + END,
        "sparse",
    ),
    "a file that holds a file": (file(b"sys/x") + file(b"sys/x/y") + END, "no directory"),
    "a link that holds a file": (
        header(b"sys", kind=b"2", link=b"/etc") + file(b"sys/passwd") + END,
        "no directory",
    ),
    "a directory that is a file": (file(b"sys/x/y") + file(b"sys/x") + END, "something else"),
    "a file that is the root": (file(b".") + END, "something else"),
    "a path of 5000 letters": (pax(record(b"path", b"a/" * 2500)) + file(b"x") + END, "no file s"),
    "a name of 256 letters": (pax(record(b"path", b"a" * 256)) + file(b"x") + END, "no file sys"),
    "a pax header that is noise": (pax(b"\xff\xfe\x00 noise") + file(b"x") + END, "malformed pax"),
    "a pax record that is too long": (pax(b"99 path=x\n") + file(b"x") + END, "malformed pax"),
    "a pax record without an end": (pax(b"9 path=xy") + file(b"x") + END, "malformed pax"),
    "a pax header of 1 GiB": (header(b"p", kind=b"x", size=1 << 30) + END, "longer than any path"),
    "a name of 1 GiB": (header(b"p", kind=b"L", size=1 << 30) + END, "longer than any path"),
    "a name without a member": (pax(record(b"path", b"x")) + END, "behind the name"),
    "too many attributes": (
        pax(b"".join(record(b"a%d" % n, b"") for n in range(99))) + file(b"x") + END,
        "too many",
    ),
    "a size in pax that is negative": (
        pax(record(b"size", b"-512")) + file(b"x") + END,
        "impossible size",
    ),
    "a negative size": (header(b"x", size=b"\xff" * 12) + END, "impossible size"),
    "a size of 2**94": (header(b"x", size=b"\x80\x7f" + b"\xff" * 10) + END, "impossible size"),
    "a size that is no number": (header(b"x", size=b"99999999999\0") + END, "not one"),
    "10 GiB that are not there": (header(b"x", size=b"\x80" + bytes(6) + b"\2\x80" + bytes(3)),
                                  "truncated"),
    "a wrong checksum": (b"y" + file(b"x")[1:] + END, "checksum"),
    "noise between members": (file(b"x") + b"noise" * 512 + file(b"y") + END, "checksum"),
    "something behind the end": (file(b"x") + END + file(b"y") + END, "behind its end"),
    "no end": (file(b"x"), "truncated"),
}  # fmt: skip
