# What a DBA may add to the tables, beside every call: see dba_objects.py.
use strict;
use warnings;

use Test::More;

use PythonTest;

PythonTest::need('cryptography');
PythonTest::run(
	'dba_objects', conf => q{
wal_level = logical
max_replication_slots = 10
max_wal_senders = 4
max_prepared_transactions = 4
allow_in_place_tablespaces = on
autovacuum = off
restart_after_crash = on
log_lock_waits = on
timezone = 'Asia/Tokyo'
session_service.event_log = all
session_service.touch_interval = 0
session_service.inactivity_timeout = '60d'
session_service.refresh_grace = '1d'
});
