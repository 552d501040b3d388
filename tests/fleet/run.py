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
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from client import multipart
from fleet import APIS, KINDS, WORKERS, Fleet, alone
from limits import limits_hold_over_replicas
from network import Network
from pictures import STYLES, png
from servers import wait_for

# Less than .ci/run gives it, so that there is time to tidy up and to show the logs.
LONGEST = 800
# For the next job to be done, whatever has failed.
PATIENCE = 240
# What a worker says whose job somebody else has.
CLAIM_LOST = "the claim was lost"


def idle_workers_hear_at_once(fleet: Fleet) -> None:
    """How long a job waits that comes to an idle fleet, by the database's clock."""
    client = fleet.client()
    jobs = [client.submit(*fleet.kind_of_job(0))]
    for _ in range(4):
        assert client.poll_to_the_end(jobs[-1])["status"] == "succeeded"
        jobs.append(client.submit(*fleet.kind_of_job(0)))
    client.poll_to_the_end(jobs[-1])
    waits = fleet.postgres.ask("SELECT string_agg((started_at - created_at)::text, ' ' ORDER BY number) FROM jobs")
    print(f"jobs that come to idle workers wait for {waits} ms", flush=True)
    for job in jobs:
        client.insist("DELETE", f"/v1/jobs/{job}")


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
            until = time.monotonic() + PATIENCE
            while not done.acquire(timeout=1):
                for each in seen:
                    if each.done():
                        each.result()
                assert time.monotonic() < until, f"nothing is done any more before: {what}"
        print(f"  {time.monotonic() - began:6.1f} s  {len(finished):3} done: {what}", flush=True)

    began = time.monotonic()
    step = jobs // 8
    # Not `with` it: that would wait for all clients before it lets be seen what failed.
    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    seen = [pool.submit(see_through, number) for number in range(jobs)]
    after(step, "a replica is killed")
    fleet.machines["api0"].kill()
    after(step, "it is back; a worker is killed with its supervisor")
    fleet.machines["api0"].start()
    fleet.machines["worker0"].kill()
    after(step, "it is back; another is cut off until somebody else has its job")
    fleet.machines["worker0"].start()
    a_worker_comes_back_too_late(fleet, "worker2")
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
    assert lost > 0 and breaks > 0, "no client noticed anything: what failed did so beside them"


def a_worker_comes_back_too_late(fleet: Fleet, name: str) -> None:
    """It is cut off in the middle of a job, somebody else claims the job, and it has to see that it holds it no more."""
    machine = fleet.machines[name]
    held = ""

    def is_cut_off_with_a_job() -> bool:
        nonlocal held
        its_own = f"SELECT id, attempt FROM jobs WHERE worker = '{machine.worker()}'"
        held = fleet.postgres.ask(its_own)
        if not held:
            return False
        fleet.network.cut(name)
        # Nothing comes from there any more: what it holds now stays as it is until its lease is over.
        if fleet.postgres.ask(its_own) == held:
            return True
        fleet.network.mend(name)
        return False

    wait_for(f"a job of {name}", is_cut_off_with_a_job, 120)
    job, attempt = held.split("|")
    claimed_again = f"SELECT count(*) FROM jobs WHERE id = '{job}' AND attempt > {attempt}"
    wait_for(f"another claim of the job of {name}", lambda: fleet.postgres.ask(claimed_again) == "1", 120)
    before = machine.said().count(CLAIM_LOST)
    fleet.network.mend(name)
    wait_for(f"the loss of its claim in the log of {name}", lambda: machine.said().count(CLAIM_LOST) > before, 120)


def nobody_notices_a_rolling_restart(fleet: Fleet) -> None:
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
        try:
            for name in APIS:
                before = len(asked_so_far)
                fleet.machines[name].stop()
                fleet.machines[name].start()
                wait_for(f"{name} in the balancer", lambda: fleet.balancer.is_up(APIS.index(name)))
                assert len(asked_so_far) > before, f"nobody asked while {name} was restarted"
        finally:
            stop.set()
        for each in asking:
            each.result()
    print(f"  {time.monotonic() - began:6.1f} s  {len(asked_so_far)} requests, {len(failures)} failed")
    assert not failures, failures[:5]


def inside(arguments: argparse.Namespace, network: Network, folder: pathlib.Path) -> None:
    """What is run in the hub."""
    began = time.monotonic()
    fleet = Fleet(network, folder, os.path.abspath(arguments.program), arguments.epochs)
    print(f"a fleet of {len(fleet.machines)} machines is up after {time.monotonic() - began:.1f} s", flush=True)
    right = alone(fleet)
    idle_workers_hear_at_once(fleet)
    assert len(set(right)) == KINDS
    print(f"{arguments.jobs} jobs, while everything fails once:", flush=True)
    nothing_is_lost(fleet, right, arguments.jobs)
    print("a rolling restart of all replicas:", flush=True)
    nobody_notices_a_rolling_restart(fleet)
    print("limits, over both replicas:", flush=True)
    limits = {"IMPASTO__LIMITS__REQUESTS_A_MINUTE": "60", "IMPASTO__LIMITS__MOST_QUEUED": "10",
              "IMPASTO__LIMITS__BYTES_A_DAY": "1000000"}
    for name in APIS:
        fleet.machines[name].environment.update(limits)
        fleet.machines[name].kill()
        fleet.machines[name].start()
    for number in range(len(APIS)):
        wait_for("both replicas in the balancer", lambda: fleet.balancer.is_up(number))
    limits_hold_over_replicas(fleet, limits)


def show_logs(folder: pathlib.Path) -> None:
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
    parser.add_argument("--inside", nargs=2, metavar=("PREFIX", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    machines = [*APIS, *WORKERS]
    if arguments.inside:
        prefix, folder = arguments.inside
        try:
            inside(arguments, Network(prefix, machines), pathlib.Path(folder))
        except BaseException:
            traceback.print_exc()
            sys.stdout.flush()
            # At once, whatever clients still wait for.
            os._exit(1)
        print("passed")
        return
    # What is below `finally` is done by whoever is asked to end, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    # Two of these tests get along on one machine.
    network = Network(f"impasto-{os.getpid()}", machines)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="impasto-fleet-"))
    folder.chmod(0o755)
    passed = False
    try:
        network.build()
        command = network.inside("hub", [sys.executable, __file__, "--inside", network.prefix, str(folder), *sys.argv[1:]])
        passed = subprocess.run(command, timeout=LONGEST).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"the fleet was not through after {LONGEST} s", file=sys.stderr)
    finally:
        # Whatever is left runs on its machines, and ends with them.
        network.remove()
        if not passed or arguments.keep:
            show_logs(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
