-- The way of the service that this extension takes the place of: tokens found by an indexed text hash,
-- activity written by a second statement at each validation. Tables, columns and indexes as it has them.
CREATE SCHEMA original;

CREATE TABLE original.users (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid()
);

CREATE TABLE original.sessions (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id            uuid NOT NULL REFERENCES original.users (id) ON DELETE CASCADE,
    token_hash         text NOT NULL UNIQUE,
    refresh_token_hash text UNIQUE,
    ip_address         inet,
    user_agent         text,
    device_name        varchar(255),
    scopes             text[] DEFAULT '{}',
    expires_at         timestamptz NOT NULL,
    last_activity_at   timestamptz NOT NULL DEFAULT now(),
    created_at         timestamptz NOT NULL DEFAULT now(),
    revoked_at         timestamptz,
    revoke_reason      text,
    mfa_verified       boolean NOT NULL DEFAULT false,
    mfa_verified_at    timestamptz
);

CREATE INDEX ON original.sessions (user_id) WHERE revoked_at IS NULL;
CREATE INDEX ON original.sessions (token_hash) WHERE revoked_at IS NULL;
CREATE INDEX ON original.sessions (expires_at) WHERE revoked_at IS NULL;
CREATE INDEX ON original.sessions (last_activity_at DESC);
CREATE INDEX ON original.sessions (user_id, mfa_verified) WHERE revoked_at IS NULL AND mfa_verified;
