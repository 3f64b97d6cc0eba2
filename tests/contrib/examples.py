"""The configuration that the README shows is one that promtool and amtool take.

`python -m tests.contrib.examples`: a stage of CI and no unit test, as it needs Alertmanager.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.contrib.rules import ALERTS, DIRECTORY, RULES


def blocks() -> list[str]:
    """The YAML of the README, block by block."""
    text = (DIRECTORY / "README.md").read_text()
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def check(program: str, *arguments: str | Path) -> None:
    """Run a checker that must be there and must agree."""
    path = shutil.which(program)
    if path is None:
        raise SystemExit(
            f"{program} is missing: apt-get install prometheus prometheus-alertmanager"
        )
    subprocess.run([path, *map(str, arguments)], check=True)


def main() -> None:
    """Check what belongs into one file together, and each other file by itself."""
    scrape, load, docs, alerts, drop, sites, agent = blocks()
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for rules in (ALERTS, RULES):
            shutil.copy(rules, directory)
        prometheus = directory / "prometheus.yml"
        prometheus.write_text(scrape + drop + load.replace("/etc/prometheus/", "") + docs)
        check("promtool", "check", "config", prometheus)
        (directory / "sites.yml").write_text(sites)
        check("promtool", "check", "config", directory / "sites.yml")
        (directory / "agent.yml").write_text(agent.replace("/etc/prometheus/", ""))
        (directory / "vfioguard-hosts.yml").write_text('- targets: ["host-1.example.org:18346"]\n')
        check("promtool", "check", "config", "--agent", directory / "agent.yml")
        alertmanager = directory / "alertmanager.yml"
        alertmanager.write_text(alerts)
        check("amtool", "check-config", alertmanager)


if __name__ == "__main__":
    main()
