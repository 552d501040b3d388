"""Runs Schemathesis against the real service: whatever is asked of it, it answers as openapi.yaml says.

The service gets jobs of every state beforehand, so that what is asked of `/v1/jobs/{id}` meets real ones.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import requests

import pictures

HERE = pathlib.Path(__file__).parent
PATIENCE = 120
# Pictures are small, so that a worker is through with what is made up here in no time; and nobody is asked to come later.
SETTINGS = {
    "SERVER__MAX_STAGE_PIXELS": "16384",
    "SERVER__BUSY_SECONDS": "20",
    "SERVER__SYNC_SECONDS": "2",
    "LIMITS__REQUESTS_A_MINUTE": "0",
}


def main():
    arguments = parsed()
    # Whoever is told to end takes the service along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory() as data, service(arguments.binary, pathlib.Path(data)) as url:
        key = new_key(arguments.binary, data) if arguments.keys else None
        jobs = Jobs(url, key)
        jobs.make()
        code = schemathesis(arguments, url, key)
        # Whatever it was asked, it goes on.
        requests.get(f"{url}/healthz", timeout=PATIENCE).raise_for_status()
        sys.exit(code)


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, epilog="Anything else is handed to Schemathesis.")
    parser.add_argument("binary", help="the program, such as target/debug/impasto")
    parser.add_argument("--keys", action="store_true", help="with a key, without which nothing is answered")
    parser.add_argument("--seconds", type=int, help="how long it goes on; as long as its cases take, if left out")
    parser.add_argument("--cases", type=int, default=100, help="cases of each operation and phase")
    parser.add_argument("--seed", type=int, default=1)
    arguments, rest = parser.parse_known_args()
    arguments.rest = rest
    return arguments


@contextlib.contextmanager
def service(binary, data):
    """The service on a port of its own, gone in the end with its workers."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IMPASTO__")}
    environment |= {f"IMPASTO__{name}": value for name, value in SETTINGS.items()}
    command = [str(pathlib.Path(binary).resolve()), "serve", "--addr", "127.0.0.1:0", "--data", str(data)]
    with open(data / "log", "w") as log:
        process = subprocess.Popen(
            command, cwd=data, env=environment, stdout=subprocess.PIPE, stderr=log, text=True, start_new_session=True
        )
    try:
        said = process.stdout.readline().strip()
        if not said.startswith("listening on "):
            sys.exit(f"the service did not start:\n{(data / 'log').read_text()}")
        yield said.removeprefix("listening on ")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def new_key(binary, data):
    """A key that may do everything."""
    command = [str(pathlib.Path(binary).resolve()), "keys", "create", "fuzz", "--scope", "admin", "--data", data]
    return subprocess.run(command, cwd=data, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


class Jobs:
    """Jobs of every state: one that succeeded, one that was canceled, one that runs, and some that wait for it."""

    def __init__(self, url, key):
        self.url = url
        self.session = requests.Session()
        if key:
            self.session.headers["Authorization"] = f"Bearer {key}"

    def make(self):
        succeeded = [self.submit(size=32, epochs=5, report_every=1) for _ in range(3)]
        for job in succeeded:
            self.wait_for(job, "succeeded")
        self.wait_for(self.submit(size=64, epochs=20000), "running")
        canceled = self.submit(size=32)
        self.session.post(f"{self.url}{canceled}/cancel", timeout=PATIENCE).raise_for_status()
        # One that is not begun in time fails; where there is no such option, there is none that failed.
        failed = self.submit(may_fail=True, size=32, start_within=1)
        if failed:
            self.wait_for(failed, "failed")
        for _ in range(3):
            self.submit(size=32, epochs=5)

    def submit(self, may_fail=False, **options):
        files = {"content": ("a.png", pictures.ALL[3]), "style": ("b.png", pictures.ALL[1])}
        response = self.session.post(f"{self.url}/v1/jobs", data=options, files=files, timeout=PATIENCE)
        if may_fail and response.status_code == 422:
            return None
        if not response.ok:
            sys.exit(f"a job of {options} was refused: {response.text}")
        return response.json()["links"]["self"]

    def wait_for(self, job, status):
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            seen = self.session.get(f"{self.url}{job}", timeout=PATIENCE).json()["status"]
            if seen == status:
                return
            time.sleep(0.1)
        sys.exit(f"{job} was to be {status}, and is {seen}")


def schemathesis(arguments, url, key):
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "hooks", "PYTHONPATH": str(HERE), "IMPASTO_URL": url}
    program = str(pathlib.Path(sys.executable).with_name("schemathesis"))
    command = [program, "--config-file", str(HERE / "schemathesis.toml"), "run", f"{url}/openapi.yaml", "--url", url]
    command += ["--checks", "all", "--seed", str(arguments.seed), "--max-examples", str(arguments.cases)]
    command += ["--request-timeout", str(PATIENCE), "--warnings", "off", "--continue-on-failure"]
    if arguments.seconds:
        command += ["--max-time", str(arguments.seconds)]
    if key:
        environment["IMPASTO_KEY"] = key
        command += ["--header", f"Authorization: Bearer {key}"]
    else:
        # From the first key on, nobody is let in without one; until then everybody is.
        command += ["--exclude-operation-id", "makeKey", "--exclude-checks", "ignored_auth"]
    return subprocess.run(command + arguments.rest, env=environment).returncode


if __name__ == "__main__":
    main()
