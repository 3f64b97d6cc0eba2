"""Plugin of sos: what vfioguard says of the host, and a capture of what it rests on."""

from sos.report.plugins import DebianPlugin, IndependentPlugin, Plugin


# Debian's sos 4.0 loads no plugin that is an IndependentPlugin alone (its policies/debian.py).
class Vfioguard(Plugin, IndependentPlugin, DebianPlugin):
    """The answers of every command that only reads, the settings, and the daemon's journal.

    The file of --web.config.file is left out: it holds the hashes of passwords.
    """

    short_desc = "VFIO and interrupt isolation"
    plugin_name = "vfioguard"
    profiles = ("virt", "hardware")
    packages = ("vfioguard",)
    commands = ("vfioguard",)
    services = ("vfioguard",)

    def setup(self) -> None:
        """Say what to collect."""
        self.add_cmd_output(
            [
                "vfioguard --version",
                "vfioguard report --all --wide",
                "vfioguard report --output json",
                "vfioguard policies",
                "vfioguard firmware",
                "vfioguard serve --config.check",
                "vfioguard serve --self-test",
            ],
            timeout=60,
        )
        # The facts alone, without serial numbers or names of the site (vfioguard capture --help).
        directory = self.get_cmd_output_path()
        self.add_cmd_output(f"vfioguard capture {directory}/host.tar.xz", timeout=60)
        self.add_copy_spec(
            [
                "/etc/vfioguard.toml",
                "/etc/vfioguard-libvirt.toml",
                "/etc/vfioguard-proxmox.toml",
            ]
        )
        self.add_service_status("vfioguard")
        self.add_journal(units="vfioguard")
