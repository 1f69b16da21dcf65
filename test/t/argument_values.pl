# Hostile values for every argument of every function, alone and in pairs, in databases of three encodings:
# see argument_values.py.
use strict;
use warnings;

use PythonTest;

PythonTest::run(
	'argument_values', conf => q{
session_service.event_log = all
session_service.notify = on
session_service.touch_interval = 0
shared_preload_libraries = 'session_service'
max_stack_depth = 2MB
});
