"""One new file is one new leaf; what is no leaf is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from vfioguard import leaves
from vfioguard.iommu import IommuDriver
from vfioguard.irqchip import Irqchip


@pytest.mark.parametrize("package", ["vfioguard.irqchip", "vfioguard.iommu", "vfioguard.policy"])
def test_every_file_of_a_package_is_a_leaf(package: str) -> None:
    directory = Path(__file__).parents[1] / package.replace(".", "/")
    files = {path.stem for path in directory.glob("*.py") if not path.stem.startswith("_")}
    assert leaves.names(package) == tuple(sorted(files))


def test_leaves_come_in_the_order_of_their_names() -> None:
    names = leaves.names("vfioguard.iommu")
    found = leaves.all_of("vfioguard.iommu", "DRIVER", IommuDriver)
    assert found == tuple(
        leaves.load("vfioguard.iommu", name, "DRIVER", IommuDriver) for name in names
    )


def test_a_leaf_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="is not a Irqchip"):
        leaves.load("vfioguard.iommu", "intel", "DRIVER", Irqchip)


def test_a_leaf_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ModuleNotFoundError):
        leaves.load("vfioguard.iommu", "nothing", "DRIVER", IommuDriver)


@pytest.mark.parametrize(
    ("package", "attribute", "kind"),
    [("vfioguard.iommu", "DRIVER", IommuDriver), ("vfioguard.irqchip", "IRQCHIP", Irqchip)],
)
def test_one_by_one_all_leaves_come(package: str, attribute: str, kind: type[object]) -> None:
    every = leaves.all_of(package, attribute, kind)
    assert list(leaves.one_by_one(package, attribute, kind)) == list(every)
    last = leaves.names(package)[-1]
    assert list(leaves.one_by_one(package, attribute, kind, (last,))) == [every[-1], *every[:-1]]
