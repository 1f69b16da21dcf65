# Time: each deadline to the microsecond, waits that last past one, and a clock that goes backwards.
# The server runs on a clock that stands still until the test moves it (libfaketime).
use strict;
use warnings;

use Test::More;

use Client;
use PostgreSQL::Test::Utils ();
use SessionNode;

my ($library) = glob '/usr/lib/*/faketime/libfaketime.so.1';
plan skip_all => 'needs libfaketime' unless $library;

# --- the clock, in microseconds of the Unix epoch

use constant { SECOND => 1_000_000, MINUTE => 60_000_000, HOUR => 3_600_000_000, DAY => 86_400_000_000 };

my $clock_file = PostgreSQL::Test::Utils::tempdir() . '/clock';
my $clock;

sub set_clock
{
	($clock) = @_;
	my ($second, $minute, $hour, $day, $month, $year) = gmtime(int($clock / SECOND));
	# One digit more, so that the fraction is not rounded down to the microsecond before.
	PostgreSQL::Test::Utils::append_to_file(
		"$clock_file.new",
		sprintf(
			'%04d-%02d-%02d %02d:%02d:%02d.%06d5',
			$year + 1900,
			$month + 1, $day, $hour, $minute, $second, $clock % SECOND));
	rename "$clock_file.new", $clock_file or die $!;
	return;
}

# Each part begins on a day of its own, later than all before it: 2031-03-10 12:34:56.789012 and so on.
my $day = 1_930_999_696_789_012 - 400 * DAY;
set_clock($day);

my $node = SessionNode->new('clock');
$node->init;
$node->append_conf(
	'postgresql.conf', q{
timezone = 'UTC'
autovacuum = off
session_service.event_log = all
session_service.max_per_user = 0
session_service.session_expiry = 30d
session_service.refresh_token_expiry = 90d
session_service.inactivity_timeout = 0
session_service.absolute_timeout = 365d
session_service.refresh_grace = 30s
session_service.touch_interval = 60s
session_service.retention = 30d
});
{
	local @ENV{
		qw(LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE FAKETIME_DONT_FAKE_MONOTONIC DONT_FAKE_MONOTONIC TZ)} =
	  ($library, $clock_file, 1, 1, 1, 'UTC');
	$node->start;
}
$node->safe_psql('postgres', 'CREATE EXTENSION session_service');
my $client = Client->new($node);
my $other = Client->new($node, name => 'other');
my $waiting = Client->new($node, name => 'waiting');

sub ask { return $client->ask(shift); }
# Begins another part, with empty tables.
sub new_day
{
	$day += 400 * DAY;
	set_clock($day);
	ask('TRUNCATE session_service.sessions, session_service.devices, session_service.events');
	return $clock;
}
sub us { return "(extract(epoch FROM $_[0]) * 1000000)::bigint"; }

is(ask('SELECT ' . us('clock_timestamp()')), $clock, 'the server has the clock of the test');
set_clock($clock + 1);
is(ask('SELECT ' . us('clock_timestamp()')), $clock, 'to the microsecond');

# --- sessions

my $users = 0;
sub new_user { return sprintf '40000000-0000-4000-8000-%012d', ++$users; }

# A new session: id, token and refresh_token, user. Arguments as SQL.
sub create
{
	my ($arguments, $user) = @_;
	my %session = (user => $user // new_user());
	@session{qw(id token refresh_token device evicted)} = split /\|/,
	  ask('SELECT session_id, token, refresh_token, device_id, evicted_session_ids FROM session_service.create_session('
		  . join(', ', "'$session{user}'", $arguments // ())
		  . ')'), -1;
	return \%session;
}

# A column of the stored row; times in microseconds.
sub stored
{
	my ($session, $column) = @_;
	return ask("SELECT $column FROM session_service.sessions WHERE id = '$session->{id}'");
}
sub stored_time { my ($session, $column) = @_; return stored($session, us($column)); }
sub status      { my ($session) = @_; return ask("SELECT status FROM session_service.get_session('$session->{id}')"); }

sub is_valid
{
	my ($session) = @_;
	return ask("SELECT count(*) FROM session_service.validate_session('$session->{token}')");
}

# The answer of a refresh: '' or repeated|token|refresh_token.
sub refresh_call { return "SELECT repeated, token, refresh_token FROM session_service.refresh_session('$_[0]')"; }
sub refresh      { return ask(refresh_call(shift)); }
# Of the session's token, whose place the new pair takes.
sub renew
{
	my ($session) = @_;
	my (undef, @pair) = split /\|/, refresh($session->{refresh_token});
	@$session{qw(token refresh_token)} = @pair if @pair;
	return scalar @pair;
}

sub setting
{
	my ($name, $value) = @_;
	$_->ask("SET session_service.$name = '$value'") for $client, $other, $waiting;
	return;
}
sub default_setting { my ($name) = @_; $_->ask("RESET session_service.$name") for $client, $other, $waiting; return; }

# What all calls that read answer about a session, without a trace.
sub seen
{
	my ($session) = @_;
	my $seen = ask(
		qq{BEGIN READ ONLY;
		SELECT (SELECT count(*) FROM session_service.validate_session('$session->{token}')),
			(SELECT count(*) FROM session_service.validate_session_hash('$session->{id}',
				session_service.hash_token('$session->{token}'))),
			(SELECT count(*) FROM session_service.validate_sessions(ARRAY['$session->{token}'])),
			(SELECT count(*) FROM session_service.authenticate('$session->{token}')),
			session_service.introspect_token('$session->{token}') -> 'active',
			session_service.introspect_token('$session->{refresh_token}') -> 'active',
			i.is_active, i.status,
			(SELECT count(*) FROM session_service.list_user_sessions('$session->{user}')),
			(SELECT status FROM session_service.list_user_sessions('$session->{user}', include_inactive => true)),
			session_service.count_user_sessions('$session->{user}')
		FROM session_service.get_user_session('$session->{user}', '$session->{id}') i; COMMIT});
	return $seen;
}

# What calls that change a session answer, all undone.
sub changed
{
	my ($session) = @_;
	my $user_and_id = "'$session->{user}', '$session->{id}'";
	my @calls = (
		"(SELECT count(*) FROM session_service.rotate_session_token('$session->{token}'))",
		"session_service.extend_session('$session->{id}') IS NOT NULL",
		"session_service.mark_mfa_verified('$session->{id}')",
		"session_service.mark_mfa_verified_by_token('$session->{token}')",
		"session_service.clear_mfa_verified('$session->{id}')",
		"session_service.set_session_scopes('$session->{id}', '{a}')",
		"session_service.set_session_metadata('$session->{id}', '{}')",
		"session_service.patch_session_metadata('$session->{id}', '{}')",
		"session_service.touch_sessions(ARRAY['$session->{id}'::uuid])",
		"(SELECT count(*) FROM session_service.refresh_session('$session->{refresh_token}'))",
		"session_service.revoke_session('$session->{id}')",
		"session_service.revoke_user_session($user_and_id)",
		"session_service.revoke_session_by_token('$session->{token}')",
		"session_service.revoke_session_by_token('$session->{refresh_token}')",
		"session_service.revoke_all_user_sessions('$session->{user}')",
		"session_service.revoke_device_sessions('$session->{user}', '$session->{device}')",
		"session_service.cleanup_sessions(retention => '0')");
	return join '|', map { ask("BEGIN;\nSELECT $_;\nROLLBACK") } @calls;
}

my %alive = (seen => '1|1|1|1|true|true|t|active|1|active|1', changed => '1|t|t|t|t|t|t|t|1|1|t|t|t|t|1|1|0');

# Checks what all calls answer; `ended` names the fields that differ.
sub answers
{
	my ($session, $seen, $changed, $name) = @_;
	is(seen($session), $seen, "$name: what calls that read answer");
	is(changed($session), $changed, "$name: what calls that change answer");
	return;
}

# --- expiry

my $start = new_day();
my $session = create(q{session_expiry => '1 hour'});
is(stored_time($session, 'created_at'), $start, 'a session is created now');
is(stored_time($session, 'expires_at'), $start + HOUR, 'and expires after its life');
is(stored_time($session, 'refresh_expires_at'), $start + 90 * DAY, 'and its refresh token after its own');
is(stored_time($session, 'absolute_expires_at'), $start + 365 * DAY, 'and all of it at the absolute timeout');
set_clock($start + HOUR - 1);
answers($session, @alive{qw(seen changed)}, 'a microsecond before the expiry');
set_clock($start + HOUR);
my $expired = '0|0|0|0|false|true|f|expired|0|expired|0';
# An expired session that a refresh can bring back can also be ended; its own token ends nothing less.
answers($session, $expired, '0|f|f|f|f|f|f|f|0|1|t|t|t|t|1|1|0', 'at the expiry');
set_clock($start + 90 * DAY - 1);
answers($session, $expired, '0|f|f|f|f|f|f|f|0|1|t|t|t|t|1|1|0', 'a microsecond before the end of the refresh token');
set_clock($start + 90 * DAY);
my $over = '0|0|0|0|false|false|f|expired|0|expired|0';
my $over_changed = '0|f|f|f|f|f|f|f|0|0|f|f|f|f|0|0|1';
answers($session, $over, $over_changed, 'at the end of the refresh token');
is(renew($session), 0, 'which a refresh does not move');
is(stored($session, 'revoked_at, generation'), '|0', 'nor take for reuse');

$start = new_day();
$session = create(q{session_expiry => '1 hour', issue_refresh => false});
set_clock($start + HOUR - 1);
is(changed($session), '1|t|t|t|t|t|t|t|1|0|t|t|t|f|1|1|0', 'without a refresh token: a microsecond before the expiry');
set_clock($start + HOUR);
is(changed($session), $over_changed, 'and at the expiry, where it is over');

$start = new_day();
$session = create(q{session_expiry => '1 hour'});
$client->ask('BEGIN');
is(is_valid($session), 1, 'in a transaction that began before the expiry: valid');
set_clock($start + HOUR);
is(is_valid($session), 0, 'and no longer, when it is past');
is(ask(q{SELECT now() < clock_timestamp()}), 't', "though the transaction's time is before it");
$client->ask('COMMIT');

# --- introspection tells whole seconds

$start = new_day();
$session = create(q{session_expiry => '1 hour'});
my $whole = int($start / SECOND);
is( ask("SELECT i->'iat', i->'exp' FROM session_service.introspect_token('$session->{token}') i"),
	$whole . '|' . ($whole + 3600),
	'a token is introspected in whole seconds, downwards');
is( ask("SELECT i->'iat', i->'exp' FROM session_service.introspect_token('$session->{refresh_token}') i"),
	$whole . '|' . ($whole + 90 * 86400),
	'and a refresh token');

# --- the refresh token

$start = new_day();
$session = create(q{session_expiry => '1 hour'});
set_clock($start + 90 * DAY - 1);
is(renew($session), 2, 'a refresh token works until its end');
is( stored_time($session, 'expires_at'),
	$clock + HOUR,
	"and the session's life starts anew, as long as it was asked for");
is(stored_time($session, 'refresh_expires_at'), $clock + 90 * DAY, 'and the life of its refresh token');
is(stored_time($session, 'created_at'), $start, 'but not the creation');
is(stored_time($session, 'last_activity_at'), $clock, 'activity is now');
is(stored_time($session, 'rotated_at'), $clock, 'and so is the replacement');
is(is_valid($session), 1, 'and it is valid');

# Also where the session outlives it.
$start = new_day();
my $extended = create();
ask("SELECT session_service.extend_session('$extended->{id}', '200 days')");
set_clock($start + 90 * DAY);
is( seen($extended),
	$alive{seen} =~ s/true\|true/true|false/r,
	'the end of the refresh token of a session that was extended');
is(renew($extended), 0, 'is one');
is(stored($extended, 'revoked_at, generation'), '|0', 'and nothing else');

# Each renewal has the smaller of the session's own lifetimes and the settings of the moment.
$start = new_day();
$session = create(q{session_expiry => '1 hour'});
setting(session_expiry => '10min');
setting(refresh_token_expiry => '20min');
setting(inactivity_timeout => '15min');
is(renew($session), 2, 'a renewal under shorter settings');
is( join('|', map { stored_time($session, $_) - $start } qw(expires_at refresh_expires_at idle_expires_at)),
	join('|', 10 * MINUTE, 20 * MINUTE, 15 * MINUTE),
	'has those');
default_setting($_) for qw(session_expiry refresh_token_expiry inactivity_timeout);
is(renew($session), 2, 'and under the former ones');
is( join('|', map { stored_time($session, $_) - $start } qw(expires_at refresh_expires_at)),
	join('|', HOUR, 90 * DAY),
	'its own again');

# --- inactivity

$start = new_day();
$session = create(q{inactivity_timeout => '10 minutes'});
is(stored_time($session, 'idle_expires_at'), $start + 10 * MINUTE, 'a session idles out after its timeout');
set_clock($start + 10 * MINUTE - 1);
answers($session, @alive{qw(seen changed)}, 'a microsecond before it');
set_clock($start + 10 * MINUTE);
# Not over by its expiries: it can be ended, and cleanup takes it.
my $idle_changed = '0|f|f|f|f|f|f|f|0|0|t|t|t|t|1|1|1';
answers($session, '0|0|0|0|false|false|f|idle|0|idle|0', $idle_changed, 'at it');
is(renew($session), 0, 'a refresh does not wake it');
is(stored($session, 'revoked_at, generation'), '|0', 'nor is it taken for reuse');

$start = new_day();
$session = create(q{inactivity_timeout => '10 minutes'});
set_clock($start + 10 * MINUTE - 1);
is(is_valid($session), 1, 'activity just before the timeout');
is(stored_time($session, 'last_activity_at'), $clock, 'is recorded');
is(stored_time($session, 'idle_expires_at'), $clock + 10 * MINUTE, 'and moves it on');
set_clock($start + 20 * MINUTE - 2);
is(seen($session), $alive{seen}, 'so that the session lives to the last microsecond of another');
is(renew($session), 2, 'and a refresh');
is(stored_time($session, 'idle_expires_at'), $clock + 10 * MINUTE, 'moves it on as well');
set_clock($start + 30 * MINUTE - 3);
is(is_valid($session), 1, 'to the last microsecond');
set_clock($clock + 10 * MINUTE);
is(is_valid($session), 0, 'and not to the next');

$session = create(q{inactivity_timeout => NULL});
is(stored($session, 'idle_expires_at'), '', 'with a setting of 0 there is none');
setting(inactivity_timeout => '10min');
$session = create(q{inactivity_timeout => '1 day'});
is(stored_time($session, 'idle_expires_at'), $clock + 10 * MINUTE, 'one longer than the setting is cut');
default_setting('inactivity_timeout');

# Both past: expired comes before idle.
$start = new_day();
$session = create(q{session_expiry => '10 minutes', inactivity_timeout => '10 minutes'});
set_clock($start + 10 * MINUTE);
is(status($session), 'expired', 'expired comes before idle');

# --- how often activity is recorded

$start = new_day();
$session = create();
set_clock($start + MINUTE - 1);
is(is_valid($session), 1, 'a validation before the touch interval');
is(stored_time($session, 'last_activity_at'), $start, 'records nothing');
set_clock($start + MINUTE);
is( ask('SELECT ' . us('last_activity_at') . " FROM session_service.validate_session('$session->{token}', '192.0.2.7')"
	),
	$start,
	'at the interval the call shows what was stored before');
is(stored_time($session, 'last_activity_at'), $clock, 'and records its own time');
is(stored($session, 'ip_address'), '192.0.2.7', 'and address');
set_clock($start + 2 * MINUTE - 1);
is(is_valid($session), 1, 'the next interval');
is(stored_time($session, 'last_activity_at'), $start + MINUTE, 'starts there');
set_clock($start + 2 * MINUTE);
ask("BEGIN; SELECT FROM session_service.validate_session('$session->{token}'); ROLLBACK");
is(stored_time($session, 'last_activity_at'), $start + MINUTE, 'what is rolled back is not recorded');
ask("SELECT session_service.touch_sessions(ARRAY['$session->{id}'::uuid])");
is(stored_time($session, 'last_activity_at'), $start + 2 * MINUTE, 'touch_sessions records');
set_clock($clock + 1);
is(ask("SELECT session_service.touch_sessions(ARRAY['$session->{id}'::uuid])"), 1, 'whatever the interval');
is(stored_time($session, 'last_activity_at'), $clock, 'its own time');

# A tenth of a short inactivity timeout.
$start = new_day();
$session = create(q{inactivity_timeout => '100 seconds'});
set_clock($start + 10 * SECOND - 1);
is(is_valid($session), 1, 'before a tenth of an inactivity timeout');
is(stored_time($session, 'last_activity_at'), $start, 'nothing is recorded');
set_clock($start + 10 * SECOND);
is(is_valid($session), 1, 'and at it');
is(stored_time($session, 'last_activity_at'), $clock, 'activity is');

setting(touch_interval => 0);
$start = new_day();
$session = create();
set_clock($start + 1);
is(is_valid($session), 1, 'with a touch interval of 0');
is(stored_time($session, 'last_activity_at'), $clock, 'each validation is recorded');
# The time is that of the call, not of the commit.
$client->ask('BEGIN');
is(is_valid($session), 1, 'a call in a transaction');
set_clock($start + HOUR);
is(stored_time($session, 'last_activity_at'), $start + 1, 'is not recorded before its end');
$client->ask('COMMIT');
is(stored_time($session, 'last_activity_at'), $start + 1, 'nor later than it was');
set_clock($start + HOUR + 5);
$client->ask('BEGIN');
is(is_valid($session), 1, 'a call in a transaction');
set_clock($start + 2 * HOUR);
$client->ask('COMMIT');
is( stored_time($session, 'last_activity_at'),
	$start + HOUR + 5,
	'is recorded with its own time, not that of the commit');
# What ended before the commit does not come back.
$session = create(q{inactivity_timeout => '10 minutes'});
set_clock($clock + 10 * MINUTE - 1);
$client->ask('BEGIN');
is(is_valid($session), 1, 'a call just before the timeout');
set_clock($clock + 1);
$client->ask('COMMIT');
is(is_valid($session), 0, 'does not bring back what idled out before the commit');
default_setting('touch_interval');

# --- the absolute timeout

setting(absolute_timeout => '10d');
setting(session_expiry => '3d');
setting(refresh_token_expiry => '5d');
$start = new_day();
$session = create();
my $absolute = $start + 10 * DAY;
is(stored_time($session, 'absolute_expires_at'), $absolute, 'the absolute timeout runs from the creation');
is(ask('SELECT ' . us("session_service.extend_session('$session->{id}', '100 days')")),
	$absolute, 'extend_session does not pass it');
is(stored_time($session, 'expires_at'), $absolute, 'nor what it stores');
set_clock($start + 4 * DAY);
is(renew($session), 2, 'a refresh before it');
is(stored_time($session, 'expires_at'), $start + 7 * DAY, 'starts anew');
is(stored_time($session, 'refresh_expires_at'), $start + 9 * DAY, 'with the refresh token');
set_clock($start + 7 * DAY - 1);
is(renew($session), 2, 'a refresh near it');
is(stored_time($session, 'expires_at'), $absolute - 1, 'ends just before it where that is its life');
is(stored_time($session, 'refresh_expires_at'), $absolute, 'and at it at the latest');
# A longer setting is for later sessions.
setting(absolute_timeout => '100d');
set_clock($absolute - 1);
is(ask("SELECT session_service.extend_session('$session->{id}', '1 day') IS NULL"), 't',
	'what expired is not extended');
is(renew($session), 2, 'a refresh in the last microsecond');
is(stored_time($session, 'expires_at'), $absolute, 'does not pass it');
is(stored_time($session, 'refresh_expires_at'), $absolute, 'with neither token');
is(stored_time($session, 'absolute_expires_at'), $absolute, 'nor moves it');
is(ask('SELECT ' . us("session_service.extend_session('$session->{id}', '1 day')")), $absolute,
	'nor does an extension');
is(seen($session), $alive{seen}, 'until then it is valid');
set_clock($absolute);
answers($session, $over, $over_changed, 'at the absolute timeout');
is(renew($session), 0, 'there is no refresh');
setting(absolute_timeout => 0);
$session = create();
is(stored($session, 'absolute_expires_at'), '', 'with a setting of 0 there is none');
is( ask('SELECT ' . us("session_service.extend_session('$session->{id}', '10000 days')")),
	$clock + 10000 * DAY,
	'and nothing ends an extension');
setting(absolute_timeout => '2d');
$session = create();
is(stored_time($session, 'expires_at'), $clock + 2 * DAY, 'one shorter than the other lives cuts them');
is(stored_time($session, 'refresh_expires_at'), $clock + 2 * DAY, 'both');

# --- extension

default_setting($_) for qw(absolute_timeout session_expiry refresh_token_expiry);
$start = new_day();
$session = create(q{session_expiry => '1 hour'});
set_clock($start + MINUTE);
is( ask('SELECT ' . us("session_service.extend_session('$session->{id}', '59 minutes')")),
	$start + HOUR,
	'an extension to what is there');
is( ask('SELECT ' . us("session_service.extend_session('$session->{id}', '1 microsecond')")),
	$start + HOUR,
	'or to less leaves it');
is( ask('SELECT ' . us("session_service.extend_session('$session->{id}', '59 minutes 1 microsecond')")),
	$start + HOUR + 1,
	'one to later moves it');
is( ask('SELECT ' . us("session_service.extend_session('$session->{id}')")),
	$clock + HOUR,
	"without a duration by the session's own life");
is(stored_time($session, 'expires_at'), $clock + HOUR, 'as it is stored');
is(stored_time($session, 'refresh_expires_at'), $start + 90 * DAY, 'the refresh token keeps its end');

# --- sliding

setting(touch_interval => 0);
$start = new_day();
$session = create(q{session_expiry => '1 hour'});
set_clock($start + 30 * MINUTE + 1);
is(is_valid($session), 1, 'without sliding_expiry');
is(stored_time($session, 'expires_at'), $start + HOUR, 'nothing slides');
setting(sliding_expiry => 'on');
$session = create(q{session_expiry => '1 hour'});
$start = $clock;
set_clock($start + 30 * MINUTE);
is(is_valid($session), 1, 'with half of the expiry left');
is(stored_time($session, 'expires_at'), $start + HOUR, 'nor does it');
set_clock($start + 30 * MINUTE + 1);
is(is_valid($session), 1, 'with less than half');
is(stored_time($session, 'expires_at'), $clock + HOUR, 'it does');
setting(absolute_timeout => '100min');
$session = create(q{session_expiry => '1 hour'});
$start = $clock;
set_clock($start + 50 * MINUTE);
is(is_valid($session), 1, 'near the absolute timeout');
is(stored_time($session, 'expires_at'), $start + 100 * MINUTE, 'only as far as that');
set_clock($start + 100 * MINUTE - 1);
is(is_valid($session), 1, 'and there');
is(stored_time($session, 'expires_at'), $start + 100 * MINUTE, 'no further');
default_setting($_) for qw(touch_interval sliding_expiry absolute_timeout);

# --- the grace of a refresh

$start = new_day();
$session = create();
my $spent = $session->{refresh_token};
my $first_token = $session->{token};
set_clock($start + HOUR);
is(renew($session), 2, 'a refresh');
my $pair = "$session->{token}|$session->{refresh_token}";
my $rotated = $clock;
is(ask("SELECT count(*) FROM session_service.validate_session('$first_token')"), 0, 'ends the former token at once');
is(refresh($spent), "t|$pair", 'a retry at the same moment has the same pair');
set_clock($rotated + 29 * SECOND);
is(refresh($spent), "t|$pair", 'and later');
set_clock($rotated + 30 * SECOND - 1);
is(refresh($spent), "t|$pair", 'until the last microsecond of the grace, which retries did not extend');
is(stored_time($session, 'rotated_at'), $rotated, 'nor move the replacement');
is(stored_time($session, 'last_activity_at'), $rotated, 'nor are they activity');
set_clock($rotated + 30 * SECOND);
is(refresh($spent), '', 'at its end it is reuse');
is(stored($session, us('revoked_at') . ', revoke_reason'), "$clock|Refresh token reuse", 'which ends the session');
is( ask("SELECT kind, " . us('at') . " FROM session_service.list_events('$session->{user}', max_rows => 1)"),
	"session.reuse_detected|$clock",
	'at that time');
is(is_valid($session), 0, 'with its new token');

setting(refresh_grace => 0);
$session = create();
$spent = $session->{refresh_token};
is(renew($session), 2, 'without a grace');
is(refresh($spent), '', 'a retry at the same moment is reuse');
is(status($session), 'revoked', 'which ends the session');
default_setting('refresh_grace');

# A retry until the pair is used, and the salt until the first write after the grace.
$start = new_day();
$session = create();
$spent = $session->{refresh_token};
set_clock($start + HOUR);
renew($session);
set_clock($start + HOUR + 1);
renew($session);
is(refresh($spent), '', 'within the grace, once the new pair was refreshed in its turn');
is(status($session), 'revoked', 'it is reuse');
$start = new_day();
$session = create();
set_clock($start + HOUR);
renew($session);
setting(touch_interval => 0);
set_clock($start + HOUR + 30 * SECOND - 1);
is_valid($session);
is(stored($session, 'rotation_salt IS NULL'), 'f', 'the salt is kept for the grace');
set_clock($start + HOUR + 30 * SECOND);
is_valid($session);
is(stored($session, 'rotation_salt IS NULL'), 't', 'and goes with the first write after it');
default_setting('touch_interval');

# A rotation ends the retry: no answer and no harm within the grace, reuse afterwards.
$start = new_day();
$session = create();
$spent = $session->{refresh_token};
set_clock($start + HOUR);
renew($session);
set_clock($start + HOUR + 1);
my $rotated_token = ask("SELECT token FROM session_service.rotate_session_token('$session->{token}')");
is(stored_time($session, 'expires_at'), $start + HOUR + 30 * DAY, 'a rotation leaves the expiry');
set_clock($start + HOUR + 30 * SECOND - 1);
is(refresh($spent), '', 'a retry after a rotation has no answer');
is(status($session), 'active', 'and ends nothing');
set_clock($start + HOUR + 30 * SECOND);
is(refresh($spent), '', 'after the grace');
is(status($session), 'revoked', 'it is reuse');

# Over or idle within the grace: not brought back by a retry, and not reuse.
$start = new_day();
setting(refresh_grace => '1h');
$session = create(q{inactivity_timeout => '10 minutes'});
$spent = $session->{refresh_token};
renew($session);
set_clock($start + 10 * MINUTE);
is(refresh($spent), '', 'a retry does not wake what idled out');
is(status($session), 'idle', 'nor end it');
default_setting('refresh_grace');

# --- calls that wait while time goes on

sub wait_for_waiting
{
	for (1 .. 1000)
	{
		return
		  if ask(
			q{SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waiting' AND wait_event_type = 'Lock'});
		select undef, undef, undef, 0.01;
	}
	die 'nobody waits';
}

# Sends a call that waits for what `$other` holds, lets time pass, lets it go, and has the answer.
sub wait_meanwhile
{
	my ($lock, $call, $later) = @_;
	$other->ask("BEGIN; $lock");
	$waiting->send($call);
	wait_for_waiting();
	set_clock($later);
	$other->ask('COMMIT');
	return $waiting->answer;
}
sub row_lock  { return "SELECT FROM session_service.sessions WHERE id = '$_[0]{id}' FOR UPDATE"; }
sub user_lock { return "SELECT FROM session_service.users WHERE user_id = '$_[0]{user}' FOR UPDATE"; }

# Two presented one token; the second waits for the first, whose replacement is at $start.
sub refresh_behind_another
{
	my ($began) = @_;
	$start = new_day();
	$session = create();
	$spent = $session->{refresh_token};
	my (undef, @pair) = split /\|/, $other->ask('BEGIN; ' . refresh_call($spent));
	@$session{qw(token refresh_token)} = @pair;
	set_clock($start + $began);
	$waiting->send(refresh_call($spent));
	wait_for_waiting();
	set_clock($start + HOUR);
	$other->ask('COMMIT');
	return $waiting->answer;
}
is( refresh_behind_another(30 * SECOND - 1),
	"t|$session->{token}|$session->{refresh_token}",
	'a retry that began within the grace and waited past it has the pair');
is(status($session), 'active', 'and ends nothing');
is(refresh($spent), '', 'though one that begins then is reuse');
is(refresh_behind_another(30 * SECOND), '', 'one that began at the end of the grace is reuse');
is( stored($session, us('revoked_at') . ', revoke_reason'),
	($start + HOUR) . '|Refresh token reuse',
	'at the time after the wait');

$start = new_day();
$session = create();
$spent = $session->{refresh_token};
my $answer = wait_meanwhile(row_lock($session), refresh_call($spent), $start + HOUR);
like($answer, qr/^f\|sst_/, 'a refresh that waited');
is(stored_time($session, 'rotated_at'), $start + HOUR, 'replaced the pair after the wait');
is(stored_time($session, 'last_activity_at'), $start + HOUR, 'which is its activity');
is(stored_time($session, 'expires_at'), $start + HOUR + 30 * DAY, 'and the start of the new life');
set_clock($start + HOUR + 30 * SECOND - 1);
is(refresh($spent), $answer =~ s/^f/t/r, 'and of the grace');

$start = new_day();
$session = create();
is(wait_meanwhile(row_lock($session), refresh_call($session->{refresh_token}), $start + 90 * DAY),
	'', 'a refresh whose token ended while it waited has none');
is(stored($session, 'generation, revoked_at'), '0|', 'and changes nothing');
$start = new_day();
$session = create(q{inactivity_timeout => '10 minutes'});
is(wait_meanwhile(row_lock($session), refresh_call($session->{refresh_token}), $start + 10 * MINUTE),
	'', 'nor one whose session idled out');
is(status($session), 'idle', 'and stays so');

$start = new_day();
$session = create(q{session_expiry => '1 hour'});
is( wait_meanwhile(
		row_lock($session),
		"SELECT FROM session_service.rotate_session_token('$session->{token}')",
		$start + HOUR),
	'',
	'a rotation of a session that expired while it waited is none');
is( ask(qq{SELECT token_hash::text = session_service.hash_token('$session->{token}')::text
		FROM session_service.sessions WHERE id = '$session->{id}'}
	),
	't',
	'and the token stays');
$start = new_day();
$session = create(q{session_expiry => '1 hour'});
is( wait_meanwhile(
		row_lock($session),
		"SELECT session_service.extend_session('$session->{id}', '1 day')",
		$start + HOUR),
	'',
	'nor is one extended that expired');
is(stored_time($session, 'expires_at'), $start + HOUR, 'but keeps its expiry');
$start = new_day();
$session = create(q{session_expiry => '1 hour'});
is( wait_meanwhile(
		row_lock($session),
		'SELECT ' . us("session_service.extend_session('$session->{id}', '1 day')"),
		$start + HOUR - 1),
	$start + HOUR - 1 + DAY,
	'one that did not is extended from the time after the wait');

$start = new_day();
$session = create();
is(wait_meanwhile(user_lock($session), "SELECT session_service.revoke_session('$session->{id}')", $start + HOUR),
	't', 'a revocation that waited');
is(stored_time($session, 'revoked_at'), $start + HOUR, 'is of the time after the wait');
is(ask("SELECT session_service.user_epoch('$session->{user}')"), $start + HOUR, 'and so is the epoch');
$start = new_day();
$session = create(q{session_expiry => '1 hour', issue_refresh => false});
is(wait_meanwhile(user_lock($session), "SELECT session_service.revoke_session('$session->{id}')", $start + HOUR),
	'f', 'one of a session that was over by then ends nothing');
is( wait_meanwhile(
		user_lock($session),
		'SELECT '
		  . us('i.created_at') . ', '
		  . us('c.expires_at')
		  . " FROM session_service.create_session('$session->{user}') c, "
		  . 'session_service.get_session(c.session_id) i',
		$start + 2 * HOUR),
	join('|', $start + 2 * HOUR, $start + 2 * HOUR + 30 * DAY),
	'a session whose sign-in waited is created after the wait');

# --- the limit counts what is usable

setting(max_per_user => 1);
$start = new_day();
$session = create(q{session_expiry => '1 hour'});
set_clock($start + 90 * DAY - 1);
is(create(undef, $session->{user})->{evicted}, "{$session->{id}}", 'a session that a refresh could bring back counts');
$start = new_day();
$session = create(q{session_expiry => '1 hour'});
set_clock($start + 90 * DAY);
is(create(undef, $session->{user})->{evicted}, '{}', 'one that is over does not');
$start = new_day();
$session = create(q{inactivity_timeout => '10 minutes'});
set_clock($start + 10 * MINUTE);
is(create(undef, $session->{user})->{evicted}, '{}', 'nor does an idle one');
default_setting('max_per_user');

# --- inactive sessions

sub inactive
{
	return ask("SELECT count(*) FROM session_service.list_inactive_sessions($_[0]) WHERE user_id = '$session->{user}'");
}
sub revoke_inactive { return ask("BEGIN;\nSELECT session_service.revoke_inactive_sessions($_[0]);\nROLLBACK"); }
$start = new_day();
$session = create(q{inactivity_timeout => '2 hours'});
set_clock($start + HOUR - 1);
is(inactive(q{'1 hour'}) . revoke_inactive(q{'1 hour'}), '00', 'inactive for less than an hour');
set_clock($start + HOUR);
is(inactive(q{'1 hour'}) . revoke_inactive(q{'1 hour'}), '11', 'and for one');
set_clock($start + 2 * HOUR - 1);
is(inactive('') . revoke_inactive(''), '00', 'less than its own timeout');
set_clock($start + 2 * HOUR);
is(inactive('') . revoke_inactive(''), '11', 'and all of it');

# --- trust

$start = new_day();
$session = create(q{device_key => 'key'});
my $trusted = qq{SELECT session_service.is_trusted_device('$session->{user}', 'key'), is_trusted,
	} . us('trusted_until') . qq{ FROM session_service.list_user_devices('$session->{user}')};
ask("SELECT session_service.trust_device('$session->{user}', '$session->{device}')");
my $trust_end = $start + 30 * DAY;
is(ask($trusted), "t|t|$trust_end", 'a device is trusted for 30 days');
set_clock($trust_end - 1);
is(ask($trusted), "t|t|$trust_end", 'to the last microsecond');
set_clock($trust_end);
is(ask($trusted), "f|f|$trust_end", 'and no longer');

# --- imports

$start = new_day();
my $import = sub {
	my ($token, $arguments) = @_;
	my %imported = (
		id => ask(
				"SELECT session_service.import_session(session_service.hash_token('$token'), '"
			  . new_user()
			  . "', $arguments)"),
		token => $token);
	return \%imported;
};
sub at { return "'epoch'::timestamptz + $_[0] * interval '1 microsecond'"; }
$session = $import->(
	'old-1', at($start + HOUR) . ', created_at => ' . at($start + DAY) . ', last_activity_at => ' . at($start + 2 * DAY)
);
is(stored_time($session, 'created_at'), $start, 'an imported session was not created in the future');
is(stored_time($session, 'last_activity_at'), $start, 'nor active there');
set_clock($start + HOUR - 1);
is(is_valid($session), 1, 'it is valid before the expiry that it came with');
set_clock($start + HOUR);
is(is_valid($session), 0, 'and not at it');
$start = $clock;
$session = $import->(
	'old-2',
	at($start + 400 * DAY) . ', created_at => ' . at($start - 300 * DAY) . ', last_activity_at => ' . at($start - DAY));
is(stored_time($session, 'absolute_expires_at'), $start + 65 * DAY, 'its absolute timeout runs from its creation');
is(stored_time($session, 'expires_at'), $start + 65 * DAY, 'and cuts its expiry');
is(stored_time($session, 'last_activity_at'), $start - DAY, 'its last activity is kept');

# --- cleanup

# How many sessions of a new day cleanup would delete.
sub deleted
{
	my ($arguments) = @_;
	return ask('BEGIN; SELECT session_service.cleanup_sessions(' . ($arguments // '') . '); ROLLBACK');
}
# A session that is over at `$end` is deleted from $end + retention on.
sub cleaned_at
{
	my ($end, $name) = @_;
	set_clock($end - 1);
	is(deleted(q{retention => '0'}), 0, "$name: not deleted before it is over");
	set_clock($end);
	is(deleted(q{retention => '0'}), 1, 'deleted when it is, with a retention of 0');
	set_clock($end + HOUR - 1);
	is(deleted(q{retention => '1 hour'}), 0, 'not before an hour is over, with one of an hour');
	set_clock($end + HOUR);
	is(deleted(q{retention => '1 hour'}), 1, 'but then');
	set_clock($end + 30 * DAY - 1);
	is(deleted(), 0, 'not before 30 days, with the setting');
	set_clock($end + 30 * DAY);
	is(deleted(), 1, 'but then');
	return;
}
$start = new_day();
create(q{session_expiry => '1 hour', issue_refresh => false});
cleaned_at($start + HOUR, 'an expired session');
$start = new_day();
create(q{session_expiry => '1 hour'});
cleaned_at($start + 90 * DAY, 'an expired session with a refresh token');
$start = new_day();
create(q{inactivity_timeout => '1 hour'});
cleaned_at($start + HOUR, 'an idle session');
my $midnight = 86_400_000_000 * int((new_day() + 2 * DAY) / DAY);
set_clock($midnight - HOUR);
create(q{session_expiry => '1 hour', issue_refresh => false});
cleaned_at($midnight, 'one that expires at midnight');
$midnight = 86_400_000_000 * int((new_day() + 2 * DAY) / DAY);
set_clock($midnight - HOUR - 1);
create(q{session_expiry => '1 hour', issue_refresh => false});
cleaned_at($midnight - 1, 'and a microsecond before it');
$start = new_day();
$session = create(q{inactivity_timeout => '1 hour'});
set_clock($start + HOUR - 1);
is_valid($session);
cleaned_at($start + 2 * HOUR - 1, 'one whose activity moved its end');
$start = new_day();
$session = create(q{session_expiry => '1 hour', issue_refresh => false});
ask("SELECT session_service.extend_session('$session->{id}', '3 days')");
cleaned_at($start + 3 * DAY, 'one that was extended');
$start = new_day();
$session = create();
set_clock($start + HOUR);
ask("SELECT session_service.revoke_session('$session->{id}')");
is(deleted(q{retention => '0'}), 1, 'a revoked session: deleted at once, with a retention of 0');
set_clock($start + HOUR + 30 * DAY - 1);
is(deleted(), 0, 'not before 30 days, with the setting');
set_clock($start + HOUR + 30 * DAY);
is(deleted(), 1, 'but then');
# The oldest first.
$start = new_day();
my @sessions = map { create() } 1 .. 3;
for my $i (2, 0, 1)
{
	set_clock($clock + DAY);
	ask("SELECT session_service.revoke_session('$sessions[$i]{id}')");
}
set_clock($clock + 40 * DAY);
for my $i (2, 0, 1)
{
	is( ask("BEGIN; SELECT session_service.cleanup_sessions(batch_size => 1); COMMIT") . '|'
		  . stored($sessions[$i], 'count(*)'),
		'1|0',
		'cleanup goes from the oldest to the newest');
}
# Events and devices.
$start = new_day();
$session = create();
set_clock($start + 1);
ask("SELECT session_service.revoke_session('$session->{id}')");
my $left =
	'SELECT (SELECT count(*) FROM session_service.events WHERE at = '
  . at($start)
  . '), (SELECT count(*) FROM session_service.events WHERE at = '
  . at($start + 1)
  . '), (SELECT count(*) FROM session_service.devices)';
my $clean_and_count = sub { ask('SELECT session_service.cleanup_sessions() \g /dev/null'); return ask($left); };
is(ask($left), '2|1|1', 'events and a device');
ask(q{SELECT session_service.cleanup_sessions(retention => '0') \g /dev/null});
set_clock($start + 30 * DAY - 1);
is($clean_and_count->(), '2|1|1', 'stay for the retention');
set_clock($start + 30 * DAY);
is($clean_and_count->(), '2|1|0', 'a device goes when it was last seen that long ago');
set_clock($start + 30 * DAY + 1);
is($clean_and_count->(), '0|1|0', 'events when they are older');
set_clock($start + 30 * DAY + 2);
is($clean_and_count->(), '0|0|0', 'each in its turn');
# A trusted device stays for its trust, one in use for its sessions.
$start = new_day();
$session = create(q{device_key => 'key'});
ask("SELECT session_service.trust_device('$session->{user}', '$session->{device}', '100 days')");
ask("SELECT session_service.revoke_session('$session->{id}')");
my $in_use = create(q{device_key => 'key'});
my $devices = "SELECT count(*) FROM session_service.devices WHERE user_id =";
for my $to (30, 60, 90, 100)
{
	set_clock($start + $to * DAY - 1);
	$clean_and_count->();
	is(ask("$devices '$session->{user}'") . ask("$devices '$in_use->{user}'"),
		'11', "devices that are trusted or in use stay to day $to");
}
set_clock($start + 100 * DAY);
$clean_and_count->();
is(ask("$devices '$session->{user}'"), 0, 'a device goes with its trust');
is(ask("$devices '$in_use->{user}'"), 1, 'and stays with its session');

# --- ids

$start = new_day();
my $ids_time = q{('x' || substr(replace(id::text, '-', ''), 1, 12))::bit(48)::bigint};
for my $micros (0, 1, 999, 1000)
{
	set_clock($start - $start % SECOND + $micros);
	$session = create();
	is(stored($session, $ids_time), int($clock / 1000), "a session's id has the milliseconds of its creation");
	is( ask("SELECT session_service.session_bucket('$session->{id}') = session_service.user_bucket('$session->{user}')
		AND session_service.token_bucket('$session->{token}') = session_service.user_bucket('$session->{user}')
		AND substr('$session->{id}', 15, 1) = '7'"),
		't',
		'and the bucket of its user, whatever the time');
}
is( ask('SELECT ' . us('at') . " - ($start - $start % 1000000), kind FROM session_service.list_all_events()"),
	join("\n", map { ("$_|session.created", "$_|device.new") } 1000, 999, 1, 0),
	'events sort by time, to the microsecond');
is(ask('SELECT count(*) FROM session_service.list_all_events(' . at($start - $start % SECOND + 999) . ')'),
	4, 'and are listed from a time on, that included');

# --- a clock that goes backwards

setting(touch_interval => 0);
setting(inactivity_timeout => '7d');
$start = new_day();
set_clock($start + 100 * DAY);
my %ended = map { $_ => create() } qw(revoked reused evicted);
my $lasting = create();
my $noon = $clock;
ask("SELECT session_service.revoke_session('$ended{revoked}{id}')");
my $replaced = $ended{reused}{refresh_token};
renew($ended{reused});
renew($ended{reused});
refresh($replaced);
setting(max_per_user => 1);
create(undef, $ended{evicted}{user});
default_setting('max_per_user');
my $epoch = "SELECT session_service.user_epoch('$lasting->{user}')";
my $second = create(undef, $lasting->{user});
ask("SELECT session_service.revoke_session('$second->{id}')");
my $epoch_before = ask($epoch);
is($epoch_before, $noon + 1, 'an epoch grows though no time passes');
my %row = map { $_ => stored($ended{$_}, '*') } keys %ended;
my $token_before = $lasting->{token};
my $refresh_before = $lasting->{refresh_token};
renew($lasting);
# All but what activity changes.
my $still = q{to_jsonb(sessions) - '{last_activity_at,idle_expires_at,purge_after}'::text[]};
my $row = stored($lasting, $still);

for my $back (1, DAY, 100 * DAY, 10_000 * DAY)
{
	my $name = 'back by ' . ($back < DAY ? 'a microsecond' : $back / DAY . ' days');
	set_clock($noon - $back);
	for my $kind (sort keys %ended)
	{
		my $session = $ended{$kind};
		is( seen($session) =~ s/\|\d+\|revoked\|\d+$//r,
			'0|0|0|0|false|false|f|revoked',
			"$name: what was $kind stays so") unless $kind eq 'evicted';
		is(is_valid($session) . status($session), '0revoked', "$name: what was $kind is not valid");
		is(changed($session) =~ s/(\|\d){3}$//r, '0|f|f|f|f|f|f|f|0|0|f|f|f|f', 'nor can be renewed or changed')
		  unless $kind eq 'evicted';
		is(renew($session), 0, 'nor refreshed');
		is(stored($session, '*'), $row{$kind}, 'and keeps its time and reason');
	}
	is(is_valid($lasting) . status($lasting), '1active', "$name: what lasts is valid");
	is(ask("SELECT session_service.touch_sessions(ARRAY['$lasting->{id}'::uuid])"),
		0, 'activity of the past is not recorded');
	is(ask("SELECT count(*) FROM session_service.validate_session('$token_before')"),
		0, 'a token that was replaced stays dead');
	is( refresh($refresh_before),
		"t|$lasting->{token}|$lasting->{refresh_token}",
		'and a retry of the replacement is one');
	is(stored($lasting, $still), $row, 'nothing of its row changed');
	is(stored_time($lasting, 'last_activity_at'), $clock, 'but the last activity, which is no longer in the future');
	my $last = ask($epoch);
	my $another = create(undef, $lasting->{user});
	is(stored_time($another, 'created_at'), $clock, 'a session is created now');
	is(is_valid($another), 1, 'and valid');
	is(ask("SELECT session_service.revoke_session('$another->{id}')"), 't', 'and revoked');
	is(ask($epoch), $last + 1, 'the epoch grows all the same');
	is(deleted(), 0, 'cleanup deletes nothing');
	is(ask('SELECT ' . us('last_seen_at') . " FROM session_service.devices WHERE id = '$lasting->{device}'"),
		$noon, 'a device was last seen when it was');
}
set_clock($noon);
is(ask($epoch), $epoch_before + 4, 'back at noon the epoch is the last one');
my $later = create(undef, $lasting->{user});
set_clock($noon + 60_000_000);
is(is_valid($later), 1, 'and activity');
is(stored_time($later, 'last_activity_at'), $clock, 'is recorded again');

# What was found over at a sign-in no longer counts in the limit, so it does not come back either.
setting(max_per_user => 1);
for my $arguments (q{inactivity_timeout => '10 minutes'}, q{session_expiry => '10 minutes', issue_refresh => false})
{
	$start = new_day();
	$session = create($arguments);
	set_clock($start + 10 * MINUTE);
	is(create(undef, $session->{user})->{evicted}, '{}', 'a session that was over at a sign-in');
	set_clock($start + 10 * MINUTE - 1);
	is(is_valid($session), 0, 'is not valid again');
	is(status($session), 'idle', 'but is listed as one that is over');
	is( changed($session),
		'0|f|f|f|f|f|f|f|0|0|t|t|t|' . ($session->{refresh_token} ? 't' : 'f') . '|2|2|0',
		'nor is it renewed');
	is(ask("SELECT session_service.count_user_sessions('$session->{user}')"), 1, 'and the limit holds');
	is(ask("SELECT session_service.introspect_token('$session->{token}') -> 'active'"),
		'false', 'for introspection too');
}
default_setting('max_per_user');
$start = new_day();
set_clock($noon);
$lasting = create();

# A refresh is of now, also where now is before the last one.
set_clock($noon - 2 * DAY);
is(renew($lasting), 2, 'a refresh in the past');
is( join('|',
		map { stored_time($lasting, $_) - $clock }
		  qw(rotated_at last_activity_at expires_at refresh_expires_at idle_expires_at)),
	join('|', 0, 0, 30 * DAY, 90 * DAY, 7 * DAY),
	'starts the life of the new pair there');
is(stored_time($lasting, 'absolute_expires_at'), $noon + 365 * DAY, 'and leaves the absolute timeout');
is(is_valid($lasting), 1, 'and the pair is valid');
default_setting($_) for qw(touch_interval inactivity_timeout);

my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
unlike($log, qr/\b(?:ERROR|FATAL|PANIC):/, 'no call was an error');

$_->close for $client, $other, $waiting;
$node->stop;
done_testing();
