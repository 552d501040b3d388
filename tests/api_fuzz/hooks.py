"""What Schemathesis is told of this API: files are pictures most of the time, and ids are those of jobs that are there."""

import os
import uuid

import requests
import schemathesis
from hypothesis import strategies as st

import pictures

URL = os.environ["IMPASTO_URL"]
KEY = os.environ.get("IMPASTO_KEY")
HEADERS = {"Authorization": f"Bearer {KEY}"} if KEY else {}
UNFINISHED = {"queued", "running"}


class Jobs:
    """The jobs that the service has, asked for anew now and then: some are deleted on the way."""

    def __init__(self):
        self.states = {}
        self.asked = 0

    def any(self, number):
        self.asked += 1
        if self.asked % 20 == 1:
            page = requests.get(f"{URL}/v1/jobs?limit=100", headers=HEADERS, timeout=30).json()
            self.states = {job["id"]: job["status"] for job in page.get("jobs", [])}
        ids = sorted(self.states)
        return ids[number % len(ids)] if ids else str(uuid.UUID(int=number))

    def has_ended(self, id):
        return self.states.get(id) not in UNFINISHED


JOBS = Jobs()
ids = st.integers(0, 10**6).map(JOBS.any)
files = st.sampled_from(pictures.ALL)
schemathesis.openapi.format("uuid", st.one_of(ids, ids, ids, st.uuids().map(str)))
schemathesis.openapi.format("binary", st.one_of(files, files, files, files, st.binary(max_size=200)))


@schemathesis.hook
def filter_case(context, case):
    """Everything may be tried but to revoke the key that it is tried with, and to follow a job until it ends."""
    id = (case.path_parameters or {}).get("id")
    if case.operation.path == "/v1/keys/{id}":
        return not KEY or id != KEY.split("_")[1]
    return case.operation.path != "/v1/jobs/{id}/events" or JOBS.has_ended(id)


@schemathesis.hook
def map_query(context, query):
    """Nobody has the time to wait for news half a minute, again and again."""
    wait = (query or {}).get("wait")
    return query | {"wait": min(wait, 1)} if isinstance(wait, int) else query
