// The endpoint as a provider uses it, against a real server. The provider is the test itself: it has keys, publishes
// them, and signs what it likes.
//
// The PG… variables lead to the database as its owner; the endpoint runs as logout_app.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, randomUUID, webcrypto } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { exportJWK, exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import pg from 'pg';

// Node.js 18 does not have it under this name.
globalThis.crypto ??= webcrypto;

const owner = new pg.Pool({ user: process.env.PGUSER ?? userInfo().username, max: 2 });
const one = async (query, values) => (await owner.query(query, values)).rows[0];

process.env.PGUSER = 'logout_app';
const { forgetUsedTokens, pool, signIn } = await import('../sessions.js');

const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const CLIENT_ID = 's6BhdRkqt3';

// --- the provider

const key = await generateKeyPair('RS256', { extractable: true });
const stranger = await generateKeyPair('RS256');
const curve = await generateKeyPair('ES256');
const jwks = {
    keys: [
        { ...(await exportJWK(key.publicKey)), kid: 'rsa', use: 'sig' },
        { ...(await exportJWK(curve.publicKey)), kid: 'curve', use: 'sig' },
    ],
};
const provider = createServer((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify(jwks));
});
provider.listen(0, '127.0.0.1');
await once(provider, 'listening');
const ISSUER = `http://127.0.0.1:${provider.address().port}`;

const now = () => Math.floor(Date.now() / 1000);

// The claims of a logout token; of those that are changed to undefined there are none.
const claims = (changes) => ({
    iss: ISSUER,
    aud: CLIENT_ID,
    iat: now(),
    exp: now() + 120,
    jti: randomUUID(),
    events: { [EVENT]: {} },
    ...changes,
});

function sign(changes, { header, privateKey = key.privateKey, ...options } = {}) {
    return new SignJWT(claims(changes))
        .setProtectedHeader({ alg: 'RS256', kid: 'rsa', typ: 'logout+jwt', ...header })
        .sign(privateKey, options);
}

// --- the endpoint

const printed = [];
const endpoints = [];

async function startEndpoint(changes = {}) {
    const child = spawn(process.execPath, ['server.js'], {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, PORT: '0', ISSUER, CLIENT_ID, JWKS_URI: `${ISSUER}/jwks`, ...changes },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    endpoints.push(child);
    return new Promise((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
            createInterface(stream).on('line', (line) => {
                printed.push(line);
                const [, address] = line.match(/^Listening on (\S+)$/) ?? [];
                if (address) resolve(`${address}/backchannel-logout`);
            });
        }
        child.once('exit', () => reject(new Error(`the endpoint ended: ${printed.slice(-5).join('\n')}`)));
    });
}

after(async () => {
    for (const child of endpoints) {
        child.removeAllListeners('exit');
        const gone = once(child, 'exit');
        child.kill();
        assert.equal((await gone)[0], 0);
    }
    await Promise.all([owner.end(), pool.end()]);
    provider.close();
    provider.closeAllConnections();
});

const endpoint = await startEndpoint();

function post(token, url = endpoint) {
    return fetch(url, { method: 'POST', body: new URLSearchParams({ logout_token: token }) });
}

async function assertDone(answer, what) {
    assert.deepEqual(
        [answer.status, await answer.text(), answer.headers.get('cache-control')],
        [200, '', 'no-store'],
        what,
    );
}

async function assertRefused(answer, message = /./, error = 'invalid_request') {
    assert.equal(answer.status, 400);
    assert.equal(answer.headers.get('cache-control'), 'no-store');
    assert.match(answer.headers.get('content-type'), /^application\/json/);
    const told = await answer.json();
    assert.deepEqual(Object.keys(told), ['error', 'error_description']);
    assert.equal(told.error, error);
    assert.match(told.error_description, message);
    // What RFC 6749 allows in it.
    assert.match(told.error_description, /^[\x20\x21\x23-\x5b\x5d-\x7e]+$/);
}

// --- users and their sessions

// A user of the provider's, with sessions of the provider's of these names.
async function newUser(...sids) {
    const sub = randomUUID();
    const sessions = {};
    for (const sid of sids) {
        sessions[sid] = await signIn({ iss: ISSUER, sub, sid: sid && `${sid} of ${sub}`, amr: ['pwd', 'otp'] });
    }
    return { sub, sessions, sid: (name) => `${name} of ${sub}` };
}

// The names of the sessions that are active.
async function active({ sessions }) {
    const found = await Promise.all(
        Object.entries(sessions).map(async ([name, { token }]) => {
            const { rowCount } = await owner.query('SELECT FROM session_service.validate_session($1)', [token]);
            return rowCount ? name : null;
        }),
    );
    return found.filter((name) => name !== null);
}

// --- the tests

const it = (name, body) => test(`back-channel logout: ${name}`, body);

it("the end of a provider's session ends what came of it, and nothing else", async () => {
    const user = await newUser('laptop', 'phone');
    const other = await newUser('laptop');
    user.sessions.again = await signIn({ iss: ISSUER, sub: user.sub, sid: user.sid('laptop') });
    await assertDone(await post(await sign({ sid: user.sid('laptop') })));
    assert.deepEqual(await active(user), ['phone']);
    assert.deepEqual(await active(other), ['laptop']);
    const { revoke_reason: reason, amr } = await one('SELECT * FROM session_service.get_session($1)', [
        user.sessions.laptop.session_id,
    ]);
    assert.deepEqual([reason, amr], ['Signed out by the identity provider', ['pwd', 'otp']]);
    // With the user's name too it is still that session alone.
    const third = await newUser('laptop', 'phone');
    await assertDone(await post(await sign({ sid: third.sid('phone'), sub: third.sub })));
    assert.deepEqual(await active(third), ['laptop']);
});

it("the end of all of a user's sessions, named by sub alone, ends those that came without a sid too", async () => {
    const user = await newUser('laptop', 'phone', '');
    const other = await newUser('laptop');
    await assertDone(await post(await sign({ sub: user.sub })));
    assert.deepEqual(await active(user), []);
    assert.deepEqual(await active(other), ['laptop']);
});

it('a refresh token ends with its session', async () => {
    const user = await newUser('laptop');
    await assertDone(await post(await sign({ sid: user.sid('laptop') })));
    const { rowCount } = await owner.query('SELECT FROM session_service.refresh_session($1)', [
        user.sessions.laptop.refresh_token,
    ]);
    assert.equal(rowCount, 0);
});

it('sid and sub are those of their issuer', async () => {
    const user = await newUser('laptop');
    const elsewhere = 'https://other.example.com';
    const url = await startEndpoint({ ISSUER: elsewhere });
    await assertDone(await post(await sign({ iss: elsewhere, sid: user.sid('laptop') }), url));
    await assertDone(await post(await sign({ iss: elsewhere, sub: user.sub }), url));
    assert.deepEqual(await active(user), ['laptop']);
});

it('whom nobody knows is signed out already', async () => {
    await assertDone(await post(await sign({ sid: 'unknown' })));
    await assertDone(await post(await sign({ sub: 'unknown' })));
    const user = await newUser('laptop');
    await assertDone(await post(await sign({ sid: user.sid('laptop') })));
    await assertDone(await post(await sign({ sid: user.sid('laptop') })));
});

it('the forms that a token may have', async () => {
    const forms = {
        'without a type': [{}, { typ: undefined }],
        'a type of no use': [{}, { typ: 'JWT' }],
        'the type in full': [{}, { typ: 'application/logout+jwt' }],
        'without exp': [{ exp: undefined }],
        'two minutes old': [{ iat: now() - 120 }],
        'from a clock that is ahead': [{ iat: now() + 20 }],
        'ended by our clock, not by theirs': [{ exp: now() - 20 }],
        'aud as a list': [{ aud: [CLIENT_ID] }],
        'more events, and more in the event': [
            { events: { [EVENT]: { reason: 'x' }, 'https://example.com/event': 1 } },
        ],
        'more claims': [{ revoke_offline_access: true, toe: 1 }],
    };
    for (const [name, [changes, header]] of Object.entries(forms)) {
        const user = await newUser('laptop');
        await assertDone(await post(await sign({ sid: user.sid('laptop'), ...changes }, { header })), name);
        assert.deepEqual(await active(user), [], name);
    }
});

const base64 = (part) => Buffer.from(part).toString('base64url');

// Each with the user whose session it would end.
const malformed = {
    'signed by another key': [
        /signature verification failed/,
        (user) => sign(user, { privateKey: stranger.privateKey }),
    ],
    'signed by a key that the provider does not have': [
        /no applicable key/,
        (user) => sign(user, { header: { kid: 'x' }, privateKey: stranger.privateKey }),
    ],
    'signed by an algorithm that was not agreed on': [
        /alg/,
        (user) => sign(user, { header: { alg: 'ES256', kid: 'curve' }, privateKey: curve.privateKey }),
    ],
    'changed after it was signed': [
        /signature verification failed/,
        async (user) => {
            const [header, , signature] = (await sign({ sid: 'x' })).split('.');
            return [header, base64(JSON.stringify(claims(user))), signature].join('.');
        },
    ],
    'not signed': [/./, (user) => new UnsecuredJWT(claims(user)).encode()],
    'signed with the public key as a secret': [
        /alg/,
        async (user) => {
            const header = { alg: 'HS256', kid: 'rsa', typ: 'logout+jwt' };
            const signed = [header, claims(user)].map((part) => base64(JSON.stringify(part))).join('.');
            return `${signed}.${createHmac('sha256', await exportSPKI(key.publicKey))
                .update(signed)
                .digest('base64url')}`;
        },
    ],
    'of an extension that must be understood': [
        /not recognized/,
        (user) => sign(user, { header: { crit: ['"\nx'], '"\nx': 1 }, crit: { '"\nx': true } }),
    ],
    'of another type': [/typ/, (user) => sign(user, { header: { typ: 'at+jwt' } })],
    'of another issuer': [/iss/, (user) => sign({ ...user, iss: 'https://other.example.com' })],
    'of no issuer': [/iss/, (user) => sign({ ...user, iss: undefined })],
    'for another': [/aud/, (user) => sign({ ...user, aud: 'other' })],
    'for others too': [/aud/, (user) => sign({ ...user, aud: [CLIENT_ID, 'other'] })],
    'for nobody': [/aud/, (user) => sign({ ...user, aud: undefined })],
    'for an empty list': [/aud/, (user) => sign({ ...user, aud: [] })],
    'without iat': [/iat/, (user) => sign({ ...user, iat: undefined })],
    'with a text as iat': [/iat/, (user) => sign({ ...user, iat: String(now()) })],
    'too old': [/iat/, (user) => sign({ ...user, iat: now() - 200, exp: now() + 3600 })],
    'of the future': [/iat/, (user) => sign({ ...user, iat: now() + 200 })],
    'past its end': [/exp/, (user) => sign({ ...user, exp: now() - 60 })],
    'with a text as exp': [/exp/, (user) => sign({ ...user, exp: 'never' })],
    'without jti': [/jti/, (user) => sign({ ...user, jti: undefined })],
    'with an empty jti': [/jti/, (user) => sign({ ...user, jti: '' })],
    'with a number as jti': [/jti/, (user) => sign({ ...user, jti: 1 })],
    'with a jti without end': [/jti/, (user) => sign({ ...user, jti: 'x'.repeat(3000) })],
    'without events': [/events/, (user) => sign({ ...user, events: undefined })],
    'with no event': [/events/, (user) => sign({ ...user, events: {} })],
    'with another event': [/events/, (user) => sign({ ...user, events: { 'https://example.com/event': {} } })],
    'with a list of events': [/events/, (user) => sign({ ...user, events: [EVENT] })],
    'with a text as events': [/events/, (user) => sign({ ...user, events: EVENT })],
    'with null as the event': [/events/, (user) => sign({ ...user, events: { [EVENT]: null } })],
    'with a text as the event': [/events/, (user) => sign({ ...user, events: { [EVENT]: 'x' } })],
    'with a nonce, as an ID token has': [/nonce/, (user) => sign({ ...user, nonce: 'n-0S6_WzA2Mj' })],
    'with null as nonce': [/nonce/, (user) => sign({ ...user, nonce: null })],
    'of neither a session nor a user': [/neither/, () => sign({})],
    'with an empty sid': [/sid/, (user) => sign({ ...user, sid: '' })],
    'with a list of sids': [/sid/, (user) => sign({ ...user, sid: [user.sid] })],
    'with null as sub': [/sub/, (user) => sign({ ...user, sub: null })],
    'with a NUL in the sid': [/sid/, (user) => sign({ ...user, sid: `${user.sid}\0` })],
    'that is an access token': [
        /./,
        (user) => sign({ ...user, events: undefined, scope: 'openid' }, { header: { typ: 'at+jwt' } }),
    ],
    'that is an ID token': [
        /./,
        (user) => sign({ ...user, events: undefined, nonce: 'x' }, { header: { typ: 'JWT' } }),
    ],
    'that is encrypted': [/./, () => 'a.b.c.d.e'],
    'that is none': [/./, () => 'x'],
    'that is empty': [/./, () => ''],
    'that is no JSON': [/./, () => `${base64('{"alg":"RS256","kid":"rsa"}')}.${base64('{"a":')}.AAAA`],
};

for (const [name, [message, make]] of Object.entries(malformed)) {
    it(`a token ${name} is refused`, async () => {
        const user = await newUser('laptop');
        await assertRefused(await post(await make({ sid: user.sid('laptop'), sub: user.sub })), message);
        assert.deepEqual(await active(user), ['laptop']);
    });
}

it('a token is good once, also where it comes twice at the same time', async () => {
    const user = await newUser('laptop');
    const token = await sign({ sub: user.sub });
    const answers = await Promise.all([post(token), post(token), post(token)]);
    assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 400, 400]);
    // Not for a user who has signed in again meanwhile.
    user.sessions.later = await signIn({ iss: ISSUER, sub: user.sub });
    await assertRefused(await post(token), /used before/);
    assert.deepEqual(await active(user), ['later']);
});

it('what was refused or has failed is not used up', async () => {
    const user = await newUser('laptop');
    const jti = randomUUID();
    await assertRefused(await post(await sign({ sid: user.sid('laptop'), jti, aud: 'other' })));
    const token = await sign({ sid: user.sid('laptop'), jti });
    await owner.query("SELECT session_service.revoke_access('logout_app', 'application')");
    try {
        await assertRefused(await post(token), /failed/, 'server_error');
    } finally {
        await owner.query("SELECT session_service.grant_access('logout_app', 'application')");
    }
    assert.deepEqual(await active(user), ['laptop']);
    await assertDone(await post(token));
    assert.deepEqual(await active(user), []);
});

it('used tokens are remembered for as long as they could come again', async () => {
    const token = claims({ sid: 'x' });
    await assertDone(await post(await sign(token)));
    const { until } = await one('SELECT until FROM public.used_logout_tokens WHERE jti = $1', [token.jti]);
    assert.equal(until.getTime(), (token.iat + 150) * 1000);
    await owner.query("INSERT INTO public.used_logout_tokens VALUES ($1, 'past', now() - interval '1 second')", [
        ISSUER,
    ]);
    await forgetUsedTokens();
    const { rows } = await owner.query('SELECT jti FROM public.used_logout_tokens WHERE jti IN ($1, $2)', [
        'past',
        token.jti,
    ]);
    assert.deepEqual(rows, [{ jti: token.jti }]);
});

it('a provider that cannot be reached, or a database, is our failure, and nothing is signed out', async () => {
    const user = await newUser('laptop');
    for (const changes of [{ JWKS_URI: 'http://127.0.0.1:1/jwks' }, { PGUSER: 'nobody_of_this_name' }]) {
        const url = await startEndpoint(changes);
        await assertRefused(await post(await sign({ sid: user.sid('laptop') }), url), /failed/, 'server_error');
    }
    assert.deepEqual(await active(user), ['laptop']);
});

it('what is no logout request is refused', async () => {
    const user = await newUser('laptop');
    const token = await sign({ sid: user.sid('laptop') });
    const form = { 'Content-Type': 'application/x-www-form-urlencoded' };
    await assertRefused(await fetch(endpoint, { method: 'POST' }), /no logout_token/);
    await assertRefused(
        await fetch(endpoint, {
            method: 'POST',
            headers: { 'Content-Type': 'application/json' },
            body: JSON.stringify({ logout_token: token }),
        }),
    );
    await assertRefused(
        await fetch(endpoint, { method: 'POST', headers: form, body: `logout_token=${token}&logout_token=${token}` }),
    );
    await assertRefused(
        await fetch(endpoint, { method: 'POST', headers: form, body: `logout_token=${'x'.repeat(30_000)}` }),
    );
    await assertRefused(
        await fetch(endpoint, {
            method: 'POST',
            headers: { 'Content-Type': 'application/x-www-form-urlencoded; charset=x' },
            body: 'a=b',
        }),
    );
    const asked = await fetch(`${endpoint}?logout_token=${token}`);
    assert.deepEqual([asked.status, asked.headers.get('cache-control')], [404, 'no-store']);
    assert.deepEqual(await active(user), ['laptop']);
});

it('the role of the endpoint can do what the endpoint does, and no more', async () => {
    const role = await one(
        "SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'logout_app'",
    );
    assert.deepEqual(role, { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false });
    for (const query of [
        'SELECT FROM session_service.sessions',
        'SELECT session_service.list_sessions()',
        'UPDATE public.used_logout_tokens SET until = now()',
    ]) {
        await assert.rejects(pool.query(query), { code: '42501' }, query);
    }
});

// Last, since it looks at all that was printed before.
it('no token is in the log', () => {
    assert.ok(printed.some((line) => line === 'Signed out by the identity provider: sessions ended: 2'));
    for (const line of printed) {
        assert.doesNotMatch(line, /eyJ|ss[tr]_|s6Bhd|^x is not/);
    }
});
