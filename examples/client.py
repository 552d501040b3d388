#!/usr/bin/env python3
"""Paints a photograph through impasto, with nothing but Python's standard library.

    IMPASTO_KEY=impasto_… python3 client.py --url http://127.0.0.1:8080 photograph.jpg painting.jpg -o painted.png size=512

Further styles are further files, and further options of the API are given as NAME=VALUE.
"""

import argparse
import json
import os
import pathlib
import sys
import time
import urllib.error
import urllib.request
import uuid

HOLD_SECONDS = 25
MOST_TRIES = 8


class Problem(Exception):
    """What the service says of a request that it did not do (application/problem+json), as a sentence."""

    def __init__(self, status, told, retry_after):
        where = f" ({told['field']})" if "field" in told else ""
        super().__init__(f"{told.get('title', f'the service answered {status}')}{where}: {told.get('detail', '')}")
        self.status, self.type, self.retry_after = status, told.get("type"), retry_after


class Impasto:
    def __init__(self, url, key=None):
        self.url = url.rstrip("/")
        self.key = key

    def submit(self, content, styles, options):
        """Submits a job. However often it is sent until it arrives, it is one job: it has a key of its own."""
        files = [("content", content)] + [("style", style) for style in styles]
        body, kind = form(options, files)
        headers = {"Content-Type": kind, "Idempotency-Key": str(uuid.uuid4())}
        return json.loads(self._patiently("/v1/jobs", headers, body)[1])

    def follow(self, job, tell=lambda job: None):
        """Follows the job to its end. An answer is held back until there are news."""
        path, tag = f"/v1/jobs/{job['id']}", None
        while job["status"] in ("queued", "running"):
            headers = {"If-None-Match": tag} if tag else {}
            answer, body = self._patiently(f"{path}?wait={HOLD_SECONDS}", headers)
            if body:  # and otherwise nothing is new: 304
                job, tag = json.loads(body), answer["ETag"]
                tell(job)
            time.sleep(float(answer.get("Retry-After", 0)))
        if job["status"] != "succeeded":
            raise SystemExit(f"the job is {job['status']}: {(job['error'] or {}).get('message', 'somebody stopped it')}")
        return job

    def result(self, job, picture_format):
        return self._patiently(f"/v1/jobs/{job['id']}/result?format={picture_format}", {})[1]

    def _patiently(self, path, headers, body=None):
        """Tries again what may well succeed a little later, when the service says so."""
        for attempt in range(1, MOST_TRIES + 1):
            try:
                return self._ask(path, headers, body)
            except Problem as problem:
                if problem.status not in (408, 429, 503) or attempt == MOST_TRIES:
                    raise
                time.sleep(problem.retry_after or 2**attempt)
            except OSError:
                if attempt == MOST_TRIES:
                    raise
                time.sleep(min(30, 2**attempt))

    def _ask(self, path, headers, body):
        request = urllib.request.Request(self.url + path, data=body, headers=headers)
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        try:
            with urllib.request.urlopen(request, timeout=HOLD_SECONDS + 60) as answer:
                return answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            if error.code == 304:
                return error.headers, b""
            raise Problem(error.code, document(error), float(error.headers.get("Retry-After", 0))) from None


def document(answer):
    try:
        return json.loads(answer.read())
    except ValueError:
        return {}


def form(options, files):
    """A multipart form: the options first, so that a wrong one is refused before the pictures have travelled."""
    boundary = uuid.uuid4().hex
    parts = [(f'name="{name}"', value.encode()) for name, value in options]
    parts += [(f'name="{name}"; filename="{name}"', path.read_bytes()) for name, path in files]
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {about}\r\n\r\n".encode() + content + b"\r\n"
        for about, content in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--url", default="http://127.0.0.1:8080")
    arguments.add_argument("-o", "--output", type=pathlib.Path, required=True)
    arguments.add_argument("--format", default="png", choices=["png", "png16", "jpeg", "webp", "tiff"])
    arguments.add_argument("content", type=pathlib.Path)
    arguments.add_argument("styles_and_options", nargs="+", metavar="style | NAME=VALUE")
    given = arguments.parse_intermixed_args()
    options = [tuple(text.split("=", 1)) for text in given.styles_and_options if "=" in text]
    styles = [pathlib.Path(text) for text in given.styles_and_options if "=" not in text]

    service = Impasto(given.url, os.environ.get("IMPASTO_KEY"))
    try:
        job = service.submit(given.content, styles, options)
        job = service.follow(job, lambda job: print(f"{job['status']}, {job['progress']['fraction']:.0%}", file=sys.stderr))
        given.output.write_bytes(service.result(job, given.format))
    except (Problem, OSError) as problem:
        sys.exit(f"{problem}")
    print(given.output)


if __name__ == "__main__":
    main()
