"""What Schemathesis is told of this API: files are pictures most of the time, and ids are those of jobs that are there."""

import os
import uuid

import requests
import schemathesis
from hypothesis import strategies as st

import pictures

URL = os.environ["IMPASTO_URL"]
HEADERS = {"Authorization": f"Bearer {key}"} if (key := os.environ.get("IMPASTO_KEY")) else {}


class Jobs:
    """The ids of the jobs that the service has, asked for anew now and then: some are deleted on the way."""

    def __init__(self):
        self.ids = []
        self.asked = 0

    def any(self, number):
        self.asked += 1
        if self.asked % 50 == 1:
            page = requests.get(f"{URL}/v1/jobs?limit=100", headers=HEADERS, timeout=30).json()
            self.ids = sorted(job["id"] for job in page.get("jobs", []))
        return self.ids[number % len(self.ids)] if self.ids else str(uuid.UUID(int=number))


JOBS = Jobs()


@schemathesis.hook
def filter_case(context, case):
    """Everything may be tried but to revoke the key that it is tried with."""
    revoked = (case.path_parameters or {}).get("id")
    return case.operation.path != "/v1/keys/{id}" or not key or revoked != key.split("_")[1]


ids = st.integers(0, 10**6).map(JOBS.any)
files = st.sampled_from(pictures.ALL)
schemathesis.openapi.format("uuid", st.one_of(ids, ids, ids, st.uuids().map(str)))
schemathesis.openapi.format("binary", st.one_of(files, files, files, files, st.binary(max_size=200)))
