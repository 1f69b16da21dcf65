"""Tests as plain functions, reported as TAP (test/t/lib/tap_output.py)."""

import traceback

from tap_output import done, ok

_tests = []


def test(function):
    """Registers a test; its name is what the function's docstring says."""
    _tests.append(function)
    return function


def run(driver):
    """Runs all tests, each whatever became of the others, and exits."""
    for function in _tests:
        trouble = None
        try:
            function()
        except BaseException:
            trouble = traceback.format_exc()
        ok(trouble is None, f"{driver}: {function.__doc__}", trouble)
    done()
