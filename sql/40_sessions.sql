-- The life of a session. Functions that give one row or none are set-returning: call them in FROM.

CREATE FUNCTION session_service.create_session(
    user_id uuid,
    device_name text DEFAULT NULL,
    user_agent text DEFAULT NULL,
    ip_address inet DEFAULT NULL,
    scopes text[] DEFAULT '{}',
    device_key text DEFAULT NULL,
    metadata jsonb DEFAULT '{}',
    session_expiry interval DEFAULT NULL,
    inactivity_timeout interval DEFAULT NULL,
    issue_refresh boolean DEFAULT true,
    refresh_expiry interval DEFAULT NULL,
    absolute_timeout interval DEFAULT NULL,
    acr text DEFAULT NULL,
    amr text[] DEFAULT NULL,
    external_id text DEFAULT NULL,
    replace_device_sessions boolean DEFAULT false)
RETURNS SETOF session_service.created_session
AS 'MODULE_PATHNAME', 'session_service_create_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.create_session(
    uuid, text, text, inet, text[], text, jsonb, interval, interval, boolean, interval, interval,
    text, text[], text, boolean)
    IS 'signs a user in: a new session, its tokens shown this once, within the user''s limit';

CREATE FUNCTION session_service.validate_session(token text, ip_address inet DEFAULT NULL)
RETURNS SETOF session_service.valid_session
AS 'MODULE_PATHNAME', 'session_service_validate_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.validate_session(text, inet)
    IS 'session that a session token opens, or no row; records activity as the transaction commits';

CREATE FUNCTION session_service.validate_user(token text, ip_address inet DEFAULT NULL)
RETURNS uuid
AS 'MODULE_PATHNAME', 'session_service_validate_user'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.validate_user(text, inet)
    IS 'user of the session that a session token opens, or NULL: '
        'validate_session in all it does, as one value; to be called without FROM';

CREATE FUNCTION session_service.validate_session_hash(
    session_id uuid,
    token_hash session_service.token_hash,
    ip_address inet DEFAULT NULL)
RETURNS SETOF session_service.valid_session
AS 'MODULE_PATHNAME', 'session_service_validate_session_hash'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.validate_session_hash(uuid, session_service.token_hash, inet)
    IS 'validate_session for a caller that hashes the token itself and keeps it out of the server';

CREATE FUNCTION session_service.validate_sessions(tokens text[])
RETURNS TABLE (
    token_index      integer,
    session_id       uuid,
    user_id          uuid,
    device_id        uuid,
    scopes           text[],
    metadata         jsonb,
    mfa_verified     boolean,
    created_at       timestamptz,
    last_activity_at timestamptz,
    expires_at       timestamptz,
    authenticated_at timestamptz,
    mfa_verified_at  timestamptz,
    acr              text)
AS 'MODULE_PATHNAME', 'session_service_validate_sessions'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 100;
COMMENT ON FUNCTION session_service.validate_sessions(text[])
    IS 'validate_session for many tokens: a row for each valid one, with its 1-based place in the array';

CREATE FUNCTION session_service.refresh_session(
    refresh_token text,
    ip_address inet DEFAULT NULL,
    user_agent text DEFAULT NULL,
    proof text DEFAULT NULL,
    http_method text DEFAULT NULL,
    http_uri text DEFAULT NULL)
RETURNS SETOF session_service.refreshed_session
AS 'MODULE_PATHNAME', 'session_service_refresh_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.refresh_session(text, inet, text, text, text, text)
    IS 'exchanges a refresh token for a new pair, or the same new pair again within the grace; '
        'one replaced before ends the session, unless it is bound: then nothing is done without a proof by its key';

CREATE FUNCTION session_service.rotate_session_token(token text)
RETURNS SETOF session_service.rotated_session
AS 'MODULE_PATHNAME', 'session_service_rotate_session_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.rotate_session_token(text)
    IS 'new session token for the same session, the old one dead at once; the refresh token stays';

CREATE FUNCTION session_service.reauthenticate_session(
    token text,
    acr text DEFAULT NULL,
    amr text[] DEFAULT NULL,
    ip_address inet DEFAULT NULL)
RETURNS SETOF session_service.reauthenticated_session
AS 'MODULE_PATHNAME', 'session_service_reauthenticate_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.reauthenticate_session(text, text, text[], inet)
    IS 'after the user was checked again: a fresh pair for the same session, all its lifetimes anew; '
        'tokens of before are nobody''s';

CREATE FUNCTION session_service.extend_session(session_id uuid, by interval DEFAULT NULL)
RETURNS timestamptz
AS 'MODULE_PATHNAME', 'session_service_extend_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.extend_session(uuid, interval)
    IS 'extends an active session to now plus the interval, never past its absolute end; '
        'the expiry then in force, NULL where there is no active session';

CREATE FUNCTION session_service.introspect_token(token text)
RETURNS jsonb
AS 'MODULE_PATHNAME', 'session_service_introspect_token'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.introspect_token(text)
    IS 'token introspection (RFC 7662) for a token of either kind';

-- Sessions that are bound to a key

CREATE FUNCTION session_service.session_challenge(token text)
RETURNS text
AS 'MODULE_PATHNAME', 'session_service_session_challenge'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.session_challenge(text)
    IS 'what a client has to sign next to prove that it holds a key: '
        'to bind the active session of a session token, '
        'to refresh the bound session of a refresh token, or the nonce of requests; '
        'NULL where there is nothing to prove. Stores nothing';

CREATE FUNCTION session_service.bind_session(
    token text,
    proof text,
    http_method text DEFAULT NULL,
    http_uri text DEFAULT NULL)
RETURNS SETOF session_service.bound_session
AS 'MODULE_PATHNAME', 'session_service_bind_session'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.bind_session(text, text, text, text)
    IS 'binds an active session to the key of a proof, once for its life: '
        'from then on refreshes (DBSC) or requests and refreshes (DPoP, RFC 9449) need one; '
        'the same again for the same key';

CREATE FUNCTION session_service.validate_session_proof(
    token text,
    proof text,
    http_method text,
    http_uri text,
    ip_address inet DEFAULT NULL)
RETURNS SETOF session_service.valid_session
AS 'MODULE_PATHNAME', 'session_service_validate_session_proof'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.validate_session_proof(text, text, text, text, inet)
    IS 'validate_session for a session that is bound for requests, with the DPoP proof of this one (RFC 9449)';
