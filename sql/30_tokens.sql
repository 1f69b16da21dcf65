-- Tokens as such. None of these reads a table.

CREATE FUNCTION session_service.generate_token(length integer DEFAULT NULL)
RETURNS text
AS 'MODULE_PATHNAME', 'session_service_generate_token'
LANGUAGE C VOLATILE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.generate_token(integer)
    IS 'random bytes (16 to 64, default session_service.token_length) as lower-case hex: '
        'a free-standing secret, for a device key or the like';

CREATE FUNCTION session_service.hash_token(token text)
RETURNS session_service.token_hash
AS 'MODULE_PATHNAME', 'session_service_hash_token'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.hash_token(text) IS 'SHA-256 over the bytes of the text';

CREATE FUNCTION session_service.token_session_id(token text)
RETURNS uuid
AS 'MODULE_PATHNAME', 'session_service_token_session_id'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.token_session_id(text)
    IS 'session id inside a well-formed token of either kind, NULL for anything else; proves nothing';

CREATE FUNCTION session_service.token_bucket(token text)
RETURNS smallint
AS 'MODULE_PATHNAME', 'session_service_token_bucket'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.token_bucket(text) IS 'bucket (0 to 4095) that a token names; 0 for anything else';

CREATE FUNCTION session_service.session_bucket(session_id uuid)
RETURNS smallint
AS 'MODULE_PATHNAME', 'session_service_session_bucket'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.session_bucket(uuid) IS 'bucket (0 to 4095) that a session id names';

CREATE FUNCTION session_service.user_bucket(user_id uuid)
RETURNS smallint
AS 'MODULE_PATHNAME', 'session_service_user_bucket'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.user_bucket(uuid)
    IS 'bucket (0 to 4095) of a user: the first 12 bits of SHA-256 over the id';

CREATE FUNCTION session_service.token_range(token text)
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_token_range'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.token_range(text)
    IS 'range (0 to 15) of the bucket that a token names; 0 for anything else';

CREATE FUNCTION session_service.session_range(session_id uuid)
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_session_range'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.session_range(uuid) IS 'range (0 to 15) of the bucket that a session id names';

CREATE FUNCTION session_service.user_range(user_id uuid)
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_user_range'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.user_range(uuid) IS 'range (0 to 15) of the bucket of a user';

CREATE FUNCTION session_service.holds_bucket(bucket integer)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_holds_bucket'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.holds_bucket(integer)
    IS 'whether this server holds the bucket (session_service.buckets)';
