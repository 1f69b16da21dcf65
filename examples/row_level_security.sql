-- Row-level security by session token: an application for notes.
--
--   createdb notes && psql -X -A -t -q -v ON_ERROR_STOP=1 -d notes -f row_level_security.sql
--
-- Run it as a superuser, in a database of its own. The first part makes roles, a table and its policies;
-- the second shows what two users then see. Lines that start with "-->" are what psql prints.
--
-- Three roles, each with what it needs:
--   notes_owner   owns the table, and signs nobody in
--   notes_login   the part of the application that checks passwords: signs in, refreshes, signs out
--   notes_app     the part that serves requests. Row-level security holds it back, so that it gets the level
--                 "validate" alone: with "application" it could sign anybody in, and become them.

CREATE EXTENSION IF NOT EXISTS session_service;

CREATE ROLE notes_owner;
CREATE ROLE notes_login LOGIN;
CREATE ROLE notes_app LOGIN;
SELECT session_service.grant_access('notes_login', 'application') \g /dev/null
SELECT session_service.grant_access('notes_app', 'validate') \g /dev/null
-- Policies call functions as whoever runs the statement: in a SECURITY DEFINER function that is its owner.
SELECT session_service.grant_access('notes_owner', 'validate') \g /dev/null

CREATE TABLE notes (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    owner     uuid    NOT NULL DEFAULT session_service.current_user_id(),
    -- The customer whose notes these are: the application notes it in the session's metadata at sign-in.
    tenant    text    NOT NULL DEFAULT session_service.current_metadata() ->> 'tenant',
    is_shared boolean NOT NULL DEFAULT false,
    body      text    NOT NULL);
-- What a policy compares deserves an index: it is used as if the query named it.
CREATE INDEX notes_by_owner ON notes (owner);
ALTER TABLE notes OWNER TO notes_owner;
GRANT SELECT, INSERT, UPDATE, DELETE ON notes TO notes_app;

ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
-- For the owner too, who would be exempt: its functions then show no more than others do. Superusers and
-- roles with BYPASSRLS see everything.
ALTER TABLE notes FORCE ROW LEVEL SECURITY;

-- Whoever is signed in has their own notes: reads and changes them (USING), and writes none for somebody
-- else (WITH CHECK). Who is not signed in has no user id, which equals none.
-- The functions stand in subqueries: they are then asked once for a statement, and not for each row.
CREATE POLICY own_notes ON notes
    USING (owner = (SELECT session_service.current_user_id()))
    WITH CHECK (owner = (SELECT session_service.current_user_id()));
-- And reads what others share.
CREATE POLICY shared_notes ON notes FOR SELECT
    USING (is_shared AND (SELECT session_service.current_user_id()) IS NOT NULL);
-- Of what these allow: rows of the session's tenant alone.
CREATE POLICY own_tenant ON notes AS RESTRICTIVE
    USING (tenant = (SELECT session_service.current_metadata() ->> 'tenant'));
-- A session writes only with the scope for it, ...
CREATE POLICY insert_by_writers ON notes AS RESTRICTIVE FOR INSERT
    WITH CHECK ((SELECT session_service.has_scope('notes:write')));
CREATE POLICY update_by_writers ON notes AS RESTRICTIVE FOR UPDATE
    USING ((SELECT session_service.has_scope('notes:write')));
-- ... and deletes only after multi-factor authentication, ...
CREATE POLICY delete_after_mfa ON notes AS RESTRICTIVE FOR DELETE
    USING ((SELECT session_service.is_mfa_verified()));
-- ... and within ten minutes of the last time that the application checked who it is.
CREATE POLICY delete_after_sign_in ON notes AS RESTRICTIVE FOR DELETE
    USING ((SELECT session_service.is_authenticated_within('10 minutes')));

-- The second part: Ada, Bob and Carol. The application checked their passwords, and signs them in.

SET ROLE notes_login;
SELECT token, session_id FROM session_service.create_session(
    'ada00000-0000-4000-8000-000000000001', scopes => '{notes:read,notes:write}',
    metadata => '{"tenant": "north"}') \gset ada_
SELECT token, session_id FROM session_service.create_session(
    'b0b00000-0000-4000-8000-000000000002', scopes => '{notes:read}', metadata => '{"tenant": "north"}') \gset bob_
SELECT token FROM session_service.create_session(
    'ca401000-0000-4000-8000-000000000003', scopes => '{notes:read}', metadata => '{"tenant": "south"}') \gset carol_
RESET ROLE;

-- Each request is one transaction, which begins with the token that the client sent. No row: answer 401.
SET ROLE notes_app;
BEGIN;
SELECT user_id FROM session_service.authenticate(:'ada_token');
--> ada00000-0000-4000-8000-000000000001
INSERT INTO notes (body) VALUES ('Ada''s own');
INSERT INTO notes (body, is_shared) VALUES ('Ada''s for all', true);
SELECT body FROM notes ORDER BY id;
--> Ada's own
--> Ada's for all
COMMIT;

-- Bob's request, perhaps in the same connection, sees what is shared, and changes nothing of it.
BEGIN;
SELECT user_id FROM session_service.authenticate(:'bob_token');
--> b0b00000-0000-4000-8000-000000000002
SELECT body FROM notes ORDER BY id;
--> Ada's for all
WITH changed AS (UPDATE notes SET body = 'Bob''s' RETURNING id) SELECT count(*) FROM changed;
--> 0
-- His session may not write at all, and least of all for Ada. (An error would end this script.)
DO $$
BEGIN
    INSERT INTO notes (body) VALUES ('Bob''s');
    RAISE 'written without the scope';
EXCEPTION WHEN insufficient_privilege THEN
END $$;
DO $$
BEGIN
    INSERT INTO notes (owner, body) VALUES ('ada00000-0000-4000-8000-000000000001', 'Bob''s');
    RAISE 'written for somebody else';
EXCEPTION WHEN insufficient_privilege THEN
END $$;
COMMIT;

-- Carol, who is another tenant's, sees nothing of it.
BEGIN;
SELECT user_id FROM session_service.authenticate(:'carol_token');
--> ca401000-0000-4000-8000-000000000003
SELECT count(*) FROM notes;
--> 0
COMMIT;

-- A request without a good token sees nothing. Nor does one that calls nothing.
BEGIN;
SELECT count(*) FROM session_service.authenticate('nonsense');
--> 0
SELECT count(*) FROM notes;
--> 0
COMMIT;
SELECT count(*) FROM notes;
--> 0

-- To delete, Ada has to pass multi-factor authentication first.
BEGIN;
SELECT count(*) FROM session_service.authenticate(:'ada_token');
--> 1
WITH deleted AS (DELETE FROM notes RETURNING id) SELECT count(*) FROM deleted;
--> 0
COMMIT;
SET ROLE notes_login;
SELECT session_service.mark_mfa_verified(:'ada_session_id', 'totp');
--> t
SET ROLE notes_app;
BEGIN;
SELECT mfa_verified FROM session_service.authenticate(:'ada_token');
--> t
WITH deleted AS (DELETE FROM notes RETURNING body) SELECT body FROM deleted ORDER BY body;
--> Ada's for all
--> Ada's own
COMMIT;

-- Signed out, her token opens nothing.
SET ROLE notes_login;
SELECT session_service.revoke_session_by_token(:'ada_token');
--> t
SET ROLE notes_app;
SELECT count(*) FROM session_service.authenticate(:'ada_token');
--> 0
RESET ROLE;
