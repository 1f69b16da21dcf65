"""TAP as Test::More and Extent.pm print it, for tests in Python.

    ok(1 + 1 == 2, "sums", "shown where it fails")
    counted("12 sums")
    done()
"""

import os
import sys

_numbers = {"run": 0, "failed": 0}


def ok(passed, name, *diagnosis):
    _numbers["run"] += 1
    if not passed:
        _numbers["failed"] += 1
    print(f"{'' if passed else 'not '}ok {_numbers['run']} - {name}")
    if not passed:
        for line in "\n".join(str(part) for part in diagnosis).splitlines():
            print(f"#   {line}")
    sys.stdout.flush()
    return passed


def empty(found, name):
    """Passes where nothing was found; shows the first of what was."""
    return ok(not found, name, *list(found)[:20], f"{len(found)} in all")


def skip(name, reason):
    _numbers["run"] += 1
    print(f"ok {_numbers['run']} - {name} # skip {reason}")


def extent(quick, soak):
    return soak if os.environ.get("EXTENT", "quick") == "soak" else quick


def counted(what):
    print(f"# counted: {what}")
    sys.stdout.flush()


def log_is_clean(path):
    """Whether the server's log tells of no crash, and of no error that only a bug can raise."""
    with open(path, encoding="latin-1") as log:
        found = [
            line.strip()
            for line in log
            if any(
                sign in line
                for sign in (
                    " XX000 ",
                    " XX001 ",
                    " XX002 ",
                    "was terminated by signal",
                    "TRAP: ",
                    "PANIC:  ",
                    "server process (PID",
                )
            )
        ]
    return empty(found, "the server's log has no crash and no internal error")


def done():
    print(f"1..{_numbers['run']}")
    sys.exit(1 if _numbers["failed"] else 0)
