"""Modules out of the kernel's own sources: which parts they have, and what a kernel loads then."""

from __future__ import annotations

import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import kbuild, kernels, modules, table
from lab.kernels import Kernel
from lab.say import Failed

MAKEFILE = """\
iommufd-y := \\
\tdevice.o \\
\tmain.o

iommufd-$(CONFIG_IOMMUFD_NOIOMMU) += hwpt_noiommu.o
iommufd-$(CONFIG_EVENTS) += eventq.o
obj-$(CONFIG_IOMMUFD) += iommufd.o
obj-$(CONFIG_VFIO_IOMMU_TYPE1) += vfio_iommu_type1.o
"""
MODINFO = b"\x7fELF\0license=GPL\0depends=iommufd,vfio-pci-core\0softdep=pre: irqbypass\0"


def tree(at: Path, **options: str) -> kbuild.Tree:
    return kbuild.Tree(folder=str(at), headers=f"{at}/h", common="/c", kbuild="k", options=options)


def kernel(at: Path, name: str = "6.12-amd64") -> Kernel:
    (at / "modules").mkdir()
    for module in ("vfio", "nvme"):
        (at / "modules" / f"{module}.ko").write_bytes(b"Debian's")
    return Kernel(
        name=name, release="6.12.117+deb13-amd64", image=f"{at}/image", config=f"{at}/config",
        modules={"vfio": [], "nvme": []}, folders=(f"{at}/modules",),
    )  # fmt: skip


def test_a_module_has_the_parts_that_the_options_choose(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "Makefile").write_text(MAKEFILE)
    built = kbuild.parts(tree(tmp_path, EVENTS="y"), "iommufd", "d")
    assert built == ["d/device", "d/main", "d/eventq"]
    assert kbuild.parts(tree(tmp_path), "vfio_iommu_type1", "d") == ["d/vfio_iommu_type1"]


def test_the_configuration_for_c_follows_the_kernels_own(tmp_path: Path) -> None:
    generated = tmp_path / "h" / "include" / "generated"
    generated.mkdir(parents=True)
    (generated / "autoconf.h").write_text("#define CONFIG_CC_IS_GCC 1\n")
    kbuild.configure(tree(tmp_path), {"IOMMUFD": "m", "VFIO_DEVICE_CDEV": "y"})
    rows = (tmp_path / "own" / "generated" / "autoconf.h").read_text().splitlines()
    assert rows[0] == "#define CONFIG_CC_IS_GCC 1"
    assert "#define CONFIG_IOMMUFD_MODULE 1" in rows
    assert "#define CONFIG_VFIO_DEVICE_CDEV 1" in rows
    assert rows.index("#undef CONFIG_CC_IS_GCC") > 0


def test_each_exported_symbol_has_a_version_between_two_ends_of_lines(tmp_path: Path) -> None:
    source = tmp_path / "main.c"
    source.write_text('EXPORT_SYMBOL_NS_GPL(one, "IOMMUFD");\nEXPORT_SYMBOL_GPL(two);\nint x;\n')
    kbuild._versions(str(source))
    said = (tmp_path / ".main.o.cmd").read_text()
    assert re.findall(r"(?<=\n)#SYMVER (\w+) 0x[0-9a-f]{8}(?=\n)", said) == ["one", "two"]


def test_a_built_module_comes_before_debians_and_the_rest_stays(tmp_path: Path) -> None:
    debians = kernel(tmp_path)
    own = tmp_path / "iommufd" / "modules"
    own.mkdir(parents=True)
    (own / "vfio.ko").write_bytes(MODINFO)
    (own / "iommufd.ko").write_bytes(b"\x7fELF\0depends=\0")
    whole = modules.get(None, debians, "iommufd")  # type: ignore[arg-type]
    assert whole.module("vfio") == MODINFO
    assert whole.module("nvme") == b"Debian's"
    assert whole.in_order(["vfio"]) == ["iommufd", "vfio"]
    assert whole.config == f"{tmp_path}/iommufd/config"
    assert kernels.needs_of(MODINFO) == ["iommufd", "vfio_pci_core", "irqbypass"]


def test_another_architecture_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"^6\.12-s390x: iommufd is built for amd64, arm64 alone$"):
        modules.get(None, kernel(tmp_path, "6.12-s390x"), "iommufd")  # type: ignore[arg-type]


class Broken:
    """An archive whose packages end too early."""

    def __init__(self, at: Path) -> None:
        self._at = at

    def version(self, name: str) -> str:
        return "6.12.117-1"

    def fetch(self, names: list[str], *, depends: bool) -> list[str]:
        paths = [self._at / f"{name.replace('=', '_')}_all.deb" for name in names]
        for path in paths:
            path.write_bytes(b"!<arch>\n")
        return [str(path) for path in paths]


def test_a_package_that_is_cut_is_one_line_and_is_built_anew_later(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("CONFIG_VFIO=m\n")
    with pytest.raises(Failed, match=r"^iommufd for 6\.12\.117\+deb13-amd64 cannot be built: "):
        modules.get(Broken(tmp_path), kernel(tmp_path), "iommufd")  # type: ignore[arg-type]
    assert not (tmp_path / "iommufd").exists()


def test_only_the_sources_of_the_modules_are_taken(tmp_path: Path) -> None:
    wanted = ("drivers/iommu/iommufd/main.c", "drivers/vfio/pci/Makefile", "lib/interval_tree.c")
    other = ("drivers/vfio/pci/mlx5/main.c", "drivers/iommu/intel/iommu.c", "Makefile")
    inside = tmp_path / "deb" / "usr" / "src"
    for name in (*wanted, *other):
        path = tmp_path / "linux-source-6.12" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("int x;\n")
    inside.mkdir(parents=True)
    with tarfile.open(inside / "linux-source-6.12.tar.xz", "w:xz") as tar:
        tar.add(tmp_path / "linux-source-6.12", "linux-source-6.12")
    control = tmp_path / "deb" / "DEBIAN"
    control.mkdir()
    (control / "control").write_text(
        "Package: x\nVersion: 1\nArchitecture: all\nMaintainer: x <x@x>\nDescription: x\n"
    )
    package = tmp_path / "linux-source-6.12_1_all.deb"
    subprocess.run(["dpkg-deb", "-b", tmp_path / "deb", package], check=True, capture_output=True)
    modules._take(str(package), "linux-source-6.12", str(tmp_path / "tree"))
    taken = {str(p.relative_to(tmp_path / "tree")) for p in (tmp_path / "tree").rglob("*.*")}
    shutil.rmtree(tmp_path / "deb")
    assert taken | {"drivers/vfio/pci/Makefile"} == set(wanted)
    assert (tmp_path / "tree" / "drivers/vfio/pci/Makefile").exists()


@pytest.mark.parametrize("name", sorted(table.cells()))
def test_a_cell_asks_for_modules_that_can_be_built(name: str) -> None:
    cell = table.cells()[name]
    assert cell.modules in ("", *modules.SETS)
    assert not cell.modules or cell.arch in kbuild.TARGETS
