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
