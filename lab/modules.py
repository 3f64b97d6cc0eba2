"""Modules that Debian does not build, out of its own sources and against its own kernel.

Debian builds its kernels without CONFIG_IOMMUFD. So iommufd is built here, with the modules of
VFIO, whose structures depend on it. The kernel itself is not touched.
"""

from __future__ import annotations

import lzma
import os
import re
import shutil
import tarfile

from lab import kbuild, kernels, tools
from lab.archive import Archive
from lab.kbuild import Tree
from lab.kernels import Kernel
from lab.package import contents
from lab.say import Clock, Failed, line, progress, seconds

#: What a cell may ask for.
SETS = ("iommufd",)
_IOMMUFD, _VFIO, _PCI = "drivers/iommu/iommufd", "drivers/vfio", "drivers/vfio/pci"
#: Each module and the folder whose Makefile lists its parts, after those that it needs.
_MODULES = {
    "iommufd": _IOMMUFD, "vfio": _VFIO, "vfio_iommu_type1": _VFIO, "vfio-pci-core": _PCI,
    "vfio-pci": _PCI,
}  # fmt: skip
#: What CONFIG_IOMMUFD selects (drivers/iommu/iommufd/Kconfig), and the nodes of devices.
_OPTIONS = {
    "IOMMUFD": "m", "IOMMUFD_DRIVER": "y", "IOMMUFD_DRIVER_CORE": "y",
    "INTERVAL_TREE_SPAN_ITER": "y", "VFIO_DEVICE_CDEV": "y",
}  # fmt: skip
#: What the modules of this kernel would be built with; the other options are about the kernel.
_SAID = "CONFIG_IOMMUFD=m\nCONFIG_VFIO_DEVICE_CDEV=y"
_SPAN = "#ifdef CONFIG_INTERVAL_TREE_SPAN_ITER"
#: Sources that are parts of the kernel or modules elsewhere, and parts of iommufd here.
_OF_IOMMUFD = (f"{_IOMMUFD}/iova_bitmap", f"{_IOMMUFD}/driver", "lib/span")
#: The files of the kernel's source that are taken.
_TAKEN = re.compile(
    rf"[^/]+/(?:(?:drivers/iommu|{_IOMMUFD}|{_VFIO}|{_PCI})/[^/]+\.[ch]"
    rf"|(?:{_IOMMUFD}|{_VFIO}|{_PCI})/Makefile|lib/interval_tree\.c)"
)


def get(archive: Archive, kernel: Kernel, which: str) -> Kernel:
    """A kernel with the modules of that set, which are built where the folder lacks them.

    Raises Failed if the archive no longer has the sources of just that kernel, or if they do not
    compile.
    """
    folder = f"{os.path.dirname(kernel.image)}/{which}"
    if not os.path.isdir(folder):
        if kernels.arch_of(kernel.name) not in kbuild.TARGETS:
            raise Failed(f"{kernel.name}: {which} is built for {', '.join(kbuild.TARGETS)} alone")
        clock = Clock()
        try:
            _build(archive, kernel, f"{folder}.new")
        except (OSError, tarfile.TarError, lzma.LZMAError) as error:
            raise Failed(f"{which} for {kernel.release} cannot be built: {error}") from error
        os.rename(f"{folder}.new", folder)
        line(f"built {which} for {kernel.release} in {seconds(clock())}")
    needs = dict(kernel.modules)
    for name in os.listdir(f"{folder}/modules"):
        with open(f"{folder}/modules/{name}", "rb") as file:
            needs[name.removesuffix(".ko")] = kernels.needs_of(file.read())
    return kernel._replace(
        config=f"{folder}/config", modules=needs, folders=(f"{folder}/modules", *kernel.folders)
    )


def _build(archive: Archive, kernel: Kernel, folder: str) -> None:
    """Leave the modules, and the configuration that they have, in a folder.

    The packages are kept until the modules are there. Then they are removed, as they are large.
    """
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(f"{folder}/modules")
    release, (_, _, flavour) = kernel.release, kernel.name.partition("-")
    arch, base = kernels.arch_of(kernel.name), release.removesuffix(f"-{flavour}")
    source = "linux-source-" + ".".join(release.split(".")[:2])
    names = [f"linux-headers-{release}", f"linux-headers-{base}-common", f"linux-kbuild-{base}"]
    version = archive.version(f"{names[0]}:{arch}")
    wanted = [source, f"{names[0]}:{arch}", *names[1:]]
    paths = archive.fetch([f"{name}={version}" for name in wanted], depends=False)
    tree = Tree(
        folder=f"{folder}/tree", headers=f"{folder}/tree/usr/src/{names[0]}",
        common=f"{folder}/tree/usr/src/{names[1]}", kbuild=f"usr/lib/{names[2]}",
        options={**_options(kernel.config), **_OPTIONS}, arch=arch,
    )  # fmt: skip
    _unpack(archive, paths, source, tree)
    for name, where in _MODULES.items():
        parts = kbuild.parts(tree, name, where)
        if name == "iommufd":
            parts += [part for part in _OF_IOMMUFD if os.path.exists(f"{tree.folder}/{part}.c")]
        kbuild.link(archive, tree, name, parts)
    kbuild.finish(archive, tree, list(_MODULES))
    for name in _MODULES:
        os.rename(f"{tree.folder}/{name}.ko", f"{folder}/modules/{name.replace('-', '_')}.ko")
    with open(kernel.config) as given, open(f"{folder}/config", "w") as config:
        config.write(given.read().replace("# CONFIG_IOMMUFD is not set", _SAID))
    shutil.rmtree(tree.folder)
    for path in paths:
        os.unlink(path)


def _options(config: str) -> dict[str, str]:
    with open(config) as file:
        return dict(re.findall(r"^CONFIG_(\w+)=(.*)$", file.read(), re.MULTILINE))


def _unpack(archive: Archive, paths: list[str], source: str, tree: Tree) -> None:
    """Unpack sources and headers into the tree, and the programs of kbuild beside the compiler."""
    os.makedirs(tree.folder)
    for path in paths:
        name = os.path.basename(path)
        progress(f"unpacking {name}")
        if name.startswith(f"{source}_"):
            _take(path, source, tree.folder)
        elif name.startswith("linux-kbuild-"):
            archive.unpack([path])
        else:
            tools.run(["dpkg-deb", "-x", path, tree.folder])
    kbuild.configure(tree, _OPTIONS)
    # The kernel has the rest of this file.
    with open(f"{tree.folder}/lib/interval_tree.c") as file:
        before, _, span = file.read().partition(_SPAN)
    includes = re.findall(r"^#include .*", before, re.MULTILINE)
    kbuild.write(f"{tree.folder}/lib/span.c", "\n".join([*includes, _SPAN + span]))


def _take(package: str, source: str, folder: str) -> None:
    """The files of the modules, out of a tar in a package."""
    with contents(package) as outer:
        for member in outer:
            whole = outer.extractfile(member) if member.name.endswith(f"{source}.tar.xz") else None
            if whole is None:
                continue
            with tarfile.open(fileobj=whole, mode="r|xz") as inner:
                for part in inner:
                    content = inner.extractfile(part) if _TAKEN.fullmatch(part.name) else None
                    if content is not None:
                        name = part.name.partition("/")[2]
                        kbuild.write(f"{folder}/{name}", content.read().decode())
