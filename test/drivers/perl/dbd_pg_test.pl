# The life of a session through DBD::Pg: ../run.sh has its steps, docs/clients.md the snippet.

# snippet
use strict;
use warnings;

use DBI;

# Where to, the PG… variables say.
my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, PrintError => 0 });
my $user = 'ada00000-0000-4000-8000-000000000001';

# The row of a call, or undef.
sub call
{
	my ($statement, @values) = @_;
	return $db->selectrow_hashref($statement, undef, @values);
}

my $made = call('SELECT * FROM session_service.create_session(?, ip_address => ?)', $user, '192.0.2.7');
my $session = call('SELECT user_id, scopes FROM session_service.validate_session(?)', $made->{token});
my $pair = call('SELECT * FROM session_service.refresh_session(?)', $made->{refresh_token});
call('SELECT session_service.revoke_session_by_token(?)', $pair->{token});
print "$session->{user_id}\n";    # without a session: answer 401
# end of snippet

use JSON::PP qw(decode_json encode_json);

# same(WHAT, SEEN, EXPECTED): ends the test where the two differ.
sub same
{
	my ($what, @values) = @_;
	my ($seen, $expected) = map { JSON::PP->new->allow_nonref->canonical->encode($_) } @values;
	die "$what: $seen is not $expected\n" if $seen ne $expected;
	return;
}

sub passed { print "$_[0]\n"; return }

sub validate
{
	my ($token) = @_;
	return call('SELECT * FROM session_service.validate_session(?, ?)', $token, '2001:db8::7');
}

$made = call(
	'SELECT *, extract(epoch FROM expires_at - now())::int AS seconds FROM session_service.create_session(?, ?, ?, ?,
		?, metadata => ?, session_expiry => ?, inactivity_timeout => ?)',
	$user, 'Laptop', 'DBD::Pg', '2001:db8::7', [ 'read', 'write' ], encode_json({ plan => 'free' }), '2 hours',
	'30 minutes');
same('expiry', $made->{seconds}, 7200);
same('array of ids', ref $made->{evicted_session_ids}, 'ARRAY');
passed('sign_in');

$session = validate($made->{token});
same('ids', [ @$session{qw(session_id user_id)} ], [ $made->{session_id}, $user ]);
same('scopes', $session->{scopes}, [ 'read', 'write' ]);
same('metadata', decode_json($session->{metadata}), { plan => 'free' });
same('boolean', $session->{mfa_verified} ? 1 : 0, 0);
passed('validate');

same("nobody's", validate("nobody's"), undef);
passed('nobody');

my ($first, $second) = map { call('SELECT * FROM session_service.refresh_session(?)', $made->{refresh_token}) } 1 .. 2;
same('repeated', $first->{repeated} ? 1 : 0, 0);
same('the pair again', { %$first, repeated => 1 }, { %$second, repeated => 1 });
same('repeated', $second->{repeated} ? 1 : 0, 1);
same('old token', validate($made->{token}), undef);
my $token = $first->{token};
passed('refresh');

my $listed = $db->selectall_hashref('SELECT * FROM session_service.list_user_sessions(?)', 'id', undef, $user);
my $mine = $listed->{ $made->{session_id} };
same('listed', [ @$mine{qw(ip_address status scopes)} ], [ '2001:db8::7', 'active', [ 'read', 'write' ] ]);
passed('list');

my $batch = call('SELECT * FROM session_service.validate_sessions(?)', [ "nobody's", undef, $token ]);
same('batch', [ @$batch{qw(token_index session_id)} ], [ 3, $made->{session_id} ]);
passed('batch');

$db->do('LISTEN session_service');
same('signed out', call('SELECT session_service.revoke_session_by_token(?) AS done', $token)->{done} ? 1 : 0, 1);
same('at once', validate($token), undef);
passed('sign_out');

# One that the connection itself sent is there with the end of its statement.
my (undef, undef, $payload) = @{ $db->pg_notifies };
same('notification', decode_json($payload)->{session_id}, $made->{session_id});
passed('listen');

eval { call('SELECT * FROM session_service.create_session(?, ?)', undef, $token) };
same('SQLSTATE', $db->state, '22004');
same('no token', index($@, $token), -1);
passed('error');
