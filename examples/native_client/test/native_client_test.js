// The API against a real server: with its client, and with clients and thieves that do what they like.
//
// The PG… variables lead to the database as its owner; the API runs as api_app.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomUUID, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import * as DPoP from 'dpop';
import pg from 'pg';

import { Client, Refused, SignedOut } from '../client.js';

const { subtle } = webcrypto;
const owner = new pg.Pool({ user: process.env.PGUSER ?? userInfo().username, max: 2 });
const one = async (query, values) => (await owner.query(query, values)).rows[0];

const EMAIL = 'ada@example.com';
const PASSWORD = 'tea for two';

// --- the API

const printed = [];
const apis = [];

async function startApi(changes = {}) {
    const child = spawn(process.execPath, ['server.js'], {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, PGUSER: 'api_app', PORT: '0', ...changes },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    apis.push(child);
    return new Promise((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
            createInterface(stream).on('line', (line) => {
                printed.push(line);
                const [, address] = line.match(/^Listening on (\S+)$/) ?? [];
                if (address) resolve(address);
            });
        }
        child.once('exit', () => reject(new Error(`the API ended: ${printed.slice(-5).join('\n')}`)));
    });
}

// One of a role with these settings of session_service, which hold for connections that begin from then on.
async function startApiWith(settings, changes) {
    const database = process.env.PGDATABASE;
    for (const [name, value] of Object.entries(settings)) {
        await owner.query(`ALTER ROLE api_app IN DATABASE ${database} SET session_service.${name} = '${value}'`);
    }
    const url = await startApi(changes);
    // Its pool connects with the first query.
    await fetch(`${url}/refresh`, { method: 'POST' });
    await owner.query(`ALTER ROLE api_app IN DATABASE ${database} RESET ALL`);
    return url;
}

const servers = [];

after(async () => {
    for (const child of apis) {
        child.removeAllListeners('exit');
        const gone = once(child, 'exit');
        child.kill();
        assert.equal((await gone)[0], 0);
    }
    for (const server of servers) {
        server.close();
        server.closeAllConnections();
    }
    await owner.end();
});

const api = await startApi();

// --- who watches the wire

// A client with all that goes over the wire: its requests, and the tokens that it got. `loses` names a path of which
// the next good answer gets lost.
async function watchedClient(url = api, isSignedIn = true) {
    const wire = { requests: [], answers: [] };
    const client = new Client(url, {
        async fetch(to, options) {
            const answer = await fetch(to, options);
            const { pathname } = new URL(to);
            wire.requests.push({ path: pathname, ...options });
            wire.answers.push({ path: pathname, status: answer.status, headers: answer.headers });
            const content = answer.status === 204 ? {} : await answer.clone().json();
            if (content.token) Object.assign(wire, content);
            if (answer.ok && wire.loses === pathname) {
                wire.loses = undefined;
                throw new TypeError('fetch failed');
            }
            return answer;
        },
    });
    if (isSignedIn) await client.signIn(EMAIL, PASSWORD, 'a laptop');
    return { client, wire };
}

const sentTo = (wire, path) => wire.requests.filter((sent) => sent.path === path);
const statusesOf = (wire, path) => wire.answers.filter((got) => got.path === path).map(({ status }) => status);

// --- clients that do what they like

const newKeys = (algorithm = 'ES256') => DPoP.generateKeyPair(algorithm, { extractable: false });
const base64 = (data) => Buffer.from(data).toString('base64url');
const now = () => Math.floor(Date.now() / 1000);
const ath = (token) => createHash('sha256').update(token).digest('base64url');

// A proof with any claims; of those that are changed to undefined there are none.
async function proofOf(keys, claims, header) {
    const { kty, crv, x, y } = await subtle.exportKey('jwk', keys.publicKey);
    const text = [
        { alg: 'ES256', typ: 'dpop+jwt', jwk: { kty, crv, x, y }, ...header },
        { jti: randomUUID(), iat: now(), ...claims },
    ]
        .map((part) => base64(JSON.stringify(part)))
        .join('.');
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
    return `${text}.${base64(await subtle.sign(algorithm, keys.privateKey, Buffer.from(text)))}`;
}

const ask = (path, { method = 'GET', url = api, scheme = 'DPoP', token, proof, body } = {}) =>
    fetch(url + path, {
        method,
        headers: {
            ...(token && { Authorization: `${scheme} ${token}` }),
            ...(proof && { DPoP: proof }),
            ...(body && { 'Content-Type': 'application/json' }),
        },
        body: body && JSON.stringify(body),
    });

async function signedIn(url = api) {
    const answer = await ask('/sign-in', { method: 'POST', url, body: { email: EMAIL, password: PASSWORD } });
    assert.equal(answer.status, 200);
    return answer.json();
}

// A session that is bound, with its keys.
async function bound({ url = api, keys } = {}) {
    const session = { ...(await signedIn(url)), keys: keys ?? (await newKeys()), url };
    const nonce = await nonceFor(url, session.token);
    const proof = await DPoP.generateProof(session.keys, `${url}/bind`, 'POST', nonce, session.token);
    const answer = await ask('/bind', { method: 'POST', url, token: session.token, proof });
    assert.equal(answer.status, 200);
    return session;
}

// What a server asks for in a proof, if it does.
async function nonceFor(url, token) {
    const answer = await ask('/bind', { method: 'POST', url, token, proof: 'x' });
    return answer.headers.get('DPoP-Nonce') ?? undefined;
}

// The claims of the proof of a request for /profile.
const claimsFor = ({ token, url = api }, changes) => ({
    htm: 'GET',
    htu: `${url}/profile`,
    ath: ath(token),
    ...changes,
});

async function assertRefused(answer, error, message) {
    const header = answer.headers.get('WWW-Authenticate');
    assert.equal(answer.status, 401, message);
    assert.equal(header, `DPoP error="${error}", algs="ES256 RS256 EdDSA"`, message);
    assert.equal(answer.headers.get('Cache-Control'), 'no-store', message);
    assert.deepEqual(await answer.json(), { error }, message);
}

async function assertNotRefreshed(answer, error, message) {
    assert.deepEqual([answer.status, await answer.json()], [400, { error }], message);
}

const idOf = async (token) => (await one('SELECT session_service.token_session_id($1) AS id', [token])).id;

// The session's row with its version: the same where nothing was written.
async function storedRow(token) {
    const query = 'SELECT s.ctid, s.xmin, s.* FROM session_service.sessions s WHERE id = $1';
    return one(query, [await idOf(token)]);
}

async function sessionOf(token) {
    return one('SELECT * FROM session_service.get_session($1)', [await idOf(token)]);
}

// What time would do.
async function expire(token) {
    await owner.query("UPDATE session_service.sessions SET expires_at = now() - interval '1 minute' WHERE id = $1", [
        await idOf(token),
    ]);
}

// --- the tests

const it = (name, body) => test(`native client: ${name}`, body);

it('a life: signing in, binding, calling, refreshing, signing out', async () => {
    const { client, wire } = await watchedClient();
    assert.deepEqual(await client.get('/profile'), { name: 'Ada', email: EMAIL });
    const { binding, key_thumbprint: thumbprint, device_name: device } = await sessionOf(wire.token);
    assert.deepEqual([binding, thumbprint.length, device], ['request', 43, 'a laptop']);
    const first = { ...wire };
    await expire(wire.token);
    assert.deepEqual(await client.get('/profile?again#here'), { name: 'Ada', email: EMAIL });
    assert.notEqual(wire.token, first.token);
    assert.notEqual(wire.refresh_token, first.refresh_token);
    assert.deepEqual(statusesOf(wire, '/profile'), [200, 401, 200]);
    assert.equal(sentTo(wire, '/refresh').length, 1);
    const { id, status } = await sessionOf(wire.token);
    assert.deepEqual([id, status], [await idOf(first.token), 'active']);
    await client.signOut();
    assert.equal(client.isSignedIn, false);
    assert.equal((await sessionOf(wire.token)).status, 'revoked');
    await assert.rejects(client.get('/profile'), SignedOut);
    assert.equal(sentTo(wire, '/profile').length, 3);
});

it('each request has a proof of its own, by a key of the session', async () => {
    const { client, wire } = await watchedClient();
    await client.get('/profile?one#two');
    await client.get('/profile');
    const proofs = wire.requests.filter(({ headers }) => headers.DPoP).map(({ headers }) => headers.DPoP);
    const read = (part) => JSON.parse(Buffer.from(part, 'base64url'));
    const [headers, claims] = [0, 1].map((place) => proofs.map((proof) => read(proof.split('.')[place])));
    assert.equal(new Set(claims.map(({ jti }) => jti)).size, 3);
    assert.deepEqual(
        claims.map(({ htm, htu }) => [htm, htu]),
        [
            ['POST', `${api}/bind`],
            ['GET', `${api}/profile`],
            ['GET', `${api}/profile`],
        ],
    );
    assert.equal(new Set(headers.map(({ jwk }) => JSON.stringify(jwk))).size, 1);
    assert.ok(headers.every(({ jwk }) => !jwk.d));
    const other = await watchedClient();
    assert.notDeepEqual(read(other.wire.requests[1].headers.DPoP.split('.')[0]).jwk, headers[0].jwk);
});

it('a wrong password gets no session', async () => {
    const { client } = await watchedClient(api, false);
    await assert.rejects(client.signIn(EMAIL, 'x'), { name: 'Error', status: 401, error: 'access_denied' });
    await assert.rejects(client.signIn('x', PASSWORD), Refused);
    assert.equal(client.isSignedIn, false);
});

it('each algorithm that is promised binds a session', async () => {
    for (const algorithm of ['ES256', 'RS256']) {
        const session = await bound({ keys: await newKeys(algorithm) });
        const proof = await DPoP.generateProof(session.keys, `${api}/profile`, 'GET', undefined, session.token);
        assert.equal((await ask('/profile', { token: session.token, proof })).status, 200);
    }
});

it('whoever sends nothing is told what to send', async () => {
    const answer = await ask('/profile');
    assert.deepEqual([answer.status, await answer.json()], [401, {}]);
    assert.equal(answer.headers.get('WWW-Authenticate'), 'DPoP algs="ES256 RS256 EdDSA"');
});

it('the token alone, as a bearer token, opens nothing', async () => {
    const session = await bound();
    const proof = await proofOf(session.keys, claimsFor(session));
    for (const scheme of ['Bearer', 'Basic', 'DPoP2', 'DPoP DPoP']) {
        await assertRefused(await ask('/profile', { scheme, token: session.token }), 'invalid_token', scheme);
        await assertRefused(await ask('/profile', { scheme, token: session.token, proof }), 'invalid_token', scheme);
    }
    await assertRefused(await ask('/profile', { token: session.token }), 'invalid_dpop_proof');
    // The name of the scheme may be written in any way.
    assert.equal((await ask('/profile', { scheme: 'dpop', token: session.token, proof })).status, 200);
});

it('a session that is not bound yet opens nothing', async () => {
    const session = { ...(await signedIn()), keys: await newKeys() };
    const proof = await proofOf(session.keys, claimsFor(session));
    await assertRefused(await ask('/profile', { token: session.token, proof }), 'invalid_token');
});

it('who binds a session first has it, and the other one is told', async () => {
    const session = await signedIn();
    const thief = await newKeys();
    const bind = async (keys) => {
        const proof = await proofOf(keys, { htm: 'POST', htu: `${api}/bind`, ath: ath(session.token) });
        return ask('/bind', { method: 'POST', token: session.token, proof });
    };
    const answer = await bind(thief);
    assert.equal(answer.status, 200);
    assert.deepEqual(Object.keys(await answer.json()), ['binding', 'key_thumbprint', 'expires_at']);
    await assertRefused(await bind(await newKeys()), 'invalid_dpop_proof');
    assert.equal((await bind(thief)).status, 200);
    // The client that meets this is not signed in.
    const robbed = new Client(api, {
        async fetch(to, options) {
            const got = await fetch(to, options);
            if (to.endsWith('/sign-in')) {
                const { token } = await got.clone().json();
                const proof = await proofOf(thief, { htm: 'POST', htu: `${api}/bind`, ath: ath(token) });
                await ask('/bind', { method: 'POST', token, proof });
            }
            return got;
        },
    });
    await assert.rejects(robbed.signIn(EMAIL, PASSWORD), { error: 'invalid_dpop_proof' });
    assert.equal(robbed.isSignedIn, false);
});

// Each with a session, and another one.
const wrong = {
    'of another key': async (session) => proofOf(await newKeys(), claimsFor(session)),
    "of another session's key": (session, other) => proofOf(other.keys, claimsFor(session)),
    'for another method': (session) => proofOf(session.keys, claimsFor(session, { htm: 'POST' })),
    'for a method in small letters': (session) => proofOf(session.keys, claimsFor(session, { htm: 'get' })),
    'for another path': (session) => proofOf(session.keys, claimsFor(session, { htu: `${api}/bind` })),
    'for a path with a slash': (session) => proofOf(session.keys, claimsFor(session, { htu: `${api}/profile/` })),
    'for another host': (session) => proofOf(session.keys, claimsFor(session, { htu: 'https://evil.example/profile' })),
    'for another port': (session) => proofOf(session.keys, claimsFor(session, { htu: 'http://127.0.0.1:1/profile' })),
    'for https': (session) => proofOf(session.keys, claimsFor(session, { htu: `${api}/profile`.replace('p:', 'ps:') })),
    'for another token': (session, other) => proofOf(session.keys, claimsFor(session, { ath: ath(other.token) })),
    'for no token': (session) => proofOf(session.keys, claimsFor(session, { ath: undefined })),
    'of two minutes ago': (session) => proofOf(session.keys, claimsFor(session, { iat: now() - 120 })),
    'of the future': (session) => proofOf(session.keys, claimsFor(session, { iat: now() + 120 })),
    'without a time': (session) => proofOf(session.keys, claimsFor(session, { iat: undefined })),
    'of another type': (session) => proofOf(session.keys, claimsFor(session), { typ: 'JWT' }),
    'without its key': (session) => proofOf(session.keys, claimsFor(session), { jwk: undefined }),
    'that is not signed': async (session) => {
        const [, claims] = (await proofOf(session.keys, claimsFor(session))).split('.');
        return `${base64('{"alg":"none","typ":"dpop+jwt"}')}.${claims}.`;
    },
    twice: async (session) => {
        const proof = await proofOf(session.keys, claimsFor(session));
        return `${proof}, ${proof}`;
    },
    'that is none': () => 'x',
    'that is no JSON': () => 'e30.e.e',
};

for (const [name, make] of Object.entries(wrong)) {
    it(`a proof ${name} is refused`, async () => {
        const [session, other] = [await bound(), await bound()];
        const proof = await make(session, other);
        await assertRefused(await ask('/profile', { token: session.token, proof }), 'invalid_dpop_proof');
        await assertRefused(
            await ask('/sign-out', { method: 'POST', token: session.token, proof }),
            'invalid_dpop_proof',
        );
        assert.equal((await sessionOf(session.token)).status, 'active');
    });
}

it('two headers with a proof each are none', async () => {
    const session = await bound();
    const proofs = await Promise.all([0, 1].map(() => proofOf(session.keys, claimsFor(session))));
    const { hostname, port } = new URL(api);
    const sent = request({
        hostname,
        port,
        path: '/profile',
        headers: [
            'Host',
            `${hostname}:${port}`,
            'Authorization',
            `DPoP ${session.token}`,
            'DPoP',
            proofs[0],
            'DPoP',
            proofs[1],
        ],
    });
    sent.end();
    const [answer] = await once(sent, 'response');
    answer.resume();
    assert.equal(answer.statusCode, 401);
});

it('the query is no part of what is proved, and the case of the host does not matter', async () => {
    const session = await bound();
    const proof = await proofOf(
        session.keys,
        claimsFor(session, { htu: `${api.replace('http', 'HTTP')}/%70rofile?a=1` }),
    );
    assert.equal((await ask('/profile?b=2', { token: session.token, proof })).status, 200);
});

it('a token that is none, or of a session that is over, is told so whatever the proof', async () => {
    const session = await bound();
    const proof = () => proofOf(session.keys, claimsFor(session));
    const asked = async (token) => ask('/profile', { token, proof: await proof() });
    await assertRefused(await asked('sst_x'), 'invalid_token');
    await assertRefused(await asked(session.refresh_token), 'invalid_token');
    await expire(session.token);
    await assertRefused(await asked(session.token), 'invalid_token');
    const revoked = await bound();
    await one('SELECT session_service.revoke_session($1)', [await idOf(revoked.token)]);
    await assertRefused(await asked(revoked.token), 'invalid_token');
});

it('without nonces a proof that somebody overheard opens the same request again, for a minute', async () => {
    const session = await bound();
    const proof = await proofOf(session.keys, claimsFor(session));
    for (let times = 0; times < 3; times++) {
        assert.equal((await ask('/profile', { token: session.token, proof })).status, 200);
    }
    await assertRefused(await ask('/sign-out', { method: 'POST', token: session.token, proof }), 'invalid_dpop_proof');
    const overheard = await proofOf(session.keys, claimsFor(session, { iat: now() - 70 }));
    await assertRefused(await ask('/profile', { token: session.token, proof: overheard }), 'invalid_dpop_proof');
});

it('with nonces, until the server has another one', async () => {
    // Two servers behind one address, the second of which finds the first one's nonces old soon.
    let inside;
    const url = await proxyTo(() => inside, '');
    const patient = await startApiWith({ proof_nonce: 'on' }, { PUBLIC_URL: url });
    const impatient = await startApiWith({ proof_nonce: 'on', challenge_expiry: '1s' }, { PUBLIC_URL: url });
    inside = patient;
    const session = await bound({ url });
    const profile = (proof) => ask('/profile', { url, token: session.token, proof });

    const first = await profile(await proofOf(session.keys, claimsFor(session)));
    const nonce = first.headers.get('DPoP-Nonce');
    await assertRefused(first, 'use_dpop_nonce');
    const overheard = await proofOf(session.keys, claimsFor(session, { nonce }));
    assert.equal((await profile(overheard)).status, 200);
    assert.equal((await profile(overheard)).status, 200);
    // With the right nonce it is the proof that is wrong.
    const stolen = await proofOf(await newKeys(), claimsFor(session, { nonce }));
    await assertRefused(await profile(stolen), 'invalid_dpop_proof');

    inside = impatient;
    let answer = await profile(overheard);
    while (answer.status === 200) answer = await profile(overheard);
    await assertRefused(answer, 'use_dpop_nonce');
    assert.notEqual(answer.headers.get('DPoP-Nonce'), nonce);
    inside = patient;
    assert.equal((await profile(overheard)).status, 200);
});

it('a client that is asked for a nonce sends it, once', async () => {
    const url = await startApiWith({ proof_nonce: 'on' });
    const { client, wire } = await watchedClient(url);
    await client.get('/profile');
    await client.get('/profile');
    await client.refresh();
    await client.get('/profile');
    assert.deepEqual(statusesOf(wire, '/bind'), [401, 200]);
    assert.deepEqual(statusesOf(wire, '/profile'), [401, 200, 200, 401, 200]);
    assert.deepEqual(statusesOf(wire, '/refresh'), [400, 200]);
    const refused = wire.answers.filter(({ status }) => status >= 400);
    assert.ok(refused.every(({ headers }) => /^[\w-]{54}$/.test(headers.get('DPoP-Nonce'))));
    await client.signOut();

    let asked = 0;
    const stubborn = new Client(url, {
        async fetch(to, options) {
            if (!to.endsWith('/bind')) return fetch(to, options);
            asked++;
            const headers = { 'WWW-Authenticate': 'DPoP error="use_dpop_nonce"', 'DPoP-Nonce': String(asked) };
            return new Response('{"error": "use_dpop_nonce"}', { status: 401, headers });
        },
    });
    await assert.rejects(stubborn.signIn(EMAIL, PASSWORD), { error: 'use_dpop_nonce' });
    assert.equal(asked, 2);
});

it('where no nonces are asked for, there are none', async () => {
    const { client, wire } = await watchedClient();
    await client.get('/profile');
    await client.refresh();
    assert.ok(wire.answers.every(({ headers }) => !headers.has('DPoP-Nonce')));
});

it('who has stolen both tokens, but no key, changes nothing and signs nobody out', async () => {
    const { client, wire } = await watchedClient();
    const spent = wire.refresh_token;
    await client.refresh();
    await client.get('/profile');
    const keys = await newKeys();
    const before = await storedRow(wire.token);
    const claims = { htm: 'POST', htu: `${api}/refresh` };
    const overheard = sentTo(wire, '/profile')[0].headers.DPoP;
    for (const stolen of [wire.refresh_token, spent]) {
        for (const proof of [undefined, 'x', await proofOf(keys, claims), overheard]) {
            const body = { refresh_token: stolen };
            await assertNotRefreshed(await ask('/refresh', { method: 'POST', proof, body }), 'invalid_dpop_proof');
        }
    }
    for (const [path, method] of [
        ['/profile', 'GET'],
        ['/sign-out', 'POST'],
        ['/bind', 'POST'],
    ]) {
        for (const proof of [undefined, await proofOf(keys, { htm: method, htu: api + path, ath: ath(wire.token) })]) {
            await assertRefused(await ask(path, { method, token: wire.token, proof }), 'invalid_dpop_proof');
        }
    }
    assert.deepEqual(await storedRow(wire.token), before);
    const { user_id: user, id } = await sessionOf(wire.token);
    const { rows } = await owner.query('SELECT kind FROM session_service.list_events($1) WHERE session_id = $2', [
        user,
        id,
    ]);
    assert.deepEqual(
        rows.map(({ kind }) => kind),
        ['session.proof_rejected', 'session.bound'],
    );
    await client.get('/profile');
    await client.refresh();
    await client.get('/profile');
});

it('the proof of a refresh that somebody overheard brings the pair that the client has already', async () => {
    const { client, wire } = await watchedClient();
    const stolen = wire.refresh_token;
    await client.refresh();
    const [{ headers }] = sentTo(wire, '/refresh');
    const answer = await ask('/refresh', { method: 'POST', proof: headers.DPoP, body: { refresh_token: stolen } });
    const { token, refresh_token: refreshToken } = await answer.json();
    assert.deepEqual([token, refreshToken], [wire.token, wire.refresh_token]);
    await assertRefused(await ask('/profile', { token }), 'invalid_dpop_proof');
    await client.get('/profile');
});

it('an answer to a refresh that got lost is asked for again, and is the same pair', async () => {
    for (const [settings, statuses] of [
        [{}, [200, 200]],
        [{ proof_nonce: 'on' }, [400, 200, 200]],
    ]) {
        const { client, wire } = await watchedClient(await startApiWith(settings));
        const spent = wire.refresh_token;
        wire.loses = '/refresh';
        await client.refresh();
        const bought = sentTo(wire, '/refresh');
        assert.ok(bought.every(({ body }) => JSON.parse(body).refresh_token === spent));
        assert.equal(new Set(bought.map(({ headers }) => headers.DPoP)).size, bought.length);
        assert.deepEqual(statusesOf(wire, '/refresh'), statuses);
        assert.equal((await storedRow(wire.token)).generation, 1);
        await client.get('/profile');
        assert.equal((await sessionOf(wire.token)).status, 'active');
    }
});

it('calls that find out at once that the token is over refresh once', async () => {
    const { client, wire } = await watchedClient();
    await expire(wire.token);
    const profiles = await Promise.all(Array.from({ length: 10 }, () => client.get('/profile')));
    assert.ok(profiles.every(({ name }) => name === 'Ada'));
    assert.equal(sentTo(wire, '/refresh').length, 1);
    assert.equal((await storedRow(wire.token)).generation, 1);
});

it('a request on its way during a refresh is answered', async () => {
    const session = await bound();
    const proof = await proofOf(session.keys, { htm: 'POST', htu: `${api}/refresh` });
    const body = { refresh_token: session.refresh_token };
    assert.equal((await ask('/refresh', { method: 'POST', proof, body })).status, 200);
    const late = await proofOf(session.keys, claimsFor(session));
    assert.equal((await ask('/profile', { token: session.token, proof: late })).status, 200);
    await assertRefused(await ask('/profile', { token: session.token }), 'invalid_dpop_proof');
});

it('who signs out is signed out, and so is who was signed out elsewhere', async () => {
    for (const end of [
        (client) => client.signOut(),
        async (client, wire) => one('SELECT session_service.revoke_session($1)', [await idOf(wire.token)]),
    ]) {
        const { client, wire } = await watchedClient();
        const { token, refresh_token: refreshToken } = wire;
        await end(client, wire);
        await assert.rejects(client.get('/profile'), SignedOut);
        assert.equal(client.isSignedIn, false);
        await assertRefused(await ask('/profile', { token }), 'invalid_token');
        const body = { refresh_token: refreshToken };
        await assertNotRefreshed(await ask('/refresh', { method: 'POST', body }), 'invalid_grant');
    }
});

it('a refresh token that is none is told so', async () => {
    for (const body of [undefined, {}, { refresh_token: 1 }, { refresh_token: 'x'.repeat(5000) }]) {
        await assertNotRefreshed(await ask('/refresh', { method: 'POST', body }), 'invalid_grant');
    }
});

it('a server that fails signs nobody out', async () => {
    const { client, wire } = await watchedClient();
    await owner.query("SELECT session_service.revoke_access('api_app', 'application')");
    try {
        await assert.rejects(client.get('/profile'), { status: 503 });
        await assert.rejects(client.refresh(), { status: 503, error: 'temporarily_unavailable' });
    } finally {
        await owner.query("SELECT session_service.grant_access('api_app', 'application')");
    }
    assert.ok(client.isSignedIn);
    await client.get('/profile');
    assert.equal((await sessionOf(wire.token)).status, 'active');
});

// A proxy that strips a prefix from paths, as one that ends TLS would.
async function proxyTo(inside, prefix) {
    const proxy = createServer((from, to) => {
        const { hostname, port } = new URL(inside());
        const path = from.url.slice(prefix.length);
        const onward = request({ hostname, port, path, method: from.method, headers: from.headers }, (answer) => {
            to.writeHead(answer.statusCode, answer.headers);
            answer.pipe(to);
        });
        from.pipe(onward);
    });
    servers.push(proxy);
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    return `http://127.0.0.1:${proxy.address().port}${prefix}`;
}

it('behind a proxy the outside address is what is proved', async () => {
    let inside;
    const outside = await proxyTo(() => inside, '/outside');
    inside = await startApi({ PUBLIC_URL: `${outside}/` });
    const { client } = await watchedClient(outside);
    assert.deepEqual(await client.get('/profile'), { name: 'Ada', email: EMAIL });
    const session = await bound({ url: outside });
    const fits = await proofOf(session.keys, claimsFor(session));
    assert.equal((await ask('/profile', { url: outside, token: session.token, proof: fits })).status, 200);
    const proof = await proofOf(session.keys, claimsFor(session, { htu: `${inside}/profile` }));
    await assertRefused(await ask('/profile', { url: outside, token: session.token, proof }), 'invalid_dpop_proof');
    // Nor does it matter what host the client says that it asks.
    await assertRefused(await ask('/profile', { url: inside, token: session.token, proof }), 'invalid_dpop_proof');
    await client.signOut();
});

it('what is no request of ours is refused', async () => {
    assert.equal((await ask('/nothing')).status, 404);
    assert.equal((await ask('/profile', { method: 'DELETE' })).status, 404);
    const headers = { 'Content-Type': 'application/json' };
    for (const body of ['{', '[]', '"x"', `{"email": "${'x'.repeat(20_000)}"}`]) {
        const { status } = await fetch(`${api}/sign-in`, { method: 'POST', headers, body });
        assert.ok([400, 401, 413].includes(status), `${status}`);
    }
});

it('the role of the API can do what the API does, and no more', async () => {
    const role = await one(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'api_app'",
    );
    assert.deepEqual(role, { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false });
    const pool = new pg.Pool({ user: 'api_app', max: 1 });
    for (const query of ['SELECT FROM session_service.sessions', 'SELECT session_service.list_sessions()']) {
        await assert.rejects(pool.query(query), { code: '42501' }, query);
    }
    await pool.end();
});

// Last, since it looks at all that was printed before.
it('no token and no proof is in the log', () => {
    assert.ok(printed.includes('GET /profile 200'));
    for (const line of printed) {
        assert.doesNotMatch(line, /eyJ|ss[tr]_|ada@|tea for/);
    }
});
