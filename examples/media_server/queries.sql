-- What sqlc makes the functions of internal/sessions from: all that the service asks of its database.
--
-- A named argument needs a cast, else sqlc 1.31 panics. The casts of tokens tell it that they are never NULL.

-- name: CheckPassword :one
-- The user with this name and password.
SELECT id FROM shared.users WHERE username = @username::text AND password_hash = crypt(@password::text, password_hash);

-- name: CreateSession :one
-- Signs a user in.
SELECT token::text AS token, refresh_token::text AS refresh_token,
    extract(epoch FROM expires_at - clock_timestamp())::bigint AS expires_in
FROM session_service.create_session(
    user_id     => @user_id::uuid,
    device_name => sqlc.narg(device_name)::text,
    user_agent  => @user_agent::text,
    ip_address  => sqlc.narg(ip_address)::inet,
    scopes      => @scopes::text[]);

-- name: ValidateSession :one
-- Whose session a token opens.
SELECT session_id, user_id FROM session_service.validate_session(@token::text, sqlc.narg(ip_address)::inet);

-- name: RefreshSession :one
-- Buys a new pair of tokens.
SELECT token::text AS token, refresh_token::text AS refresh_token,
    extract(epoch FROM expires_at - clock_timestamp())::bigint AS expires_in
FROM session_service.refresh_session(@refresh_token::text, sqlc.narg(ip_address)::inet, @user_agent::text);

-- name: ListSessions :many
-- A user's active sessions, latest activity first. host(), since an address can be stored as its network alone.
SELECT id, device_name, host(ip_address) AS ip_address, user_agent, created_at, last_activity_at, expires_at,
    is_active, is_current
FROM session_service.list_user_sessions(@user_id::uuid, @current_session_id::uuid);

-- name: GetSession :one
-- One of a user's sessions.
SELECT id, device_name, host(ip_address) AS ip_address, user_agent, created_at, last_activity_at, expires_at,
    is_active, is_current
FROM session_service.get_user_session(@user_id::uuid, @session_id::uuid, @current_session_id::uuid);

-- name: RevokeSession :one
-- Signs one of the user's sessions out, and says whether there was one.
SELECT session_service.revoke_user_session(@user_id::uuid, @session_id::uuid)::bool;

-- name: RevokeAllSessions :exec
-- Signs a user out everywhere.
SELECT session_service.revoke_all_user_sessions(@user_id::uuid);

-- name: CleanupSessions :one
-- Deletes a batch of what is over for longer than session_service.retention, and counts its sessions.
SELECT session_service.cleanup_sessions()::bigint;
