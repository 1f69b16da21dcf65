// The three cookies. None of them can be read by scripts, or is sent along with other sites' requests.
//
//   session   the session token, on every request
//   refresh   the refresh token, only where a new pair is bought
//   device    what this browser is known by at the next sign-in, only there
//
// Behind TLS they are Secure, and their names begin with what makes browsers insist on it: __Host- where
// the path is /, __Secure- for the others.

import { parse } from 'cookie';

const PATHS = { session: '/', refresh: '/renew', device: '/sign-in' };

// Browsers keep no cookie for longer.
const DEVICE_SECONDS = 400 * 24 * 3600;

function nameOf(kind, req) {
    if (!req.secure) return kind;
    return PATHS[kind] === '/' ? `__Host-${kind}` : `__Secure-${kind}`;
}

function attributes(kind, req) {
    return { path: PATHS[kind], httpOnly: true, sameSite: 'lax', secure: req.secure };
}

function set(kind, req, res, content, seconds) {
    res.cookie(nameOf(kind, req), content, { ...attributes(kind, req), maxAge: 1000 * seconds });
}

// What the browser sent, undecoded: nothing that we set needs an escape.
export function get(kind, req) {
    return parse(req.headers.cookie ?? '', { decode: (text) => text })[nameOf(kind, req)];
}

function secondsUntil(time) {
    return Math.max(1, Math.round((time - Date.now()) / 1000));
}

// Each token's cookie goes when the token does.
export function setPair(req, res, pair) {
    set('session', req, res, pair.token, secondsUntil(pair.expires_at));
    set('refresh', req, res, pair.refresh_token, secondsUntil(pair.refresh_expires_at));
}

export function clearPair(req, res) {
    for (const kind of ['session', 'refresh']) {
        res.clearCookie(nameOf(kind, req), attributes(kind, req));
    }
}

// The device's key, if it is one of ours.
export function getDeviceKey(req) {
    const key = get('device', req);
    return /^[0-9a-f]{32,128}$/.test(key ?? '') ? key : undefined;
}

export function setDeviceKey(req, res, key) {
    set('device', req, res, key, DEVICE_SECONDS);
}
