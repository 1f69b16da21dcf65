# Sessions in each state with the tokens that their clients hold, and what must be true of them wherever the
# tables went: to a standby that was promoted, a dump, a subscriber, another version of the server.
#
#   HeldSessions::sign_in        SQL that signs them in, and table `held` with their tokens
#   HeldSessions::contents       SQL that tells what each table of the extension holds
#   HeldSessions::go_on          [ what, SQL, answer ]..., in this order; each answer is of the moment after the one before
#
# The server should have refresh_grace = 1h, for the retries of refreshes that were made before.
package HeldSessions;

use strict;
use warnings;

sub sign_in
{
	return q{
	CREATE TABLE held (name text PRIMARY KEY, user_id uuid, session_id uuid, token text, refresh_token text, device_id uuid);
	INSERT INTO held
	SELECT name, user_id, session_id, token, refresh_token, device_id
	FROM (SELECT name, md5(name)::uuid AS user_id, name = 'past its expiry' AS ends, name = 'idle' AS idles
		FROM unnest('{plain,multi-factor,refreshed,refreshed twice,rotated,past its expiry,idle,revoked,spent,trusted,limited,checked again,disabled}'::text[]) name) given,
		session_service.create_session(user_id, 'a device', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)', '2001:db8::7', '{read,write}', name, '{"shown": ["as it is"]}',
			CASE WHEN ends THEN '1 microsecond'::interval END, CASE WHEN idles THEN '1 microsecond'::interval END,
			external_id => 'external ' || name);
	CREATE TABLE replaced AS SELECT name, token, refresh_token FROM held WHERE name IN ('refreshed', 'refreshed twice', 'spent', 'checked again');
	CREATE FUNCTION refresh_held(which text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		made record;
	BEGIN
		SELECT r.* INTO made FROM held, session_service.refresh_session(held.refresh_token) r WHERE name = which;
		UPDATE held SET token = made.token, refresh_token = made.refresh_token WHERE name = which;
	END $$;
	SELECT refresh_held(name) FROM unnest('{refreshed,refreshed twice,spent}'::text[]) name;
	SELECT refresh_held(name) FROM unnest('{refreshed twice,spent}'::text[]) name;
	SELECT session_service.refresh_session(refresh_token) FROM replaced WHERE name = 'spent';
	WITH r AS MATERIALIZED (SELECT r.* FROM held, session_service.rotate_session_token(held.token) r WHERE name = 'rotated')
	UPDATE held SET token = r.token FROM r WHERE held.session_id = r.session_id;
	WITH r AS MATERIALIZED (SELECT r.* FROM held, session_service.reauthenticate_session(held.token, 'gold', '{pwd,otp}') r WHERE name = 'checked again')
	UPDATE held SET token = r.token, refresh_token = r.refresh_token FROM r WHERE held.session_id = r.session_id;
	SELECT session_service.disable_user(user_id) FROM held WHERE name = 'disabled';
	SELECT session_service.mark_mfa_verified(session_id, 'totp') FROM held WHERE name = 'multi-factor';
	SELECT session_service.revoke_session(session_id) FROM held WHERE name = 'revoked';
	SELECT session_service.trust_device(user_id, device_id) FROM held WHERE name = 'trusted';
	SELECT session_service.set_user_session_limit(user_id, 2) FROM held WHERE name = 'limited';
	SELECT session_service.create_session(user_id) FROM held, generate_series(1, 2) WHERE name = 'limited';
	INSERT INTO held
	SELECT name, user_id, session_service.import_session(session_service.hash_token('token of ' || name), user_id, now() + '1 day', session_service.hash_token('refresh token of ' || name)), 'token of ' || name, 'refresh token of ' || name
	FROM (SELECT name, session_service.user_uuid(length(name)) AS user_id FROM unnest('{imported,imported and refreshed}'::text[]) name) given;
	INSERT INTO replaced SELECT name, token, refresh_token FROM held WHERE name = 'imported and refreshed';
	SELECT refresh_held('imported and refreshed');
	};
}

# One row for each table: its name, how many rows it has, and a digest of them.
sub contents
{
	return join ' UNION ALL ',
	  map { "SELECT '$_' AS name, count(*) AS rows, md5(string_agg(t::text, E'\\n' ORDER BY t::text)) AS digest FROM session_service.$_ t" }
	  qw(access_levels devices events external_sessions imported_tokens sessions users);
}

sub go_on
{
	return (
		[ 'epochs are noted', 'CREATE TABLE epochs AS SELECT user_id, epoch FROM session_service.users; SELECT count(*) > 0 FROM epochs', 't' ],
		[   'every living token is good, and no other',
			q{SELECT string_agg(h.name, ',' ORDER BY h.name) FROM held h, session_service.validate_session(h.token)},
			'checked again,imported,imported and refreshed,multi-factor,plain,refreshed,refreshed twice,rotated,trusted' ],
		[   'with what it shows',
			q{SELECT count(*) FROM held h, session_service.validate_session(h.token) v WHERE (v.session_id, v.user_id) = (h.session_id, h.user_id) AND h.name NOT LIKE 'imported%'
				AND v.device_id = h.device_id AND v.scopes = '{read,write}' AND v.metadata = '{"shown": ["as it is"]}' AND v.mfa_verified = (h.name = 'multi-factor')
				AND (v.authenticated_at > v.created_at) = (h.name = 'checked again') AND (v.acr = 'gold') IS NOT DISTINCT FROM nullif(h.name = 'checked again', false)},
			7 ],
		[ 'authenticate', q{BEGIN; SELECT count(*) FROM held h, session_service.authenticate(h.token) WHERE h.name = 'plain'; SELECT count(*) FROM held h WHERE name = 'plain' AND user_id = session_service.current_user_id(); COMMIT}, "1\n1" ],
		[   'a retry of a refresh gets the same pair',
			q{SELECT count(*) FROM replaced p JOIN held h USING (name), session_service.refresh_session(p.refresh_token) r
				WHERE name IN ('refreshed', 'imported and refreshed') AND r.repeated AND (r.token, r.refresh_token) = (h.token, h.refresh_token)},
			2 ],
		[ 'a refresh token that was spent buys nothing', q{SELECT count(*) FROM replaced p, session_service.refresh_session(p.refresh_token) r WHERE name = 'refreshed twice'}, 0 ],
		[ 'and is reuse', q{SELECT revoke_reason FROM held h, session_service.get_session(h.session_id) WHERE name = 'refreshed twice'}, 'Refresh token reuse' ],
		[   'a refresh token of before a new check of the user is nobody\'s',
			q{SELECT count(*) FROM replaced p, session_service.refresh_session(p.refresh_token) WHERE name = 'checked again'; SELECT status FROM held h, session_service.get_session(h.session_id) WHERE name = 'checked again'},
			"0\nactive" ],
		[   'every refresh token of a usable session buys the next pair',
			q{SELECT string_agg(h.name, ',' ORDER BY h.name) FROM held h, session_service.refresh_session(h.refresh_token) r LEFT JOIN LATERAL session_service.validate_session(r.token) v ON true
				WHERE NOT r.repeated AND (v.session_id = h.session_id OR h.name = 'past its expiry')},
			'checked again,imported,imported and refreshed,multi-factor,past its expiry,plain,refreshed,rotated,trusted' ],
		[   'a hash that was imported is known',
			q{SELECT session_service.import_session(session_service.hash_token('token of imported'), user_id, now() + '1 day') = session_id FROM held WHERE name = 'imported'},
			't' ],
		[ 'a device is known by its key', q{SELECT session_service.is_trusted_device(user_id, name) FROM held WHERE name = 'trusted'}, 't' ],
		[   'and is the same at the next sign-in',
			q{SELECT c.device_id = h.device_id AND NOT c.is_new_device FROM held h, session_service.create_session(h.user_id, device_key => h.name) c WHERE name = 'trusted'},
			't' ],
		[ q{a user's own limit holds}, q{SELECT cardinality(c.evicted_session_ids) FROM held h, session_service.create_session(h.user_id) c WHERE name = 'limited'}, 1 ],
		[ 'new users sign in', 'SELECT count(*) FROM gen_random_uuid() u, session_service.create_session(u) c, session_service.validate_session(c.token) v WHERE v.user_id = u', 1 ],
		[   'epochs go on where they were, and grow where a session was ended',
			q{SELECT string_agg(h.name, ',' ORDER BY h.name) FROM held h JOIN epochs e USING (user_id) WHERE session_service.user_epoch(user_id) > e.epoch},
			'limited,refreshed twice' ],
		[ 'and never back', 'SELECT count(*) FROM epochs e WHERE session_service.user_epoch(user_id) < e.epoch', 0 ],
		[   'a disabled user is so until enabled',
			q{SELECT session_service.is_user_disabled(user_id) AND session_service.enable_user(user_id) AND NOT session_service.is_user_disabled(user_id) FROM held WHERE name = 'disabled'},
			't' ],
		[   'sessions of an identity provider are found by it, and end',
			q{SELECT count(*) FROM held h, session_service.find_external_sessions('external ' || h.name) f WHERE f.id = h.session_id AND h.name IN ('plain', 'rotated'); SELECT session_service.revoke_external_sessions('external plain')},
			"2\n1" ],
		[   'sessions end',
			q{SELECT session_service.revoke_all_user_sessions(user_id) FROM held WHERE name = 'trusted'; SELECT count(*) FROM held h, session_service.list_user_sessions(h.user_id) WHERE name = 'trusted'},
			"2\n0" ],
		[ 'and events go on', q{SELECT count(*) > 0 FROM held h, session_service.list_events(h.user_id) WHERE h.name = 'trusted' AND kind = 'session.revoked'}, 't' ]);
}

1;
