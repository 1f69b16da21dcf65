\set ECHO none
-- Every call on sessions, with its results, in words that are the same each time.
CREATE FUNCTION pg_temp.life() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    alice CONSTANT uuid := '00000000-0000-4000-8000-00000000000a';
    bob CONSTANT uuid := '00000000-0000-4000-8000-00000000000b';
    a record;
    b record;
    c record;
    r record;
    n record;
    i record;
    imported uuid;
BEGIN
    SET LOCAL session_service.max_per_user = 3;
    SELECT * INTO a FROM create_session(alice, 'laptop', 'agent', '192.0.2.1', '{read}', 'key', '{"a": 1}');
    SELECT * INTO b FROM create_session(alice, 'phone', session_expiry => '1 hour', inactivity_timeout => '1 hour');
    SELECT * INTO c FROM create_session(alice, 'phone', issue_refresh => false);
    RETURN NEXT concat('created: ', a.is_new_device, b.is_new_device, c.is_new_device);
    SELECT session_id = a.session_id AS id, user_id = alice AS usr, scopes, metadata, mfa_verified INTO r
    FROM validate_session(a.token, '192.0.2.2');
    RETURN NEXT concat('valid: ', r);
    RETURN NEXT concat('by hash: ', (SELECT count(*) FROM validate_session_hash(a.session_id, hash_token(a.token))),
        (SELECT count(*) FROM validate_session_hash(b.session_id, hash_token(a.token))));
    RETURN NEXT concat('many: ', (SELECT string_agg(concat(token_index, scopes, metadata), ' ' ORDER BY token_index)
        FROM validate_sessions(ARRAY[a.token, 'x', b.token, a.refresh_token, c.token])));
    RETURN NEXT concat('authenticated: ', (SELECT count(*) FROM authenticate(a.token)), current_user_id() = alice,
        has_scope('read'));
    RETURN NEXT concat('introspected: ', introspect_token(a.token) - '{exp,iat,auth_time,jti}'::text[],
        introspect_token(a.refresh_token) - '{exp,iat,auth_time,jti}'::text[],
        (introspect_token(a.token) ->> 'exp')::bigint = floor(extract(epoch FROM a.expires_at)));
    RETURN NEXT concat('attributes: ', mark_mfa_verified(a.session_id, 'totp'), mark_mfa_verified_by_token(b.token),
        clear_mfa_verified(b.session_id), set_session_scopes(a.session_id, '{read,write}'),
        set_session_metadata(a.session_id, '{"a": 2}'),
        patch_session_metadata(a.session_id, '{"b": {"c": 3, "d": null}}'));
    SELECT * INTO r FROM refresh_session(a.refresh_token, '192.0.2.3', 'agent/2');
    RETURN NEXT concat('refreshed: ', r.repeated, r.session_id = a.session_id, (SELECT count(*)
        FROM validate_session(a.token)), (SELECT count(*) FROM validate_session(r.token)));
    SELECT repeated, token = r.token AS token, refresh_token = r.refresh_token AS refresh_token INTO n
    FROM refresh_session(a.refresh_token);
    RETURN NEXT concat('repeated: ', n);
    SELECT token, refresh_token INTO n FROM refresh_session(r.refresh_token);
    RETURN NEXT concat('refreshed again: ', (SELECT count(*) FROM validate_session(n.token)));
    SELECT token INTO r FROM rotate_session_token(n.token);
    RETURN NEXT concat('rotated: ', (SELECT count(*) FROM validate_session(n.token)), (SELECT count(*)
        FROM validate_session(r.token)), (SELECT count(*) FROM rotate_session_token(n.token)));
    SELECT token INTO n FROM reauthenticate_session(r.token, 'gold', '{pwd,otp}');
    RETURN NEXT concat('checked again: ', (SELECT count(*) FROM validate_session(r.token)),
        (SELECT acr FROM validate_session(n.token)), (SELECT status FROM get_session(a.session_id)));
    RETURN NEXT concat('extended: ', extend_session(a.session_id) > clock_timestamp(),
        extend_session(a.session_id, '40 days') > clock_timestamp() + interval '39 days',
        extend_session(b.session_id, '2 hours') > b.expires_at);
    RETURN NEXT concat('touched: ', touch_sessions(ARRAY[a.session_id, b.session_id, alice]));
    RETURN NEXT concat('shown: ',
        (SELECT jsonb_agg(to_jsonb(s) - '{id,device_id,created_at,authenticated_at,last_activity_at,expires_at,
        idle_expires_at,refresh_expires_at,absolute_expires_at,mfa_verified_at}'::text[] ORDER BY s.created_at)
        FROM list_user_sessions(alice, a.session_id) s));
    RETURN NEXT concat('found: ', (SELECT status FROM get_session(a.session_id)), (SELECT status
        FROM get_user_session(alice, b.session_id)), (SELECT status FROM get_user_session(bob, b.session_id)),
        (SELECT count(*) FROM list_mfa_verified_sessions(alice)), count_user_sessions(alice), count_active_sessions());
    RETURN NEXT concat('devices: ', (SELECT string_agg(concat(name, active_sessions, is_trusted), ' ' ORDER BY name)
        FROM list_user_devices(alice)), is_known_device(alice, 'key'), trust_device(alice, a.device_id),
            is_trusted_device(alice, 'key'));
    imported := import_session(hash_token('imported'), bob, clock_timestamp() + interval '1 day',
        hash_token('imported refresh'));
    SELECT * INTO i FROM refresh_session('imported refresh');
    SELECT token = i.token AS token, repeated INTO n FROM refresh_session('imported refresh');
    RETURN NEXT concat('imported: ', (SELECT count(*) FROM validate_session('imported')), i.session_id = imported,
        (SELECT count(*) FROM validate_session(i.token)), n);
    RETURN NEXT concat('evicted: ', (SELECT cardinality(evicted_session_ids) FROM create_session(alice)));
    RETURN NEXT concat('reuse: ', (SELECT count(*) FROM refresh_session(i.refresh_token)), (SELECT count(*)
        FROM refresh_session('imported refresh')), (SELECT concat(status, revoke_reason) FROM get_session(imported)));
    RETURN NEXT concat('revoked: ', revoke_session(b.session_id, 'x'), revoke_session(b.session_id),
        revoke_session_by_token(c.token), revoke_user_session(bob, imported), revoke_user_session(bob, b.session_id),
        revoke_all_user_sessions_except(alice, a.session_id), revoke_all_user_sessions(alice));
    SELECT * INTO c FROM create_session(alice, 'tablet');
    RETURN NEXT concat('of a device: ', revoke_device_sessions(alice, c.device_id), forget_device(alice, c.device_id),
        (SELECT count(*) FROM validate_session(c.token)));
    PERFORM create_session(bob);
    PERFORM create_session(bob, external_id => 'external');
    RETURN NEXT concat('of a provider: ', (SELECT count(*) FROM find_external_sessions('external')),
        revoke_external_sessions('external'), revoke_external_sessions('external'));
    PERFORM create_session(alice, ip_address => '203.0.113.7', scopes => '{searched}');
    RETURN NEXT concat('searched: ', (SELECT count(*)
        FROM list_sessions(network => '203.0.113.0/24', scope => 'searched')),
            revoke_sessions(ARRAY[alice], scope => 'searched'));
    RETURN NEXT concat('disabled: ', disable_user(alice), is_user_disabled(alice), enable_user(alice),
        is_user_disabled(alice));
    RETURN NEXT concat('inactive: ', (SELECT count(*) FROM list_inactive_sessions('1 microsecond')),
        revoke_inactive_sessions('1 microsecond'));
    PERFORM create_session(bob);
    RETURN NEXT concat('deleted: ', cleanup_sessions('0'), (SELECT count(*) FROM sessions), delete_user(bob),
        delete_user(alice), (SELECT count(*) FROM sessions));
END $$;
\set ECHO all
