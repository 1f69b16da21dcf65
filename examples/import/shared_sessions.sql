-- Takes over the sessions of a service of your own that kept SHA-256 hashes of its tokens, in a table like
--
--     shared.sessions (id uuid, user_id uuid, token_hash text, refresh_token_hash text, ip_address inet,
--         user_agent text, device_name text, scopes text[], expires_at timestamptz,
--         last_activity_at timestamptz, created_at timestamptz, revoked_at timestamptz, mfa_verified boolean)
--
-- where each hash is the 64 hexadecimal digits of SHA-256 over the text of the token, as the client presents
-- it. Clients stay signed in: they go on with the tokens that they have, and get ours at the next refresh.
--
--     psql -v ON_ERROR_STOP=1 -f shared_sessions.sql app
--
-- Run it at the switch, when the old service writes no more, as a superuser or a role with the level admin
-- that may read the table. It is one transaction: all of them, or none and the reason. Again is harmless:
-- what is known by its hash is left as it is. But not weeks later: cleanup has then deleted sessions that
-- ended here since, and the old table still says that they live.
--
-- Before that
--   - set session_service.inactivity_timeout, absolute_timeout and max_per_user to what the old service
--     allowed. A session that is idle or too old by our settings is taken over, and is over; of a user's
--     sessions only as many go on as may be, and where limit_policy is reject, one too many fails all;
--   - call user_uuid or user_uuid_from_text for users whose ids are no uuids: the application must use the
--     same from then on.

BEGIN;
-- What the old service may still write waits until this is committed.
LOCK TABLE shared.sessions IN SHARE MODE;

SELECT count(session_service.import_session(
           token_hash         => old.token_hash::session_service.token_hash,
           user_id            => old.user_id,
           expires_at         => old.expires_at,
           refresh_token_hash => old.refresh_token_hash::session_service.token_hash,
           device_name        => old.device_name,
           user_agent         => old.user_agent,
           ip_address         => old.ip_address,
           scopes             => old.scopes,
           created_at         => old.created_at,
           last_activity_at   => old.last_activity_at,
           mfa_verified       => old.mfa_verified,
           -- The session gets an id of ours; who has the old one somewhere finds it by this.
           metadata           => jsonb_build_object('imported_id', old.id)
           -- The old table has one expiry: without refresh_expires_at the refresh token has it too.
       )) AS sessions
FROM (
    -- What is over needs no session here: its tokens are unknown, and that is a no.
    SELECT * FROM shared.sessions
    WHERE revoked_at IS NULL AND expires_at > now()
    -- By user, and the latest active last: where a user has too many, the others make room.
    ORDER BY user_id, COALESCE(last_activity_at, created_at), id
) old;

COMMIT;
