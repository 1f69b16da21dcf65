// The calls of session_service that administrators make, with the role that may.

import { asAdmin } from './database.js';

const PAGE_ROWS = 50;
const COUNT_ROWS = 10_000;

// A transaction each, so that locks on the rows of users are short.
const END_ROWS = 1_000;

// The parameters $1 and $2 of the statements here.
function filters({ user, network }) {
    return [user ? [user.id] : null, network || null];
}

export function findUser(email) {
    return asAdmin.row(
        `SELECT id, email, name, session_service.is_user_disabled(id) AS is_disabled
         FROM public.users WHERE email = lower($1)`,
        [email],
    );
}

// A page of sessions, and the id of its last one if there are more.
export async function listPage(filter, after) {
    const sessions = await asAdmin.rows(
        `SELECT s.id, s.device_name, s.ip_address, s.country, s.city, s.created_at, s.last_activity_at,
                u.name AS user_name, u.email
         FROM session_service.list_sessions($1, $2, after => $3, max_rows => $4) s
              LEFT JOIN public.users u ON u.id = s.user_id
         ORDER BY s.id`,
        [...filters(filter), after, PAGE_ROWS + 1],
    );
    const shown = sessions.slice(0, PAGE_ROWS);
    return { sessions: shown, last: sessions.length > PAGE_ROWS ? shown.at(-1).id : null };
}

// How many there are, and whether one's own is among them.
export async function count(filter, ownId) {
    const total = { count: 0, has_own: false };
    for (let after = null; ;) {
        const ids = await asAdmin.rows(
            'SELECT id FROM session_service.list_sessions($1, $2, after => $3, max_rows => $4) ORDER BY id',
            [...filters(filter), after, COUNT_ROWS],
        );
        total.count += ids.length;
        total.has_own ||= ids.some(({ id }) => id === ownId);
        if (ids.length < COUNT_ROWS) return total;
        after = ids.at(-1).id;
    }
}

// How many were ended.
export async function end(filter) {
    for (let total = 0; ;) {
        const ended = await asAdmin.value('SELECT session_service.revoke_sessions($1, $2, max_rows => $3)', [
            ...filters(filter),
            END_ROWS,
        ]);
        if (ended === 0) return total;
        total += ended;
    }
}

export function disableUser(id) {
    return asAdmin.value('SELECT session_service.disable_user($1)', [id]);
}

export function enableUser(id) {
    return asAdmin.value('SELECT session_service.enable_user($1)', [id]);
}
