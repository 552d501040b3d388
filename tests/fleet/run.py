#!/usr/bin/env python3
"""The fleet test: machines that fail in every way, behind one balancer, and nothing that was taken in is lost.

Two replicas of the API, three workers, PostgreSQL, an object store and HAProxy, on machines that are network namespaces. It needs
root, and the programs that .ci/run installs.

    python3 tests/fleet/run.py target/release/impasto
"""

import argparse
import concurrent.futures
import http.client
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import uuid

from client import Client, multipart
from machine import Machine
from network import HUB, Network
from pictures import CONTENTS, STYLES, png
from servers import Balancer, ObjectStore, Postgres, asked, wait_for

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


def nothing_is_lost(fleet: Fleet, right: list[bytes], jobs: int) -> None:
    """Machines fail in every way while jobs come and go."""
    done = threading.Semaphore(0)
    finished = []

    def see_through(number: int) -> None:
        client = fleet.client()
        job = client.submit(*fleet.kind_of_job(number % KINDS))
        breaks = 0
        if number % 2:
            status = client.poll_to_the_end(job)["status"]
        else:
            status, breaks = client.follow_to_the_end(job)
        picture = client.insist("GET", f"/v1/jobs/{job}/result").body
        finished.append((job, status, picture == right[number % KINDS], client.lost, breaks))
        done.release()

    def after(count: int, what: str) -> None:
        """Waits for so many more to be done, and says what happens then."""
        for _ in range(count):
            while not done.acquire(timeout=1):
                for each in seen:
                    if each.done():
                        each.result()
                assert time.monotonic() - began < 900, f"nothing is done any more before: {what}"
        print(f"  {time.monotonic() - began:6.1f} s  {len(finished):3} done: {what}", flush=True)

    began = time.monotonic()
    step = jobs // 8
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        seen = [pool.submit(see_through, number) for number in range(jobs)]
        after(step, "a replica is killed")
        fleet.machines["api0"].kill()
        after(step, "it is back; a worker is killed with its supervisor")
        fleet.machines["api0"].start()
        fleet.machines["worker0"].kill()
        after(step, "it is back; another is cut off for longer than its lease")
        fleet.machines["worker0"].start()
        lapsed = "SELECT count(*) FROM jobs WHERE notices LIKE '%its lease ran out%'"
        before = int(fleet.postgres.ask(lapsed))
        fleet.network.cut("worker2")
        wait_for("the end of a lease", lambda: int(fleet.postgres.ask(lapsed)) > before, 120)
        fleet.network.mend("worker2")
        after(step, "it is back; PostgreSQL crashes")
        fleet.postgres.restart()
        after(step, "it is back; the object store fails")
        fleet.objects.fails.set()
        wait_for("refused requests", lambda: fleet.objects.refused >= 5, 120)
        fleet.objects.fails.clear()
        after(step, "it is back; the other replica is killed")
        fleet.machines["api1"].kill()
        fleet.machines["api1"].start()
        for each in seen:
            each.result()
    counted = fleet.postgres.ask("SELECT count(*), count(*) FILTER (WHERE status = 'succeeded'), "
                                 "count(*) FILTER (WHERE attempt > 1), max(attempt) FROM jobs")
    lost, breaks = sum(each[3] for each in finished), sum(each[4] for each in finished)
    print(f"  {time.monotonic() - began:6.1f} s  jobs|succeeded|claimed again|attempts at the most: {counted}; "
          f"{lost} requests repeated, {breaks} streams taken up again, {fleet.objects.refused} refusals of the object store")
    assert len(finished) == jobs and len({each[0] for each in finished}) == jobs
    wrong = [each[:2] for each in finished if each[1] != "succeeded" or not each[2]]
    assert not wrong, f"not the picture that one machine makes: {wrong}"
    total, succeeded, _, most = map(int, counted.split("|"))
    assert total == succeeded == jobs, counted
    assert most <= 6, counted


def nobody_notices_a_rolling_restart(fleet: Fleet, environment: dict[str, str]) -> None:
    """All replicas are restarted one after the other, and no request fails: none is repeated here."""
    stop, asked_so_far, failures = threading.Event(), [], []

    def ask(number: int) -> None:
        client = fleet.client()
        content = png(16, 16, lambda x, y: (x, y, number))
        kind, body = multipart({"stages": "16x16:1"}, {"content": content, "style": STYLES[0]})
        job = ""
        while not stop.is_set():
            try:
                answers = [client.once("POST", "/v1/jobs", body, {"Content-Type": kind})]
                job = answers[0].json()["id"]
                answers.append(client.once("GET", f"/v1/jobs/{job}?wait=1"))
                answers.append(client.once("GET", "/v1/jobs?limit=5"))
                failures.extend(answer.status for answer in answers if answer.status not in (200, 202))
                asked_so_far.extend(answers)
            except (OSError, http.client.HTTPException, KeyError, ValueError) as error:
                failures.append(repr(error))

    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(ask, number) for number in range(4)]
        for name in APIS:
            fleet.machines[name].stop()
            fleet.machines[name].environment.update(environment)
            fleet.machines[name].start()
            wait_for(f"{name} in the balancer", lambda: fleet.balancer.is_up(APIS.index(name)))
        stop.set()
        for each in asking:
            each.result()
    print(f"  {time.monotonic() - began:6.1f} s  {len(asked_so_far)} requests, {len(failures)} failed")
    assert not failures, failures[:5]
    assert len(asked_so_far) > 50


def limits_hold_over_replicas(fleet: Fleet, limits: dict[str, str]) -> None:
    for name in WORKERS:
        fleet.machines[name].stop()
    requests, queued, bytes_a_day = (int(limits[f"IMPASTO__LIMITS__{name}"])
                                     for name in ("REQUESTS_A_MINUTE", "MOST_QUEUED", "BYTES_A_DAY"))

    def all_at_once(count: int, ask) -> list[int]:
        with concurrent.futures.ThreadPoolExecutor(count) as pool:
            return sorted(pool.map(ask, range(count)))

    # Requests.
    often = fleet.client(fleet.new_key("often"))
    began = time.monotonic()
    answered = all_at_once(3 * requests // 2, lambda _: often.once("GET", "/v1/jobs?limit=1").status)
    back = int((time.monotonic() - began) * requests / 60) + 1
    print(f"  of {len(answered)} requests where {requests} a minute are allowed, {answered.count(200)} were answered")
    assert requests <= answered.count(200) <= requests + back and answered.count(429) == len(answered) - answered.count(200)

    # Jobs in the queue.
    many = fleet.client(fleet.new_key("many"))
    kind, body = multipart({"stages": "16x16:1"}, {"content": CONTENTS[0], "style": STYLES[0]})
    answered = all_at_once(3 * queued, lambda _: many.once("POST", "/v1/jobs", body, {"Content-Type": kind}).status)
    print(f"  of {len(answered)} jobs where {queued} may wait, {answered.count(202)} were taken")
    assert answered.count(202) == queued and answered.count(429) == 2 * queued

    # Bytes a day, one replica after the other.
    large = fleet.client(fleet.new_key("large"))
    noise = png(200, 200, lambda x, y: ((x * 7919 + y * 104729) % 251, (x * y * 31) % 253, (x * 17 + y * y * 13) % 255))
    kind, body = multipart({"stages": "16x16:1"}, {"content": noise, "style": noise})
    taken = 0
    while large.once("POST", "/v1/jobs", body, {"Content-Type": kind}).status == 202:
        taken += 1
    print(f"  of uploads of {2 * len(noise)} bytes where {bytes_a_day} a day are allowed, {taken} were taken")
    assert taken < queued, "the queue was full before the day was"
    assert (taken - 1) * 2 * len(noise) < bytes_a_day <= (taken + 1) * 2 * len(noise)

    # One job for one key, whichever replica it comes to, and at once.
    key = fleet.new_key("twice")
    twice = [fleet.client(key, fleet.network.addresses[name]) for name in APIS]
    kind, body = multipart({"stages": "16x16:1"}, {"content": CONTENTS[0], "style": STYLES[0]})
    headers = {"Content-Type": kind, "Idempotency-Key": uuid.uuid4().hex}
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: twice[number % 2].once("POST", "/v1/jobs", body, headers), range(8)))
    print(f"  eight requests with one Idempotency-Key: {sorted(answer.status for answer in answers)}")
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sorted(answer.status for answer in answers) == [200] * 7 + [202]

    # A key that is revoked opens no replica.
    fleet.machines["api0"].run("keys", "revoke", "twice")
    for client in twice:
        wait_for("the end of the key", lambda: client.once("GET", "/v1/jobs").status == 401, 10)
    print("  a revoked key opens no replica any more")


def inside(arguments: argparse.Namespace, network: Network) -> None:
    folder = pathlib.Path(tempfile.mkdtemp(prefix="impasto-fleet-"))
    folder.chmod(0o755)
    passed = False
    try:
        began = time.monotonic()
        fleet = Fleet(network, folder, os.path.abspath(arguments.program), arguments.epochs)
        print(f"a fleet of {len(fleet.machines)} machines is up after {time.monotonic() - began:.1f} s", flush=True)
        right = alone(fleet)
        assert len(set(right)) == KINDS
        print(f"{arguments.jobs} jobs, while everything fails once:", flush=True)
        nothing_is_lost(fleet, right, arguments.jobs)
        limits = {"IMPASTO__LIMITS__REQUESTS_A_MINUTE": "60", "IMPASTO__LIMITS__MOST_QUEUED": "10",
                  "IMPASTO__LIMITS__BYTES_A_DAY": "1000000"}
        print("a rolling restart of all replicas:", flush=True)
        nobody_notices_a_rolling_restart(fleet, {})
        print("limits, over both replicas:", flush=True)
        for name in APIS:
            fleet.machines[name].environment.update(limits)
            fleet.machines[name].kill()
            fleet.machines[name].start()
        for number in range(len(APIS)):
            wait_for("both replicas in the balancer", lambda: fleet.balancer.is_up(number))
        limits_hold_over_replicas(fleet, limits)
        passed = True
    finally:
        if passed and not arguments.keep:
            shutil.rmtree(folder)
        else:
            print(f"the logs are in {folder}", file=sys.stderr)
            for log in sorted(folder.glob("*.log")):
                tail = log.read_bytes()[-1500:].decode(errors="replace")
                print(f"--- {log.name}\n{tail}", file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the impasto binary")
    parser.add_argument("--jobs", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=60, help="of each job; more take longer, and so fail in more places")
    parser.add_argument("--keep", action="store_true", help="keeps the logs of a run that passed as well")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    network = Network("impasto-fleet", [*APIS, *WORKERS])
    if arguments.inside:
        inside(arguments, network)
        print("passed")
        return
    network.build()
    try:
        command = network.inside("hub", [sys.executable, __file__, "--inside", *sys.argv[1:]])
        sys.exit(subprocess.run(command).returncode)
    finally:
        network.remove()


if __name__ == "__main__":
    main()
