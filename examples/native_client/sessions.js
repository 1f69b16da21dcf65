// The calls of session_service, one function each. A proof comes with the method and the URI of its request.

import pg from 'pg';

export const pool = new pg.Pool({ max: 10, statement_timeout: 10_000 });
pool.on('error', (error) => console.error(`A pooled connection was lost: ${error.code}`));

// The first row, or undefined.
async function row(text, values) {
    return (await pool.query({ text, values })).rows[0];
}

export function create(userId, { address, userAgent, deviceName }) {
    return row(
        `SELECT token, refresh_token, expires_at FROM session_service.create_session($1, ip_address => $2,
             user_agent => $3, device_name => $4)`,
        [userId, address, userAgent, deviceName],
    );
}

// From now on the session's tokens are good for nothing without proofs by this key. Once for its life.
export function bind({ token, proof, method, uri }) {
    return row('SELECT binding, key_thumbprint, expires_at FROM session_service.bind_session($1, $2, $3, $4)', [
        token,
        proof,
        method,
        uri,
    ]);
}

// The session of a request; undefined where the token or its proof is not good, or the session is not bound.
export function validate({ token, proof, method, uri }, address) {
    return row(
        'SELECT session_id, user_id, expires_at FROM session_service.validate_session_proof($1, $2, $3, $4, $5)',
        [token, proof, method, uri, address],
    );
}

// A query of its own is a transaction of its own, which is committed before the client has the answer.
export function refresh(refreshToken, { proof, method, uri }, { address, userAgent }) {
    return row(`SELECT token, refresh_token, expires_at FROM session_service.refresh_session($1, $2, $3, $4, $5, $6)`, [
        refreshToken,
        address,
        userAgent,
        proof,
        method,
        uri,
    ]);
}

// Why a token was refused. Without a challenge it opens nothing, whatever the proof; with one the proof is the
// reason. `type` is DPoP where the session is bound.
export function findOut(token) {
    return row(
        `SELECT session_service.session_challenge($1) AS challenge,
             session_service.introspect_token($1) ->> 'token_type' AS type,
             current_setting('session_service.proof_nonce')::boolean AS "asksForNonce"`,
        [token],
    );
}

export function end(sessionId) {
    return row('SELECT session_service.revoke_session($1)', [sessionId]);
}
