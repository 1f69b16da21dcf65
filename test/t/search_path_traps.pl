# A caller whose search_path leads to objects of its own before the server's: no call of ours uses any of them,
# see search_path_traps.py.
use strict;
use warnings;

use PythonTest;

PythonTest::run(
	'search_path_traps', conf => q{
session_service.event_log = all
session_service.notify = on
session_service.touch_interval = 0
session_service.sliding_expiry = on
session_service.cleanup_interval = 1s
session_service.maintenance_database = ''
shared_preload_libraries = 'session_service'
});
