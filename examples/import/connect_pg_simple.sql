-- Takes over the sessions of express-session with connect-pg-simple, from its table
--
--     session (sid varchar, sess json, expire timestamp(6))
--
--     psql -v ON_ERROR_STOP=1 -f connect_pg_simple.sql app
--
-- What is there: the session id itself, not a hash, and no refresh token. The cookie (connect.sid) is
-- "s:" || sid || "." || signature, where the signature is an HMAC of the sid with the application's secret.
-- So the token that is taken over is the sid alone, and the application must
--   - check the signature as before (cookie-signature: unsign), and only then pass the sid to
--     validate_session. Without that check a sid from an old backup would be enough to sign in;
--   - give the client a token of ours instead when it can: there is no refresh token to buy one with, so call
--     create_session and revoke_session_by_token(sid) in one transaction, or rotate_session_token(sid);
--   - drop the table "session" after the switch: it holds every sid in the clear.
-- Whatever else the application keeps in sess stays where it is; up to 8 kB could go to the metadata.
--
-- The user's id is where the application put it: here as Passport does, sess.passport.user, and a whole number or
-- a text. Where it is an object, say which of its members is the id (user_of, below). What a session looked like
-- in the browser is not in the table: all of a user's sessions come to one device, unless device_key tells them
-- apart, as here.
--
-- A row that cannot be taken over is left out, and so is a session in which nobody is signed in; in the end a
-- table counts them by reason. With psql -v users='SELECT id::text FROM users' so are those of users who are not
-- in there: a session here needs no user elsewhere, and would outlive one.
--
-- expire has no time zone: it is in that of the application's connections. Set it as they have it. The table
-- does not tell when a session was last used; with rolling sessions that is expire less their maxAge.

BEGIN;
SET LOCAL TimeZone = 'UTC';
LOCK TABLE session IN SHARE MODE;

-- Whose session it is, or why it is nobody's. The server reads JSON with \u0000 in it, or half of a surrogate pair,
-- no further than this.
CREATE FUNCTION pg_temp.user_of(sess json, OUT user_id text, OUT reason text) LANGUAGE plpgsql AS $$
DECLARE
    given json;
BEGIN
    given := sess #> '{passport,user}';
    user_id := given #>> '{}';
    reason := CASE
        WHEN user_id IS NULL THEN 'nobody is signed in'
        WHEN json_typeof(given) NOT IN ('string', 'number') THEN 'the user is no id: ' || json_typeof(given)
        WHEN json_typeof(given) = 'number' AND user_id !~ '^-?[0-9]+$' THEN 'the user is no whole number'
        WHEN user_id !~ '[^[:space:]]' THEN 'the user is an empty text'
        WHEN length(user_id) > 255 THEN 'the user is longer than 255 characters'
    END;
EXCEPTION
    WHEN data_exception THEN
        GET STACKED DIAGNOSTICS reason = MESSAGE_TEXT;
END
$$;

-- Takes one session over. NULL, or why it cannot be: other errors (rights, a full disk) are no row's, and end it all.
CREATE FUNCTION pg_temp.import_row(sid text, user_id text, expire timestamp) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    reason text;
BEGIN
    IF octet_length(sid) NOT BETWEEN 1 AND 512 OR sid ~ '[^ -~]' THEN
        RETURN 'sid is no token: 1 to 512 printable ASCII characters';
    END IF;
    PERFORM session_service.import_session(
        token_hash => session_service.hash_token(sid),
        user_id    => session_service.user_uuid_from_text(user_id),
        expires_at => expire::timestamptz,
        device_key => sid);
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
        CASE WHEN old.expire <= LOCALTIMESTAMP THEN 'expired' END,
        old.reason,
        CASE WHEN (:is_user) IS NOT TRUE THEN 'no such user' END,
        pg_temp.import_row(old.sid, old.user_id, old.expire)) AS reason
    FROM (
        SELECT s.sid, s.expire, who.user_id, who.reason
        FROM session s, pg_temp.user_of(s.sess) who
        -- Of a user with too many, those that last longest stay.
        ORDER BY who.user_id, s.expire, s.sid
    ) old
) done
GROUP BY 1, 2
ORDER BY 1, 2;

DROP FUNCTION pg_temp.user_of(json), pg_temp.import_row(text, text, timestamp);
COMMIT;
