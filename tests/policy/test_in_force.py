"""Which predicate, which backends and which override count on a kernel."""

from __future__ import annotations

import pytest

from tests.support.hosts import arm_host, x86_host
from vfioguard.inference import backends, era
from vfioguard.inference.borders import Version
from vfioguard.judging.evaluate import evaluate
from vfioguard.judging.policies import UnknownPolicy
from vfioguard.kernel.identity.symbols import Predicate
from vfioguard.reading.take import take
from vfioguard.report import Choice, Report
from vfioguard.root.memory import Entry, Memory
from vfioguard.root.recording import Recording
from vfioguard.verdict import Outcome

TYPE1 = "/sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts"
IOMMUFD = "/sys/module/iommufd/parameters/allow_unsafe_interrupts"
KALLSYMS = "/proc/kallsyms"


def report(host: dict[str, Entry]) -> Report:
    return evaluate(take(Memory(host)), "now")


def without(host: dict[str, Entry], *parts: str) -> dict[str, Entry]:
    return {path: e for path, e in host.items() if not any(part in path for part in parts)}


@pytest.mark.parametrize(
    ("release", "policy"),
    [
        ("3.16.0-4-amd64", "iommu_capable"),
        ("4.9.0-19-amd64", "iommu_capable"),
        ("4.19.0-27-amd64", "irq_domain_check_msi_remap"),
        ("6.2.16-1-pve", "irq_domain_check_msi_remap"),
        ("6.3.0", "iommu_group_has_isolated_msi"),
        ("7.3.4+deb13-amd64", "iommu_group_has_isolated_msi"),
    ],
)
@pytest.mark.parametrize("symbols", [True, False])
def test_the_predicate_follows_the_kernel(release: str, policy: str, symbols: bool) -> None:
    host = x86_host(1, release=release)
    found = report(host if symbols else without(host, KALLSYMS))
    assert found.host.policies_in_force == (policy,)


def test_symbols_win_over_a_release_that_lies() -> None:
    host = x86_host(1, release="6.12.0")
    host |= x86_host(1, release="5.14.0")  # as a distribution would: an old name, a new kernel
    host[KALLSYMS] = b"0 T iommu_group_has_isolated_msi\n"
    assert report(host).host.policies_in_force == ("iommu_group_has_isolated_msi",)


def test_a_backporting_kernel_without_symbols_is_judged_where_all_predicates_agree() -> None:
    host = without(x86_host({0: ["0000:01:00.0"], 1: ["QEMU0002:00"]},
                            release="5.14.0-503.el9.x86_64", msis=True), KALLSYMS)  # fmt: skip
    pci, platform = report(host).groups
    assert pci.outcome is Outcome.ALLOWED
    assert platform.outcome is Outcome.UNKNOWN
    assert "iommu_group_has_isolated_msi" in pci.headline.policy


def test_iommufd_has_a_verdict_and_a_parameter_of_its_own() -> None:
    host = x86_host(1, remapping=False, override=False, iommufd=True)
    (group,) = report(host).groups
    outcomes = {name: verdict.outcome for name, verdict in group.backends if verdict}
    assert outcomes == {"type1": Outcome.REFUSED, "iommufd": Outcome.BY_OVERRIDE}
    assert group.outcome is Outcome.REFUSED


def test_a_kernel_without_iommufd_has_no_verdict_for_it() -> None:
    (group,) = report(x86_host(1)).groups
    assert dict(group.backends)["iommufd"] is None


def test_a_kernel_before_6_2_cannot_have_iommufd() -> None:
    host = x86_host(1, release="6.1.0", iommufd=False)
    del host[IOMMUFD]
    (group,) = report(host).groups
    assert dict(group.backends)["iommufd"] is None


@pytest.mark.parametrize("symbols", [True, False])
def test_a_loaded_iommufd_wins_over_the_number_of_the_release(symbols: bool) -> None:
    host = x86_host(1, remapping=False, release="5.14.0", override=False, iommufd=True)
    host[KALLSYMS] = b"0 T iommu_group_has_isolated_msi\n"
    found = report(host if symbols else without(host, KALLSYMS))
    outcomes = {name: verdict.outcome for name, verdict in found.groups[0].backends if verdict}
    assert outcomes == {"type1": Outcome.REFUSED, "iommufd": Outcome.BY_OVERRIDE}
    assert "unsafe_override" in {finding.name for finding in found.findings}


@pytest.mark.parametrize(
    ("release", "symbol", "iommufd", "version"),
    [
        ("6.6.30", b"iommu_group_has_isolated_msi", None, Version(6, 6, 30)),
        ("6.1.100", b"irq_domain_check_msi_remap", None, Version(6, 1, 100)),
        # A newer predicate than the number's: a vendor's kernel, which has at least the number's.
        ("5.14.0", b"iommu_group_has_isolated_msi", None, Version(5, 14, 0, backports=True)),
        ("5.14.0", b"irq_domain_check_msi_remap", True, Version(5, 14, 0, backports=True)),
        ("6.14.0-1013-nvidia", b"iommu_group_has_isolated_msi", None,
         Version(6, 14, None, backports=True)),
        # One that was gone by then: the number is not true.
        ("6.6.30", b"irq_domain_check_msi_remap", None, None),
        # A list that names none may be cut, and belies nothing.
        ("6.6.30", b"iommu_group_get", None, Version(6, 6, 30)),
    ],
)  # fmt: skip
def test_a_number_that_the_kernels_own_functions_belie_is_a_vendors(
    release: str, symbol: bytes, iommufd: bool | None, version: Version | None
) -> None:
    host = x86_host(1, release=release, iommufd=iommufd)
    host[KALLSYMS] = b"0 T %s\n" % symbol
    assert era.version(take(Memory(host))) == version


def test_a_vendors_kernel_has_no_predicate_that_its_number_had_outgrown() -> None:
    host = without(x86_host(1, release="5.14.0-503.el9.x86_64", vendor="amd"), KALLSYMS)
    found = take(Memory(host))
    assert era.decides_by(found, Predicate.IOMMU_CAPABLE).truth is False
    assert era.decides_by(found, Predicate.CHECK_MSI_REMAP).truth is None
    assert report(host).groups[0].outcome is Outcome.ALLOWED


def test_a_vendors_old_number_does_not_say_what_amds_driver_reported() -> None:
    host = x86_host(1, release="3.10.0-1160.el7.x86_64", vendor="amd")
    assert report(host).groups[0].outcome is Outcome.UNKNOWN
    host = x86_host(1, release="3.10.0-1160.el7.x86_64", vendor="amd", remapping=False)
    assert report(host).groups[0].outcome is Outcome.REFUSED


def test_of_a_vendors_4_12_both_forms_of_the_test_are_asked() -> None:
    for release, with_region, without_region in (
        ("4.12.14-122.46-default", Outcome.UNKNOWN, Outcome.UNKNOWN),
        ("4.12.14", Outcome.UNKNOWN, Outcome.REFUSED),
    ):
        host = arm_host(2, release=release)
        host["/sys/kernel/iommu_groups/0/reserved_regions"] = b""
        first, second = report(host).groups
        assert (second.outcome, first.outcome) == (with_region, without_region)


CONFIGS = ("/boot/config-",)
PROVIDER = b"[   12.345678] IOMMUFD is providing /dev/vfio/vfio, not VFIO.\n"
LISTED = b"0 T iommu_group_has_isolated_msi\n0 T vfio_register_group_dev\t[vfio]\n"


@pytest.mark.parametrize(
    ("names", "log", "type1"),
    [
        (LISTED + b"0 T vfio_register_iommu_driver\t[vfio]\n", b"", True),
        (LISTED, b"", False),
        (LISTED[:33], PROVIDER, False),
        (LISTED[:33], b"", None),  # VFIO is not loaded: nobody has said yet
        (None, PROVIDER, False),
    ],
)
def test_without_a_configuration_vfio_itself_tells_who_provides_the_container(
    names: bytes | None, log: bytes, type1: bool | None
) -> None:
    host = without(x86_host(1, override=None, iommufd=False), *CONFIGS)
    host |= {"/CAPTURE/dmesg": log, KALLSYMS: names or b""}
    if names is None:
        del host[KALLSYMS]
    recording = Recording(Memory(host))
    for snapshot in (take(recording), take(Memory(recording.entries))):
        answer = backends.exists(snapshot, "type1")
        assert answer.truth is type1
        found = evaluate(snapshot, "now").groups[0]
        assert (dict(found.backends)["type1"] is None) is (type1 is False)


@pytest.mark.parametrize(
    ("host", "asked"),
    [
        (x86_host(1, override=None, iommufd=False), False),  # the configuration says it
        (without(x86_host(1, override=False, iommufd=False), *CONFIGS), False),  # type1 is loaded
        (without(x86_host(1, override=None, iommufd=None), *CONFIGS), False),  # iommufd is not
        (without(x86_host(1, override=None, iommufd=False), *CONFIGS), True),
    ],
)
def test_who_provides_the_container_is_asked_where_nothing_cheaper_tells(
    host: dict[str, Entry], asked: bool
) -> None:
    assert (take(Memory({**host, KALLSYMS: LISTED})).container is not None) is asked


def test_the_iommufd_container_leaves_type1_out() -> None:
    host = x86_host(1, remapping=False, override=None, iommufd=False)
    config = next(path for path in host if path.startswith("/boot/config-"))
    host[config] = b"CONFIG_IOMMUFD=y\nCONFIG_IOMMUFD_VFIO_CONTAINER=y\nCONFIG_PROC_FS=y\n"
    (group,) = report(host).groups
    assert dict(group.backends)["type1"] is None
    assert group.headline.policy == "iommufd_device_bind"


def test_a_kernel_without_vfio_decides_nothing_and_attaches_nothing() -> None:
    host = x86_host(1, override=None)
    config = next(path for path in host if path.startswith("/boot/config-"))
    host[config] = b"CONFIG_PCI_MSI=y\n# CONFIG_VFIO is not set\nCONFIG_PROC_FS=y\n"
    found = report(host)
    assert found.host.policies_in_force == ()
    assert found.groups[0].outcome is Outcome.REFUSED
    assert found.groups[0].headline.needs_override is None


@pytest.mark.parametrize(
    ("cmdline", "modprobe", "outcome"),
    [
        (b"", None, Outcome.REFUSED),
        (b"vfio_iommu_type1.allow_unsafe_interrupts=1", None, Outcome.BY_OVERRIDE),
        (b"vfio-iommu-type1.allow_unsafe_interrupts", None, Outcome.BY_OVERRIDE),
        (b"", b"options vfio_iommu_type1 allow_unsafe_interrupts=1\n", Outcome.BY_OVERRIDE),
        (
            b"vfio_iommu_type1.allow_unsafe_interrupts=0",
            b"options vfio_iommu_type1 allow_unsafe_interrupts=1\n",
            Outcome.REFUSED,
        ),
    ],
)
def test_before_the_module_is_loaded_its_future_parameter_counts(
    cmdline: bytes, modprobe: bytes | None, outcome: Outcome
) -> None:
    host = x86_host(1, remapping=False, override=None, cmdline=cmdline)
    if modprobe is not None:
        host["/etc/modprobe.d/vfio.conf"] = modprobe
    found = report(host)
    assert found.groups[0].outcome is outcome
    override = next(o for o in found.overrides if o.name.startswith("vfio_iommu_type1"))
    assert override.value is None  # the module is not loaded
    assert override.pending is (outcome is Outcome.BY_OVERRIDE)


def test_an_unreadable_override_leaves_a_refusal_unknown() -> None:
    host = x86_host(2, remapping=False)
    host[TYPE1] = b"maybe\n"
    assert {group.outcome for group in report(host).groups} == {Outcome.UNKNOWN}
    assert {group.headline.needs_override for group in report(host).groups} == {True}


def test_up_to_4_13_an_arm_group_without_a_software_msi_region_is_refused() -> None:
    host = arm_host(2, release="4.12.0")
    for path in host:
        if path.endswith("/0/reserved_regions"):
            host[path] = b""
    first, second = report(host).groups
    assert first.outcome is Outcome.REFUSED
    assert second.outcome is Outcome.UNKNOWN


def test_an_unknown_policy_is_refused_by_name() -> None:
    with pytest.raises(UnknownPolicy, match="iommu_capable"):
        evaluate(take(Memory(x86_host(1))), "now", Choice("no_such_policy"))


def test_a_cut_list_of_symbols_is_no_old_kernel() -> None:
    host = arm_host(1, controller="GICv2m", release="6.6.30-arm64")
    host[KALLSYMS] = b"0 T iommu_group_get\n"
    assert report(host).groups[0].outcome is Outcome.UNKNOWN


def test_a_command_that_loads_the_module_hides_what_it_sets() -> None:
    host = x86_host(1, remapping=False, override=None)
    host["/etc/modprobe.d/vfio.conf"] = b"install vfio_iommu_type1 /sbin/modprobe -i $0\n"
    assert report(host).groups[0].outcome is Outcome.UNKNOWN


def test_iommufd_too_is_judged_where_all_predicates_agree() -> None:
    host = without(x86_host(1, release="5.14.0-503.el9.x86_64", iommufd=False), KALLSYMS)
    assert report(host).groups[0].outcome is Outcome.ALLOWED


def test_a_pinned_policy_does_not_hide_what_the_kernel_says() -> None:
    host = x86_host({0: ["QEMU0002:00"]})
    (group,) = evaluate(take(Memory(host)), "now", Choice("vfio_safe_irq_domain")).groups
    assert group.outcome is Outcome.ALLOWED
    assert group.kernel is not None
    assert group.kernel.outcome is Outcome.REFUSED
    assert group.agrees is False
