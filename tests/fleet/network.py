"""Machines with addresses of their own: network namespaces, joined by a bridge."""

import subprocess
import time

HUB = "10.77.0.1"


def ip(*arguments: str, check: bool = True) -> None:
    subprocess.run(["ip", *arguments], check=check, capture_output=not check)


class Network:
    """A hub, in which this program runs, and machines around it that reach each other by way of it alone."""

    def __init__(self, prefix: str, machines: list[str]) -> None:
        self.prefix = prefix
        self.addresses = {name: f"10.77.0.{11 + number}" for number, name in enumerate(machines)}

    def namespace(self, machine: str) -> str:
        return f"{self.prefix}-{machine}"

    def build(self) -> None:
        self.remove()
        hub = self.namespace("hub")
        ip("netns", "add", hub)
        ip("-n", hub, "link", "set", "lo", "up")
        ip("-n", hub, "link", "add", "bridge", "type", "bridge")
        ip("-n", hub, "address", "add", f"{HUB}/24", "dev", "bridge")
        ip("-n", hub, "link", "set", "bridge", "up")
        for machine, address in self.addresses.items():
            space = self.namespace(machine)
            ip("netns", "add", space)
            ip("link", "add", f"to-{machine}", "netns", hub, "type", "veth", "peer", "name", "eth0", "netns", space)
            ip("-n", hub, "link", "set", f"to-{machine}", "master", "bridge", "up")
            ip("-n", space, "address", "add", f"{address}/24", "dev", "eth0")
            ip("-n", space, "link", "set", "eth0", "up")
            ip("-n", space, "link", "set", "lo", "up")

    def remove(self) -> None:
        for machine in ["hub", *self.addresses]:
            space = self.namespace(machine)
            # Again and again: some start others, and none is gone at once.
            for _ in range(100):
                found = subprocess.run(["ip", "netns", "pids", space], capture_output=True, text=True).stdout.split()
                if not found:
                    break
                subprocess.run(["kill", "-9", *found], capture_output=True)
                time.sleep(0.05)
            ip("netns", "delete", space, check=False)

    def inside(self, machine: str, command: list[str]) -> list[str]:
        """The command as it is run on a machine."""
        return ["ip", "netns", "exec", self.namespace(machine), *command]

    # The following are called in the hub.

    def cut(self, machine: str) -> None:
        """Lets nothing through any more; nobody is told."""
        ip("link", "set", f"to-{machine}", "down")

    def mend(self, machine: str) -> None:
        ip("link", "set", f"to-{machine}", "up")
