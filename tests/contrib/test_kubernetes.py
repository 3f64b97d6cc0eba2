"""The manifests of contrib/kubernetes, held against Kubernetes' own schemas and our promises."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.cli.test_cli import vfioguard

DIRECTORY = Path(__file__).parent.parent.parent / "contrib" / "kubernetes"
#: The oldest that Kubernetes' own project supports is never older than a year.
VERSIONS = ("1.33", "1.37")
DAEMONSETS = ("daemonset.yaml", "nfd.yaml")
#: Kinds that come with something else than Kubernetes.
FOREIGN = {"Kustomization", "PodMonitor"}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DIRECTORY / name).read_text()))


def pod(name: str) -> dict[str, Any]:
    return documents(name)[0]["spec"]["template"]["spec"]


def containers(name: str) -> Iterator[dict[str, Any]]:
    spec = pod(name)
    yield from spec.get("initContainers", [])
    yield from spec["containers"]


EVERY_CONTAINER = [
    pytest.param(one, name, id=one["name"]) for name in DAEMONSETS for one in containers(name)
]


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_every_manifest(version: str) -> None:
    kinds = set[str]()
    for path in sorted(DIRECTORY.glob("*.yaml")):
        for document in documents(path.name):
            kinds.add(document["kind"])
            if document["kind"] not in FOREIGN:
                kubernetes_validate.validate(document, version, strict=True)
    assert kinds == {"Namespace", "DaemonSet", "NetworkPolicy", *FOREIGN}


@pytest.mark.parametrize("name", DAEMONSETS)
def test_a_field_that_kubernetes_does_not_have_is_found(name: str) -> None:
    wrong = copy.deepcopy(documents(name)[0])
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"]["runAsNoRoot"] = True
    with pytest.raises(kubernetes_validate.ValidationError, match="runAsNoRoot"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_what_is_deployed_is_every_file() -> None:
    listed = documents("kustomization.yaml")[0]["resources"]
    assert sorted(listed) == sorted(
        path.name for path in DIRECTORY.glob("*.yaml") if path.name != "kustomization.yaml"
    )


@pytest.mark.parametrize(("container", "_name"), EVERY_CONTAINER)
def test_no_container_has_a_right(container: dict[str, Any], _name: str) -> None:
    context = container["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert context["allowPrivilegeEscalation"] is False
    assert context["readOnlyRootFilesystem"] is True
    assert "privileged" not in context
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", DAEMONSETS)
def test_no_pod_shares_a_namespace_or_a_token_of_the_node(name: str) -> None:
    spec = pod(name)
    assert not {"hostNetwork", "hostPID", "hostIPC", "serviceAccountName"} & set(spec)
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}


def test_the_daemon_is_nobody() -> None:
    spec = pod("daemonset.yaml")
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert "runAsUser" not in spec["containers"][0]["securityContext"]


@pytest.mark.parametrize(("container", "name"), EVERY_CONTAINER)
def test_the_node_can_only_be_read_but_for_the_features(
    container: dict[str, Any], name: str
) -> None:
    host = {volume["name"] for volume in pod(name)["volumes"] if "hostPath" in volume}
    written = {
        mount["name"]
        for mount in container["volumeMounts"]
        if mount["name"] in host and mount.get("readOnly") is not True
    }
    assert written == ({"features"} if container["name"] == "nfd" else set())


def ports() -> set[tuple[str, int]]:
    """The name and the number of each port of the daemon."""
    (container,) = pod("daemonset.yaml")["containers"]
    return {(each["name"], each["containerPort"]) for each in container["ports"]}


@pytest.mark.parametrize("kind", ["startupProbe", "readinessProbe", "livenessProbe"])
def test_a_probe_asks_the_port_that_answers_probes_and_starts_no_process(kind: str) -> None:
    (container,) = pod("daemonset.yaml")["containers"]
    probe = container[kind]
    assert set(probe) & {"exec", "httpGet", "tcpSocket", "grpc"} == {"httpGet"}
    assert set(probe["httpGet"]) == {"path", "port"}
    assert (
        f"--web.probe-address=0.0.0.0:{dict(ports())[probe['httpGet']['port']]}"
        in (container["args"])
    )
    assert probe["httpGet"]["path"] == ("/-/healthy" if kind == "livenessProbe" else "/-/ready")


def test_only_prometheus_reaches_a_pod_and_a_pod_reaches_nothing() -> None:
    everything, metrics = documents("networkpolicy.yaml")
    assert everything["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    spec = metrics["spec"]
    assert spec["policyTypes"] == ["Ingress"]
    labels = documents("daemonset.yaml")[0]["spec"]["template"]["metadata"]["labels"]
    assert spec["podSelector"]["matchLabels"] == labels
    (rule,) = spec["ingress"]
    assert [each["port"] for each in rule["ports"]] == ["metrics"]
    assert [list(peer) for peer in rule["from"]] == [["namespaceSelector"]]
    assert {each["metadata"]["namespace"] for each in (everything, metrics)} == {"vfioguard"}


def test_the_daemon_takes_its_arguments() -> None:
    arguments = pod("daemonset.yaml")["containers"][0]["args"]
    result = vfioguard(*arguments, "--config.check")
    assert (result.returncode, result.stderr) == (0, "")


def test_prometheus_asks_for_what_the_daemon_serves() -> None:
    (endpoint,) = documents("podmonitor.yaml")[0]["spec"]["podMetricsEndpoints"]
    assert (endpoint["port"], 18346) in ports()
    assert endpoint["scheme"] == "https"
    assert documents("podmonitor.yaml")[0]["spec"]["selector"]["matchLabels"].items() <= (
        documents("daemonset.yaml")[0]["spec"]["template"]["metadata"]["labels"].items()
    )
