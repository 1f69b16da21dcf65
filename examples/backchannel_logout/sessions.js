// Sessions that came of a provider's: how they begin, and how the provider ends them.

import pg from 'pg';

export const pool = new pg.Pool({ max: 5, statement_timeout: 10_000 });
pool.on('error', (error) => console.error(`A pooled connection was lost: ${error.code}`));

const REASON = 'Signed out by the identity provider';

// What a provider names by a sid or a sub, under a name that no other provider has. An issuer is a URL, which has
// no "|".
function nameOf(issuer, id) {
    return `${issuer}|${id}`;
}

// The end of a sign-in, with the claims of the ID token. The user's id follows from the name; with a table of users
// it would be looked up, here and in logOut.
export async function signIn({ iss, sub, sid, acr, amr }, { address, userAgent } = {}) {
    const { rows } = await pool.query(
        `SELECT session_id, token, refresh_token, expires_at, refresh_expires_at
         FROM session_service.create_session(session_service.user_uuid_from_text($1), external_id => $2,
             acr => $3, amr => $4, ip_address => $5, user_agent => $6)`,
        [nameOf(iss, sub), sid && nameOf(iss, sid), acr, amr, address, userAgent],
    );
    return rows[0];
}

// Carries out a logout token that was found good: how many sessions it ended, or undefined where it was carried out
// before. One statement, so that it is remembered if, and only if, the sessions have ended.
export async function logOut({ iss, sid, sub, jti, until }) {
    const revoke = sid
        ? 'session_service.revoke_external_sessions($4, $5)'
        : 'session_service.revoke_all_user_sessions(session_service.user_uuid_from_text($4), $5)';
    const { rows } = await pool.query(
        `WITH first_time AS (
             INSERT INTO public.used_logout_tokens (issuer, jti, until) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING RETURNING true)
         SELECT ${revoke} AS ended FROM first_time`,
        [iss, jti, until, nameOf(iss, sid ?? sub), REASON],
    );
    return rows[0]?.ended;
}

// What cannot come again need not be remembered.
export async function forgetUsedTokens() {
    await pool.query('DELETE FROM public.used_logout_tokens WHERE until < now()');
}
