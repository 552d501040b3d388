"""Builds docker/Dockerfile as it stands, and tries in containers what its comments promise.

With no arguments the short form, which CI runs; --compose runs docker/compose.yaml as well, --fleet docker/compose.fleet.yaml.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import compose
import manifests
from client import Client
from docker import (
    HERE, ROOT, Failed, Playground, engine, epoch_of, expect, inspect, megabytes, run, until, until_it_goes_on,
)

# How the fleet's files run it.
HARDENED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
# The image's own command, asked oftener.
SOON = ["--health-interval", "1s", "--health-start-period", "1s"]
ENDLESS = {"stages": "64x48:20000", "report_every": 1, "optimiser": "adam"}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compose", action="store_true", help="run docker/compose.yaml as well")
    parser.add_argument("--fleet", action="store_true", help="run docker/compose.fleet.yaml as well")
    arguments = parser.parse_args()
    # What was made is taken away again, even where this is asked to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    manifests.check()
    if reason := engine():
        # Nothing here can be had without an engine, and not every machine that builds has one.
        print(f"!!! THE CONTAINERS WERE NOT TRIED: {reason}", file=sys.stderr)
        sys.exit(1 if os.environ.get("IMPASTO_TEST_CONTAINERS") == "required" else 0)
    compose.check()
    make_bases("debian", "rust")
    with Playground() as playground:
        labels = labels_to_build_with()
        image = build(playground, labels)
        look_at(image, labels)
        try_service(playground, image)
        try_worker(playground, image)
        if arguments.compose:
            compose.try_one_machine(playground, image)
        if arguments.fleet:
            make_bases("postgres", "haproxy", "seaweedfs", "prometheus")
            compose.try_fleet(playground, image)
    print("the containers do what docker/ says")


def make_bases(*names):
    # This Python has pip, which the machine's own may lack.
    subprocess.run([HERE / "bases.sh", *names], check=True, env=os.environ | {"PYTHON": sys.executable})


def labels_to_build_with():
    revision = run("git", "-C", ROOT, "rev-parse", "HEAD", check=False).stdout.strip() or "none-is-known"
    return {"revision": revision, "source": "https://git.example/impasto"}


def build(playground, labels):
    begun = time.monotonic()
    arguments = [part for name, value in labels.items() for part in ["--build-arg", f"{name.upper()}={value}"]]
    with tempfile.TemporaryDirectory() as folder:
        log = pathlib.Path(folder) / "log"
        image = playground.build(ROOT / "docker/Dockerfile", log, *arguments)
        context = megabytes(log.read_text())
    size, base = (inspect(name)["Size"] / 1e6 for name in [image, "debian:bookworm-slim"])
    print(f"built in {time.monotonic() - begun:.0f} s; context {context:.1f} MB; image {size:.0f} MB, {base:.0f} of it Debian's")
    expect("the context is what is built from, and nothing else", context < 40)
    expect("what stands on Debian is the program, and little else", size - base < 80)
    return image


def look_at(image, labels):
    configuration = inspect(image)["Config"]
    user = configuration["User"].split(":")
    expect("the user is a number, and not root's", all(part.isdigit() and part != "0" for part in user))
    said = {name.removeprefix("org.opencontainers.image."): value for name, value in configuration["Labels"].items()}
    expect("the image says what it is, and what it was built from",
           {**labels, "title": "impasto", "licenses": "MIT"}.items() <= said.items())
    expect("it has a health check", configuration["Healthcheck"]["Test"][0] == "CMD")
    expect("the data has a volume", "/data" in configuration["Volumes"])
    version = run("docker", "run", "--rm", *HARDENED, image, "--version")
    expect(f"the label says the version of {version}", version.split()[-1] == said["version"])


def try_service(playground, image):
    """One container with everything in it: on an address that is not the usual one, with one processor of those there are."""
    data = playground.volume("data")
    usual = [*HARDENED, "--volume", f"{data}:/data"]
    refused = run("docker", "run", "--rm", *usual, image, check=False)
    expect("without keys it is not open to the world", refused.returncode == 1 and "keys create" in refused.stderr)
    key = run("docker", "run", "--rm", *usual, image, "keys", "create", "tester")
    container = playground.start(
        "service", *usual, *SOON, "--env", "IMPASTO__SERVER__ADDR=0.0.0.0:9000", "--publish", "127.0.0.1::9000",
        "--cpus", "1", image,
    )
    container.wait_until_healthy()
    expect("it runs as nobody that has a name", container.exec("id", "-u") == "10001")

    client = Client(container.address(9000), key)
    status, picture = client.send("/v1/paint", size=64, preset="fast")
    expect(f"a picture is painted ({status})", status == 200 and picture.startswith(b"\x89PNG"))

    threads = container.exec("sh", "-c", "cat /proc/[0-9]*/task/*/comm | grep -c ^engine-")
    expect(f"threads are as many as the container has processors ({threads})", threads == "1")

    orphan = container.exec("sh", "-c", "sleep 0.1 >/dev/null 2>&1 & echo $!")
    until("the end of an orphan", lambda: container.exec("test", "-e", f"/proc/{orphan}", check=False).returncode != 0)
    expect("no zombie is left", "Z" not in container.exec("sh", "-c", "cut -d' ' -f3 /proc/[0-9]*/stat"))

    job = client.submit(**ENDLESS)
    # So many that one that begins anew is seen to.
    until("the first epochs", lambda: epoch_of(client.job(job)) >= 20)
    begun = time.monotonic()
    # Whoever is asked to end saves what he has, and that is no less.
    saved = epoch_of(client.job(job))
    code = container.stop(75)
    expect(f"it ends in good order ({code}, after {time.monotonic() - begun:.1f} s)", code == 0)

    container.restart()
    container.wait_until_healthy()
    client = Client(container.address(9000), key)
    until_it_goes_on(client, job, past=saved, at_least=saved)
    before = epoch_of(client.job(job))
    container.kill()
    container.restart()
    container.wait_until_healthy()
    client = Client(container.address(9000), key)
    until_it_goes_on(client, job, past=before, at_least=saved)
    print(f"ok: a job outlives SIGTERM (at epoch {saved} or later) and SIGKILL (at {before} or later)")
    client.ask(f"/v1/jobs/{job}/cancel", "POST")
    until("the job's end", lambda: client.job(job)["status"] == "canceled")
    expect("it ends in good order", container.stop(75) == 0)


def try_worker(playground, image):
    """One container with workers alone, which has no API to be asked."""
    data = playground.volume("worker")
    usual = [*HARDENED, *SOON, "--volume", f"{data}:/data", "--env", "IMPASTO_ROLE=worker"]
    container = playground.start("worker", *usual, "--env", "IMPASTO__METRICS__ADDR=[::]:9100", image)
    container.wait_until_healthy()
    said = container.exec("env", "IMPASTO__METRICS__ADDR=", "impasto", "health", check=False)
    expect("a worker that cannot be asked says why", said.returncode == 1 and "metrics.addr" in said.stderr)
    expect("it ends in good order", container.stop(75) == 0)


if __name__ == "__main__":
    try:
        main()
    except Failed as failed:
        sys.exit(f"!!! {failed}")
