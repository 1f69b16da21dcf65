# Sessions in each state with the tokens that their clients hold, and what must be true of them wherever the
# tables went: to a standby that was promoted, a dump, a subscriber, another version of the server.
#
#   HeldSessions::sign_in        SQL that signs them in, and table `held` with their tokens
#   HeldSessions::contents       SQL that tells what each table of the extension holds
#   HeldSessions::go_on          [ what, SQL, answer ]..., in this order;
#                                each answer is of the moment after the one before
#
# The server should have refresh_grace = 1h, for the retries of refreshes that were made before.
package HeldSessions;

use strict;
use warnings;

# What the client of the sessions with a key has: the key of RFC 7515, A.2, and proofs by it. In SQL, so that
# whatever asks for these sessions needs no more than a server; a signature takes a quarter of a second.
#
#   held_proof(challenge)             DBSC
#   held_proof(method, uri, token)    DPoP
sub signer
{
	my $n =
		'ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ'
	  . 'S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2Ca'
	  . 'pHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h'
	  . '4FRWyuXpoQ';
	my $d =
		'Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_G'
	  . 'O-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjud'
	  . 'U2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1Dh'
	  . 'OVRuOopznQ';
	return <<"SQL";
	CREATE OR REPLACE FUNCTION held_number(bytes bytea) RETURNS numeric LANGUAGE plpgsql AS \$\$
	DECLARE
		number numeric := 0;
	BEGIN
		FOR place IN 0 .. length(bytes) - 1 LOOP
			number := number * 256 + get_byte(bytes, place);
		END LOOP;
		RETURN number;
	END \$\$;
	CREATE OR REPLACE FUNCTION held_bytes(number numeric, size integer) RETURNS bytea LANGUAGE plpgsql AS \$\$
	DECLARE
		bytes bytea := '';
	BEGIN
		FOR place IN 1 .. size LOOP
			bytes := set_byte('x', 0, (number % 256)::integer) || bytes;
			number := div(number, 256);
		END LOOP;
		RETURN bytes;
	END \$\$;
	CREATE OR REPLACE FUNCTION held_base64url(bytes bytea) RETURNS text LANGUAGE sql AS
		\$\$ SELECT translate(encode(bytes, 'base64'), E'+/=\\n', '-_') \$\$;
	CREATE OR REPLACE FUNCTION held_from_base64url(base64url text) RETURNS bytea LANGUAGE sql AS
		\$\$ SELECT decode(translate(base64url, '-_', '+/') || repeat('=', -length(base64url) & 3), 'base64') \$\$;
	-- RS256: RFC 8017, 8.2.1 and 9.2
	CREATE OR REPLACE FUNCTION held_signature(message text) RETURNS bytea LANGUAGE plpgsql AS \$\$
	DECLARE
		modulus numeric := held_number(held_from_base64url('$n'));
		exponent text := ('x' || encode(held_from_base64url('$d'), 'hex'))::bit(2048)::text;
		digest bytea := '\\x003031300d060960864801650304020105000420' || sha256(convert_to(message, 'UTF8'));
		base numeric := held_number(decode('0001' || repeat('ff', 254 - length(digest)), 'hex') || digest);
		power numeric := 1;
	BEGIN
		FOR place IN 1 .. length(exponent) LOOP
			power := power * power % modulus;
			IF substr(exponent, place, 1) = '1' THEN
				power := power * base % modulus;
			END IF;
		END LOOP;
		RETURN held_bytes(power, 256);
	END \$\$;
	CREATE OR REPLACE FUNCTION held_proof(type text, payload json) RETURNS text LANGUAGE sql AS \$\$
		SELECT signed || '.' || held_base64url(held_signature(signed))
		FROM (SELECT held_base64url(convert_to(json_build_object('typ', type, 'alg', 'RS256',
				'jwk', json_build_object('kty', 'RSA', 'n', '$n', 'e', 'AQAB'))::text, 'UTF8'))
			|| '.' || held_base64url(convert_to(payload::text, 'UTF8')) AS signed) s \$\$;
	CREATE OR REPLACE FUNCTION held_proof(challenge text) RETURNS text LANGUAGE sql AS
		\$\$ SELECT held_proof('dbsc+jwt', json_build_object('jti', challenge)) \$\$;
	CREATE OR REPLACE FUNCTION held_proof(method text, uri text, token text) RETURNS text LANGUAGE sql AS \$\$
		SELECT held_proof('dpop+jwt', json_strip_nulls(json_build_object(
			'jti', gen_random_uuid(), 'htm', method, 'htu', uri,
			'iat', floor(extract(epoch FROM clock_timestamp())),
			'ath', held_base64url(sha256(convert_to(token, 'UTF8')))))) \$\$;
SQL
}

sub sign_in
{
	return signer() . q{
	CREATE TABLE held (name text PRIMARY KEY,
		user_id uuid, session_id uuid, token text, refresh_token text, device_id uuid);
	INSERT INTO held
	SELECT name, user_id, session_id, token, refresh_token, device_id
	FROM (SELECT name, md5(name)::uuid AS user_id, name = 'past its expiry' AS ends, name = 'idle' AS idles
		FROM unnest('{plain,multi-factor,refreshed,refreshed twice,rotated,past its expiry,idle,revoked,spent,
			trusted,limited,checked again,disabled,overlapping,with a key,"with a key, for requests"}'::text[]) name) given,
		session_service.create_session(user_id, 'a device', 'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X)',
			'2001:db8::7', '{read,write}', name, '{"shown": ["as it is"]}',
			CASE WHEN ends THEN '1 microsecond'::interval END, CASE WHEN idles THEN '1 microsecond'::interval END,
			external_id => 'external ' || name);
	CREATE TABLE replaced AS SELECT name, token, refresh_token, NULL::text AS proof FROM held
		WHERE name IN ('refreshed', 'refreshed twice', 'spent', 'checked again', 'overlapping', 'with a key');
	CREATE FUNCTION refresh_held(which text) RETURNS void LANGUAGE plpgsql AS $$
	DECLARE
		made record;
	BEGIN
		SELECT r.* INTO made FROM held LEFT JOIN replaced USING (name),
			session_service.refresh_session(held.refresh_token, proof => replaced.proof) r
		WHERE name = which;
		UPDATE held SET token = made.token, refresh_token = made.refresh_token WHERE name = which;
	END $$;
	SELECT refresh_held(name) FROM unnest('{refreshed,refreshed twice,spent}'::text[]) name;
	SELECT refresh_held(name) FROM unnest('{refreshed twice,spent}'::text[]) name;
	SELECT session_service.refresh_session(refresh_token) FROM replaced WHERE name = 'spent';
	SET session_service.token_overlap = '5min';
	SELECT refresh_held('overlapping');
	RESET session_service.token_overlap;
	-- No settings are as long as an upgrade may take.
	UPDATE session_service.sessions SET replaced_token_until = expires_at
	FROM held WHERE id = session_id AND name = 'overlapping';
	SET session_service.bound_session_expiry = '30d';
	SET session_service.challenge_expiry = '1d';
	SELECT session_service.bind_session(token, held_proof(session_service.session_challenge(token)))
	FROM held WHERE name = 'with a key';
	SELECT session_service.bind_session(token,
		held_proof('POST', 'https://app.example/', token), 'POST', 'https://app.example/')
	FROM held WHERE name = 'with a key, for requests';
	UPDATE replaced SET proof = held_proof(session_service.session_challenge(refresh_token)) WHERE name = 'with a key';
	SELECT refresh_held('with a key');
	RESET session_service.bound_session_expiry;
	RESET session_service.challenge_expiry;
	WITH r AS MATERIALIZED (
		SELECT r.* FROM held, session_service.rotate_session_token(held.token) r WHERE name = 'rotated')
	UPDATE held SET token = r.token FROM r WHERE held.session_id = r.session_id;
	WITH r AS MATERIALIZED (
		SELECT r.* FROM held, session_service.reauthenticate_session(held.token, 'gold', '{pwd,otp}') r
		WHERE name = 'checked again')
	UPDATE held SET token = r.token, refresh_token = r.refresh_token FROM r WHERE held.session_id = r.session_id;
	SELECT session_service.disable_user(user_id) FROM held WHERE name = 'disabled';
	SELECT session_service.mark_mfa_verified(session_id, 'totp') FROM held WHERE name = 'multi-factor';
	SELECT session_service.revoke_session(session_id) FROM held WHERE name = 'revoked';
	SELECT session_service.trust_device(user_id, device_id) FROM held WHERE name = 'trusted';
	SELECT session_service.set_user_session_limit(user_id, 2) FROM held WHERE name = 'limited';
	SELECT session_service.create_session(user_id) FROM held, generate_series(1, 2) WHERE name = 'limited';
	INSERT INTO held
	SELECT name, user_id,
		session_service.import_session(session_service.hash_token('token of ' || name), user_id, now() + '1 day',
			session_service.hash_token('refresh token of ' || name)),
		'token of ' || name, 'refresh token of ' || name
	FROM (SELECT name, session_service.user_uuid(length(name)) AS user_id
		FROM unnest('{imported,imported and refreshed}'::text[]) name) given;
	INSERT INTO replaced SELECT name, token, refresh_token FROM held WHERE name = 'imported and refreshed';
	SELECT refresh_held('imported and refreshed');
	};
}

# One row for each table: its name, how many rows it has, and a digest of them.
sub contents
{
	return join ' UNION ALL ', map {
		qq{SELECT '$_' AS name, count(*) AS rows, md5(string_agg(t::text, E'\\n' ORDER BY t::text)) AS digest
		FROM session_service.$_ t}
	} qw(access_levels devices events external_sessions imported_tokens sessions users);
}

sub go_on
{
	return (
		[ 'clients have their key', signer() . 'SELECT 1', 1 ],
		[
			'epochs are noted',
			'CREATE TABLE epochs AS SELECT user_id, epoch FROM session_service.users; SELECT count(*) > 0 FROM epochs',
			't'
		],
		[
			'every living token is good, and no other',
			q{SELECT string_agg(h.name, ',' ORDER BY h.name) FROM held h, session_service.validate_session(h.token)},
			'checked again,imported,imported and refreshed,multi-factor,overlapping,plain,refreshed,'
			  . 'refreshed twice,rotated,trusted,with a key'
		],
		[
			'but the one before that overlaps with it',
			q{SELECT string_agg(name, ',') FROM replaced p, session_service.validate_session(p.token)},
			'overlapping'
		],
		[
			'with what it shows',
			q{SELECT count(*) FROM held h, session_service.validate_session(h.token) v
				WHERE (v.session_id, v.user_id) = (h.session_id, h.user_id)
				AND h.name NOT LIKE 'imported%'
				AND v.device_id = h.device_id
				AND v.scopes = '{read,write}'
				AND v.metadata = '{"shown": ["as it is"]}'
				AND v.mfa_verified = (h.name = 'multi-factor')
				AND (v.authenticated_at > v.created_at) = (h.name = 'checked again')
				AND (v.acr = 'gold') IS NOT DISTINCT FROM nullif(h.name = 'checked again', false)},
			9
		],
		[
			'that of a session that is bound for requests is good with a proof alone',
			q{SELECT count(*) FROM held h, session_service.validate_session(h.token)
				WHERE h.name = 'with a key, for requests';
				SELECT count(*) FROM held h,
					session_service.validate_session_proof(h.token,
						held_proof('GET', 'https://app.example/', h.token), 'GET', 'https://app.example/') v
				WHERE h.name = 'with a key, for requests' AND v.session_id = h.session_id},
			"0\n1"
		],
		[
			'authenticate',
			q{BEGIN;
				SELECT count(*) FROM held h, session_service.authenticate(h.token) WHERE h.name = 'plain';
				SELECT count(*) FROM held h WHERE name = 'plain' AND user_id = session_service.current_user_id();
				COMMIT},
			"1\n1"
		],
		[
			'a retry of a refresh gets the same pair',
			q{SELECT count(*) FROM replaced p JOIN held h USING (name), session_service.refresh_session(p.refresh_token) r
				WHERE name IN ('refreshed', 'imported and refreshed')
				AND r.repeated AND (r.token, r.refresh_token) = (h.token, h.refresh_token)},
			2
		],
		[
			'also with the proof that was signed for it',
			q{SET session_service.challenge_expiry = '1d';
				SELECT count(*) FROM replaced p JOIN held h USING (name),
					session_service.refresh_session(p.refresh_token, proof => p.proof) r
				WHERE name = 'with a key' AND r.repeated AND (r.token, r.refresh_token) = (h.token, h.refresh_token);
				RESET session_service.challenge_expiry},
			1
		],
		[
			'without a proof nothing happens to a bound session',
			q{SELECT count(*) FROM held h, session_service.refresh_session(h.refresh_token)
				WHERE h.name LIKE 'with a key%';
				SELECT DISTINCT binding, status FROM held h, session_service.get_session(h.session_id)
				WHERE h.name LIKE 'with a key%' ORDER BY binding},
			"0\nrefresh|active\nrequest|active"
		],
		[
			'with one also a refresh token that was spent buys the next pair',
			q{SELECT count(*) FROM replaced p,
					session_service.refresh_session(p.refresh_token,
						proof => held_proof(session_service.session_challenge(p.refresh_token))) r
				WHERE p.name = 'with a key' AND NOT r.repeated;
				SELECT count(*) FROM held h,
					session_service.refresh_session(h.refresh_token,
						proof => held_proof(session_service.session_challenge(h.refresh_token))) r
				WHERE h.name = 'with a key' AND NOT r.repeated;
				SELECT count(*) FROM held h,
					session_service.refresh_session(h.refresh_token, NULL, NULL,
						held_proof('POST', 'https://app.example/', NULL), 'POST', 'https://app.example/') r
				WHERE h.name = 'with a key, for requests' AND NOT r.repeated},
			"1\n1\n1"
		],
		[
			'a refresh token that was spent buys nothing',
			q{SELECT count(*) FROM replaced p, session_service.refresh_session(p.refresh_token) r
				WHERE name = 'refreshed twice'},
			0
		],
		[
			'and is reuse',
			q{SELECT revoke_reason FROM held h, session_service.get_session(h.session_id) WHERE name = 'refreshed twice'},
			'Refresh token reuse'
		],
		[
			'a refresh token of before a new check of the user is nobody\'s',
			q{SELECT count(*) FROM replaced p, session_service.refresh_session(p.refresh_token)
				WHERE name = 'checked again';
				SELECT status FROM held h, session_service.get_session(h.session_id) WHERE name = 'checked again'},
			"0\nactive"
		],
		[
			'every refresh token of a usable session buys the next pair',
			q{SELECT string_agg(h.name, ',' ORDER BY h.name)
				FROM held h, session_service.refresh_session(h.refresh_token) r
					LEFT JOIN LATERAL session_service.validate_session(r.token) v ON true
				WHERE NOT r.repeated AND (v.session_id = h.session_id OR h.name = 'past its expiry')},
			'checked again,imported,imported and refreshed,multi-factor,overlapping,past its expiry,plain,refreshed,'
			  . 'rotated,trusted'
		],
		[
			'a hash that was imported is known',
			q{SELECT session_service.import_session(
					session_service.hash_token('token of imported'), user_id, now() + '1 day') = session_id
				FROM held WHERE name = 'imported'},
			't'
		],
		[
			'a device is known by its key',
			q{SELECT session_service.is_trusted_device(user_id, name) FROM held WHERE name = 'trusted'}, 't'
		],
		[
			'and is the same at the next sign-in',
			q{SELECT c.device_id = h.device_id AND NOT c.is_new_device
				FROM held h, session_service.create_session(h.user_id, device_key => h.name) c
				WHERE name = 'trusted'},
			't'
		],
		[
			q{a user's own limit holds},
			q{SELECT cardinality(c.evicted_session_ids) FROM held h, session_service.create_session(h.user_id) c
				WHERE name = 'limited'},
			1
		],
		[
			'new users sign in',
			q{SELECT count(*) FROM gen_random_uuid() u,
					session_service.create_session(u) c, session_service.validate_session(c.token) v
				WHERE v.user_id = u},
			1
		],
		[
			'epochs go on where they were, and grow where a session was ended',
			q{SELECT string_agg(h.name, ',' ORDER BY h.name) FROM held h JOIN epochs e USING (user_id)
				WHERE session_service.user_epoch(user_id) > e.epoch},
			'limited,refreshed twice'
		],
		[ 'and never back', 'SELECT count(*) FROM epochs e WHERE session_service.user_epoch(user_id) < e.epoch', 0 ],
		[
			'a disabled user is so until enabled',
			q{SELECT session_service.is_user_disabled(user_id)
					AND session_service.enable_user(user_id)
					AND NOT session_service.is_user_disabled(user_id)
				FROM held WHERE name = 'disabled'},
			't'
		],
		[
			'sessions of an identity provider are found by it, and end',
			q{SELECT count(*) FROM held h, session_service.find_external_sessions('external ' || h.name) f
				WHERE f.id = h.session_id AND h.name IN ('plain', 'rotated');
				SELECT session_service.revoke_external_sessions('external plain')},
			"2\n1"
		],
		[
			'sessions end',
			q{SELECT session_service.revoke_all_user_sessions(user_id) FROM held WHERE name = 'trusted';
				SELECT count(*) FROM held h, session_service.list_user_sessions(h.user_id) WHERE name = 'trusted'},
			"2\n0"
		],
		[
			'and events go on',
			q{SELECT count(*) > 0 FROM held h, session_service.list_events(h.user_id)
				WHERE h.name = 'trusted' AND kind = 'session.revoked'},
			't'
		]);
}

1;
