// The API. A session is a bearer session between its sign-in and its binding, and opens nothing but /bind in that time.

import { isIP } from 'node:net';

import express from 'express';

import { presented, refuse, refuseRefresh } from './dpop.js';
import * as sessions from './sessions.js';
import * as users from './users.js';

// What session_service records of a request, within its limits.
function client(req) {
    const address = (req.ip ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*/, '');
    return { address: isIP(address) ? address : null, userAgent: req.get('User-Agent')?.slice(0, 2048) };
}

const text = (field, length) => (typeof field === 'string' ? field.slice(0, length) : undefined);

// Lets a request through if its token and its proof are good: one call.
async function requireProof(req, res, next) {
    req.session = await sessions.validate(presented(req), client(req).address);
    return req.session ? next() : refuse(req, res);
}

export function createApp({ trustProxy = false } = {}) {
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');
    app.set('trust proxy', trustProxy);

    // The route's pattern, and nothing that came with the request.
    app.use((req, res, next) => {
        res.on('finish', () => console.log(`${req.method} ${req.route?.path ?? '-'} ${res.statusCode}`));
        res.set('Cache-Control', 'no-store');
        next();
    });
    app.use(express.json({ limit: '10kb' }));

    app.post('/sign-in', async (req, res) => {
        const user = users.findByPassword(req.body?.email, req.body?.password);
        if (!user) return res.status(401).json({ error: 'access_denied' });
        const deviceName = text(req.body.device_name, 60);
        res.json(await sessions.create(user.id, { ...client(req), deviceName }));
    });

    app.post('/bind', async (req, res) => {
        const bound = await sessions.bind(presented(req));
        return bound ? res.json(bound) : refuse(req, res, { isBinding: true });
    });

    app.get('/profile', requireProof, (req, res) => {
        const { name, email } = users.findById(req.session.user_id);
        res.json({ name, email });
    });

    app.post('/refresh', async (req, res) => {
        const refreshToken = text(req.body?.refresh_token, 1000);
        const pair = await sessions.refresh(refreshToken, presented(req), client(req));
        return pair ? res.json(pair) : refuseRefresh(req, res, refreshToken);
    });

    // Not by the token alone: who stole it could sign the user out.
    app.post('/sign-out', requireProof, async (req, res) => {
        await sessions.end(req.session.session_id);
        res.status(204).end();
    });

    app.use((req, res) => res.status(404).json({ error: 'not_found' }));

    // Of an error of the database only the code: its message may quote a value. A client keeps its session.
    app.use((error, req, res, next) => {
        const status = error.status >= 400 && error.status < 500 ? error.status : 503;
        if (status === 503) console.error(error.severity ? `SQLSTATE ${error.code}` : error.stack);
        if (res.headersSent) return next(error);
        res.status(status).json({ error: status === 503 ? 'temporarily_unavailable' : 'invalid_request' });
    });
    return app;
}
