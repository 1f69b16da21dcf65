\set ECHO none
-- What the tests by topic share; each includes it first. It empties the tables, so that no test sees what another left.
SET search_path = session_service, public;
SET intervalstyle = postgres;
TRUNCATE users, devices, sessions, events, imported_tokens, external_sessions;

-- users, and an id that nothing has
\set alice '00000000-0000-4000-8000-00000000000a'
\set bob '00000000-0000-4000-8000-00000000000b'
\set carol '00000000-0000-4000-8000-00000000000c'
\set nobody '00000000-0000-4000-8000-0000000000ff'

-- Instead of waiting, everything stored is moved into the past. (Seconds, since a day may have 23 hours.)
CREATE PROCEDURE pg_temp.time_passes(duration interval) LANGUAGE plpgsql AS $$
DECLARE
    d CONSTANT interval := make_interval(secs => extract(epoch FROM duration));
BEGIN
    UPDATE session_service.sessions SET
        created_at = created_at - d, authenticated_at = authenticated_at - d, last_activity_at = last_activity_at - d,
        rotated_at = rotated_at - d,
        expires_at = expires_at - d, idle_expires_at = idle_expires_at - d, refresh_expires_at = refresh_expires_at - d,
        absolute_expires_at = absolute_expires_at - d, revoked_at = revoked_at - d,
        mfa_verified_at = mfa_verified_at - d,
        replaced_token_until = replaced_token_until - d, bound_at = bound_at - d,
        purge_after = coalesce(revoked_at - d,
            date_trunc('day', least(idle_expires_at, greatest(expires_at, refresh_expires_at)) - d, 'UTC'));
    UPDATE session_service.devices SET
        first_seen_at = first_seen_at - d, last_seen_at = last_seen_at - d, address_at = address_at - d,
        trusted_until = trusted_until - d, purge_after = purge_after - d;
    -- the id of an event starts with its time, milliseconds in 48 bits
    UPDATE session_service.events SET at = at - d,
        id = (lpad(to_hex((('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint - extract(epoch
            FROM d) * 1000)::bigint), 12, '0')
              || substr(replace(id::text, '-', ''), 13))::uuid;
END $$;

-- Whether a time lies this far ahead of now, give or take a minute.
CREATE FUNCTION pg_temp.is_in(at timestamptz, ahead interval) RETURNS boolean LANGUAGE sql AS $$
    SELECT abs(extract(epoch FROM at - clock_timestamp()) - extract(epoch FROM ahead)) < 60
$$;

-- What a statement does: the error that it raises with all that it says, or 'accepted'.
CREATE FUNCTION pg_temp.outcome(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    shown text;
    detail text;
    hint text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS shown = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, shown, nullif(detail, ''), nullif(hint, ''));
END $$;

-- Whether a session token is good at this moment, without recording activity: introspection is no use of it.
CREATE FUNCTION pg_temp.opens(token text) RETURNS boolean LANGUAGE sql AS $$
    SELECT (session_service.introspect_token(token) ->> 'active')::boolean
$$;

-- A session's state in one word, with the reason of its end.
CREATE FUNCTION pg_temp.state(session_id uuid) RETURNS text LANGUAGE sql AS $$
    SELECT concat_ws(': ', status, revoke_reason) FROM session_service.get_session(session_id)
$$;

-- The bytes inside a token, without its checksum: version, session id, in a refresh token the family key, secret.
CREATE FUNCTION pg_temp.payload(token text) RETURNS bytea LANGUAGE sql AS $$
    SELECT substr(bytes, 1, length(bytes) - 4)
    FROM decode(rpad(translate(substr(token, 5), '-_', '+/'), (length(token) - 4 + 3) / 4 * 4, '='), 'base64') AS bytes
$$;

-- CRC-32C (RFC 9260, appendix A), big endian.
CREATE FUNCTION pg_temp.crc32c(data bytea) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    crc bigint := x'ffffffff'::bigint;
BEGIN
    FOR i IN 0 .. length(data) - 1 LOOP
        crc := crc # get_byte(data, i);
        FOR bit IN 1 .. 8 LOOP
            crc := (crc >> 1) # ((crc & 1) * x'82f63b78'::bigint);
        END LOOP;
    END LOOP;
    RETURN substr(int8send(crc # x'ffffffff'::bigint), 5);
END $$;

-- A well-formed token of these bytes, as anyone can make who knows the form.
CREATE FUNCTION pg_temp.forged(prefix text, payload bytea) RETURNS text LANGUAGE sql AS $$
    SELECT prefix || translate(encode(payload || pg_temp.crc32c(convert_to(prefix, 'UTF8') || payload), 'base64'),
        E'+/=\n', '-_')
$$;
\set ECHO all
