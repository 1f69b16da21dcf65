-- What a session carries.

CREATE FUNCTION session_service.mark_mfa_verified(session_id uuid, method text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_mark_mfa_verified'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.mark_mfa_verified(uuid, text)
    IS 'marks an active session as verified by multi-factor authentication';

CREATE FUNCTION session_service.mark_mfa_verified_by_token(token text, method text DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_mark_mfa_verified_by_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.mark_mfa_verified_by_token(text, text)
    IS 'mark_mfa_verified for the session that a session token opens';

CREATE FUNCTION session_service.clear_mfa_verified(session_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_clear_mfa_verified'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.clear_mfa_verified(uuid)
    IS 'takes the mark of multi-factor authentication from an active session';

CREATE FUNCTION session_service.set_session_scopes(session_id uuid, scopes text[])
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_set_session_scopes'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.set_session_scopes(uuid, text[]) IS 'replaces the scopes of an active session';

CREATE FUNCTION session_service.set_session_metadata(session_id uuid, metadata jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_set_session_metadata'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.set_session_metadata(uuid, jsonb) IS 'replaces the metadata of an active session';

CREATE FUNCTION session_service.patch_session_metadata(session_id uuid, patch jsonb)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_patch_session_metadata'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.patch_session_metadata(uuid, jsonb)
    IS 'applies a merge patch (RFC 7396) to the metadata of an active session';

CREATE FUNCTION session_service.touch_sessions(session_ids uuid[])
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_touch_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.touch_sessions(uuid[])
    IS 'records activity now, of sessions that were validated on a standby; how many were recorded';
