-- Types

-- token_hash: a SHA-256 digest

CREATE TYPE session_service.token_hash;

CREATE FUNCTION session_service.token_hash_in(cstring) RETURNS session_service.token_hash
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.token_hash_in(cstring) IS 'I/O';

CREATE FUNCTION session_service.token_hash_out(session_service.token_hash) RETURNS cstring
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_out(session_service.token_hash) IS 'I/O';

CREATE FUNCTION session_service.token_hash_recv(internal) RETURNS session_service.token_hash
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.token_hash_recv(internal) IS 'I/O';

CREATE FUNCTION session_service.token_hash_send(session_service.token_hash) RETURNS bytea
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_send(session_service.token_hash) IS 'I/O';

CREATE TYPE session_service.token_hash (
    INPUT = session_service.token_hash_in,
    OUTPUT = session_service.token_hash_out,
    RECEIVE = session_service.token_hash_recv,
    SEND = session_service.token_hash_send,
    INTERNALLENGTH = 32,
    ALIGNMENT = char,
    STORAGE = plain
);
COMMENT ON TYPE session_service.token_hash IS 'SHA-256 digest of a token: 64 hexadecimal digits';

-- token_hash: casts

CREATE FUNCTION session_service.token_hash(bytea) RETURNS session_service.token_hash
    AS 'MODULE_PATHNAME', 'token_hash_from_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.token_hash(bytea) IS 'the 32 bytes as a token_hash; another length is an error';

CREATE FUNCTION session_service.bytea(session_service.token_hash) RETURNS bytea
    AS 'MODULE_PATHNAME', 'token_hash_to_bytea' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.bytea(session_service.token_hash) IS 'the 32 bytes of the digest';

CREATE CAST (bytea AS session_service.token_hash)
    WITH FUNCTION session_service.token_hash(bytea) AS ASSIGNMENT;
COMMENT ON CAST (bytea AS session_service.token_hash) IS '32 bytes to token_hash; another length is an error';

CREATE CAST (session_service.token_hash AS bytea)
    WITH FUNCTION session_service.bytea(session_service.token_hash) AS ASSIGNMENT;
COMMENT ON CAST (session_service.token_hash AS bytea) IS 'token_hash to its 32 bytes';

-- token_hash: comparison, in the order of the bytes

CREATE FUNCTION session_service.token_hash_eq(session_service.token_hash, session_service.token_hash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_eq(session_service.token_hash, session_service.token_hash)
    IS 'implementation of = operator';

CREATE FUNCTION session_service.token_hash_ne(session_service.token_hash, session_service.token_hash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_ne(session_service.token_hash, session_service.token_hash)
    IS 'implementation of <> operator';

CREATE FUNCTION session_service.token_hash_lt(session_service.token_hash, session_service.token_hash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_lt(session_service.token_hash, session_service.token_hash)
    IS 'implementation of < operator';

CREATE FUNCTION session_service.token_hash_le(session_service.token_hash, session_service.token_hash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_le(session_service.token_hash, session_service.token_hash)
    IS 'implementation of <= operator';

CREATE FUNCTION session_service.token_hash_gt(session_service.token_hash, session_service.token_hash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_gt(session_service.token_hash, session_service.token_hash)
    IS 'implementation of > operator';

CREATE FUNCTION session_service.token_hash_ge(session_service.token_hash, session_service.token_hash) RETURNS boolean
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_ge(session_service.token_hash, session_service.token_hash)
    IS 'implementation of >= operator';

CREATE OPERATOR session_service.= (
    LEFTARG = session_service.token_hash, RIGHTARG = session_service.token_hash,
    FUNCTION = session_service.token_hash_eq,
    COMMUTATOR = OPERATOR(session_service.=), NEGATOR = OPERATOR(session_service.<>),
    RESTRICT = eqsel, JOIN = eqjoinsel, HASHES, MERGES
);
COMMENT ON OPERATOR session_service.= (session_service.token_hash, session_service.token_hash) IS 'equal';

CREATE OPERATOR session_service.<> (
    LEFTARG = session_service.token_hash, RIGHTARG = session_service.token_hash,
    FUNCTION = session_service.token_hash_ne,
    COMMUTATOR = OPERATOR(session_service.<>), NEGATOR = OPERATOR(session_service.=),
    RESTRICT = neqsel, JOIN = neqjoinsel
);
COMMENT ON OPERATOR session_service.<> (session_service.token_hash, session_service.token_hash) IS 'not equal';

CREATE OPERATOR session_service.< (
    LEFTARG = session_service.token_hash, RIGHTARG = session_service.token_hash,
    FUNCTION = session_service.token_hash_lt,
    COMMUTATOR = OPERATOR(session_service.>), NEGATOR = OPERATOR(session_service.>=),
    RESTRICT = scalarltsel, JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR session_service.< (session_service.token_hash, session_service.token_hash) IS 'less than';

CREATE OPERATOR session_service.<= (
    LEFTARG = session_service.token_hash, RIGHTARG = session_service.token_hash,
    FUNCTION = session_service.token_hash_le,
    COMMUTATOR = OPERATOR(session_service.>=), NEGATOR = OPERATOR(session_service.>),
    RESTRICT = scalarlesel, JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR session_service.<= (session_service.token_hash, session_service.token_hash) IS 'less than or equal';

CREATE OPERATOR session_service.> (
    LEFTARG = session_service.token_hash, RIGHTARG = session_service.token_hash,
    FUNCTION = session_service.token_hash_gt,
    COMMUTATOR = OPERATOR(session_service.<), NEGATOR = OPERATOR(session_service.<=),
    RESTRICT = scalargtsel, JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR session_service.> (session_service.token_hash, session_service.token_hash) IS 'greater than';

CREATE OPERATOR session_service.>= (
    LEFTARG = session_service.token_hash, RIGHTARG = session_service.token_hash,
    FUNCTION = session_service.token_hash_ge,
    COMMUTATOR = OPERATOR(session_service.<=), NEGATOR = OPERATOR(session_service.<),
    RESTRICT = scalargesel, JOIN = scalargejoinsel
);
COMMENT ON OPERATOR session_service.>= (session_service.token_hash, session_service.token_hash)
    IS 'greater than or equal';

-- token_hash: indexes, sorting, hashing

CREATE FUNCTION session_service.token_hash_cmp(session_service.token_hash, session_service.token_hash) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_cmp(session_service.token_hash, session_service.token_hash)
    IS 'less-equal-greater';

CREATE FUNCTION session_service.token_hash_sortsupport(internal) RETURNS void
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION session_service.token_hash_sortsupport(internal) IS 'sort support';

CREATE FUNCTION session_service.token_hash_hash(session_service.token_hash) RETURNS integer
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_hash(session_service.token_hash) IS 'hash';

CREATE FUNCTION session_service.token_hash_hash_extended(session_service.token_hash, bigint) RETURNS bigint
    AS 'MODULE_PATHNAME' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE LEAKPROOF;
COMMENT ON FUNCTION session_service.token_hash_hash_extended(session_service.token_hash, bigint) IS 'hash';

CREATE OPERATOR CLASS session_service.token_hash_ops
    DEFAULT FOR TYPE session_service.token_hash USING btree AS
    OPERATOR 1 session_service.<,
    OPERATOR 2 session_service.<=,
    OPERATOR 3 session_service.=,
    OPERATOR 4 session_service.>=,
    OPERATOR 5 session_service.>,
    FUNCTION 1 session_service.token_hash_cmp(session_service.token_hash, session_service.token_hash),
    FUNCTION 2 session_service.token_hash_sortsupport(internal),
    -- equal values have equal bytes, so an index may deduplicate
    FUNCTION 4 pg_catalog.btequalimage(oid);
COMMENT ON OPERATOR CLASS session_service.token_hash_ops USING btree IS 'token_hash in the order of its bytes';
COMMENT ON OPERATOR FAMILY session_service.token_hash_ops USING btree IS 'token_hash in the order of its bytes';

CREATE OPERATOR CLASS session_service.token_hash_ops
    DEFAULT FOR TYPE session_service.token_hash USING hash AS
    OPERATOR 1 session_service.=,
    FUNCTION 1 session_service.token_hash_hash(session_service.token_hash),
    FUNCTION 2 session_service.token_hash_hash_extended(session_service.token_hash, bigint);
COMMENT ON OPERATOR CLASS session_service.token_hash_ops USING hash IS 'token_hash by equality';
COMMENT ON OPERATOR FAMILY session_service.token_hash_ops USING hash IS 'token_hash by equality';

-- What callers see of a session

CREATE TYPE session_service.session_status AS ENUM ('active', 'expired', 'idle', 'revoked');
COMMENT ON TYPE session_service.session_status
    IS 'state of a session; where several hold, revoked before expired before idle';

CREATE TYPE session_service.session_info AS (
    id                  uuid,
    user_id             uuid,
    device_id           uuid,
    device_name         text,
    user_agent          text,
    ip_address          inet,
    country             text,
    city                text,
    scopes              text[],
    metadata            jsonb,
    mfa_verified        boolean,
    mfa_verified_at     timestamptz,
    mfa_method          text,
    created_at          timestamptz,
    last_activity_at    timestamptz,
    expires_at          timestamptz,
    idle_expires_at     timestamptz,
    refresh_expires_at  timestamptz,
    absolute_expires_at timestamptz,
    revoked_at          timestamptz,
    revoke_reason       text,
    status              session_service.session_status,
    is_active           boolean,
    is_current          boolean,
    authenticated_at    timestamptz,
    acr                 text,
    amr                 text[],
    binding             text,
    key_thumbprint      text
);
COMMENT ON TYPE session_service.session_info IS 'a session as shown to its user; never a token or a hash';
COMMENT ON COLUMN session_service.session_info.status IS 'revoked, then expired, then idle, then active';
COMMENT ON COLUMN session_service.session_info.binding
    IS 'none, or what a proof by the bound key is needed for: refresh, request';
COMMENT ON COLUMN session_service.session_info.key_thumbprint
    IS 'Thumbprint of that key (RFC 7638, SHA-256), in base64url';

-- Row types of what functions return. They are types of their own since columns and arguments share names.

CREATE TYPE session_service.created_session AS (
    session_id          uuid,
    token               text,
    refresh_token       text,
    expires_at          timestamptz,
    refresh_expires_at  timestamptz,
    device_id           uuid,
    is_new_device       boolean,
    evicted_session_ids uuid[],
    is_first_device     boolean
);
COMMENT ON TYPE session_service.created_session IS 'answer of create_session: the only time that the tokens are seen';

CREATE TYPE session_service.valid_session AS (
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
    acr              text
);
COMMENT ON TYPE session_service.valid_session IS 'answer of the validate functions';

CREATE TYPE session_service.refreshed_session AS (
    session_id         uuid,
    user_id            uuid,
    token              text,
    refresh_token      text,
    expires_at         timestamptz,
    refresh_expires_at timestamptz,
    repeated           boolean
);
COMMENT ON TYPE session_service.refreshed_session IS 'answer of refresh_session';

CREATE TYPE session_service.rotated_session AS (
    session_id uuid,
    token      text,
    expires_at timestamptz
);
COMMENT ON TYPE session_service.rotated_session IS 'answer of rotate_session_token';

CREATE TYPE session_service.reauthenticated_session AS (
    session_id         uuid,
    user_id            uuid,
    token              text,
    refresh_token      text,
    expires_at         timestamptz,
    refresh_expires_at timestamptz
);
COMMENT ON TYPE session_service.reauthenticated_session IS 'answer of reauthenticate_session';

CREATE TYPE session_service.bound_session AS (
    session_id         uuid,
    binding            text,
    key_thumbprint     text,
    expires_at         timestamptz,
    refresh_expires_at timestamptz
);
COMMENT ON TYPE session_service.bound_session IS 'answer of bind_session';

CREATE TYPE session_service.session_event AS (
    id         uuid,
    at         timestamptz,
    kind       text,
    user_id    uuid,
    session_id uuid,
    device_id  uuid,
    ip_address inet,
    reason     text,
    detail     jsonb
);
COMMENT ON TYPE session_service.session_event IS 'an event as list_events shows it';

CREATE TYPE session_service.device_info AS (
    id              uuid,
    user_id         uuid,
    name            text,
    user_agent      text,
    browser         text,
    os              text,
    device_type     text,
    ip_address      inet,
    country         text,
    city            text,
    first_seen_at   timestamptz,
    last_seen_at    timestamptz,
    trusted_until   timestamptz,
    is_trusted      boolean,
    active_sessions integer,
    is_current      boolean,
    is_bound        boolean
);
COMMENT ON TYPE session_service.device_info IS 'a device as shown to its user';
