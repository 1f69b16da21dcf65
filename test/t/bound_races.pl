# Bound sessions under races: see bound_races.py.
use strict;
use warnings;

use PythonTest;

PythonTest::need('cryptography');
PythonTest::run(
	'bound_races', conf => q{
max_connections = 120
deadlock_timeout = 100ms
session_service.max_per_user = 0
});
