"""Tests as plain functions, reported as TAP."""

import sys
import traceback

_tests = []


def test(function):
    """Registers a test; its name is what the function's docstring says."""
    _tests.append(function)
    return function


def run(driver):
    """Runs all tests, each whatever became of the others, and exits."""
    failed = 0
    for number, function in enumerate(_tests, 1):
        name = f"{driver}: {function.__doc__}"
        try:
            function()
        except BaseException:
            failed += 1
            print(f"not ok {number} - {name}")
            for line in traceback.format_exc().splitlines():
                print(f"# {line}")
        else:
            print(f"ok {number} - {name}")
        sys.stdout.flush()
    print(f"1..{len(_tests)}")
    sys.exit(1 if failed else 0)
