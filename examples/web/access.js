// Who may do what is asked. Each of these lets a request through, or answers it.

import * as cookies from './cookies.js';
import { offer } from './dbsc.js';
import { client } from './requests.js';
import * as sessions from './sessions.js';
import * as users from './users.js';

// For so long after the password was given it is not asked for again.
const RECENT_MINUTES = 10;

// Lets a request through if it has a valid session: one call. If not, the session token may just have
// expired, so the browser goes by way of /renew, the only path to which it sends the refresh token. 307
// keeps the method and the form.
export async function requireSession(req, res, next) {
    req.session = await sessions.validate(cookies.get('session', req), client(req).address);
    if (req.session) return next();
    res.redirect(307, `/renew${req.originalUrl}`);
}

// Before what a thief of a session would do first, asks for the password, where it was given too long ago.
// The page that asks holds the form that was sent, and sends it again to the same address.
export function requirePassword(what, back = '/devices') {
    return async (req, res, next) => {
        if (Date.now() - req.session.authenticated_at < RECENT_MINUTES * 60_000) return next();
        const { password, ...form } = req.body ?? {};
        const user = await users.findById(req.session.user_id);
        const ask = (error) =>
            res.status(401).render('confirm', { what, back, user, form, action: req.originalUrl, error });
        if (password === undefined) return ask(null);
        if (!(await users.checkPassword(user.id, String(password)))) return ask('The password is not right.');
        const pair = await sessions.reauthenticate(cookies.get('session', req), client(req).address);
        // The session has ended just now, or another tab was faster: the next request finds out.
        if (!pair) return res.redirect(303, back);
        cookies.setPair(req, res, pair);
        await offer(res, pair.token);
        next();
    };
}

// Whoever is no administrator is told what is told of a page that does not exist.
export async function requireAdmin(req, res, next) {
    req.user = await users.findById(req.session.user_id);
    next(req.user?.is_admin ? undefined : 'router');
}
