-- What validate_session is compared with: a bare SELECT of a valid session by its id, which gives the same columns,
-- whichever these are. Functions give its text, to be prepared: a view would be locked, and its rights checked, at
-- each execution.
CREATE SCHEMA bench;

CREATE FUNCTION bench.valid_session_columns() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT string_agg(CASE attname
        WHEN 'session_id' THEN 'id AS session_id'
        WHEN 'mfa_verified' THEN 'mfa_verified_at IS NOT NULL AS mfa_verified'
        ELSE attname END, ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = 'session_service.valid_session'::regclass AND attnum > 0 AND NOT attisdropped
$$;

CREATE FUNCTION bench.bare_select() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'SELECT ' || bench.valid_session_columns() || ' FROM session_service.sessions WHERE id = $1
        AND revoked_at IS NULL AND expires_at > now() AND (idle_expires_at IS NULL OR idle_expires_at > now())'
$$;
