-- Signing out. Each tells whether, or how many sessions, this call ended.

CREATE FUNCTION session_service.revoke_session(session_id uuid, reason text DEFAULT 'User logout')
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_revoke_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_session(uuid, text) IS 'ends a session';

CREATE FUNCTION session_service.revoke_user_session(
    user_id uuid,
    session_id uuid,
    reason text DEFAULT 'User logout')
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_revoke_user_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_user_session(uuid, uuid, text)
    IS 'ends a session if it is that user''s: for ids that came from a client';

CREATE FUNCTION session_service.revoke_session_by_token(token text, reason text DEFAULT 'User logout')
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_revoke_session_by_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_session_by_token(text, text)
    IS 'ends the session that a token of either kind belongs to';

CREATE FUNCTION session_service.revoke_all_user_sessions(user_id uuid, reason text DEFAULT 'User logout all')
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_revoke_all_user_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_all_user_sessions(uuid, text) IS 'ends all sessions of a user';

CREATE FUNCTION session_service.revoke_all_user_sessions_except(
    user_id uuid,
    current_session_id uuid,
    reason text DEFAULT 'User logout all others')
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_revoke_all_user_sessions_except'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_all_user_sessions_except(uuid, uuid, text)
    IS 'ends all sessions of a user but one';

CREATE FUNCTION session_service.revoke_device_sessions(
    user_id uuid,
    device_id uuid,
    reason text DEFAULT 'Device signed out')
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_revoke_device_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_device_sessions(uuid, uuid, text)
    IS 'ends the sessions of one of a user''s devices';

CREATE FUNCTION session_service.revoke_inactive_sessions(
    inactive_for interval DEFAULT NULL,
    reason text DEFAULT 'Inactivity timeout')
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_revoke_inactive_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_inactive_sessions(interval, text)
    IS 'ends the sessions of all users that were inactive for this long, by default past their inactivity timeout; '
        'reads the whole table';

CREATE FUNCTION session_service.revoke_sessions(
    user_ids uuid[] DEFAULT NULL,
    network inet DEFAULT NULL,
    created_after timestamptz DEFAULT NULL,
    created_before timestamptz DEFAULT NULL,
    inactive_for interval DEFAULT NULL,
    device_type text DEFAULT NULL,
    scope text DEFAULT NULL,
    metadata jsonb DEFAULT NULL,
    reason text DEFAULT 'Revoked by an administrator',
    max_rows integer DEFAULT 10000)
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_revoke_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_sessions(
    uuid[], inet, timestamptz, timestamptz, interval, text, text, jsonb, text, integer)
    IS 'ends the active sessions that list_sessions shows with the same filters, one of which is required; '
        'call it until it returns 0';

CREATE FUNCTION session_service.revoke_external_sessions(
    external_id text,
    reason text DEFAULT 'Signed out by the identity provider')
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_revoke_external_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_external_sessions(text, text)
    IS 'ends the sessions that came of one of an identity provider''s, as OpenID Connect back-channel logout asks';
