-- Users with other ids, sessions from elsewhere, access.

CREATE FUNCTION session_service.user_uuid(id bigint)
RETURNS uuid
AS 'MODULE_PATHNAME', 'session_service_user_uuid'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.user_uuid(bigint)
    IS 'UUIDv8 that holds the number, for applications that number their users';

CREATE FUNCTION session_service.user_uuid_from_text(id text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'session_service_user_uuid_from_text'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.user_uuid_from_text(text)
    IS 'UUIDv5 of the text in a namespace of our own, for applications that name their users';

CREATE FUNCTION session_service.user_bigint(user_id uuid)
RETURNS bigint
AS 'MODULE_PATHNAME', 'session_service_user_bigint'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.user_bigint(uuid) IS 'number that user_uuid was given, NULL for any other uuid';

CREATE FUNCTION session_service.import_session(
    token_hash session_service.token_hash,
    user_id uuid,
    expires_at timestamptz,
    refresh_token_hash session_service.token_hash DEFAULT NULL,
    device_name text DEFAULT NULL,
    user_agent text DEFAULT NULL,
    ip_address inet DEFAULT NULL,
    scopes text[] DEFAULT '{}',
    created_at timestamptz DEFAULT NULL,
    last_activity_at timestamptz DEFAULT NULL,
    mfa_verified boolean DEFAULT false,
    metadata jsonb DEFAULT '{}',
    refresh_expires_at timestamptz DEFAULT NULL,
    device_key text DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'session_service_import_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.import_session(
    session_service.token_hash, uuid, timestamptz, session_service.token_hash, text, text, inet, text[],
    timestamptz, timestamptz, boolean, jsonb, timestamptz, text)
    IS 'takes over a session that another system issued, by the SHA-256 hashes of its tokens; '
        'its client stays signed in';

CREATE FUNCTION session_service.grant_access(role regrole, level text)
RETURNS void
AS 'MODULE_PATHNAME', 'session_service_grant_access'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.grant_access(regrole, text)
    IS 'lets a role call the functions of an access level: validate, application, monitor or admin';

CREATE FUNCTION session_service.revoke_access(role regrole, level text)
RETURNS void
AS 'MODULE_PATHNAME', 'session_service_revoke_access'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.revoke_access(regrole, text)
    IS 'takes an access level from a role, less what its other levels contain';
