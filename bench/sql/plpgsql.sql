-- Validation over the extension's tables in PL/pgSQL, as an application without C++ would write it.
CREATE SCHEMA plpgsql;

CREATE FUNCTION plpgsql.validate_session(token text)
RETURNS TABLE (
    session_id uuid, user_id uuid, device_id uuid, scopes text[], metadata jsonb, mfa_verified boolean,
    created_at timestamptz, last_activity_at timestamptz, expires_at timestamptz)
LANGUAGE plpgsql VOLATILE ROWS 1 AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT s.id, s.user_id, s.device_id, s.scopes, s.metadata, s.mfa_verified_at IS NOT NULL,
           s.created_at, s.last_activity_at, s.expires_at
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
$$;
