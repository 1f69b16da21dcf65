"""Holds routing.py to the vectors in the file that is named. Prints how many there were."""

import sys

from routing import bucket_of_session, bucket_of_token, bucket_of_user, pool_of, range_of

POOLS = ["a"] * 4 + ["b"] * 4 + ["c"] * 7 + ["d"]

count = 0
with open(sys.argv[1], encoding="utf-8", newline="\n") as vectors:
    for line in vectors:
        if line.startswith("#"):
            continue
        kind, value, session_id, bucket, range_ = line.rstrip("\n").split("\t")
        where = f"{kind} {value!r}"
        if kind == "imported":
            assert bucket_of_token(value) is None, where
        elif kind == "malformed":
            assert bucket_of_token(value) in range(4096), where
        else:
            found = {"user": bucket_of_user, "session": bucket_of_session, "token": bucket_of_token}[kind](value)
            assert found == int(bucket) and range_of(found) == int(range_), f"{where}: {found}"
            assert not session_id or bucket_of_session(session_id) == found, where
            assert pool_of(found, POOLS) == POOLS[int(range_)], where
        count += 1

assert bucket_of_token(None) is None
assert pool_of(None, POOLS) == "a"
print(f"{count} vectors")
