-- Identity for row-level security. Only authenticate sets it, for the rest of the transaction, and in a database in
-- front of several servers the owner for it.

CREATE FUNCTION session_service.authenticate(token text)
RETURNS SETOF session_service.valid_session
AS 'MODULE_PATHNAME', 'session_service_authenticate'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 1;
COMMENT ON FUNCTION session_service.authenticate(text)
    IS 'validate_session that also binds the session to the rest of the transaction, or clears what was bound';

CREATE FUNCTION session_service.bind_identity(
    session_id uuid,
    user_id uuid,
    scopes text[],
    metadata jsonb,
    mfa_verified_at timestamptz,
    authenticated_at timestamptz)
RETURNS void
AS 'MODULE_PATHNAME', 'session_service_bind_identity'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.bind_identity(uuid, uuid, text[], jsonb, timestamptz, timestamptz)
    IS 'what authenticate does once a token was found valid elsewhere, for a database in front of several servers; '
        'a NULL session clears what was bound. '
        'For the owner of the extension alone, whatever was granted';

CREATE FUNCTION session_service.current_session_id()
RETURNS uuid
AS 'MODULE_PATHNAME', 'session_service_current_session_id'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.current_session_id()
    IS 'session that authenticate bound to this transaction, or NULL';

CREATE FUNCTION session_service.current_user_id()
RETURNS uuid
AS 'MODULE_PATHNAME', 'session_service_current_user_id'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.current_user_id()
    IS 'user of the session that authenticate bound to this transaction, or NULL';

CREATE FUNCTION session_service.current_scopes()
RETURNS text[]
AS 'MODULE_PATHNAME', 'session_service_current_scopes'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.current_scopes()
    IS 'scopes of the session that authenticate bound to this transaction, or NULL';

CREATE FUNCTION session_service.has_scope(scope text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_has_scope'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.has_scope(text)
    IS 'whether the session that authenticate bound to this transaction has the scope';

CREATE FUNCTION session_service.current_metadata()
RETURNS jsonb
AS 'MODULE_PATHNAME', 'session_service_current_metadata'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.current_metadata()
    IS 'metadata of the session that authenticate bound to this transaction, or NULL';

CREATE FUNCTION session_service.is_mfa_verified(max_age interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_is_mfa_verified'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.is_mfa_verified(interval)
    IS 'whether the session that authenticate bound to this transaction passed multi-factor authentication, '
        'within the interval where one is given';

CREATE FUNCTION session_service.is_authenticated_within(max_age interval)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_is_authenticated_within'
LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.is_authenticated_within(interval)
    IS 'whether the user of the session that authenticate bound to this transaction was checked within the interval';
