// A browser that knows Device Bound Session Credentials, as the draft of the W3C has it
// (https://w3c.github.io/webappsec-dbsc/): section numbers here are names of its algorithms. What it takes for a fault
// of the server, where a real browser would end the session, hang or renew for ever, is an exception.
//
// It believes that it is on ORIGIN: its requests go to the application as from a proxy that ends TLS there.

import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { request } from 'node:http';

import { parseList, serializeItem, Token } from 'structured-headers';
import { Cookie, CookieJar } from 'tough-cookie';

export const ORIGIN = 'https://app.example.com';
export const ELSEWHERE = 'https://mail.example.net';

const USER_AGENT =
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36';

// So many challenges in a row are for a session that its server does not know how to renew.
const MOST_CHALLENGES = 3;

const base64url = (value) => Buffer.from(value).toString('base64url');

// --- keys and proofs

export class Key {
    constructor(alg = 'ES256') {
        this.alg = alg;
        const made =
            alg === 'RS256'
                ? generateKeyPairSync('rsa', { modulusLength: 2048 })
                : generateKeyPairSync('ec', { namedCurve: 'P-256' });
        this.privateKey = made.privateKey;
        this.jwk = made.publicKey.export({ format: 'jwk' });
        this.signatures = 0;
        this.signed = new Map();
    }

    // RFC 7638
    get thumbprint() {
        const { crv, e, kty, n, x, y } = this.jwk;
        const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y };
        return createHash('sha256').update(JSON.stringify(members)).digest('base64url');
    }

    // A new signature each time.
    makeProof(challenge, header = {}) {
        ++this.signatures;
        const text = [{ alg: this.alg, typ: 'dbsc+jwt', ...header }, { jti: challenge }]
            .map((part) => base64url(JSON.stringify(part)))
            .join('.');
        const signature = sign('sha256', text, { key: this.privateKey, dsaEncoding: 'ieee-p1363' });
        return `${text}.${base64url(signature)}`;
    }

    // Signing is slow and rationed: a browser sends what it signed before again where nothing is different.
    proof(challenge) {
        if (!this.signed.has(challenge)) this.signed.set(challenge, this.makeProof(challenge));
        return this.signed.get(challenge);
    }
}

// --- requests

// The answer to one request, redirects not followed.
function send(server, url, { method, headers, body }) {
    return new Promise((resolve, reject) => {
        const outgoing = request(new URL(url.pathname + url.search, server), {
            method,
            agent: false,
            headers: { ...headers, 'X-Forwarded-Proto': url.protocol.slice(0, -1), 'X-Forwarded-Host': url.host },
        });
        outgoing.on('error', reject);
        outgoing.on('response', (answer) => {
            const parts = [];
            answer.on('data', (part) => parts.push(part));
            answer.on('end', () => {
                const all = (name) =>
                    answer.rawHeaders.filter((_, i) => i % 2 && answer.rawHeaders[i - 1].toLowerCase() === name);
                const { statusCode: status, headers } = answer;
                resolve({ url, status, headers, all, text: Buffer.concat(parts).toString() });
            });
        });
        outgoing.end(body);
    });
}

// A request that got no answer.
class NetworkError extends Error {}

// "Get a structured field value", of the type list. Null where it is none.
function listOf(answer, name) {
    const lines = answer.all(name);
    if (!lines.length) return null;
    try {
        return parseList(lines.join(', '));
    } catch {
        return null;
    }
}

const isString = (value) => typeof value === 'string';

export class Browser {
    // `quoted`: strings in headers as the draft writes them; Chromium leaves the quotes out.
    constructor(server, { knowsDbsc = true, alg = 'ES256', quoted = true, address = '203.0.113.7' } = {}) {
        Object.assign(this, { server, knowsDbsc, alg, quoted, address });
        this.jar = new CookieJar(undefined, { prefixSecurity: 'strict' });
        this.sessions = new Map();
        this.registrations = [];
        // What was asked and answered: "POST /renew 403".
        this.log = [];
        // Called with what a request was answered; an exception loses the answer.
        this.onAnswer = () => {};
    }

    // --- cookies

    async cookies(path = '/') {
        return this.jar.getCookies(ORIGIN + path);
    }

    async cookie(name) {
        const { cookies } = await this.jar.serialize();
        return cookies.find(({ key, expires }) => key === name && new Date(expires) > Date.now());
    }

    async setCookie(line, url = ORIGIN) {
        const cookie = Cookie.parse(line);
        // The jar would count from the last use.
        if (cookie.maxAge !== null) cookie.setExpires(new Date(Date.now() + 1000 * cookie.maxAge));
        cookie.maxAge = null;
        await this.jar.setCookie(cookie, url);
    }

    // As if its time had come.
    async drop(name) {
        const { domain, path } = await this.cookie(name);
        await this.jar.store.removeCookie(domain, path, name);
    }

    // All that a thief finds on the disk but the key.
    async copyCookies(from) {
        this.jar = await from.jar.clone();
    }

    // --- pages

    // Follows redirects and pages that send the browser on, and renews sessions as it goes. `initiator` is the origin
    // of the page whose link or form it is; none is the address bar.
    async open(path, { form, initiator = ORIGIN } = {}) {
        let url = new URL(path, ORIGIN);
        let method = form ? 'POST' : 'GET';
        let body = form && new URLSearchParams(form).toString();
        let deferred = new Set();
        for (let hops = 0; hops < 20;) {
            const session = this.knowsDbsc && (await this.#needingRefresh(url, method, initiator, deferred));
            if (session) {
                deferred.add(session.id);
                await this.refresh(session);
                continue;
            }
            const answer = await this.#exchange(url, { method, body, initiator });
            this.#processHeaders(answer);
            const location = answer.headers.location;
            const [, onward] = answer.headers.refresh?.match(/^0; url=(.*)$/) ?? [];
            if (!location && onward === undefined) return answer;
            ++hops;
            url = new URL(location ?? onward, url);
            if (!location) [initiator, deferred] = [ORIGIN, new Set()];
            if (!location || ![307, 308].includes(answer.status)) [method, body] = ['GET', undefined];
        }
        throw new Error(`too many redirects: ${this.log.slice(-5)}`);
    }

    // Registrations go on beside what the user does.
    async settled() {
        await Promise.all(this.registrations.splice(0));
    }

    // Whether a request of this initiator's sends cookies that are SameSite=Lax.
    #sameSiteContext(method, initiator, isNavigation) {
        if (initiator !== ELSEWHERE) return 'strict';
        return isNavigation && method === 'GET' ? 'lax' : 'none';
    }

    async #exchange(url, { method, body, initiator, headers = {}, isNavigation = true }) {
        const sameSiteContext = this.#sameSiteContext(method, initiator, isNavigation);
        const cookies = await this.jar.getCookieString(url.href, { sameSiteContext });
        const answer = await send(this.server, url, {
            method,
            body,
            headers: {
                'User-Agent': USER_AGENT,
                'X-Forwarded-For': this.address,
                'Sec-Fetch-Site': initiator === null ? 'none' : initiator === ORIGIN ? 'same-origin' : 'cross-site',
                ...(method === 'POST' && initiator ? { Origin: initiator } : {}),
                ...(body === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
                ...(cookies ? { Cookie: cookies } : {}),
                ...headers,
            },
        });
        this.log.push(`${method} ${url.pathname} ${answer.status}`);
        await this.onAnswer(answer);
        for (const line of answer.all('set-cookie')) await this.setCookie(line, url.href);
        return answer;
    }

    // --- DBSC: sessions that need a refresh

    async #needingRefresh(url, method, initiator, deferred) {
        for (const session of this.sessions.values()) {
            if (deferred.has(session.id) || !this.#isInScope(url, session)) continue;
            // "Identify if a request is allowed to refresh": of the same origin, or the user's own.
            if (initiator !== null && initiator !== session.origin) continue;
            if (await this.#missesCredential(url, session)) return session;
        }
        return undefined;
    }

    // "Identify if a URL is in scope of a session"
    #isInScope(url, { origin, refreshUrl, rules }) {
        if (url.origin !== origin || url.href === refreshUrl.href) return false;
        const rule = [...rules].reverse().find(({ domain, path }) => {
            const isHost =
                domain === '*' ||
                domain === url.hostname ||
                (domain.startsWith('*.') && url.hostname.endsWith(domain.slice(1)));
            return (
                isHost &&
                (url.pathname === path ||
                    (path.endsWith('/') ? url.pathname.startsWith(path) : url.pathname.startsWith(`${path}/`)))
            );
        });
        return rule?.type !== 'exclude';
    }

    // "Identify if missing session credential"
    async #missesCredential(url, { credentials }) {
        for (const wanted of credentials) {
            const jar = new CookieJar();
            await jar.setCookie(wanted.clone(), ORIGIN);
            if (!(await jar.getCookies(url.href)).length) continue;
            const found = await this.jar.getCookies(url.href);
            if (!found.some((cookie) => isSameCookie(cookie, wanted))) return true;
        }
        return false;
    }

    // --- DBSC: headers of an answer

    #processHeaders(answer) {
        if (!this.knowsDbsc) return;
        // "Process session registration"
        for (const [algorithms, params] of listOf(answer, 'secure-session-registration') ?? []) {
            if (!Array.isArray(algorithms) || !isString(params.get('path'))) continue;
            const names = algorithms.filter(([token]) => token instanceof Token).map(([token]) => token.toString());
            if (!names.includes(this.alg)) continue;
            const challenge = params.get('challenge');
            assert.ok(isString(challenge), 'a registration has a challenge');
            const registration = this.#register(new URL(params.get('path'), answer.url), challenge);
            // Who asks is told by settled().
            registration.catch(() => {});
            this.registrations.push(registration);
        }
        this.#processChallenges(answer);
    }

    // "Process a challenge"
    #processChallenges(answer) {
        for (const [challenge, params] of listOf(answer, 'secure-session-challenge') ?? []) {
            const session = this.sessions.get(params.get('id'));
            if (isString(challenge) && session) session.challenge = challenge;
        }
    }

    // --- DBSC: the two requests

    #string(value) {
        return this.quoted ? serializeItem([value, new Map()]) : value;
    }

    async #register(endpoint, challenge) {
        const key = new Key(this.alg);
        this.registrationProof = key.makeProof(challenge, { jwk: key.jwk });
        const headers = { 'Secure-Session-Response': this.#string(this.registrationProof) };
        const answer = await this.#exchange(endpoint, {
            method: 'POST',
            headers,
            initiator: ORIGIN,
            isNavigation: false,
        });
        assert.ok(answer.status < 300 || answer.status >= 400, 'a redirect would hang');
        if (answer.status < 300) await this.#create(answer, key, null);
    }

    // "Send request", for a refresh, of the only session if none is given. Says what came of it, as
    // Secure-Session-Skipped would.
    async refresh(session = [...this.sessions.values()][0]) {
        for (let challenges = 0; challenges <= MOST_CHALLENGES; ++challenges) {
            const headers = { 'Sec-Secure-Session-Id': this.#string(session.id) };
            if (session.challenge)
                headers['Secure-Session-Response'] = this.#string(session.key.proof(session.challenge));
            let answer;
            try {
                answer = await this.#exchange(session.refreshUrl, {
                    method: 'POST',
                    headers,
                    initiator: ORIGIN,
                    isNavigation: false,
                });
            } catch (error) {
                if (error instanceof NetworkError) return 'unreachable';
                throw error;
            }
            const { status } = answer;
            assert.ok(status < 300 || status >= 400, 'a redirect would hang');
            if (status === 407 || status === 429) return 'unreachable';
            if (status >= 500) return 'server_error';
            if (status === 403) {
                session.challenge = undefined;
                this.#processChallenges(answer);
                assert.ok(session.challenge, 'a 403 has a challenge for the session');
                continue;
            }
            if (status >= 400) {
                this.sessions.delete(session.id);
                throw new Error(`the answer ${status} ends the session`);
            }
            if (answer.text) await this.#create(answer, session.key, session.id);
            return 'refreshed';
        }
        throw new Error('too many challenges');
    }

    // "Create a session", also of the answer to a refresh.
    async #create(answer, key, id) {
        assert.match(answer.headers['content-type'], /^application\/json/);
        const json = JSON.parse(answer.text);
        if (id !== null) assert.equal(json.session_identifier, id);
        if (json.continue === false) {
            this.sessions.delete(id);
            return;
        }
        assert.ok(isString(json.session_identifier) && json.session_identifier);
        assert.equal(json.scope.include_site, false);
        const refreshUrl = new URL(json.refresh_url, answer.url);
        assert.equal(refreshUrl.origin, ORIGIN);
        const rules = (json.scope.scope_specification ?? []).map(({ type, domain = '*', path = '/' }) => {
            assert.match(type, /^(include|exclude)$/);
            return { type, domain, path };
        });
        const credentials = json.credentials.map(({ type, name, attributes = '' }) => {
            assert.equal(type, 'cookie');
            assert.ok(name);
            assert.doesNotMatch(attributes, /Partitioned/i);
            return Cookie.parse(`${name}=; ${attributes}`);
        });
        // A new one each time: it has no challenge yet.
        const session = {
            id: json.session_identifier,
            origin: ORIGIN,
            refreshUrl,
            rules,
            credentials,
            key,
            json,
        };
        // Else it would be renewed before each request.
        assert.ok(
            !(await this.#missesCredential(new URL(ORIGIN), session)),
            'the answer sets the cookie that it describes',
        );
        this.sessions.set(session.id, session);
        this.#processChallenges(answer);
    }
}

// Same name, Domain, Path, Secure, HttpOnly, SameSite.
function isSameCookie(a, b) {
    const of = ({ key, path, secure, httpOnly, sameSite }) =>
        [key, path ?? '/', secure, httpOnly, sameSite ?? 'lax'].join();
    return of(a) === of(b) && (b.domain === null || a.domain === b.domain) && (b.domain !== null || a.hostOnly);
}

export function loseAnswer() {
    throw new NetworkError('the answer was lost');
}
