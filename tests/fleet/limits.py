"""What a client may do holds for the fleet, whichever replica it comes to."""

import concurrent.futures
import time
import uuid

from client import multipart
from fleet import APIS, WORKERS, Fleet
from pictures import CONTENTS, STYLES, png
from servers import wait_for


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
