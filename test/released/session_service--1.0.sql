-- complain if the script is sourced in psql, rather than run by CREATE EXTENSION
\echo Use "CREATE EXTENSION session_service" to load this file. \quit

-- A schema that somebody made before us is theirs: they may put objects into it, and drop ours.
DO $$
BEGIN
    IF EXISTS (
        SELECT FROM pg_catalog.pg_namespace n JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) n.nspowner
        WHERE n.nspname OPERATOR(pg_catalog.=) 'session_service' AND NOT r.rolsuper
            AND r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = 'schema "session_service" belongs to another role, who is no superuser',
            HINT = 'Drop it, or give it to a superuser, and create the extension again.';
    END IF;
END
$$;
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
-- Tables. Nobody but their owner reads or writes them: the functions are the only door.
--
-- Each table has the user's bucket in its key (see session_bucket), so that the tables can be split
-- by it. There are no sequences, triggers or settings rows: a restored dump is complete and collides
-- with nothing.

CREATE TABLE session_service.users (
    user_id      uuid     NOT NULL,
    bucket       smallint NOT NULL,
    epoch        bigint   NOT NULL,
    max_sessions integer,
    disabled_at  timestamptz,
    CONSTRAINT users_pkey PRIMARY KEY (user_id, bucket)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

COMMENT ON TABLE session_service.users
    IS 'One row per user seen. Whatever touches several sessions of a user updates or locks this row first.';
COMMENT ON COLUMN session_service.users.bucket IS 'First 12 bits of SHA-256 of the user id';
COMMENT ON COLUMN session_service.users.epoch IS 'Grows with each revocation that ended a session';
COMMENT ON COLUMN session_service.users.max_sessions
    IS 'The user''s own limit of sessions; 0: none, NULL: the setting''s';
COMMENT ON COLUMN session_service.users.disabled_at IS 'Since when nobody signs in as this user; NULL: one may';

CREATE TABLE session_service.devices (
    id            uuid        NOT NULL,
    user_id       uuid        NOT NULL,
    key_hash      session_service.token_hash NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    purge_after   timestamptz NOT NULL,
    bucket        smallint    NOT NULL,
    is_keyed      boolean     NOT NULL,
    is_renamed    boolean     NOT NULL DEFAULT false,
    trusted_until timestamptz,
    address_at    timestamptz,
    ip_address    inet,
    name          text,
    user_agent    text,
    browser       text,
    os            text,
    device_type   text        NOT NULL,
    CONSTRAINT devices_pkey PRIMARY KEY (id, bucket),
    CONSTRAINT devices_key UNIQUE (user_id, key_hash, bucket)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

CREATE INDEX devices_purge ON session_service.devices (purge_after);

COMMENT ON TABLE session_service.devices IS 'Where users sign in from';
COMMENT ON COLUMN session_service.devices.key_hash
    IS 'SHA-256 of the client''s key or, without one, of what describes the device';
COMMENT ON COLUMN session_service.devices.is_keyed IS 'Whether the device was found by a key of the client''s';
COMMENT ON COLUMN session_service.devices.is_renamed
    IS 'Whether the user named it: a sign-in then leaves the name alone';
COMMENT ON COLUMN session_service.devices.address_at IS 'When ip_address was told';
COMMENT ON COLUMN session_service.devices.purge_after
    IS 'When cleanup looks at it next, after the retention: never later than its last session ends';

CREATE TABLE session_service.sessions (
    -- Read by each validation, fixed in width and never NULL: their offsets are constants.
    id                    uuid        NOT NULL,
    user_id               uuid        NOT NULL,
    device_id             uuid        NOT NULL,
    token_hash            session_service.token_hash NOT NULL,
    created_at            timestamptz NOT NULL,
    authenticated_at      timestamptz NOT NULL,
    last_activity_at      timestamptz NOT NULL,
    expires_at            timestamptz NOT NULL,
    purge_after           timestamptz NOT NULL,
    session_expiry        bigint      NOT NULL,
    refresh_expiry        bigint      NOT NULL,
    inactivity_timeout    bigint      NOT NULL,
    generation            integer     NOT NULL DEFAULT 0,
    bucket                smallint    NOT NULL,
    secret_length         smallint    NOT NULL,
    -- A constant of the type: 0 would be one of another, and a cast.
    binding               smallint    NOT NULL DEFAULT '0',
    is_closed             boolean     NOT NULL DEFAULT false,
    idle_expires_at       timestamptz,
    refresh_expires_at    timestamptz,
    absolute_expires_at   timestamptz,
    revoked_at            timestamptz,
    mfa_verified_at       timestamptz,
    replaced_token_until  timestamptz,
    replaced_token_hash   session_service.token_hash,
    scopes                text[]      NOT NULL,
    metadata              jsonb       NOT NULL,
    acr                   text,
    -- Read by a refresh, or only shown.
    ip_address            inet,
    rotated_at            timestamptz,
    refresh_hash          session_service.token_hash,
    previous_refresh_hash session_service.token_hash,
    family_hash           session_service.token_hash,
    rotation_salt         bytea,
    bound_key             text,
    challenge_key         bytea,
    bound_at              timestamptz,
    mfa_method            text,
    amr                   text[],
    revoke_reason         text,
    CONSTRAINT sessions_pkey PRIMARY KEY (id, bucket)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05);

-- The limit and what lists devices read a user's sessions that are neither revoked nor closed, "sign out all"
-- those that are not revoked: each one narrow range, however many dead ones wait for cleanup.
CREATE INDEX sessions_user ON session_service.sessions (user_id, revoked_at, is_closed, device_id);
-- Never an index on last_activity_at or on an exact deadline: each activity would write to it.
CREATE INDEX sessions_purge ON session_service.sessions (purge_after);

COMMENT ON TABLE session_service.sessions IS 'One row per session. Tokens are stored only as SHA-256 hashes.';
COMMENT ON COLUMN session_service.sessions.id IS 'UUIDv7 whose bits rand_a are the bucket';
COMMENT ON COLUMN session_service.sessions.token_hash IS 'SHA-256 of the session token''s text';
COMMENT ON COLUMN session_service.sessions.authenticated_at IS 'When the user was checked last: created_at, or later';
COMMENT ON COLUMN session_service.sessions.purge_after
    IS 'When it is over: exact once revoked, else cut to the day so that activity seldom moves it';
COMMENT ON COLUMN session_service.sessions.session_expiry IS 'Own life of a session token from creation, microseconds';
COMMENT ON COLUMN session_service.sessions.refresh_expiry IS 'Own life of a refresh token from creation, microseconds';
COMMENT ON COLUMN session_service.sessions.inactivity_timeout
    IS 'Own inactivity timeout from creation, microseconds; 0: none';
COMMENT ON COLUMN session_service.sessions.generation IS 'Number of refreshes and reauthentications';
COMMENT ON COLUMN session_service.sessions.secret_length IS 'Bytes in the secrets of the current pair';
COMMENT ON COLUMN session_service.sessions.binding
    IS '0: a bearer session; 1: bound to a key that each refresh has to prove, 2: that each request has to prove';
COMMENT ON COLUMN session_service.sessions.is_closed
    IS 'Found over by a later sign-in of its user, which no longer counts it: nothing renews it after that';
COMMENT ON COLUMN session_service.sessions.replaced_token_until
    IS 'How long the session token that a refresh replaced stays good';
COMMENT ON COLUMN session_service.sessions.replaced_token_hash IS 'SHA-256 of that token''s text';
COMMENT ON COLUMN session_service.sessions.acr
    IS 'Authentication context class reference, the application''s word (RFC 9470)';
COMMENT ON COLUMN session_service.sessions.amr IS 'Authentication methods, the application''s words (RFC 8176)';
COMMENT ON COLUMN session_service.sessions.rotated_at IS 'When the refresh token was replaced last';
COMMENT ON COLUMN session_service.sessions.refresh_hash IS 'SHA-256 of the refresh token''s text';
COMMENT ON COLUMN session_service.sessions.previous_refresh_hash
    IS 'SHA-256 of the refresh token that was replaced last';
COMMENT ON COLUMN session_service.sessions.family_hash
    IS 'SHA-256 of the key that all refresh tokens of the session carry';
COMMENT ON COLUMN session_service.sessions.rotation_salt
    IS 'Derives the current pair from the token that it replaced; erased once a retry is no longer answered';
COMMENT ON COLUMN session_service.sessions.bound_key
    IS 'The public key that the session is bound to, a JWK in the form of RFC 7638';
COMMENT ON COLUMN session_service.sessions.challenge_key
    IS 'The server''s part of the keys under which challenges are made';
COMMENT ON COLUMN session_service.sessions.bound_at IS 'When it was bound';

CREATE TABLE session_service.events (
    id         uuid        NOT NULL,
    at         timestamptz NOT NULL,
    user_id    uuid        NOT NULL,
    session_id uuid,
    device_id  uuid,
    bucket     smallint    NOT NULL,
    kind       text        NOT NULL,
    ip_address inet,
    reason     text,
    detail     jsonb,
    CONSTRAINT events_pkey PRIMARY KEY (id, bucket)
) WITH (autovacuum_vacuum_insert_scale_factor = 0.1);

CREATE INDEX events_user ON session_service.events (user_id, id);

COMMENT ON TABLE session_service.events IS 'What happened, written in the transaction that it tells of';
COMMENT ON COLUMN session_service.events.id IS 'UUIDv7 that sorts by time';

CREATE TABLE session_service.imported_tokens (
    token_hash session_service.token_hash NOT NULL,
    session_id uuid     NOT NULL,
    bucket     smallint NOT NULL,
    is_refresh boolean  NOT NULL,
    -- By the hash alone, since an imported token names no bucket.
    CONSTRAINT imported_tokens_pkey PRIMARY KEY (token_hash)
);

CREATE INDEX imported_tokens_session ON session_service.imported_tokens (session_id, bucket);

COMMENT ON TABLE session_service.imported_tokens
    IS 'Hashes of tokens that another system issued, and the sessions they belong to';

CREATE TABLE session_service.external_sessions (
    -- In a table of its own: an index of sessions would cost each sign-in that has none.
    external_hash session_service.token_hash NOT NULL,
    session_id    uuid     NOT NULL,
    bucket        smallint NOT NULL,
    CONSTRAINT external_sessions_pkey PRIMARY KEY (external_hash, session_id, bucket)
);

CREATE INDEX external_sessions_session ON session_service.external_sessions (session_id, bucket);

COMMENT ON TABLE session_service.external_sessions
    IS 'Sessions of an identity provider, and the sessions that came of them';
COMMENT ON COLUMN session_service.external_sessions.external_hash
    IS 'SHA-256 of the text by which the application names the identity provider''s session';

CREATE TABLE session_service.access_levels (
    -- Each server grants to its own roles: of two that replicate, both may have granted the same, and neither row is
    -- in the other's way.
    id    uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
    -- A name, which is the same role's in a dump and on another server; a number is some other's there.
    role  name NOT NULL,
    level text NOT NULL,
    CONSTRAINT access_levels_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE session_service.access_levels IS 'Which access levels were granted to which roles';
COMMENT ON COLUMN session_service.access_levels.role
    IS 'Name of the role when the level was granted; perhaps of none here';

SELECT pg_catalog.pg_extension_config_dump('session_service.users', '');
SELECT pg_catalog.pg_extension_config_dump('session_service.devices', '');
SELECT pg_catalog.pg_extension_config_dump('session_service.sessions', '');
SELECT pg_catalog.pg_extension_config_dump('session_service.events', '');
SELECT pg_catalog.pg_extension_config_dump('session_service.imported_tokens', '');
SELECT pg_catalog.pg_extension_config_dump('session_service.external_sessions', '');
SELECT pg_catalog.pg_extension_config_dump('session_service.access_levels', '');
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
-- Devices. Each call checks that the device is the user's.

CREATE FUNCTION session_service.list_user_devices(user_id uuid, current_device_id uuid DEFAULT NULL)
RETURNS SETOF session_service.device_info
AS 'MODULE_PATHNAME', 'session_service_list_user_devices'
LANGUAGE C VOLATILE PARALLEL UNSAFE ROWS 10;
COMMENT ON FUNCTION session_service.list_user_devices(uuid, uuid) IS 'a user''s devices, latest seen first';

CREATE FUNCTION session_service.is_known_device(user_id uuid, device_key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_is_known_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.is_known_device(uuid, text)
    IS 'whether the user signed in with this device key before';

CREATE FUNCTION session_service.is_trusted_device(user_id uuid, device_key text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_is_trusted_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.is_trusted_device(uuid, text) IS 'whether the device with this key is trusted now';

CREATE FUNCTION session_service.trust_device(
    user_id uuid,
    device_id uuid,
    trust_for interval DEFAULT NULL)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_trust_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.trust_device(uuid, uuid, interval)
    IS 'trusts a device for a time, by default session_service.device_trust; whether the user has it';

CREATE FUNCTION session_service.untrust_device(user_id uuid, device_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_untrust_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.untrust_device(uuid, uuid) IS 'ends the trust in a device; whether the user has it';

CREATE FUNCTION session_service.untrust_all_devices(user_id uuid)
RETURNS integer
AS 'MODULE_PATHNAME', 'session_service_untrust_all_devices'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.untrust_all_devices(uuid)
    IS 'ends the trust in all of a user''s devices, as after a change of password; how many were trusted';

CREATE FUNCTION session_service.rename_device(user_id uuid, device_id uuid, name text)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_rename_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.rename_device(uuid, uuid, text)
    IS 'names a device, or with an empty name shows it by browser and system again; whether the user has it';

CREATE FUNCTION session_service.forget_device(user_id uuid, device_id uuid)
RETURNS boolean
AS 'MODULE_PATHNAME', 'session_service_forget_device'
LANGUAGE C VOLATILE PARALLEL UNSAFE;
COMMENT ON FUNCTION session_service.forget_device(uuid, uuid)
    IS 'ends a device''s sessions and deletes it; whether the user had it';

CREATE FUNCTION session_service.describe_user_agent(
    user_agent text,
    OUT browser text,
    OUT browser_version text,
    OUT os text,
    OUT os_version text,
    OUT device_type text)
AS 'MODULE_PATHNAME', 'session_service_describe_user_agent'
LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION session_service.describe_user_agent(text)
    IS 'what a User-Agent header tells; device_type is desktop, mobile, tablet, tv, bot, app or unknown';
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
-- Nothing for PUBLIC, nor for a role that has rights by default on whatever the creator makes (ALTER DEFAULT
-- PRIVILEGES): who may call what is for the DBA to grant.
--
-- The types of the tables' rows are left as they are: pg_dump knows no privileges on those, and warns of any. USAGE of
-- such a type reads nothing, and who has no access level cannot even name it.

DO $$
DECLARE
    grantee text;
BEGIN
    FOR grantee IN
        SELECT 'PUBLIC'
        UNION ALL
        SELECT DISTINCT pg_catalog.quote_ident(r.rolname)
        FROM pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
            JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
        WHERE r.rolname OPERATOR(pg_catalog.<>) CURRENT_USER
    LOOP
        EXECUTE 'REVOKE ALL ON ALL FUNCTIONS IN SCHEMA session_service FROM ' OPERATOR(pg_catalog.||) grantee;
        EXECUTE 'REVOKE ALL ON ALL TABLES IN SCHEMA session_service FROM ' OPERATOR(pg_catalog.||) grantee;
        EXECUTE 'REVOKE ALL ON SCHEMA session_service FROM ' OPERATOR(pg_catalog.||) grantee;
        EXECUTE 'REVOKE ALL ON TYPE
            session_service.token_hash, session_service.session_status, session_service.session_info,
            session_service.created_session, session_service.valid_session, session_service.refreshed_session,
            session_service.rotated_session, session_service.reauthenticated_session, session_service.bound_session,
            session_service.session_event, session_service.device_info
            FROM ' OPERATOR(pg_catalog.||) grantee;
    END LOOP;
END
$$;
