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
-- The user's id is where the application put it: here as Passport does, sess.passport.user, and a number or a
-- text. Sessions without one (nobody signed in) are left out. What a session looked like in the browser is not
-- in the table: all of a user's sessions come to one device, unless device_key tells them apart, as here.
--
-- expire has no time zone: it is in that of the application's connections. Set it as they have it. The table
-- does not tell when a session was last used; with rolling sessions that is expire less their maxAge.

BEGIN;
SET LOCAL TimeZone = 'UTC';
LOCK TABLE session IN SHARE MODE;

SELECT count(session_service.import_session(
           token_hash => session_service.hash_token(old.sid),
           user_id    => session_service.user_uuid_from_text(old.user_id),
           expires_at => old.expire::timestamptz,
           device_key => old.sid)) AS sessions
FROM (
    SELECT sid, sess #>> '{passport,user}' AS user_id, expire FROM session
    WHERE expire > LOCALTIMESTAMP AND sess #>> '{passport,user}' IS NOT NULL
    -- Of a user with too many, those that last longest stay.
    ORDER BY user_id, expire, sid
) old;

COMMIT;
