// Device Bound Session Credentials: a browser that knows them binds its session to a key that never leaves the device,
// and proves that it has the key at each renewal. https://w3c.github.io/webappsec-dbsc/
//
//   POST /bind    once, after the sign-in: the first proof brings the key
//   POST /renew   whenever the cookie of the session token is gone. Without a good proof the answer is a challenge
//                 to sign
//
// What a browser makes of a status: 403 has it sign again, 503 has it try again later with its session kept. Any other
// one from 400 on would end its session, and with a redirect it waits for ever.

import express from 'express';
import { parseItem, serializeItem, serializeList, Token } from 'structured-headers';

import * as cookies from './cookies.js';
import { client } from './requests.js';
import * as sessions from './sessions.js';
import * as words from './words.js';

const BIND = '/bind';

// Where the browser sends the refresh token.
const REFRESH = cookies.PATHS.refresh;

// What needs no session, so that nobody waits there for a renewal.
const OUT_OF_SCOPE = [REFRESH, '/style.css', '/icon.svg'];

// A header that is a string. The draft has quotes around it, and Chromium has none.
function stringOf(header) {
    if (/^[\w.-]+$/.test(header)) return header;
    try {
        const [string] = parseItem(header ?? '');
        return typeof string === 'string' ? string : undefined;
    } catch {
        return undefined;
    }
}

// What the browser is to know of its session: which cookie it renews, where, and for which requests.
function instructions(sessionId, req) {
    return {
        session_identifier: sessionId,
        refresh_url: REFRESH,
        scope: {
            include_site: false,
            scope_specification: OUT_OF_SCOPE.map((path) => ({ type: 'exclude', domain: '*', path })),
        },
        credentials: [{ type: 'cookie', ...cookies.describe('session', req) }],
    };
}

// Asks the browser to register a key for the session of this token. For a session that has one there is no challenge.
export async function offer(res, token) {
    const challenge = await sessions.challenge(token);
    if (!challenge) return;
    const algorithms = ['ES256', 'RS256'].map((name) => [new Token(name), new Map()]);
    const parameters = new Map(Object.entries({ path: BIND, challenge }));
    res.set('Secure-Session-Registration', serializeList([[algorithms, parameters]]));
}

// Pages of other sites cannot send these requests: their scripts may not set the headers. So they need no Origin.
export const dbsc = express.Router();

// A refusal leaves the browser with the session that it has.
dbsc.post(BIND, async (req, res) => {
    const token = cookies.get('session', req);
    const bound = await sessions.bind(token, stringOf(req.get('Secure-Session-Response')));
    if (!bound) return res.status(403).end();
    cookies.setSession(req, res, { token, expires_at: bound.expires_at });
    res.json(instructions(bound.session_id, req));
});

dbsc.post(REFRESH, async (req, res, next) => {
    const id = stringOf(req.get('Sec-Secure-Session-Id'));
    if (!id) return next();
    const end = () => res.json({ session_identifier: id, continue: false });

    // After another sign-in the browser asks for the session of before as well. The cookies are not that one's.
    const token = cookies.get('refresh', req);
    if ((await sessions.idOf(token)) !== id) return end();

    const proof = stringOf(req.get('Secure-Session-Response'));
    const pair = proof && (await sessions.refresh(token, client(req), proof));
    if (pair) {
        cookies.setPair(req, res, pair);
        return res.json(instructions(id, req));
    }
    const challenge = await sessions.challenge(token);
    if (challenge) {
        res.set('Secure-Session-Challenge', serializeItem([challenge, new Map([['id', id]])]));
        return res.status(403).end();
    }
    const session = await sessions.find(token);
    if (session?.status === 'active') {
        // Another tab has a new pair, since the password was confirmed there just now.
        if (session.binding !== 'none') return res.status(503).end();
        // Not bound, whatever the browser thinks: then it is served as others are.
        return end();
    }
    cookies.clearPair(req, res);
    cookies.setEnd(req, res, words.reasonOf(session));
    end();
});

dbsc.use((error, req, res, next) => {
    error.status = 503;
    next(error);
});
