// The routes. Pages are rendered here, without a script; what changes something is a form's POST, which
// answers with a redirect.

import { fileURLToPath } from 'node:url';

import express from 'express';

import { requirePassword, requireSession } from './access.js';
import { admin } from './admin.js';
import * as cookies from './cookies.js';
import { dbsc, offer } from './dbsc.js';
import { client, isId, text } from './requests.js';
import * as sessions from './sessions.js';
import * as users from './users.js';
import * as words from './words.js';

const directory = (name) => fileURLToPath(new URL(name, import.meta.url));

export const app = express();
app.disable('x-powered-by');
app.disable('etag');
app.set('trust proxy', process.env.TRUST_PROXY ?? false);
app.set('views', directory('views'));
app.set('view engine', 'ejs');
Object.assign(app.locals, words);

// --- every request

// The route's pattern and not its URL, whatever somebody put into that.
app.use((req, res, next) => {
    const began = performance.now();
    res.on('finish', () => {
        console.log(
            `${req.method} ${req.route?.path ?? '-'} ${res.statusCode} ${Math.round(performance.now() - began)} ms`,
        );
    });
    next();
});

app.use((req, res, next) => {
    res.set({
        'Content-Security-Policy': [
            "default-src 'none'",
            "style-src 'self'",
            "img-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
        ].join('; '),
        'Cross-Origin-Opener-Policy': 'same-origin',
        'Cross-Origin-Resource-Policy': 'same-origin',
        // Not no-referrer: browsers would then send "Origin: null" with our own forms.
        'Referrer-Policy': 'same-origin',
        'X-Content-Type-Options': 'nosniff',
    });
    if (req.secure) res.set('Strict-Transport-Security', 'max-age=31536000');
    next();
});

app.use(express.static(directory('public'), { maxAge: '5m' }));

app.use((req, res, next) => {
    res.set('Cache-Control', 'no-store');
    next();
});

app.use(dbsc);

// What is not a plain read comes from a page of ours: every browser sends Origin with it. (The cookies are
// SameSite, but a site's other subdomains are the same site.)
app.use((req, res, next) => {
    const safe = req.method === 'GET' || req.method === 'HEAD';
    if (safe || req.headers.origin === `${req.protocol}://${req.host}`) return next();
    res.status(403).render('message', {
        title: 'Not accepted',
        text: 'This request did not come from one of our pages.',
    });
});

app.use(express.urlencoded({ extended: false, limit: '10kb' }));

// --- renewal

// Buys a new pair and sends the browser back. Several tabs may come at once, each with the same refresh
// token: they all get the same pair.
app.all('/renew{/*rest}', async (req, res) => {
    const token = cookies.get('refresh', req);
    // One slash, or it would lead to another host.
    const back = req.originalUrl.replace(/^\/renew[/\\]*/, '/');
    // Asked for first, since a try without a proof would be told of as a thief's.
    if (await sessions.challenge(token)) return awaitProof(req, res, back);
    const pair = await sessions.refresh(token, client(req));
    if (pair) {
        cookies.setPair(req, res, pair);
        return res.redirect(307, back);
    }
    const session = await sessions.find(token);
    // A session that goes on has another pair, from the tab where the password was confirmed just now.
    if (session?.status !== 'active') cookies.clearPair(req, res);
    const ended = words.reasonOf(session);
    res.redirect(303, ended ? `/sign-in?ended=${ended}` : '/sign-in');
});

// A bound session is not renewed here: its browser does that by itself, before a request that goes without the cookie
// of the session token.
async function awaitProof(req, res, back) {
    const token = cookies.get('session', req);
    if (token) {
        // Another tab may have renewed it just now. If not, without the cookie the browser does.
        if (!(await sessions.validate(token, client(req).address))) cookies.clear('session', req, res);
        return res.redirect(307, back);
    }
    const again = req.method === 'GET' ? back : '/devices';
    // It does not for a link on another site, but it does for this page.
    if (['cross-site', 'same-site'].includes(req.get('Sec-Fetch-Site'))) res.set('Refresh', `0; url=${again}`);
    res.status(403).render('unconfirmed', { again });
}

// --- signing in and out

app.get('/sign-in', async (req, res) => {
    if (await sessions.validate(cookies.get('session', req), client(req).address)) return res.redirect(303, '/devices');
    const ended = req.query.ended ?? cookies.get('end', req);
    res.render('sign-in', { email: '', error: null, notice: words.endOf(ended) });
});

app.post('/sign-in', async (req, res) => {
    const email = text(req.body?.email);
    const user = await users.findByPassword(email, String(req.body?.password ?? ''));
    if (!user) {
        res.status(401);
        return res.render('sign-in', { email, error: 'The email address or the password is not right.', notice: null });
    }
    const deviceKey = cookies.getDeviceKey(req) ?? (await sessions.newDeviceKey());
    // Always a new session; the one that this browser had until now is over, whoever's it was.
    const before = await sessions.validate(cookies.get('session', req), client(req).address);
    if (before) await sessions.end(before.session_id);
    const pair = await sessions.create(user.id, deviceKey, client(req));
    if (!pair) {
        cookies.clearPair(req, res);
        return res.status(403).render('sign-in', { email, error: 'This account is disabled.', notice: null });
    }
    cookies.setPair(req, res, pair);
    cookies.setDeviceKey(req, res, deviceKey);
    await offer(res, pair.token);
    res.redirect(303, '/devices');
});

app.post('/sign-out', requireSession, async (req, res) => {
    await sessions.end(req.session.session_id);
    cookies.clearPair(req, res);
    res.redirect(303, '/sign-in?ended=here');
});

// --- the page of devices

app.get('/', (req, res) => res.redirect(303, '/devices'));

app.get('/devices', requireSession, async (req, res) => {
    const { user_id: userId, device_id: deviceId, session_id: sessionId } = req.session;
    const [user, devices, list, news] = await Promise.all([
        users.findById(userId),
        sessions.listDevices(userId, deviceId),
        sessions.list(userId, sessionId),
        sessions.listNewDevices(userId, deviceId, noticesSeen(req.session)),
    ]);
    for (const device of devices) {
        device.sessions = list.filter((session) => session.device_id === device.id);
        device.is_new = news.some((event) => event.device_id === device.id);
    }
    // This device, then those that are signed in, each in the order of the list: last seen first.
    devices.sort((a, b) => b.is_current - a.is_current || (b.sessions.length > 0) - (a.sessions.length > 0));
    res.render('devices', { user, devices, news, others: list.length - 1, done: words.doneOf(req.query.done) });
});

// Up to when new devices were brought to the notice of this session.
function noticesSeen(session) {
    return new Date(Math.max(session.metadata.notices_seen ?? 0, session.created_at));
}

app.post('/notices/seen', requireSession, async (req, res) => {
    const seen = Math.min(Number(req.body?.until) || 0, Date.now());
    await sessions.patchMetadata(req.session.session_id, { notices_seen: seen });
    res.redirect(303, '/devices');
});

app.post('/sessions/sign-out-others', requireSession, requirePassword('sign out everywhere else'), async (req, res) => {
    await sessions.endOthers(req.session.user_id, req.session.session_id);
    res.redirect(303, '/devices?done=others');
});

// An action on the user's session or device that the path names: the same answer for an id that is not
// there and for one of somebody else.
function action(path, done, act, ...checks) {
    app.post(path, requireSession, ...checks, async (req, res, next) => {
        const id = req.params.id;
        if (!isId(id)) return next();
        const found = await act(req.session.user_id, id, req.body ?? {});
        return found ? res.redirect(303, `/devices?done=${done}`) : next();
    });
}

const mayTrust = requirePassword('trust a device');
const mayForget = requirePassword('remove a device');

action('/sessions/:id/sign-out', 'session', (userId, id) => sessions.endOneOf(userId, id));
action('/devices/:id/name', 'name', (userId, id, form) =>
    sessions.renameDevice(userId, id, text(form.name).slice(0, 60)),
);
action('/devices/:id/trust', 'trust', (userId, id) => sessions.trustDevice(userId, id), mayTrust);
action('/devices/:id/untrust', 'untrust', (userId, id) => sessions.untrustDevice(userId, id));
action('/devices/:id/forget', 'forget', (userId, id) => sessions.forgetDevice(userId, id), mayForget);

// --- administrators

app.use(admin);

// --- what is left

app.use((req, res) => {
    res.status(404).render('message', { title: 'Not found', text: 'There is nothing here, or not any more.' });
});

// Of an error of the database only the code: its message may quote a value.
app.use((error, req, res, next) => {
    const status = error.status ?? 500;
    const isOurs = status >= 500;
    if (isOurs) console.error(error.severity ? `SQLSTATE ${error.code} (${error.routine})` : error.stack);
    if (res.headersSent) return next(error);
    res.status(status).render('message', {
        title: isOurs ? 'Something went wrong' : 'Not accepted',
        text: isOurs ? 'It is not your fault. Please try again in a moment.' : 'This request is not as it should be.',
    });
});
