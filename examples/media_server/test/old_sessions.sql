-- The tables of the service before, with a user's session that lives, one that is over, and one that was revoked.
-- A token is the hexadecimal digits of 32 bytes, and its hash is over these digits.
CREATE EXTENSION pgcrypto;
CREATE SCHEMA shared;
CREATE TABLE shared.users (
    id            uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    username      text NOT NULL UNIQUE,
    password_hash text NOT NULL,
    email         text
);
CREATE TABLE shared.sessions (
    id                 uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id            uuid NOT NULL REFERENCES shared.users ON DELETE CASCADE,
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

INSERT INTO shared.users (username, password_hash) VALUES ('earlier', crypt('tea', gen_salt('bf', 4)));
INSERT INTO shared.sessions (user_id, device_name, token_hash, refresh_token_hash, ip_address, scopes, created_at,
    last_activity_at, expires_at, revoked_at)
SELECT id, name, encode(sha256(repeat(digits, 32)::bytea), 'hex'), encode(sha256(repeat(digits, 31)::bytea), 'hex'),
    '192.0.2.7', '{read,write}', now() - interval '2 days', now() - interval '2 days', ends, revoked
FROM shared.users,
    (VALUES ('Tablet', 'a1', now() + interval '5 days', NULL),
            ('Telephone', 'b2', now() - interval '1 hour', NULL),
            ('Television', 'c3', now() + interval '5 days', now())) AS old (name, digits, ends, revoked)
WHERE username = 'earlier';
