// The cookies. None of them can be read by scripts, or is sent along with other sites' requests.
//
//   session   the session token, on every request
//   refresh   the refresh token, only where a new pair is bought
//   device    what this browser is known by at the next sign-in, only there
//   end       why the session is over, where the browser learns it before its user does; only for the sign-in page
//
// Behind TLS they are Secure, and their names begin with what makes browsers insist on it: __Host- where
// the path is /, __Secure- for the others.

import { parse, serialize } from 'cookie';

export const PATHS = { session: '/', refresh: '/renew', device: '/sign-in', end: '/sign-in' };

// Browsers keep no cookie for longer.
const DEVICE_SECONDS = 400 * 24 * 3600;

const END_SECONDS = 60;

// A browser that renews its session by itself does so when the cookie is gone, and a request that is on its way then
// has a token that is still good.
const EARLIER_SECONDS = 20;

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

// Gone a little before its token: by a tenth of its life, or less.
export function setSession(req, res, { token, expires_at: expiresAt }) {
    const seconds = secondsUntil(expiresAt);
    set('session', req, res, token, Math.max(1, Math.floor(Math.max(0.9 * seconds, seconds - EARLIER_SECONDS))));
}

export function setPair(req, res, pair) {
    setSession(req, res, pair);
    set('refresh', req, res, pair.refresh_token, secondsUntil(pair.refresh_expires_at));
}

export function clear(kind, req, res) {
    res.clearCookie(nameOf(kind, req), attributes(kind, req));
}

export function clearPair(req, res) {
    clear('session', req, res);
    clear('refresh', req, res);
}

// A cookie's name and its attributes, as they are set.
export function describe(kind, req) {
    const name = nameOf(kind, req);
    return { name, attributes: serialize(name, '', attributes(kind, req)).slice(`${name}=; `.length) };
}

export function setEnd(req, res, why) {
    if (why) set('end', req, res, why, END_SECONDS);
}

// The device's key, if it is one of ours.
export function getDeviceKey(req) {
    const key = get('device', req);
    return /^[0-9a-f]{32,128}$/.test(key ?? '') ? key : undefined;
}

export function setDeviceKey(req, res, key) {
    set('device', req, res, key, DEVICE_SECONDS);
}
