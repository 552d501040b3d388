"""The fleet under test, and one machine alone to hold it against."""

import concurrent.futures
import os
import pathlib
import subprocess

from client import Client
from machine import Machine
from network import HUB, Network
from pictures import CONTENTS, STYLES
from servers import Balancer, ObjectStore, Postgres

APIS = ["api0", "api1"]
WORKERS = ["worker0", "worker1", "worker2"]


class Fleet:
    def __init__(self, network: Network, folder: pathlib.Path, program: str, epochs: int) -> None:
        self.network, self.folder, self.program, self.epochs = network, folder, program, epochs
        self.postgres, self.objects = Postgres(folder), ObjectStore(folder)
        self.environment = {
            **self.objects.environment,
            "IMPASTO__STORE__DATABASE": self.postgres.url,
            "IMPASTO__STORE__BLOBS": "s3://impasto/fleet",
            "IMPASTO__LIMITS__REQUESTS_A_MINUTE": "0",
            "IMPASTO__LIMITS__MOST_QUEUED": "0",
        }
        self.machines = {name: self.machine(name, "api") for name in APIS} | \
            {name: self.machine(name, "worker") for name in WORKERS}
        self.key = self.new_key("fleet")
        # All at once, into a database that has tables only since the key was made.
        with concurrent.futures.ThreadPoolExecutor() as pool:
            list(pool.map(Machine.start, self.machines.values()))
        self.balancer = Balancer(folder, [network.addresses[name] for name in APIS])

    def machine(self, name: str, role: str) -> Machine:
        return Machine(self.network, name, self.folder, self.program, role, self.environment)

    def new_key(self, name: str) -> str:
        return self.machines["api0"].run("keys", "create", name)

    def client(self, key: str = "", host: str = HUB) -> Client:
        return Client(host, 8080, key or self.key)

    def kind_of_job(self, number: int) -> tuple[dict[str, str], dict[str, bytes]]:
        """One of six, each of which has one picture that is right."""
        files = {"content": CONTENTS[number % 2], "style": STYLES[number % 3]}
        return {"stages": f"64x64:{self.epochs}", "backbone": "vgg16"}, files


KINDS = 6


def alone(fleet: Fleet) -> list[bytes]:
    """What one machine with a SQLite file and a folder makes of each kind of job."""
    data = fleet.folder / "alone"
    environment = {**os.environ, "IMPASTO__STORE__DATA": str(data), "IMPASTO__SERVER__ADDR": "127.0.0.1:8090",
                   "IMPASTO__WORKERS__DEVICES": "cpu", "IMPASTO__WORKERS__THREADS": "1"}
    with open(fleet.folder / "alone.log", "ab") as log:
        service = subprocess.Popen([fleet.program, "serve"], env=environment, cwd="/", stdout=log, stderr=log)
    try:
        client = Client("127.0.0.1", 8090)
        jobs = [client.submit(*fleet.kind_of_job(kind)) for kind in range(KINDS)]
        for job in jobs:
            assert client.poll_to_the_end(job)["status"] == "succeeded", job
        return [client.insist("GET", f"/v1/jobs/{job}/result").body for job in jobs]
    finally:
        service.terminate()
        service.wait(60)
