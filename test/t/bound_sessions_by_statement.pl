# bound_sessions.pl with statements in place of the direct engine.
use strict;
use warnings;

$ENV{SESSION_SERVICE_ENGINE} = 'statement';
exec $^X, (map { ('-I', $_) } @INC), 'test/t/bound_sessions.pl';
