# Every function on a server that holds other buckets than those it is asked for: see buckets.py.
use strict;
use warnings;

use PythonTest;

PythonTest::run('buckets', conf => "session_service.event_log = all\nsession_service.touch_interval = 0\n");
