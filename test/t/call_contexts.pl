# Every function in every place of a statement where a function can stand, and some where it cannot:
# see call_contexts.py.
use strict;
use warnings;

use PythonTest;

PythonTest::run(
	'call_contexts', conf => q{
session_service.event_log = all
session_service.touch_interval = 0
max_prepared_transactions = 2
max_worker_processes = 8
max_parallel_workers = 4
shared_preload_libraries = 'session_service'
});
