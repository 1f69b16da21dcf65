// Sessions that are bound to a key of the browser's, with a browser that follows the draft to the letter, with thieves,
// and with Debian's Chromium.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { chromium } from 'playwright-core';

import {
    ageSignIn,
    application,
    CHROMIUM,
    isWaiting,
    newUser,
    one,
    owner,
    PASSWORD,
    printed,
    sessionsOf,
    shown,
    Skip,
    test,
    until,
    withSettings,
} from './application.js';
import { Browser, ELSEWHERE, Key, loseAnswer, ORIGIN } from './dbsc_browser.js';

const SESSION = '__Host-session';
const REFRESH = '__Secure-refresh';

// --- browsers

function openBrowser({ url = application.url, ...options } = {}) {
    const browser = new Browser(url, options);
    browser.onAnswer = (answer) => shown.push(answer.headers.location ?? '', answer.text);
    return browser;
}

async function signIn(browser, user) {
    const answer = await browser.open('/sign-in', { form: { email: user.email, password: PASSWORD } });
    await browser.settled();
    return answer;
}

// Somebody who is signed in with a browser that has bound the session to its key.
async function bound(options) {
    const user = await newUser();
    const browser = openBrowser(options);
    await signIn(browser, user);
    const [session] = await sessionsOf(user);
    assert.deepEqual([session.binding, [...browser.sessions.keys()]], ['refresh', [session.id]]);
    browser.log.length = 0;
    return { user, browser, id: session.id, session: browser.sessions.get(session.id) };
}

// A browser of a thief's, with everything of the other one's but the key.
async function thiefOf(browser, options) {
    const thief = openBrowser({ address: '192.0.2.66', ...options });
    await thief.copyCookies(browser);
    return thief;
}

const title = ({ text }) => text.match(/<h1>(.*)<\/h1>/)?.[1];

async function assertIn(browser, path = '/devices') {
    assert.equal(title(await browser.open(path)), 'Your devices');
}

async function assertSignedOut(browser, why) {
    const answer = await browser.open('/devices');
    assert.equal(answer.url.pathname, '/sign-in');
    assert.match(answer.text.match(/class="notice.*>(.*)<\/p>/)?.[1] ?? '', why);
    assert.deepEqual([await browser.cookie(SESSION), await browser.cookie(REFRESH)], [undefined, undefined]);
}

const statusOf = async ({ user }) => (await sessionsOf(user)).map(({ status }) => status).join();

const pairOf = async (browser) => [(await browser.cookie(SESSION)).value, (await browser.cookie(REFRESH)).value];

function eventsOf({ user }, kind) {
    return owner
        .query('SELECT kind FROM session_service.list_events($1, max_rows => 1000) WHERE kind = $2', [user.id, kind])
        .then(({ rowCount }) => rowCount);
}

// As if the session token had expired a moment ago.
function expire({ id }) {
    return owner.query(
        `UPDATE session_service.sessions SET expires_at = clock_timestamp() - interval '1 second' WHERE id = $1`,
        [id],
    );
}

// A request to the application that no browser makes.
function post(path, { cookies = {}, headers = {}, url = application.url } = {}) {
    return fetch(url + path, {
        method: 'POST',
        redirect: 'manual',
        headers: {
            'X-Forwarded-Proto': 'https',
            'X-Forwarded-Host': new URL(ORIGIN).host,
            Cookie: Object.entries(cookies)
                .map(([name, value]) => `${name}=${value}`)
                .join('; '),
            ...headers,
        },
    });
}

// As the browser that has this refresh token asks for a new pair, with a proof or without.
function renew(id, refreshToken, proof, url) {
    const headers = {
        'Sec-Secure-Session-Id': `"${id}"`,
        ...(proof ? { 'Secure-Session-Response': `"${proof}"` } : {}),
    };
    return post('/renew', { cookies: { [REFRESH]: refreshToken }, headers, url });
}

function unsigned(challenge) {
    const parts = [{ alg: 'none', typ: 'dbsc+jwt' }, { jti: challenge }].map((part) => JSON.stringify(part));
    return `${parts.map((part) => Buffer.from(part).toString('base64url')).join('.')}.`;
}

const challengeIn = (answer) =>
    answer.headers.get('secure-session-challenge').match(/^"([\w-]+)";id="[0-9a-f-]{36}"$/)[1];
const setIn = (answer, name) => answer.headers.get('set-cookie')?.match(new RegExp(`${name}=([^;]*)`))?.[1];

// --- registration

for (const [alg, quoted] of [
    ['ES256', true],
    ['ES256', false],
    ['RS256', true],
]) {
    const strings = quoted ? 'as in the draft' : 'as Chromium has them';
    test(`a session is bound to a key at the sign-in: ${alg}, strings ${strings}`, async () => {
        const user = await newUser();
        const browser = openBrowser({ alg, quoted });
        await signIn(browser, user);
        assert.ok(browser.log.includes('POST /bind 200'));
        const [session] = await sessionsOf(user);
        const own = browser.sessions.get(session.id);
        assert.deepEqual([session.binding, session.key_thumbprint], ['refresh', own.key.thumbprint]);
        assert.equal(await eventsOf({ user }, 'session.bound'), 1);

        assert.equal(own.refreshUrl.pathname, '/renew');
        assert.deepEqual(own.json.credentials, [
            { type: 'cookie', name: SESSION, attributes: 'Path=/; HttpOnly; Secure; SameSite=Lax' },
        ]);
        // Ten minutes, and the cookie goes a little before its token.
        const life = (time) => (time - Date.now()) / 1000;
        assert.ok(life(session.expires_at) > 560 && life(session.expires_at) <= 600);
        const early = (session.expires_at - new Date((await browser.cookie(SESSION)).expires)) / 1000;
        assert.ok(early > 15 && early < 30, String(early));
        assert.equal((await browser.cookie(REFRESH)).path, '/renew');

        await browser.drop(SESSION);
        await assertIn(browser);
        assert.equal((await sessionsOf(user))[0].binding, 'refresh');
    });
}

test('a registration that is sent again is answered again, and another key is not taken', async () => {
    const { user, browser, session } = await bound();
    const [token] = await pairOf(browser);
    const again = await post('/bind', {
        cookies: { [SESSION]: token },
        headers: { 'Secure-Session-Response': `"${browser.registrationProof}"` },
    });
    assert.deepEqual([again.status, await again.json()], [200, session.json]);
    const { jti } = JSON.parse(Buffer.from(browser.registrationProof.split('.')[1], 'base64url'));
    const other = new Key();
    for (const proof of [
        other.makeProof(jti, { jwk: other.jwk }),
        session.key.makeProof('made up', { jwk: session.key.jwk }),
        'x',
        undefined,
    ]) {
        const answer = await post('/bind', {
            cookies: { [SESSION]: token },
            headers: proof ? { 'Secure-Session-Response': proof } : {},
        });
        assert.deepEqual([answer.status, answer.headers.get('set-cookie')], [403, null]);
    }
    assert.equal((await sessionsOf(user))[0].key_thumbprint, session.key.thumbprint);
});

test('a browser without DBSC is served as before', async () => {
    const user = await newUser();
    const browser = openBrowser({ knowsDbsc: false });
    const answer = await signIn(browser, user);
    assert.equal(title(answer), 'Your devices');
    assert.doesNotMatch(answer.text, /[Ll]ocked/);
    await browser.drop(SESSION);
    browser.log.length = 0;
    await assertIn(browser);
    assert.deepEqual(browser.log, ['GET /devices 307', 'GET /renew/devices 307', 'GET /devices 200']);
    const [session] = await sessionsOf(user);
    assert.deepEqual([session.binding, session.status], ['none', 'active']);
    assert.ok(session.expires_at - Date.now() > 14 * 60_000);
});

// --- renewal

test('without the cookie, a request waits until the browser has proved that it has the key', async () => {
    const someone = await bound();
    const { browser, session } = someone;
    const before = await pairOf(browser);
    await browser.drop(SESSION);
    await assertIn(browser);
    assert.deepEqual(browser.log, ['POST /renew 403', 'POST /renew 200', 'GET /devices 200']);
    const after = await pairOf(browser);
    assert.ok(before.every((token, i) => token !== after[i]));
    // The registration's and this one.
    assert.equal(session.key.signatures, 2);

    // A challenge serves once. The next renewal begins with it, and is given another.
    await browser.drop(SESSION);
    await browser.open('/notices/seen', { form: { until: '0' } });
    assert.deepEqual(browser.log.slice(3), [
        'POST /renew 403',
        'POST /renew 200',
        'POST /notices/seen 303',
        'GET /devices 200',
    ]);
    assert.equal(session.key.signatures, 3);
    assert.equal(await statusOf(someone), 'active');
    assert.equal(await eventsOf(someone, 'session.proof_rejected'), 0);
});

test('what needs no session waits for no renewal', async () => {
    const { browser } = await bound();
    await browser.drop(SESSION);
    for (const path of ['/style.css', '/icon.svg']) await browser.open(path);
    assert.deepEqual(browser.log, ['GET /style.css 200', 'GET /icon.svg 200']);
    await browser.open('/sign-in');
    assert.deepEqual(browser.log.slice(2), [
        'POST /renew 403',
        'POST /renew 200',
        'GET /sign-in 303',
        'GET /devices 200',
    ]);
});

test('the browser itself drops the cookie before the token expires', async () => {
    await withSettings({ bound_session_expiry: '2s' }, async (url) => {
        const someone = await bound({ url });
        const { browser } = someone;
        for (let i = 0; i < 2; ++i) {
            await until(
                'the cookie expires',
                async () => !(await browser.cookies()).some(({ key }) => key === SESSION),
            );
            await assertIn(browser);
        }
        assert.ok(!browser.log.some((line) => /GET \/renew/.test(line)), String(browser.log));
        assert.equal(await statusOf(someone), 'active');
    });
});

test('an answer that got lost: the same proof again brings the same pair', async () => {
    const { browser, session } = await bound();
    await browser.drop(SESSION);
    const pairs = [];
    const { onAnswer } = browser;
    browser.onAnswer = (answer) => {
        const set = answer
            .all('set-cookie')
            .filter((line) => /session|refresh/.test(line))
            .map((line) => line.split(';')[0]);
        if (set.length) pairs.push(set.join());
        if (answer.url.pathname === '/renew' && answer.status === 200 && pairs.length < 3) loseAnswer();
    };
    for (let i = 0; i < 2; ++i) assert.equal(await browser.refresh(), 'unreachable');
    browser.onAnswer = onAnswer;
    await assertIn(browser);
    assert.equal(pairs.length, 2);
    assert.equal(pairs[0], pairs[1]);
    assert.equal(`${SESSION}=${(await pairOf(browser)).join(`,${REFRESH}=`)}`, pairs[0]);
    assert.equal(session.key.signatures, 2);
});

test('an answer that got lost, asked for again after the grace: a new challenge, and no reuse', async () => {
    await withSettings({ refresh_grace: '0' }, async (url) => {
        const someone = await bound({ url });
        const { browser, session } = someone;
        await browser.drop(SESSION);
        const { onAnswer } = browser;
        browser.onAnswer = ({ status }) => status === 200 && loseAnswer();
        assert.equal(await browser.refresh(), 'unreachable');
        browser.onAnswer = onAnswer;
        await assertIn(browser);
        assert.deepEqual(browser.log, [
            'POST /renew 403',
            'POST /renew 200',
            'POST /renew 403',
            'POST /renew 200',
            'GET /devices 200',
        ]);
        assert.equal(await statusOf(someone), 'active');
        assert.equal(await eventsOf(someone, 'session.reuse_detected'), 0);
    });
});

test('two tabs renew at once with proofs of their own: one pair', async () => {
    const someone = await bound();
    const { user, browser, id, session } = someone;
    const [, token] = await pairOf(browser);
    const challenges = await Promise.all([1, 2].map(async () => challengeIn(await renew(id, token))));
    const proofs = challenges.map((challenge) => session.key.makeProof(challenge));
    assert.notEqual(proofs[0], proofs[1]);
    const holder = await owner.connect();
    let answers;
    try {
        await holder.query('BEGIN');
        await holder.query('SELECT FROM session_service.sessions WHERE user_id = $1 FOR UPDATE', [user.id]);
        answers = proofs.map((proof) => renew(id, token, proof));
        await until('two renewals wait', isWaiting(2));
        await holder.query('COMMIT');
        answers = await Promise.all(answers);
    } finally {
        holder.release(true);
    }
    assert.deepEqual(
        answers.map(({ status }) => status),
        [200, 200],
    );
    for (const name of [SESSION, REFRESH]) assert.equal(setIn(answers[0], name), setIn(answers[1], name));
    assert.equal(await statusOf(someone), 'active');
});

test('requests that were on their way when the session was renewed are served', async () => {
    const { browser } = await bound();
    const [before] = await pairOf(browser);
    assert.equal(await browser.refresh(), 'refreshed');
    const [after] = await pairOf(browser);
    assert.notEqual(after, before);
    const late = await fetch(`${application.url}/devices`, {
        headers: { 'X-Forwarded-Proto': 'https', Cookie: `${SESSION}=${before}` },
        redirect: 'manual',
    });
    assert.equal(late.status, 200);
});

test('without the overlap a late request comes back with the new cookie', async () => {
    await withSettings({ token_overlap: '0' }, async (url) => {
        const { browser } = await bound({ url });
        const [before] = await pairOf(browser);
        await browser.refresh();
        const [now] = await pairOf(browser);
        const headers = { 'X-Forwarded-Proto': 'https', Cookie: `${SESSION}=${before}` };
        const late = await fetch(`${url}/devices`, { headers, redirect: 'manual' });
        assert.deepEqual([late.status, late.headers.get('location')], [307, '/renew/devices']);
        // There the browser sends what it has by then, which stays.
        browser.log.length = 0;
        await assertIn(browser, '/renew/devices');
        assert.deepEqual(browser.log, ['GET /renew/devices 307', 'GET /devices 200']);
        assert.equal((await pairOf(browser))[0], now);
    });
});

test('a token that is dead before its cookie: the cookie is taken away, and the browser renews', async () => {
    const someone = await bound();
    await expire(someone);
    await assertIn(someone.browser, '/devices?done=name');
    assert.deepEqual(someone.browser.log, [
        'GET /devices 307',
        'GET /renew/devices 307',
        'POST /renew 403',
        'POST /renew 200',
        'GET /devices 200',
    ]);
});

test('a link on another site, for which a browser does not renew, leads to the page all the same', async () => {
    const { browser } = await bound();
    await browser.drop(SESSION);
    const answer = await browser.open('/devices?done=name', { initiator: ELSEWHERE });
    assert.equal(title(answer), 'Your devices');
    assert.equal(answer.url.search, '?done=name');
    assert.deepEqual(browser.log, [
        'GET /devices 307',
        'GET /renew/devices 403',
        'POST /renew 403',
        'POST /renew 200',
        'GET /devices 200',
    ]);
});

test('a browser that does not renew just now is told to try again, and keeps what it has', async () => {
    const someone = await bound();
    const { browser } = someone;
    await browser.drop(SESSION);
    browser.knowsDbsc = false;
    for (const initiator of [ORIGIN, null, ELSEWHERE]) {
        const answer = await browser.open('/devices?done=name', { initiator });
        assert.deepEqual([answer.status, title(answer)], [403, 'Your browser has to confirm']);
        assert.match(answer.text, /href="\/devices\?done=name"/);
    }
    assert.ok(browser.log.length < 10, String(browser.log));
    const form = await browser.open('/notices/seen', { form: { until: '0' } });
    assert.match(form.text, /href="\/devices"/);
    browser.knowsDbsc = true;
    await assertIn(browser);
    assert.equal(await statusOf(someone), 'active');
    // Nor is it taken for a thief.
    assert.equal(await eventsOf(someone, 'session.proof_rejected'), 0);
});

test('an error of the database keeps the session', async () => {
    const { browser } = await bound();
    for (const name of [
        'token_session_id(text)',
        'session_challenge(text)',
        'refresh_session(text, inet, text, text, text, text)',
    ]) {
        await browser.drop(SESSION);
        await owner.query(`REVOKE EXECUTE ON FUNCTION session_service.${name} FROM web_app`);
        try {
            assert.equal(await browser.refresh(), 'server_error', name);
        } finally {
            await owner.query(`GRANT EXECUTE ON FUNCTION session_service.${name} TO web_app`);
        }
        await assertIn(browser);
    }
    await owner.query('REVOKE EXECUTE ON FUNCTION session_service.bind_session(text, text, text, text) FROM web_app');
    try {
        const answer = await post('/bind', {
            cookies: { [SESSION]: 'x' },
            headers: { 'Secure-Session-Response': 'x' },
        });
        assert.equal(answer.status, 503);
    } finally {
        await owner.query('GRANT EXECUTE ON FUNCTION session_service.bind_session(text, text, text, text) TO web_app');
    }
    const failures = printed.filter((line) => /SQLSTATE|Error/.test(line));
    assert.deepEqual(failures, Array(4).fill('SQLSTATE 42501 (aclcheck_error)'));
    // Nothing for those who look for others.
    for (const line of failures) printed.splice(printed.indexOf(line), 1);
});

// --- thieves

test('whoever has all cookies but not the key is out within ten minutes, and signs nobody out', async () => {
    const someone = await bound();
    const { user, browser, id, session } = someone;
    const spent = await pairOf(browser);
    await browser.refresh();
    const thief = await thiefOf(browser, { knowsDbsc: false });
    // So long as the token lives, whoever has it is the user.
    await assertIn(thief);

    await expire(someone);
    const stolen = await pairOf(browser);
    const answer = await thief.open('/devices');
    assert.deepEqual([answer.status, title(answer)], [403, 'Your browser has to confirm']);
    const other = new Key();
    for (const token of [stolen[1], spent[1]]) {
        const challenge = challengeIn(await renew(id, token));
        for (const proof of [
            other.makeProof(challenge),
            other.makeProof(challenge, { jwk: other.jwk }),
            other.makeProof(challenge, { jwk: session.key.jwk }),
            session.key.makeProof('an older challenge'),
            session.key.proof(challenge).replace(/[^.]*$/, ''),
            unsigned(challenge),
        ]) {
            const refused = await renew(id, token, proof);
            assert.deepEqual([refused.status, refused.headers.get('set-cookie')], [403, null]);
            challengeIn(refused);
        }
        // Nor by the forms that end a session.
        for (const path of ['/sign-out', '/sign-in', '/renew/sign-out']) {
            await post(path, { cookies: { [SESSION]: token, [REFRESH]: token }, headers: { Origin: ORIGIN } });
        }
    }
    const elsewhere = await newUser();
    const tricked = openBrowser();
    for (const token of [stolen[1], spent[1]]) {
        await tricked.setCookie(`${SESSION}=${token}; Path=/; Secure; HttpOnly; Max-Age=60`);
        await signIn(tricked, elsewhere);
    }

    assert.equal(await eventsOf(someone, 'session.reuse_detected'), 0);
    // At most one in a minute.
    assert.ok([1, 2].includes(await eventsOf(someone, 'session.proof_rejected')));
    assert.deepEqual(
        (await sessionsOf(user)).map(({ revoked_at: at }) => at),
        [null],
    );
    await browser.drop(SESSION);
    await assertIn(browser);
});

test('a proof that was seen on its way is good for nothing once it was used', async () => {
    await withSettings({ refresh_grace: '0' }, async (url) => {
        const { browser, id, session } = await bound({ url });
        const [, token] = await pairOf(browser);
        await browser.refresh();
        const replayed = await renew(id, token, session.key.proof(session.challenge), url);
        assert.deepEqual([replayed.status, replayed.headers.get('set-cookie')], [403, null]);
        const other = await bound({ url });
        const [, theirs] = await pairOf(other.browser);
        const challenge = challengeIn(await renew(other.id, theirs, undefined, url));
        assert.equal((await renew(other.id, theirs, session.key.makeProof(challenge), url)).status, 403);
    });
});

// Malware that sees the sign-in has the session: the key is then the thief's. The owner learns of it within ten
// minutes, and with the next sign-in on this browser the thief is out.
test('a thief who registers first has the session until its owner signs in again', async () => {
    const user = await newUser();
    const browser = openBrowser();
    const thief = openBrowser({ address: '192.0.2.66' });
    browser.onAnswer = async (answer) => {
        if (!answer.headers['secure-session-registration']) return;
        browser.onAnswer = () => {};
        for (const line of answer.all('set-cookie')) await thief.setCookie(line);
        const [, challenge] = answer.headers['secure-session-registration'].match(/challenge="([^"]+)"/);
        const key = new Key();
        const headers = { 'Secure-Session-Response': key.makeProof(challenge, { jwk: key.jwk }) };
        const [token] = await pairOf(thief);
        assert.equal((await post('/bind', { cookies: { [SESSION]: token }, headers })).status, 200);
    };
    await signIn(browser, user);
    assert.ok(browser.log.includes('POST /bind 403'));
    assert.equal(browser.sessions.size, 0);
    const [session] = await sessionsOf(user);
    await assertIn(browser);
    await expire(session);
    await browser.drop(SESSION);
    const told = await browser.open('/devices');
    assert.equal(title(told), 'Your browser has to confirm');
    assert.match(told.text, /href="\/sign-in"/);

    await signIn(browser, user);
    const sessions = await sessionsOf(user);
    assert.deepEqual(
        sessions.map(({ status, binding }) => [status, binding]),
        [
            ['revoked', 'refresh'],
            ['active', 'refresh'],
        ],
    );
    await browser.drop(SESSION);
    await assertIn(browser);
});

// --- the end

test('signing out ends the session of the browser as well', async () => {
    const someone = await bound();
    const { browser, id } = someone;
    const stolen = await thiefOf(browser);
    stolen.sessions = new Map(browser.sessions);
    const answer = await browser.open('/sign-out', { form: {} });
    assert.match(answer.text, /You are signed out/);
    assert.deepEqual([browser.sessions.size, browser.log.at(-2)], [0, 'POST /renew 200']);
    assert.equal(await statusOf(someone), 'revoked');
    // Also with the key, and with the cookies of before.
    const [, token] = await pairOf(stolen);
    const ended = await renew(id, token);
    assert.deepEqual([ended.status, await ended.json()], [200, { session_identifier: id, continue: false }]);
    assert.deepEqual([setIn(ended, SESSION), setIn(ended, REFRESH)], ['', '']);
});

for (const [how, end, why] of [
    [
        'signed out elsewhere',
        ({ id }) => owner.query('SELECT session_service.revoke_session($1)', [id]),
        /from another device/,
    ],
    [
        'ended by an administrator',
        ({ user }) => owner.query('SELECT session_service.disable_user($1)', [user.id]),
        /An administrator/,
    ],
    [
        'not used for too long',
        ({ id }) =>
            owner.query(
                `UPDATE session_service.sessions SET idle_expires_at = now() - interval '1 second' WHERE id = $1`,
                [id],
            ),
        /not been here for a while/,
    ],
]) {
    test(`a browser whose session was ${how} is told so, with its cookie and without`, async () => {
        for (const hasCookie of [true, false]) {
            const someone = await bound();
            await end(someone);
            if (!hasCookie) await someone.browser.drop(SESSION);
            await assertSignedOut(someone.browser, why);
            assert.equal(someone.browser.sessions.size, 0);
        }
    });
}

test('another sign-in with the same browser: the session of before ends there, the new one stays', async () => {
    const { user, browser } = await bound();
    await signIn(browser, user);
    assert.equal(browser.sessions.size, 2);
    const sessions = await sessionsOf(user);
    assert.deepEqual(
        sessions.map(({ status }) => status),
        ['revoked', 'active'],
    );
    await browser.drop(SESSION);
    browser.log.length = 0;
    await assertIn(browser);
    assert.deepEqual(browser.log, ['POST /renew 200', 'POST /renew 403', 'POST /renew 200', 'GET /devices 200']);
    assert.deepEqual([...browser.sessions.keys()], [sessions[1].id]);
    assert.equal((await sessionsOf(user))[1].status, 'active');
});

test('without the refresh token the session of the browser ends, and it may sign in', async () => {
    const { browser } = await bound();
    await browser.drop(SESSION);
    await browser.drop(REFRESH);
    const answer = await browser.open('/devices');
    assert.deepEqual([answer.url.pathname, browser.sessions.size], ['/sign-in', 0]);
});

// --- the password again

test('the password again leaves the session bound to its key, and binds one that was not', async () => {
    const someone = await bound();
    const { user, browser } = someone;
    await ageSignIn(user, 11);
    const [session] = await sessionsOf(user);
    const trust = `/devices/${session.device_id}/trust`;
    const confirmed = await browser.open(trust, { form: { password: PASSWORD } });
    assert.match(confirmed.text, /The device is trusted/);
    assert.equal(browser.registrations.length, 0);
    const [after] = await sessionsOf(user);
    assert.deepEqual([after.binding, after.key_thumbprint], ['refresh', session.key_thumbprint]);
    assert.ok(after.expires_at - Date.now() <= 600_000);
    await browser.drop(SESSION);
    await assertIn(browser);

    const stranger = await newUser();
    const late = openBrowser({ knowsDbsc: false });
    await signIn(late, stranger);
    await ageSignIn(stranger, 11);
    late.knowsDbsc = true;
    const [theirs] = await sessionsOf(stranger);
    await late.open(`/devices/${theirs.device_id}/trust`, { form: { password: PASSWORD } });
    await late.settled();
    assert.deepEqual([...late.sessions.keys()], [theirs.id]);
    assert.equal((await sessionsOf(stranger))[0].binding, 'refresh');
});

test('a renewal that meets the password given in another tab is tried again with the new cookies', async () => {
    const { user, browser, id } = await bound();
    await ageSignIn(user, 11);
    const [, before] = await pairOf(browser);
    const [{ device_id: device }] = await sessionsOf(user);
    await browser.open(`/devices/${device}/trust`, { form: { password: PASSWORD } });
    const answer = await renew(id, before);
    assert.deepEqual([answer.status, answer.headers.get('set-cookie')], [503, null]);
    assert.equal(await browser.refresh(), 'refreshed');
    await assertIn(browser);
});

test('a browser that takes a session for bound that is not, loses nothing but that', async () => {
    const user = await newUser();
    const browser = openBrowser({ knowsDbsc: false });
    await signIn(browser, user);
    const [{ id }] = await sessionsOf(user);
    const [, token] = await pairOf(browser);
    const answer = await renew(id, token);
    assert.deepEqual(
        [answer.status, (await answer.json()).continue, answer.headers.get('set-cookie')],
        [200, false, null],
    );
    await browser.drop(SESSION);
    await assertIn(browser);
});

// --- anything

test('whatever is sent to the two endpoints, the answer is one that browsers know', async () => {
    const { browser, id } = await bound();
    const [token, refresh] = await pairOf(browser);
    const odd = [
        '""',
        '"',
        '()',
        'a b',
        '"\\"',
        '"a',
        '1',
        '?1',
        ':YQ==:',
        '\u00ff\u00fe',
        'x'.repeat(7000),
        '"x";a',
        'a.b.c',
        '"..", "a"',
        `"${id}"`,
        id.toUpperCase(),
    ];
    for (const text of odd) {
        const headers = { 'Secure-Session-Response': text };
        assert.equal((await post('/bind', { cookies: { [SESSION]: token }, headers })).status, 403, text);
        for (const [name, cookie] of [
            [REFRESH, refresh],
            [REFRESH, token],
            [REFRESH, text.slice(0, 100)],
            [SESSION, token],
        ]) {
            for (const session of [id, `"${id}"`, '"x"', '"00000000-0000-0000-0000-000000000000"']) {
                const answer = await post('/renew', {
                    cookies: { [name]: encodeURI(cookie) },
                    headers: { ...headers, 'Sec-Secure-Session-Id': session },
                });
                assert.ok([200, 403, 503].includes(answer.status), `${answer.status} for ${session} ${text}`);
                if (answer.status === 403) challengeIn(answer);
                if (answer.status === 200) assert.equal((await answer.json()).continue, false);
            }
        }
        // No string: no browser's. Then it is a form without an Origin.
        const answer = await post('/renew', {
            cookies: { [REFRESH]: refresh },
            headers: { 'Sec-Secure-Session-Id': text },
        });
        assert.ok([200, 403].includes(answer.status), `${answer.status} for ${text}`);
    }
    await assertIn(browser);
    assert.deepEqual(
        printed.filter((line) => /SQLSTATE|Error/.test(line)),
        [],
    );
});

test('the page of devices tells which sessions are locked to their device', async () => {
    const { user, browser } = await bound();
    await signIn(openBrowser({ knowsDbsc: false }), user);
    const { text } = await browser.open('/devices');
    const cards = text.split('data-device').slice(1);
    assert.equal(cards.length, 2);
    assert.match(cards[0], /This device.*>Locked to the device<.*Signed in .*, locked to the device/s);
    assert.doesNotMatch(cards[1].split('</ul>')[0], /[Ll]ocked/);
    assert.match(text, /only this browser on this device can stay signed in/);
});

// --- Debian's Chromium, with keys in software instead of a TPM

// The application behind TLS, which Chromium asks for here, with a certificate that it is told to accept.
async function withTls(body) {
    const directory = mkdtempSync(join(tmpdir(), 'session_service_web_'));
    const file = (name) => join(directory, name);
    try {
        execFileSync(
            'openssl',
            [
                'req',
                '-x509',
                '-newkey',
                'ec',
                '-pkeyopt',
                'ec_paramgen_curve:P-256',
                '-nodes',
                '-days',
                '1',
                '-subj',
                '/CN=localhost',
                '-addext',
                'subjectAltName=DNS:localhost',
                '-keyout',
                file('key'),
                '-out',
                file('cert'),
            ],
            { stdio: 'ignore' },
        );
        const cert = readFileSync(file('cert'));
        const proxy = createServer({ key: readFileSync(file('key')), cert }, (from, to) => {
            const headers = {
                ...from.headers,
                'x-forwarded-proto': 'https',
                'x-forwarded-host': from.headers.host,
                'x-forwarded-for': '203.0.113.7',
            };
            const onward = request(application.url + from.url, { method: from.method, headers }, (answer) => {
                asked.push(`${from.method} ${from.url} ${answer.statusCode}`);
                to.writeHead(answer.statusCode, answer.rawHeaders);
                answer.pipe(to);
            });
            from.pipe(onward);
        });
        const asked = [];
        proxy.listen(0, '127.0.0.1');
        await once(proxy, 'listening');
        const publicKey = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
        const spki = createHash('sha256').update(publicKey).digest('base64');
        try {
            await body({ url: `https://localhost:${proxy.address().port}`, asked, spki, profile: file('profile') });
        } finally {
            proxy.close();
            proxy.closeAllConnections();
        }
    } finally {
        rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    }
}

test('Chromium binds its session to a key, and renews it', async () => {
    await withTls(async ({ url, asked, spki, profile }) => {
        const context = await chromium.launchPersistentContext(profile, {
            ...CHROMIUM,
            baseURL: url,
            args: [
                ...CHROMIUM.args,
                '--enable-features=DeviceBoundSessions,EnableBoundSessionCredentialsSoftwareKeysForManualTesting',
                `--ignore-certificate-errors-spki-list=${spki}`,
            ],
        });
        try {
            const page = await context.newPage();
            const tools = await context.newCDPSession(page);
            const known = await tools.send('Network.enableDeviceBoundSessions', { enable: true }).then(
                () => true,
                () => false,
            );
            if (!known) throw new Skip(`Chromium ${context.browser()?.version() ?? ''} does not know DBSC`);
            const user = await newUser();
            await page.goto('/sign-in');
            await page.getByLabel('Email address').fill(user.email);
            await page.getByLabel('Password').fill(PASSWORD);
            await page.getByRole('button', { name: 'Sign in' }).click();
            await until('Chromium has registered', () => asked.includes('POST /bind 200'));
            const [session] = await sessionsOf(user);
            assert.equal(session.binding, 'refresh');
            const cookie = async () => (await context.cookies()).find(({ name }) => name === SESSION)?.value;
            const before = await cookie();

            asked.length = 0;
            await context.clearCookies({ name: SESSION });
            await page.goto('/devices');
            assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Your devices');
            assert.match(await page.locator('.current').textContent(), /Locked to the device/);
            assert.deepEqual(asked.slice(0, 3), ['POST /renew 403', 'POST /renew 200', 'GET /devices 200']);
            assert.notEqual(await cookie(), before);

            await expire(session);
            asked.length = 0;
            await page.goto('/devices');
            assert.deepEqual(asked.slice(0, 5), [
                'GET /devices 307',
                'GET /renew/devices 307',
                'POST /renew 403',
                'POST /renew 200',
                'GET /devices 200',
            ]);

            // From another site, for which Chromium does not renew.
            await context.clearCookies({ name: SESSION });
            await page.goto(`data:text/html,<a href="${url}/devices?done=name">go</a>`);
            asked.length = 0;
            await page.getByRole('link').click();
            await page.getByText('The device has a new name.').waitFor();
            assert.deepEqual(asked.slice(0, 2), ['GET /devices?done=name 307', 'GET /renew/devices?done=name 403']);

            await page.getByRole('button', { name: 'Sign out', exact: true }).click();
            await page.getByText('You are signed out.').waitFor();
            asked.length = 0;
            await page.goto('/devices');
            assert.equal(new URL(page.url()).pathname, '/sign-in');
            assert.ok(!asked.some((line) => line.startsWith('POST /renew')), String(asked));
        } finally {
            await context.close();
        }
    });
});
