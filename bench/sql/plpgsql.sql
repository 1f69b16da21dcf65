-- Validation over the extension's tables in PL/pgSQL, as an application without C++ would write it. After
-- bare_select.sql, which knows the columns.
CREATE SCHEMA plpgsql;

SELECT format($create$
CREATE FUNCTION plpgsql.validate_session(token text)
RETURNS SETOF session_service.valid_session
LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
BEGIN
    RETURN QUERY
    SELECT %s
    FROM session_service.sessions s
    WHERE s.id = session_service.token_session_id(token)
      AND s.token_hash OPERATOR(session_service.=) session_service.hash_token(token)
      AND s.revoked_at IS NULL AND s.expires_at > clock_timestamp()
      AND (s.idle_expires_at IS NULL OR s.idle_expires_at > clock_timestamp());
    IF FOUND THEN
        UPDATE session_service.sessions s
        SET last_activity_at = clock_timestamp(),
            idle_expires_at = clock_timestamp() + (s.idle_expires_at - s.last_activity_at)
        WHERE s.id = session_service.token_session_id(token)
          AND s.last_activity_at < clock_timestamp()
              - current_setting('session_service.touch_interval')::interval;
    END IF;
END
$$ $create$, bench.valid_session_columns()) \gexec
