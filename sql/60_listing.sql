-- Lists and counts.

CREATE FUNCTION session_service.get_session(session_id uuid, current_session_id uuid DEFAULT NULL)
RETURNS SETOF session_service.session_info
AS 'MODULE_PATHNAME', 'session_service_get_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.get_session(uuid, uuid) IS 'a session, whatever its state';

CREATE FUNCTION session_service.get_user_session(
    user_id uuid,
    session_id uuid,
    current_session_id uuid DEFAULT NULL)
RETURNS SETOF session_service.session_info
AS 'MODULE_PATHNAME', 'session_service_get_user_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.get_user_session(uuid, uuid, uuid)
    IS 'a session if it is that user''s: for ids that came from a client';

CREATE FUNCTION session_service.list_user_sessions(
    user_id uuid,
    current_session_id uuid DEFAULT NULL,
    include_inactive boolean DEFAULT false)
RETURNS SETOF session_service.session_info
AS 'MODULE_PATHNAME', 'session_service_list_user_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION session_service.list_user_sessions(uuid, uuid, boolean)
    IS 'a user''s active sessions, or all that cleanup has left, latest activity first';

CREATE FUNCTION session_service.list_inactive_sessions(inactive_for interval DEFAULT NULL)
RETURNS SETOF session_service.session_info
AS 'MODULE_PATHNAME', 'session_service_list_inactive_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.list_inactive_sessions(interval)
    IS 'sessions of all users that were inactive for this long, by default past their inactivity timeout; '
        'reads the whole table';

CREATE FUNCTION session_service.list_mfa_verified_sessions(user_id uuid)
RETURNS SETOF session_service.session_info
AS 'MODULE_PATHNAME', 'session_service_list_mfa_verified_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION session_service.list_mfa_verified_sessions(uuid)
    IS 'a user''s active sessions that passed multi-factor authentication, latest activity first';

CREATE FUNCTION session_service.count_user_sessions(user_id uuid)
RETURNS bigint
AS 'MODULE_PATHNAME', 'session_service_count_user_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.count_user_sessions(uuid) IS 'number of a user''s active sessions';

CREATE FUNCTION session_service.count_active_sessions()
RETURNS bigint
AS 'MODULE_PATHNAME', 'session_service_count_active_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.count_active_sessions()
    IS 'number of active sessions of all users; reads the whole table';

CREATE FUNCTION session_service.list_events(
    user_id uuid,
    since timestamptz DEFAULT NULL,
    max_rows integer DEFAULT 100,
    before uuid DEFAULT NULL)
RETURNS SETOF session_service.session_event
AS 'MODULE_PATHNAME', 'session_service_list_events'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION session_service.list_events(uuid, timestamptz, integer, uuid)
    IS 'a user''s events, latest first; those before one of them are the next page';

CREATE FUNCTION session_service.list_all_events(
    since timestamptz DEFAULT NULL,
    max_rows integer DEFAULT 100,
    before uuid DEFAULT NULL)
RETURNS SETOF session_service.session_event
AS 'MODULE_PATHNAME', 'session_service_list_all_events'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION session_service.list_all_events(timestamptz, integer, uuid)
    IS 'events of all users, latest first; those before one of them are the next page';

CREATE FUNCTION session_service.list_sessions(
    user_ids uuid[] DEFAULT NULL,
    network inet DEFAULT NULL,
    created_after timestamptz DEFAULT NULL,
    created_before timestamptz DEFAULT NULL,
    inactive_for interval DEFAULT NULL,
    device_type text DEFAULT NULL,
    scope text DEFAULT NULL,
    metadata jsonb DEFAULT NULL,
    include_inactive boolean DEFAULT false,
    after uuid DEFAULT NULL,
    max_rows integer DEFAULT 100)
RETURNS SETOF session_service.session_info
AS 'MODULE_PATHNAME', 'session_service_list_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION session_service.list_sessions(
    uuid[], inet, timestamptz, timestamptz, interval, text, text, jsonb, boolean, uuid, integer)
    IS 'active sessions of all users that every filter given lets through, in the order of their ids; '
        'for the next page pass the last id as `after`';

CREATE FUNCTION session_service.find_external_sessions(external_id text)
RETURNS SETOF session_service.session_info
AS 'MODULE_PATHNAME', 'session_service_find_external_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.find_external_sessions(text)
    IS 'sessions that came of one of an identity provider''s, whatever their state';
