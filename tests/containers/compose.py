"""docker/compose.yaml and docker/compose.fleet.yaml, read and run."""

import os
import secrets
import subprocess
import time

from client import Client
from docker import HERE, ROOT, Failed, expect, run, until

ONE_MACHINE = ROOT / "docker/compose.yaml"
FLEET = ROOT / "docker/compose.fleet.yaml"


def program():
    """Compose 2 or later, wherever it comes from: the first version knew neither `name` nor `replicas`."""
    if run("docker", "compose", "version", check=False).returncode == 0:
        return ["docker", "compose"]
    return [run(HERE / "newer.sh", "docker-compose")]


def check():
    """That both files are what Compose takes, and that the fleet does not start without its secrets."""
    run(*program(), "--file", ONE_MACHINE, "config", "--quiet")
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "AWS_"))}
    with_example = ["--file", FLEET, "--env-file", ROOT / "docker/.env.example"]
    refused = run(*program(), *with_example, "config", "--quiet", check=False, env=bare)
    if refused.returncode == 0 or "docker/.env" not in refused.stderr:
        raise Failed(f"the fleet takes the example of its secrets for real ones: {refused.stderr}")
    run(*program(), *with_example, "config", "--quiet", env=bare | secrets_of_a_fleet())
    print("ok: the files for Compose can be read, and the fleet wants its secrets")


def secrets_of_a_fleet():
    return {name: secrets.token_hex(24) for name in ["POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"]}


class Project:
    """What a file of Compose's describes, under a name of its own, on the image that was built; gone in the end."""

    def __init__(self, playground, file, image, environment):
        self.name = f"{playground.prefix}-{file.stem.replace('.', '-')}"
        self.command = [*program(), "--project-name", self.name, "--file", file]
        self.environment = os.environ | environment | {"IMPASTO_IMAGE": image}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.run("down", "--volumes", "--timeout", "5", check=False)

    def run(self, *arguments, **options):
        return run(*self.command, *arguments, env=self.environment, **options)

    def container(self, service, number=1):
        return self.run("ps", "--all", "--quiet", service).split()[number - 1]

    def address(self, service, port):
        return self.run("port", service, port).replace("0.0.0.0", "127.0.0.1")


def try_one_machine(playground, image):
    """A key, a picture through the published port, a stop in good order, a kill that loses nothing."""
    with Project(playground, ONE_MACHINE, image, {"IMPASTO_PORT": "0"}) as project:
        key = project.run("run", "--rm", "--no-deps", "impasto", "keys", "create", "me").splitlines()[-1]
        project.run("up", "--detach", "--wait", "--no-build", "impasto")
        client = Client(project.address("impasto", 8080), key)
        status, picture = client.send("/v1/paint", size=64, preset="fast")
        expect(f"one machine paints by Compose ({status})", status == 200 and picture.startswith(b"\x89PNG"))
        done = client.submit(size=64, preset="fast")
        until("a picture", lambda: client.job(done)["status"] == "succeeded")
        endless = client.submit(stages="64x48:20000", report_every=1, optimiser="adam")
        until("the first losses", lambda: (client.job(endless).get("progress") or {}).get("losses"))

        project.run("stop", "impasto")
        code = run("docker", "inspect", "--format", "{{.State.ExitCode}}", project.container("impasto"))
        expect(f"`stop` ends it in good order ({code})", code == "0")
        project.run("up", "--detach", "--wait", "--no-build", "impasto")
        run("docker", "kill", project.container("impasto"))
        project.run("up", "--detach", "--wait", "--no-build", "impasto")
        client = Client(project.address("impasto", 8080), key)
        status, _ = client.ask(f"/v1/jobs/{done}/result")
        expect("what was painted before a kill is there after it", status == 200)
        until("the job's going on", lambda: client.job(endless)["status"] == "running")
        client.ask(f"/v1/jobs/{endless}/cancel", "POST")


def try_fleet(playground, image):
    """A key, a picture through the balancer, and a picture while one API after the other is stopped."""
    settings = secrets_of_a_fleet() | {"IMPASTO_PORT": "0", "PROMETHEUS_PORT": "0"}
    with Project(playground, FLEET, image, settings) as project:
        key = project.run("run", "--rm", "api", "keys", "create", "me").splitlines()[-1]
        project.run("up", "--detach", "--wait", "--no-build")
        client = Client(project.address("balancer", 8080), key)
        until("the balancer's first API", lambda: client.ask("/readyz")[0] == 200)
        status, picture = client.send("/v1/paint", size=64, preset="fast")
        expect(f"the fleet paints ({status})", status == 200 and picture.startswith(b"\x89PNG"))
        restart_each_in_turn(project, client)
        kill_a_worker(project, client)


def restart_each_in_turn(project, client):
    """Whoever asks meanwhile notices nothing."""
    for number in [1, 2]:
        container = project.container("api", number)
        stopping = subprocess.Popen(["docker", "stop", "--time", "30", container], stdout=subprocess.DEVNULL)
        while stopping.poll() is None:
            status, body = client.ask("/v1/jobs")
            if status != 200:
                raise Failed(f"while an API ended, a request was answered with {status}: {body[:200]}")
            # A client may ask so often, and no oftener.
            time.sleep(0.2)
        run("docker", "start", container)
        until("its health", lambda: run("docker", "inspect", "--format", "{{.State.Health.Status}}", container) == "healthy")
    print("ok: one API after the other was restarted, and every request was answered")


def kill_a_worker(project, client):
    """Its job goes on at the other one."""
    job = client.submit(stages="64x48:20000", report_every=1, optimiser="adam")
    until("the first losses", lambda: (client.job(job).get("progress") or {}).get("losses"))
    for number in [1, 2]:
        container = project.container("worker", number)
        before = client.job(job)["progress"]["epoch"]
        run("docker", "kill", container)
        until("the job's going on", lambda: client.job(job)["progress"]["epoch"] > before)
        run("docker", "start", container)
    client.ask(f"/v1/jobs/{job}/cancel", "POST")
    print("ok: the job of a worker that was killed went on")
