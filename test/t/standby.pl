# A streaming standby: it validates, lists and introspects, refuses what writes, and with
# session_service.revocation_commit = remote_apply shows a revocation as soon as COMMIT returns.
use strict;
use warnings;

use Test::More;

use SessionNode;

my $primary = SessionNode->new('primary');
$primary->init(allows_streaming => 1);
$primary->append_conf('postgresql.conf', "session_service.touch_interval = 0\nautovacuum = off");
$primary->start;
$primary->safe_psql('postgres', 'CREATE EXTENSION session_service');
$primary->backup('base');
my $standby = SessionNode->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $user = '30000000-0000-4000-8000-000000000001';

sub create { return split /\|/, $primary->safe_psql('postgres', "SELECT session_id, token, refresh_token, device_id FROM session_service.create_session('$user', scopes => '{read}')"); }

sub caught_up { return $primary->wait_for_catchup($standby, 'replay', $primary->lsn('insert')); }

my ($id, $token, $refresh_token, $device) = create();
caught_up();

# --- what a standby answers

my %answers = (
	'validate_session' => [ "SELECT count(*) FROM session_service.validate_session('$token', '192.0.2.1')", 1 ],
	'validate_session_hash' => [ "SELECT count(*) FROM session_service.validate_session_hash('$id', session_service.hash_token('$token'))", 1 ],
	'validate_sessions' => [ "SELECT count(*) FROM session_service.validate_sessions(ARRAY['$token', 'nothing'])", 1 ],
	'authenticate' => [ "BEGIN; SELECT user_id FROM session_service.authenticate('$token'); SELECT session_service.current_user_id(); COMMIT", "$user\n$user" ],
	'introspect_token' => [ "SELECT i->>'active', i->>'sub' FROM session_service.introspect_token('$token') i", "true|$user" ],
	'introspect_token of a refresh token' => [ "SELECT i->>'active', i->>'token_type' FROM session_service.introspect_token('$refresh_token') i", 'true|refresh_token' ],
	'list_user_sessions' => [ "SELECT count(*) FROM session_service.list_user_sessions('$user')", 1 ],
	'get_session' => [ "SELECT status FROM session_service.get_session('$id')", 'active' ],
	'count_user_sessions' => [ "SELECT session_service.count_user_sessions('$user')", 1 ],
	'count_active_sessions' => [ 'SELECT session_service.count_active_sessions()', 1 ],
	'user_epoch' => [ "SELECT session_service.user_epoch('$user') > 0", 't' ],
	'list_events' => [ "SELECT kind FROM session_service.list_events('$user')", 'device.new' ],
	'list_user_devices' => [ "SELECT active_sessions FROM session_service.list_user_devices('$user')", 1 ],
	'nonsense' => [ "SELECT count(*) FROM session_service.refresh_session('sst_nonsense')", 0 ],
	'validation in REPEATABLE READ' => [ "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM session_service.validate_session('$token'); COMMIT", 1 ],
);
is($standby->safe_psql('postgres', $answers{$_}[0]), $answers{$_}[1], "a standby answers $_") for sort keys %answers;
caught_up();
is($primary->safe_psql('postgres', "SELECT last_activity_at = created_at FROM session_service.sessions WHERE id = '$id'"),
	't', 'activity is not recorded there');
is($primary->safe_psql('postgres', "SELECT session_service.touch_sessions(ARRAY['$id'::uuid])"), 1, 'but can be, on the primary');
is($primary->safe_psql('postgres', "SELECT last_activity_at > created_at FROM session_service.sessions WHERE id = '$id'"),
	't', 'with touch_sessions');

# --- what it refuses, and so does a read-only transaction

my @writes = (
	"create_session('$user')", "refresh_session('$refresh_token')", "rotate_session_token('$token')", "extend_session('$id')",
	"revoke_session('$id')", "revoke_user_session('$user', '$id')", "revoke_session_by_token('$token')", "revoke_session_by_token('$refresh_token')",
	"revoke_all_user_sessions('$user')", "revoke_all_user_sessions_except('$user', '$id')", "revoke_device_sessions('$user', '$device')",
	'revoke_inactive_sessions()', "mark_mfa_verified('$id')", "mark_mfa_verified_by_token('$token')", "clear_mfa_verified('$id')",
	"set_session_scopes('$id', '{}')", "set_session_metadata('$id', '{}')", "touch_sessions(ARRAY['$id'::uuid])", 'cleanup_sessions()',
	"delete_user('$user')", "set_user_session_limit('$user', 3)", "rename_device('$user', '$device', 'a')", "forget_device('$user', '$device')",
	"trust_device('$user', '$device')", "untrust_device('$user', '$device')",
	"import_session(session_service.hash_token('old'), '$user', now() + '1 day')");
for my $call (@writes)
{
	my $name = $call =~ s/\(.*//r;
	my (undef, $stdout, $stderr) = $standby->psql('postgres', "\\set VERBOSITY sqlstate\nSELECT session_service.$call");
	like($stderr, qr/ERROR:  25006/, "a standby refuses $name") or diag("$stdout $stderr");
	(undef, $stdout, $stderr) = $primary->psql('postgres', "\\set VERBOSITY sqlstate\nBEGIN READ ONLY;\nSELECT session_service.$call");
	like($stderr, qr/ERROR:  25006/, "and so does a read-only transaction") or diag("$stdout $stderr");
}
is($primary->safe_psql('postgres', "BEGIN READ ONLY; SELECT count(*) FROM session_service.validate_session('$token'); COMMIT"),
	1, 'which does validate');

# --- a revocation that the standby shows at COMMIT

# It replays a commit half a second later, so that what does not wait for it is seen not to.
$standby->append_conf('postgresql.conf', 'recovery_min_apply_delay = 500ms');
$standby->reload;
$primary->append_conf('postgresql.conf', "synchronous_standby_names = 'standby'");
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT sync_state = 'sync' FROM pg_stat_replication}) or die 'no synchronous standby';

my %revocations = (
	'revoke_session' => sub { "revoke_session('$_[0]')" },
	'revoke_session_by_token' => sub { "revoke_session_by_token('$_[1]')" },
	'revoke_all_user_sessions' => sub { "revoke_all_user_sessions('$user')" },
	'revoke_device_sessions' => sub { "revoke_device_sessions('$user', '$_[3]')" },
	'delete_user' => sub { "delete_user('$user')" });
my %callers = (
	'a caller' => sub { 'SELECT session_service.' . shift },
	'a caller with synchronous_commit off' => sub { 'SET synchronous_commit = off; SELECT session_service.' . shift },
	'a transaction that set it off before' => sub { 'BEGIN; SET LOCAL synchronous_commit = off; SELECT session_service.' . shift() . '; COMMIT' });
$primary->append_conf('postgresql.conf', 'session_service.revocation_commit = remote_apply');
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT current_setting('session_service.revocation_commit') = 'remote_apply'});
for my $name (sort keys %revocations)
{
	for my $caller ($name eq 'revoke_session' ? sort keys %callers : 'a caller')
	{
		my @session = create();
		caught_up();
		is($standby->safe_psql('postgres', "SELECT count(*) FROM session_service.validate_session('$session[1]')"),
			1, "$name by $caller: the standby opens the session before");
		$primary->safe_psql('postgres', $callers{$caller}->($revocations{$name}->(@session)));
		is($standby->safe_psql('postgres', "SELECT count(*) FROM session_service.validate_session('$session[1]')"),
			0, 'and no longer, when COMMIT has returned');
	}
}
$primary->append_conf('postgresql.conf', 'session_service.revocation_commit = on');
$primary->reload;
$primary->poll_query_until('postgres', q{SELECT current_setting('session_service.revocation_commit') = 'on'});
my @session = create();
caught_up();
$primary->safe_psql('postgres', "SELECT session_service.revoke_session('$session[0]')");
is($standby->safe_psql('postgres', "SELECT count(*) FROM session_service.validate_session('$session[1]')"),
	1, 'without the setting it may be later');

$standby->stop('immediate');
$primary->stop('immediate');
done_testing();
