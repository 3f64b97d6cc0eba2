"""The steps of kbuild for modules out of the kernel's tree, by clang and lld.

kbuild itself would want gcc, make, and a root directory with all of them. The steps are those of
scripts/Makefile.build, Makefile.modpost and Makefile.modfinal (6.12, 7.3); modpost and objtool are
Debian's. A module may be of another compiler than the kernel, as both keep to one ABI.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from lab import tools
from lab.archive import Archive
from lab.say import progress

#: What code of the kernel and of a module must have in common (the kernel's Makefile). Sites of
#: ftrace are left out, as is the canary of stacks.
_FLAGS = (
    "-std=gnu11", "-O2", "-w", "-nostdinc", "-D__KERNEL__", "-DMODULE", "-DCC_USING_FENTRY",
    "-fshort-wchar", "-funsigned-char", "-fno-common", "-fno-PIE", "-fno-strict-aliasing",
    "-fno-delete-null-pointer-checks", "-fno-stack-protector", "-fno-asynchronous-unwind-tables",
    "-fms-extensions", "-fno-builtin-wcslen", "-fno-jump-tables",
)  # fmt: skip


class _Target(NamedTuple):
    """An architecture: the kernel's name for it, the linker's, and the flags of its Makefile."""

    name: str
    linker: str
    flags: tuple[str, ...]


TARGETS = {
    "amd64": _Target("x86", "elf_x86_64", (
        "-mno-sse", "-mno-mmx", "-mno-sse2", "-mno-3dnow", "-mno-avx", "-mno-80387",
        "-mno-red-zone", "-mcmodel=kernel", "-mstack-alignment=8", "-mretpoline-external-thunk",
        "-mfunction-return=thunk-extern", "-mindirect-branch-cs-prefix", "-fcf-protection=branch",
    )),
    "arm64": _Target("arm64", "aarch64linux", (
        "-mgeneral-regs-only", "-mno-outline-atomics", "-ffixed-x18",
        "-mbranch-protection=pac-ret+bti", '-DARM64_ASM_ARCH="armv8.5-a"',
        "-DKASAN_SHADOW_SCALE_SHIFT=",
    )),
}  # fmt: skip
#: The jobs of objtool, each with the option that asks for it (scripts/Makefile.lib).
_OBJTOOL = {
    "HAVE_JUMP_LABEL_HACK": "--hacks=jump_label", "HAVE_NOINSTR_HACK": "--hacks=noinstr",
    "X86_KERNEL_IBT": "--ibt", "UNWINDER_ORC": "--orc", "MITIGATION_RETPOLINE": "--retpoline",
    "MITIGATION_RETHUNK": "--rethunk", "HAVE_STATIC_CALL_INLINE": "--static-call",
    "HAVE_UACCESS_VALIDATION": "--uaccess",
}  # fmt: skip
#: Those of modpost (scripts/Makefile.modpost).
_MODPOST = {"MODVERSIONS": "-m", "BASIC_MODVERSIONS": "-b", "EXTENDED_MODVERSIONS": "-x"}


class Tree(NamedTuple):
    """A build: its folder, with sources as in the kernel's tree, and what they are built with."""

    folder: str
    #: The kernel's headers of this architecture, and those of all.
    headers: str
    common: str
    #: Where kbuild's programs are below the folder of the archive's programs.
    kbuild: str
    #: Options without CONFIG_, and their values.
    options: dict[str, str]
    #: Debian's name of the architecture.
    arch: str = "amd64"


def configure(tree: Tree, options: dict[str, str]) -> None:
    """Write the configuration for C, which comes before that of the kernel."""
    with open(f"{tree.headers}/include/generated/autoconf.h") as file:
        text = file.read()
    for name, value in options.items():
        text += f"#define CONFIG_{name}{'_MODULE' if value == 'm' else ''} 1\n"
    text += "#undef CONFIG_CC_IS_GCC\n#define CONFIG_CC_IS_CLANG 1\n"
    write(f"{tree.folder}/own/generated/autoconf.h", text)


def parts(tree: Tree, name: str, where: str) -> list[str]:
    """The sources of a module without `.c`, by the Makefile of its folder and the options."""
    with open(f"{tree.folder}/{where}/Makefile") as file:
        text = file.read().replace("\\\n", " ")
    rows = re.findall(
        rf"^{name}-(?:y|\$\(CONFIG_(\w+)\))\s*[:+]=(.*)$", text, re.MULTILINE
    )  # fmt: skip
    found = [
        part.removesuffix(".o")
        for option, row in rows
        if not option or option in tree.options
        for part in row.split()
    ]
    return [f"{where}/{part}" for part in found or [name]]


def link(archive: Archive, tree: Tree, name: str, sources: list[str]) -> None:
    """Compile a module's sources and make one object of them. Raises Failed."""
    for source in sources:
        progress(f"compiling {source}.c")
        _compile(archive, tree, source, name)
        _versions(f"{tree.folder}/{source}.c")
    objects = [f"{tree.folder}/{source}.o" for source in sources]
    tools.run([*_ld(archive, tree), "-o", f"{tree.folder}/{name}.o", *objects])
    if "OBJTOOL" in tree.options:
        jobs = [job for option, job in _OBJTOOL.items() if option in tree.options]
        objtool = archive.program(f"{tree.kbuild}/tools/objtool/objtool.real-x86")
        tools.run([*objtool, *jobs, "--link", "--module", f"{tree.folder}/{name}.o"])
    write(f"{tree.folder}/{name}.mod", "".join(f"{source}.o\n" for source in sources))


def _versions(source: str) -> None:
    """Give each symbol that a source exports a version, where modpost looks for it.

    All modules are built together, so that any number does.
    """
    with open(source) as file:
        exported = re.findall(r"^EXPORT_SYMBOL\w*\((\w+)", file.read(), re.MULTILINE)
    name = f"{os.path.dirname(source)}/.{os.path.basename(source).removesuffix('.c')}.o.cmd"
    # Each stands between two ends of lines.
    write(name, "\n".join(["", *(f"#SYMVER {symbol} 0x00000001" for symbol in exported), ""]))


def finish(archive: Archive, tree: Tree, names: list[str]) -> None:
    """Make a `.ko` of each object, with what the kernel's loader wants to know. Raises Failed."""
    write(f"{tree.folder}/modules.order", "".join(f"{name}.o\n" for name in names))
    jobs = [job for option, job in _MODPOST.items() if option in tree.options]
    modpost = archive.program(f"{tree.kbuild}/scripts/mod/modpost.real-lsb-64")
    symbols = f"{tree.headers}/Module.symvers"
    tools.run(
        [*modpost, "-M", *jobs, "-e", "-o", "symvers", "-i", symbols, "-T", "modules.order"],
        tree.folder,
    )
    with open(f"{archive.root}/{tree.kbuild}/scripts/module-common.c") as common:
        write(f"{tree.folder}/module-common.c", common.read())
    for name in names:
        for source in (f"{name}.mod", "module-common"):
            _compile(archive, tree, source, name)
        objects = [f"{tree.folder}/{part}.o" for part in (name, f"{name}.mod", "module-common")]
        script = f"{tree.headers}/arch/{TARGETS[tree.arch].name}/module.lds"
        tools.run([*_ld(archive, tree), "-T", script, "-o", f"{tree.folder}/{name}.ko", *objects])


def _compile(archive: Archive, tree: Tree, source: str, module: str) -> None:
    """Compile a source as a part of a module."""
    name = module.replace("-", "_")
    base = os.path.basename(source).replace("-", "_")
    target, folders = TARGETS[tree.arch], [f"{tree.folder}/own"]
    for uapi in ("", "/uapi"):
        folders += [
            f"{tree.common}/arch/{target.name}/include{uapi}",
            f"{tree.headers}/arch/{target.name}/include/generated{uapi}",
            f"{tree.common}/include{uapi}", f"{tree.headers}/include{uapi}",
            f"{tree.headers}/include/generated{uapi}",
        ]  # fmt: skip
    first = [
        f"{tree.common}/include/linux/{header}.h"
        for header in ("compiler-version", "kconfig", "compiler_types")
    ]
    tools.run(
        [
            *tools.clang(archive, tools.TARGETS[tree.arch].triplet), *_FLAGS, *target.flags,
            *(word for folder in folders for word in ("-I", folder)),
            *(word for header in first for word in ("-include", header)),
            f'-DKBUILD_BASENAME="{base}"', f'-DKBUILD_MODNAME="{name}"',
            f'-DKBUILD_MODFILE="{name}"', f"-D__KBUILD_MODNAME=kmod_{name}",
            "-c", "-o", f"{tree.folder}/{source}.o", f"{tree.folder}/{source}.c",
        ]
    )  # fmt: skip


def _ld(archive: Archive, tree: Tree) -> list[str]:
    linker = [*tools.lld(archive), "-r", "-m", TARGETS[tree.arch].linker]
    return [*linker, "-z", "noexecstack", "--build-id=none"]


def write(path: str, text: str) -> None:
    """Write a file, and make its folder."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
