"""Which shard has a user, a session or a token of session_service. Asks no server; needs nothing but Python."""

import hashlib
import uuid

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


def bucket_of_user(user_id):
    """The first 12 bits of SHA-256 over the 16 bytes of the id."""
    digest = hashlib.sha256(uuid.UUID(str(user_id)).bytes).digest()
    return digest[0] << 4 | digest[1] >> 4


def bucket_of_session(session_id):
    """The 12 bits behind the version of the UUID."""
    return uuid.UUID(str(session_id)).int >> 64 & 0xFFF


def bucket_of_token(token):
    """The same 12 bits: two characters of the token. None for what may be another system's token."""
    if not token or not token.startswith(("sst_", "ssr_")):
        return None
    high, low = (ALPHABET.find(character) for character in token[14:16].ljust(2, "A"))
    return high * 64 + low if high >= 0 and low >= 0 else 0


def range_of(bucket):
    """0 to 15: the ranges are what is given to shards, and what moves between them."""
    return bucket >> 8


def pool_of(bucket, pools):
    """Of sixteen pools, one for each range, with the same pool at several places; that of range 0 without a bucket."""
    return pools[range_of(bucket or 0)]
