import base64
import hashlib
import hmac
import time


def is_from_impasto(secret, headers, body):
    """Whether a message to a webhook is the service's: `secret` is the key's (whsec_…), `body` the bytes as they came."""
    age = time.time() - int(headers["webhook-timestamp"])
    if abs(age) > 300:
        return False  # an old one, sent again by somebody else
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    # There may be several, apart by spaces.
    return any(hmac.compare_digest(expected, given) for given in headers["webhook-signature"].split())
