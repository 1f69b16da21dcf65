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
-- that may read the table. A row that cannot be taken over is left out; in the end a table counts them by
-- reason. It is one transaction: to have none where one is left out, end it with ROLLBACK, mend the rows and
-- run it again. Again is harmless: what is known by its hash is left as it is. But not weeks later: cleanup has
-- then deleted sessions that ended here since, and the old table still says that they live.
--
-- With psql -v users='SELECT id FROM public.users' sessions of users who are not in there are left out, too: a
-- session here needs no user elsewhere, and would outlive one.
--
-- Before that
--   - set session_service.inactivity_timeout, absolute_timeout and max_per_user to what the old service
--     allowed. A session that is idle or too old by our settings is taken over, and is over; of a user's
--     sessions only as many go on as may be, and where limit_policy is reject, those too many are left out;
--   - call user_uuid or user_uuid_from_text for users whose ids are no uuids: the application must use the
--     same from then on.

BEGIN;
-- What the old service may still write waits until this is committed.
LOCK TABLE shared.sessions IN SHARE MODE;

-- Takes one row over. NULL, or why the row cannot be: other errors (rights, a full disk) are no row's, and end it all.
CREATE FUNCTION pg_temp.import_row(old shared.sessions) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    reason text;
BEGIN
    PERFORM session_service.import_session(
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
        metadata           => jsonb_build_object('imported_id', old.id));
        -- The old table has one expiry: without refresh_expires_at the refresh token has it too.
    RETURN NULL;
EXCEPTION
    WHEN data_exception OR unique_violation OR configuration_limit_exceeded THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
        RETURN reason;
END
$$;

\set is_user true
\if :{?users}
\set is_user 'old.user_id IN (' :users ')'
\endif

SELECT CASE WHEN reason IS NULL THEN 'imported' ELSE 'left out' END AS result, reason, count(*) AS sessions
FROM (
    SELECT COALESCE(
        CASE
            -- What is over needs no session here: its tokens are unknown, and that is a no.
            WHEN old.revoked_at IS NOT NULL THEN 'revoked'
            WHEN old.expires_at <= now() THEN 'expired'
            WHEN (:is_user) IS NOT TRUE THEN 'no such user'
        END,
        pg_temp.import_row(old)) AS reason
    -- By user, and the latest active last: where a user has too many, the others make room.
    FROM (SELECT * FROM shared.sessions ORDER BY user_id, COALESCE(last_activity_at, created_at), id) old
) done
GROUP BY 1, 2
ORDER BY 1, 2;

DROP FUNCTION pg_temp.import_row(shared.sessions);
COMMIT;
