// Every call of session_service that the application makes, one function each. Tokens and ids are always
// bound as parameters. "No" is undefined, false or 0, never an exception.

import { row, rows, value } from './database.js';

// --- the life of a session

// Signs a user in, or not, if the user is disabled. What the user had on the same device is over. A device that the
// user does not trust is signed out after a day without use.
export async function create(userId, deviceKey, { userAgent, address }) {
    try {
        return await row(
            `SELECT token, refresh_token, expires_at, refresh_expires_at
             FROM session_service.create_session($1, device_key => $2, user_agent => $3, ip_address => $4,
                 amr => '{pwd}', replace_device_sessions => true, inactivity_timeout =>
                     CASE WHEN NOT session_service.is_trusted_device($1, $2) THEN interval '1 day' END)`,
            [userId, deviceKey, userAgent, address],
        );
    } catch (error) {
        if (error.code === '28000') return undefined;
        throw error;
    }
}

// The one call that each request makes; prepared once for each connection.
export function validate(token, address) {
    return row({
        name: 'validate',
        text: `SELECT session_id, user_id, device_id, metadata, created_at, authenticated_at
               FROM session_service.validate_session($1, $2)`,
        values: [token, address],
    });
}

// A new pair of tokens. A single query is a transaction of its own, and committed also when no row came
// back: a refresh token that was spent before ends its session, if that is not bound to a key.
export function refresh(refreshToken, { userAgent, address }, proof = null) {
    return row(
        `SELECT token, refresh_token, expires_at, refresh_expires_at
         FROM session_service.refresh_session($1, $2, $3, $4)`,
        [refreshToken, address, userAgent, proof],
    );
}

// After the password was given again: a new pair, and no other token of the session is good any more.
export function reauthenticate(token, address) {
    return row(
        `SELECT token, refresh_token, expires_at, refresh_expires_at
         FROM session_service.reauthenticate_session($1, amr => '{pwd}', ip_address => $2)`,
        [token, address],
    );
}

// The id in a token, which proves nothing.
export function idOf(token) {
    return value('SELECT session_service.token_session_id($1)', [token]);
}

// The session that a token names, to tell how it ended.
export async function find(token) {
    const id = await idOf(token);
    return id ? row('SELECT status, revoke_reason, binding FROM session_service.get_session($1)', [id]) : undefined;
}

// --- bound sessions

// What the browser is to sign: for a session token, to bind its session to a key; for a refresh token, to buy a new
// pair. NULL for a session that is over, and for one that needs no proof there.
export function challenge(token) {
    return value('SELECT session_service.session_challenge($1)', [token]);
}

export function bind(token, proof) {
    return row('SELECT session_id, expires_at FROM session_service.bind_session($1, $2)', [token, proof]);
}

// --- signing out

export function end(sessionId) {
    return value('SELECT session_service.revoke_session($1)', [sessionId]);
}

export function endOneOf(userId, sessionId) {
    return value('SELECT session_service.revoke_user_session($1, $2)', [userId, sessionId]);
}

export function endOthers(userId, currentSessionId) {
    return value('SELECT session_service.revoke_all_user_sessions_except($1, $2)', [userId, currentSessionId]);
}

// --- what the page of devices shows

// The sessions that are signed in: also those whose session token has expired, as long as their refresh
// token is good for another.
export function list(userId, currentSessionId) {
    return rows(
        `SELECT id, device_id, ip_address, country, city, created_at, last_activity_at, is_current,
                binding <> 'none' AS is_bound
         FROM session_service.list_user_sessions($1, $2, include_inactive => true)
         WHERE revoked_at IS NULL
           AND greatest(expires_at, refresh_expires_at) > clock_timestamp()
           AND (idle_expires_at IS NULL OR idle_expires_at > clock_timestamp())`,
        [userId, currentSessionId],
    );
}

export function listDevices(userId, currentDeviceId) {
    return rows(
        `SELECT d.id, d.name, d.browser, d.os, d.device_type, d.first_seen_at, d.last_seen_at, d.is_trusted,
                d.trusted_until, d.is_current, d.is_bound, agent.browser_version
         FROM session_service.list_user_devices($1, $2) d, session_service.describe_user_agent(d.user_agent) agent`,
        [userId, currentDeviceId],
    );
}

// Devices that signed in for the first time after `since`, other than the current one, first the latest.
// A JavaScript date has no microseconds, so both sides of the comparison go without.
export function listNewDevices(userId, currentDeviceId, since) {
    return rows(
        `SELECT e.device_id, e.at, e.ip_address, d.name
         FROM session_service.list_events($1, since => $3, max_rows => 10000) e
              LEFT JOIN session_service.list_user_devices($1) d ON d.id = e.device_id
         WHERE e.kind = 'device.new' AND e.device_id <> $2 AND date_trunc('milliseconds', e.at) > $3`,
        [userId, currentDeviceId, since],
    );
}

// A merge patch: what other requests change at the same time stays.
export function patchMetadata(sessionId, patch) {
    return value('SELECT session_service.patch_session_metadata($1, $2)', [sessionId, patch]);
}

// --- devices

// The secret by which a browser is known again.
export function newDeviceKey() {
    return value('SELECT session_service.generate_token()');
}

export function renameDevice(userId, deviceId, name) {
    return value('SELECT session_service.rename_device($1, $2, $3)', [userId, deviceId, name]);
}

export function trustDevice(userId, deviceId) {
    return value('SELECT session_service.trust_device($1, $2)', [userId, deviceId]);
}

export function untrustDevice(userId, deviceId) {
    return value('SELECT session_service.untrust_device($1, $2)', [userId, deviceId]);
}

export function forgetDevice(userId, deviceId) {
    return value('SELECT session_service.forget_device($1, $2)', [userId, deviceId]);
}
