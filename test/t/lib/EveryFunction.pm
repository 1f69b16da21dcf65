# One call of each function of the extension, so that a test can go through all of them and forgets none.
#
#   EveryFunction::names('reads')    reads: the same answer from every server with the same rows
#                                    writes: refused where nothing may be written
#                                    own: each call, or each server, has an answer of its own
#   EveryFunction::call($name)       SQL that calls it for all of the sessions of HeldSessions
#   EveryFunction::call($name, 'plain')    for one of them
#   EveryFunction::forgotten         SQL for the functions of the server that are not here, none
package EveryFunction;

use strict;
use warnings;

# The arguments, of a row h of HeldSessions' table `held`.
my %functions = (
	reads => {
		validate_session => q{h.token, '192.0.2.1'},
		validate_session_hash => 'h.session_id, session_service.hash_token(h.token)',
		validate_sessions => q{ARRAY[h.refresh_token, h.token, NULL, 'nonsense', h.token]},
		authenticate => 'h.token',
		introspect_token => 'h.token',
		hash_token => 'h.token',
		token_session_id => 'h.token',
		session_bucket => 'h.session_id',
		user_bucket => 'h.user_id',
		token_bucket => 'h.refresh_token',
		current_session_id => '',
		current_user_id => '',
		current_scopes => '',
		has_scope => q{'read'},
		is_mfa_verified => '',
		get_session => 'h.session_id, h.session_id',
		get_user_session => 'h.user_id, h.session_id',
		list_user_sessions => 'h.user_id, h.session_id, true',
		list_inactive_sessions => q{'1 microsecond'},
		list_mfa_verified_sessions => 'h.user_id',
		count_user_sessions => 'h.user_id',
		count_active_sessions => '',
		list_user_devices => 'h.user_id, h.device_id',
		is_known_device => 'h.user_id, h.name',
		is_trusted_device => 'h.user_id, h.name',
		user_epoch => 'h.user_id',
		list_events => q{h.user_id, '-infinity', 1000},
		list_all_events => q{'-infinity', 1000},
		user_uuid => 'length(h.name)',
		user_uuid_from_text => 'h.name',
		user_bigint => 'h.user_id',
		describe_user_agent => q{'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0'},
	},
	writes => {
		create_session => 'h.user_id, device_key => h.name',
		refresh_session => 'h.refresh_token',
		rotate_session_token => 'h.token',
		extend_session => 'h.session_id',
		revoke_session => 'h.session_id',
		revoke_user_session => 'h.user_id, h.session_id',
		revoke_session_by_token => 'h.token',
		revoke_all_user_sessions => 'h.user_id',
		revoke_all_user_sessions_except => 'h.user_id, gen_random_uuid()',
		revoke_device_sessions => 'h.user_id, h.device_id',
		revoke_inactive_sessions => q{'1 microsecond'},
		mark_mfa_verified => q{h.session_id, 'totp'},
		mark_mfa_verified_by_token => q{h.token, 'totp'},
		clear_mfa_verified => 'h.session_id',
		set_session_scopes => q{h.session_id, '{write}'},
		set_session_metadata => q{h.session_id, '{"a": 1}'},
		touch_sessions => 'ARRAY[h.session_id]',
		trust_device => 'h.user_id, h.device_id',
		untrust_device => 'h.user_id, h.device_id',
		rename_device => q{h.user_id, h.device_id, 'renamed'},
		forget_device => 'h.user_id, h.device_id',
		cleanup_sessions => '',
		delete_user => 'h.user_id',
		set_user_session_limit => 'h.user_id, 3',
		import_session => q{session_service.hash_token('imported by ' || h.name), h.user_id, now() + '1 day'},
		grant_access => q{CURRENT_USER::regrole, 'validate'},
		revoke_access => q{CURRENT_USER::regrole, 'validate'},
	},
	own => {
		generate_token => '',
		stats => '',
	});

sub names { return map { sort keys %{ $functions{$_} } } @_; }

sub call
{
	my ($name, $row) = @_;
	my ($arguments) = grep { defined } map { $_->{$name} } values %functions;
	my $only = defined $row ? "WHERE h.name = '$row'" : '';
	return "SELECT h.name, r FROM (SELECT * FROM held h $only ORDER BY h.name) h, LATERAL session_service.$name($arguments) r";
}

sub forgotten
{
	my $known = join ',', map { "'$_'" } names(keys %functions);
	# The rest are those of the type token_hash.
	return "SELECT proname FROM pg_proc WHERE pronamespace = 'session_service'::regnamespace AND proname NOT IN ($known) AND proname !~ '^token_hash' AND proname <> 'bytea'";
}

1;
