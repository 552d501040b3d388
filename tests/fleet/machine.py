"""A machine of the fleet, on which one service runs."""

import os
import pathlib
import re
import signal
import subprocess

from network import Network
from servers import asked, wait_for


class Machine:
    def __init__(self, network: Network, name: str, folder: pathlib.Path, program: str, role: str,
                 environment: dict[str, str]) -> None:
        self.network, self.name, self.program, self.role = network, name, program, role
        self.address = network.addresses[name]
        self.log = open(folder / f"{name}.log", "ab")
        data = folder / name
        data.mkdir()
        self.environment = {
            **environment,
            "IMPASTO__STORE__DATA": str(data),
            "IMPASTO__SERVER__ADDR": f"{self.address}:8080",
            "IMPASTO__WORKERS__DEVICES": "cpu",
            "IMPASTO__WORKERS__THREADS": "1",
            "IMPASTO__WORKERS__LEASE_SECONDS": "5",
            "IMPASTO__WORKERS__CHECKPOINT_SECONDS": "1",
            "IMPASTO__SERVER__TRUSTED_PROXIES": "10.77.0.1",
            "IMPASTO__SERVER__DRAIN_SECONDS": "6",
        }

    def command(self, *arguments: str) -> list[str]:
        return self.network.inside(self.name, [self.program, *arguments])

    def start(self) -> None:
        # A group of its own: what dies in a power cut is all of it.
        self.process = subprocess.Popen(self.command("serve", "--role", self.role), env={**os.environ, **self.environment},
                                        cwd="/", stdout=self.log, stderr=self.log, start_new_session=True)
        if self.role == "api":
            wait_for(f"the API on {self.name}", lambda: asked(self.address, "/readyz") == 200)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Asks it to end, and waits until it has."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(120)
        assert status == 0, f"{self.name} ended with {status}"

    def said(self) -> str:
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def worker(self) -> str:
        """The name that its worker claims by: the latest one's, if there were several."""
        wait_for(f"a worker on {self.name}", lambda: "ready for jobs" in self.said())
        return re.findall(r"ready for jobs worker=(\S+)", self.said())[-1]

    def run(self, *arguments: str) -> str:
        done = subprocess.run(self.command(*arguments), env={**os.environ, **self.environment}, cwd="/", check=True,
                              text=True, stdout=subprocess.PIPE, stderr=self.log)
        return done.stdout.strip()
