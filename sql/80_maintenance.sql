-- Users and maintenance.

CREATE FUNCTION session_service.set_user_session_limit(user_id uuid, max_sessions integer)
RETURNS void
AS 'MODULE_PATHNAME', 'session_service_set_user_session_limit'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.set_user_session_limit(uuid, integer)
    IS 'gives a user an own limit of sessions: 0 for none, NULL for the setting''s';

CREATE FUNCTION session_service.disable_user(user_id uuid, reason text DEFAULT 'User disabled')
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_disable_user'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.disable_user(uuid, text)
    IS 'ends all sessions of a user, and lets nobody sign in as that user until enable_user; how many it ended';

CREATE FUNCTION session_service.enable_user(user_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_enable_user'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.enable_user(uuid)
    IS 'lets a disabled user sign in again; whether the user was disabled';

CREATE FUNCTION session_service.is_user_disabled(user_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_is_user_disabled'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.is_user_disabled(uuid) IS 'whether nobody may sign in as the user';

CREATE FUNCTION session_service.user_epoch(user_id uuid)
RETURNS bigint
AS 'MODULE_PATHNAME', 'session_service_user_epoch'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.user_epoch(uuid)
    IS 'number that grows with each revocation that ended a session of the user; 0 for an unknown user';

CREATE FUNCTION session_service.cleanup_sessions(retention interval DEFAULT NULL, batch_size integer DEFAULT NULL)
RETURNS bigint
AS 'MODULE_PATHNAME', 'session_service_cleanup_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.cleanup_sessions(interval, integer)
    IS 'deletes a batch of sessions that have been over for longer than the retention, '
        'and old events and unused devices; call it until it returns 0';

CREATE FUNCTION session_service.delete_user(user_id uuid)
RETURNS bigint
AS 'MODULE_PATHNAME', 'session_service_delete_user'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.delete_user(uuid)
    IS 'deletes everything stored about a user; the number of sessions deleted';

CREATE FUNCTION session_service.export_user(user_id uuid)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'session_service_export_user'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.export_user(uuid)
    IS 'everything stored about a user, but no hash and no salt: the user, sessions, devices and events';

CREATE FUNCTION session_service.stats(
    OUT since timestamptz,
    OUT sessions_created bigint,
    OUT sessions_imported bigint,
    OUT sessions_revoked bigint,
    OUT sessions_evicted bigint,
    OUT sessions_deleted bigint,
    OUT validations bigint,
    OUT validations_refused bigint,
    OUT refreshes bigint,
    OUT refreshes_repeated bigint,
    OUT refreshes_reused bigint,
    OUT activities_written bigint,
    OUT activities_left_out bigint,
    OUT sessions_bound bigint,
    OUT proofs_rejected bigint,
    OUT reauthentications bigint,
    OUT notifications_dropped bigint,
    OUT revocations_user bigint,
    OUT revocations_limit bigint,
    OUT revocations_reuse bigint,
    OUT revocations_admin bigint,
    OUT revocations_idle bigint)
AS 'MODULE_PATHNAME', 'session_service_stats'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.stats()
    IS 'what calls did on this server since its start; NULL unless the library is in shared_preload_libraries';

CREATE FUNCTION session_service.health(
    OUT sessions bigint,
    OUT oldest_dead_session_at timestamptz,
    OUT oldest_event_at timestamptz,
    OUT sessions_size bigint,
    OUT total_size bigint,
    OUT hot_update_share double precision,
    OUT dead_row_share double precision,
    OUT last_cleanup_at timestamptz,
    OUT last_cleanup_rows bigint,
    OUT last_cleanup_duration interval,
    OUT worker_running boolean)
AS 'MODULE_PATHNAME', 'session_service_health'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.health()
    IS 'how the tables of this database and their maintenance are, from statistics and the ends of indexes; '
        'what tells of maintenance is NULL unless the library is in shared_preload_libraries';
