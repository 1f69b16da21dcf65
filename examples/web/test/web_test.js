// The application as people use it: several browsers, each a context of a headless Chromium, against a real
// server. Prints TAP.
//
// The PG… variables lead to the database as its owner; the application runs as web_app.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import pg from 'pg';
import { chromium } from 'playwright-core';

import { hashPassword } from '../passwords.js';

const tests = [];
const test = (name, body) => tests.push({ name, body });

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const IPHONE = 'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1';
const EDGE = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0';

const PASSWORD = 'paßword of all';
const TOKEN = /ss[tr]_[A-Za-z0-9_-]{20,}/;

const owner = new pg.Pool({ max: 4 });
const one = async (query, values) => (await owner.query(query, values)).rows[0];

// --- the application

// Everything that the application printed, and all that browsers were shown, addresses included.
const printed = [];
const shown = [];

async function startApplication() {
    const child = spawn(process.execPath, ['server.js'], {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, PGUSER: 'web_app', PORT: '0', TRUST_PROXY: 'loopback' },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const url = await new Promise((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
            createInterface(stream).on('line', (line) => {
                printed.push(line);
                const [, address] = line.match(/^Listening on (\S+)$/) ?? [];
                if (address) resolve(address);
            });
        }
        child.once('exit', () => reject(new Error(`the application ended: ${printed.slice(-5).join('\n')}`)));
    });
    return {
        url,
        // Returns the exit status.
        async stop(...signals) {
            child.removeAllListeners('exit');
            const gone = once(child, 'exit');
            for (const signal of signals.length ? signals : ['SIGTERM']) child.kill(signal);
            const [status] = await gone;
            return status;
        },
    };
}

// An application of its own, whose connections have other settings of session_service.
async function withSettings(settings, body) {
    const role = `ALTER ROLE web_app IN DATABASE ${process.env.PGDATABASE}`;
    for (const [name, setting] of Object.entries(settings)) {
        await owner.query(`${role} SET session_service.${name} = '${setting}'`);
    }
    const other = await startApplication();
    try {
        await body(other.url);
    } finally {
        await other.stop();
        await owner.query(`${role} RESET ALL`);
    }
}

// --- users and browsers

let application;
let browser;
let contexts = [];
let users = 0;
let passwordHash;

async function newUser() {
    const email = `user${++users}@example.com`;
    const { id } = await one('INSERT INTO public.users (email, name, password_hash) VALUES ($1, $2, $3) RETURNING id', [
        email,
        `User <b>${users}</b>`,
        passwordHash,
    ]);
    return { id, email };
}

// A browser of somebody's. Each request goes through the proxy that the application trusts.
async function openBrowser(userAgent = FIREFOX, { url = application.url, address = '203.0.113.7', ...options } = {}) {
    const context = await browser.newContext({
        userAgent,
        baseURL: url,
        extraHTTPHeaders: { 'X-Forwarded-For': address },
        ...options,
    });
    contexts.push(context);
    const page = await context.newPage();
    context.on('response', async (response) => {
        shown.push(response.url(), response.headers().location ?? '');
        if (response.request().resourceType() === 'document' && response.status() !== 303 && response.status() !== 307) {
            shown.push(await response.text().catch(() => ''));
        }
    });
    page.on('console', (message) => shown.push(`console: ${message.text()}`));
    return { context, page };
}

async function signIn({ page }, user, password = PASSWORD) {
    await page.goto('/sign-in');
    await page.getByLabel('Email address').fill(user.email);
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Sign in' }).click();
}

async function signedIn(user, userAgent, options) {
    const somewhere = await openBrowser(userAgent, options);
    await signIn(somewhere, user);
    await assertDevices(somewhere);
    return somewhere;
}

async function assertDevices({ page }) {
    assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'Your devices');
}

// The browser's next request ends at the sign-in page, which says why, and leaves it without tokens.
async function assertSignedOut({ page, context }, why) {
    await page.goto('/devices');
    assert.equal(new URL(page.url()).pathname, '/sign-in');
    assert.match(await page.locator('.notice').textContent(), why);
    assert.deepEqual(await cookieNames(context), ['device']);
}

const card = ({ page }, name) => page.locator('[data-device]').filter({ has: page.getByRole('heading', { name, exact: true }) });

async function cookieNames(context) {
    return (await context.cookies()).map((cookie) => cookie.name).sort();
}

async function cookie(context, name) {
    return (await context.cookies()).find((found) => found.name === name);
}

// As if its token had expired a moment ago.
function dropSessionCookie({ context }) {
    return context.clearCookies({ name: 'session' });
}

function sessionsOf(user) {
    return owner
        .query('SELECT * FROM session_service.list_user_sessions($1, include_inactive => true) ORDER BY created_at', [user.id])
        .then(({ rows }) => rows);
}

async function until(what, condition) {
    for (let i = 0; i < 600; ++i) {
        if (await condition()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`never came about: ${what}`);
}

// A request without a browser, which shows the headers as they are.
function send(path, { form, headers = {}, method = form ? 'POST' : 'GET' } = {}) {
    return fetch(application.url + path, {
        method,
        redirect: 'manual',
        headers: { ...(method === 'POST' ? { Origin: application.url } : {}), ...headers },
        body: form && new URLSearchParams(form),
    });
}

// --- signing in

test('a wrong password and an unknown address are refused alike', async () => {
    const user = await newUser();
    const here = await openBrowser();
    const answers = [];
    for (const [email, password] of [[user.email, 'wrong'], ['nobody@example.com', PASSWORD], ['nobody@example.com', '']]) {
        const answer = await send('/sign-in', { form: { email, password } });
        assert.equal(answer.headers.get('set-cookie'), null);
        answers.push([answer.status, (await answer.text()).replace(email, '')]);
    }
    assert.equal(answers[0][0], 401);
    assert.deepEqual(answers[1], answers[0]);
    assert.deepEqual(answers[2], answers[0]);
    await signIn(here, user, 'wrong');
    assert.match(await here.page.getByRole('alert').textContent(), /not right/);
    assert.deepEqual(await cookieNames(here.context), []);
    assert.deepEqual(await sessionsOf(user), []);
});

test('sign-in by keyboard alone', async () => {
    const user = await newUser();
    const here = await openBrowser();
    await here.page.goto('/');
    assert.equal(new URL(here.page.url()).pathname, '/sign-in');
    await here.page.locator('#email:focus').waitFor();
    await here.page.keyboard.type(user.email);
    await here.page.keyboard.press('Tab');
    await here.page.keyboard.type(PASSWORD);
    await here.page.keyboard.press('Enter');
    await here.page.waitForURL('/devices');
    await assertDevices(here);
});

test('cookies are out of reach of scripts and other sites, and go when their tokens go', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    assert.deepEqual(await cookieNames(here.context), ['device', 'refresh', 'session']);
    for (const { name, httpOnly, sameSite, secure, path } of await here.context.cookies()) {
        assert.deepEqual({ name, httpOnly, sameSite, secure, path }, {
            name,
            httpOnly: true,
            sameSite: 'Lax',
            secure: false,
            path: { session: '/', refresh: '/renew', device: '/sign-in' }[name],
        });
    }
    const [session] = await sessionsOf(user);
    assert.ok(Math.abs((await cookie(here.context, 'session')).expires - session.expires_at / 1000) < 60);
    assert.ok(Math.abs((await cookie(here.context, 'refresh')).expires - session.refresh_expires_at / 1000) < 60);
    assert.match((await cookie(here.context, 'session')).value, TOKEN);
});

test('behind TLS the cookies are Secure, and named so that browsers insist on it', async () => {
    const { email } = await newUser();
    const headers = { 'X-Forwarded-Proto': 'https', Origin: application.url.replace('http:', 'https:') };
    const answer = await send('/sign-in', { form: { email, password: PASSWORD }, headers });
    assert.equal(answer.status, 303);
    assert.match(answer.headers.get('strict-transport-security'), /max-age=\d{7}/);
    // Not getSetCookie, which is younger than Debian 12's Node.js.
    const set = answer.headers.get('set-cookie').split(/, (?=__)/);
    assert.deepEqual(set.map((line) => line.split('=')[0]), ['__Host-session', '__Secure-refresh', '__Secure-device']);
    for (const line of set) {
        assert.match(line, /; Max-Age=\d+; .*; HttpOnly; Secure; SameSite=Lax$/);
    }
    const [session] = set[0].split(';');
    const page = await send('/devices', { headers: { 'X-Forwarded-Proto': 'https', Cookie: session } });
    assert.equal(page.status, 200);
    // A cookie under the other name, which any subdomain could have set, is none.
    const unprefixed = await send('/devices', { headers: { 'X-Forwarded-Proto': 'https', Cookie: session.replace('__Host-', '') } });
    assert.equal(unprefixed.status, 307);
});

test('signing in again replaces the session of the browser, on the same device', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    const key = (await cookie(here.context, 'device')).value;
    const answer = await here.context.request.post('/sign-in', {
        form: { email: user.email, password: PASSWORD },
        headers: { Origin: application.url },
    });
    assert.ok(answer.ok());
    assert.equal((await cookie(here.context, 'device')).value, key);
    const sessions = await sessionsOf(user);
    assert.deepEqual(sessions.map(({ status }) => status), ['revoked', 'active']);
    assert.equal(sessions[0].device_id, sessions[1].device_id);
});

// --- the page of devices

test('two browsers: names, addresses, the current one, and the notice of a new device', async () => {
    const user = await newUser();
    const laptop = await signedIn(user, FIREFOX, { address: '203.0.113.7' });
    assert.equal(await laptop.page.getByRole('heading', { name: 'New device' }).count(), 0);
    const phone = await signedIn(user, IPHONE, { address: '198.51.100.20' });
    assert.equal(await phone.page.getByRole('heading', { name: 'New device' }).count(), 0);

    await laptop.page.goto('/devices');
    assert.deepEqual(await laptop.page.locator('[data-device] h2').allTextContents(), ['Firefox on Linux', 'Safari on iOS']);
    assert.match(await card(laptop, 'Firefox on Linux').textContent(), /This device.*Firefox 128 on Linux.*Active now.*203\.0\.113\.7/s);
    assert.match(await card(laptop, 'Safari on iOS').textContent(), /New.*Safari 17 on iOS.*just now.*198\.51\.100\.20/s);
    assert.doesNotMatch(await card(laptop, 'Safari on iOS').textContent(), /This device/);
    const notice = laptop.page.getByRole('region', { name: 'New device' });
    assert.match(await notice.textContent(), /Safari on iOS.*from\s+198\.51\.100\.20/s);
    assert.equal(await phone.page.locator('.current h2').textContent(), 'Safari on iOS');

    // It stays until it is answered, and comes for the next device only.
    await laptop.page.reload();
    await notice.getByRole('button', { name: 'This was me' }).click();
    await assertDevices(laptop);
    assert.equal(await notice.count(), 0);
    assert.equal(await laptop.page.getByText('New', { exact: true }).count(), 0);
    await signedIn(user, EDGE, { address: '192.0.2.99' });
    await laptop.page.goto('/devices');
    assert.match(await notice.textContent(), /Edge on Windows/);
    assert.doesNotMatch(await notice.textContent(), /Safari/);
});

test('a browser whose session token has expired is still in the list', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    await signedIn(user, IPHONE);
    await owner.query(
        `UPDATE session_service.sessions SET expires_at = now() - interval '1 second'
         WHERE user_id = $1 AND id = (SELECT max(id::text)::uuid FROM session_service.sessions WHERE user_id = $1)`,
        [user.id],
    );
    assert.deepEqual((await sessionsOf(user)).map(({ status }) => status), ['active', 'expired']);
    await here.page.goto('/devices');
    assert.match(await card(here, 'Safari on iOS').textContent(), /Sign out the session/);
});

test('signing out one browser: it is out at its next request, the others stay', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    const phone = await signedIn(user, IPHONE);
    const windows = await signedIn(user, EDGE);
    await here.page.goto('/devices');
    await here.page.getByRole('button', { name: 'Sign out the session on Safari on iOS' }).click();
    assert.match(await here.page.getByRole('status').textContent(), /signed out/);
    assert.match(await card(here, 'Safari on iOS').textContent(), /Signed out/);
    await assertSignedOut(phone, /from another device/);
    await windows.page.reload();
    await assertDevices(windows);
});

test('signing out all others', async () => {
    const user = await newUser();
    const others = [await signedIn(user, IPHONE), await signedIn(user, EDGE)];
    const here = await signedIn(user);
    const stranger = await signedIn(await newUser());
    await here.page.getByRole('button', { name: 'Sign out all others' }).click();
    assert.match(await here.page.getByRole('status').textContent(), /everywhere but here/);
    assert.equal(await here.page.getByRole('button', { name: 'Sign out all others' }).count(), 0);
    for (const other of others) {
        await assertSignedOut(other, /from another device/);
    }
    await stranger.page.reload();
    await assertDevices(stranger);
});

test('signing out here ends the session, not only the cookie', async () => {
    const here = await signedIn(await newUser());
    const session = await cookie(here.context, 'session');
    const refresh = await cookie(here.context, 'refresh');
    await here.page.getByRole('button', { name: 'Sign out', exact: true }).click();
    assert.match(await here.page.getByRole('status').textContent(), /signed out/);
    assert.deepEqual(await cookieNames(here.context), ['device']);
    await here.context.addCookies([session, refresh]);
    await assertSignedOut(here, /./);
});

test('a device gets a name, and is trusted, and removed', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    const phone = await signedIn(user, IPHONE);
    await here.page.goto('/devices');

    const manage = async (name, button, fill = async () => {}) => {
        const of = card(here, name);
        await of.locator('summary').click();
        await fill(of);
        await of.getByRole('button', { name: button, exact: true }).click();
        await assertDevices(here);
    };
    await manage('Safari on iOS', 'Rename', (of) => of.getByLabel('Name').fill('Ada’s <i>phone</i>'));
    assert.equal(await card(here, 'Ada’s <i>phone</i>').count(), 1);

    // Trust is for the next sign-in.
    const idle = async () => {
        const session = (await sessionsOf(user)).at(-1);
        return Math.round((session.idle_expires_at - session.last_activity_at) / 3_600_000);
    };
    assert.equal(await idle(), 24);
    await manage('Ada’s <i>phone</i>', 'Trust');
    assert.match(await card(here, 'Ada’s <i>phone</i>').textContent(), /Trusted/);
    await phone.page.getByRole('button', { name: 'Sign out', exact: true }).click();
    await signIn(phone, user);
    assert.equal(await phone.page.locator('.current h2').textContent(), 'Ada’s <i>phone</i>');
    assert.equal(await idle(), 7 * 24);
    await here.page.goto('/devices');
    await manage('Ada’s <i>phone</i>', 'Stop trusting');
    assert.doesNotMatch(await card(here, 'Ada’s <i>phone</i>').textContent(), /Trusted/);

    await manage('Ada’s <i>phone</i>', 'Remove');
    assert.equal(await here.page.locator('[data-device]').count(), 1);
    await assertSignedOut(phone, /from another device/);
});

test("somebody else's sessions and devices are as if they were not there", async () => {
    const victim = await newUser();
    const theirs = await signedIn(victim);
    const [session] = await sessionsOf(victim);
    const mallory = await signedIn(await newUser());
    for (const path of [
        `/sessions/${session.id}/sign-out`,
        ...['name', 'trust', 'untrust', 'forget'].map((what) => `/devices/${session.device_id}/${what}`),
        '/sessions/00000000-0000-0000-0000-000000000000/sign-out',
        '/sessions/1/sign-out',
    ]) {
        const answer = await mallory.context.request.post(path, { form: { name: 'x' }, headers: { Origin: application.url } });
        assert.equal(answer.status(), 404, path);
    }
    await theirs.page.reload();
    assert.equal(await theirs.page.locator('.current h2').textContent(), 'Firefox on Linux');
});

test('a user who is deleted is signed out', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    await owner.query('DELETE FROM public.users WHERE id = $1', [user.id]);
    await here.page.goto('/devices');
    assert.equal(new URL(here.page.url()).pathname, '/sign-in');
});

// --- other sites

test('a form on another origin of the same site is refused', async () => {
    const here = await signedIn(await newUser());
    // The same host, so cookies that are SameSite are sent.
    const other = createServer((request, response) => {
        response.setHeader('Content-Type', 'text/html');
        response.end(`<form method="post" action="${application.url}/sign-out"><button>Win a prize</button></form>`);
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    try {
        await here.page.goto(`http://127.0.0.1:${other.address().port}/`);
        const request = here.page.waitForRequest(/sign-out/);
        await here.page.getByRole('button').click();
        assert.match((await (await request).allHeaders()).cookie, TOKEN);
        assert.equal(await here.page.getByRole('heading', { level: 1 }).textContent(), 'Not accepted');
    } finally {
        other.close();
    }
    await here.page.goto('/devices');
    await assertDevices(here);
});

test('a POST needs our Origin', async () => {
    const { email } = await newUser();
    for (const origin of ['https://example.com', 'null', application.url.replace(/\d$/, ''), `${application.url}.example.com`]) {
        const answer = await send('/sign-in', { form: { email, password: PASSWORD }, headers: { Origin: origin } });
        assert.equal(answer.status, 403, origin);
        assert.equal(answer.headers.get('set-cookie'), null);
    }
    const without = await fetch(`${application.url}/sign-in`, {
        method: 'POST',
        redirect: 'manual',
        body: new URLSearchParams({ email, password: PASSWORD }),
    });
    assert.equal(without.status, 403);
    assert.equal((await send('/sign-in', { form: { email, password: PASSWORD } })).status, 303);
});

test('headers: no script runs, nothing is stored, nobody frames it', async () => {
    const here = await signedIn(await newUser());
    for (const path of ['/devices', '/sign-in', '/nothing']) {
        const answer = await here.context.request.get(path);
        const headers = answer.headers();
        assert.match(headers['content-security-policy'], /default-src 'none'.*frame-ancestors 'none'/);
        assert.doesNotMatch(headers['content-security-policy'], /unsafe|script-src/);
        assert.equal(headers['cache-control'], 'no-store', path);
        assert.equal(headers['x-content-type-options'], 'nosniff');
        assert.equal(headers['referrer-policy'], 'same-origin');
        assert.equal(headers['x-powered-by'], undefined);
    }
    await here.page.goto('/devices');
    // A name is text, whatever it looks like.
    assert.equal(await here.page.locator('header b').count(), 0);
    assert.match(await here.page.locator('header').textContent(), /User <b>\d+<\/b>/);
});

// --- renewal

test('an expired session token is renewed on the way, for a form too', async () => {
    await withSettings({ session_expiry: '1s' }, async (url) => {
        const user = await newUser();
        const here = await openBrowser(FIREFOX, { url });
        await signIn(here, user);
        const gone = async () => !(await cookie(here.context, 'session'));
        await until('the browser drops the cookie of the expired token', gone);
        const before = await cookie(here.context, 'refresh');
        await here.page.goto('/devices?done=name');
        await assertDevices(here);
        assert.equal(new URL(here.page.url()).search, '?done=name');
        assert.notEqual((await cookie(here.context, 'refresh')).value, before.value);

        await until('it expires again', gone);
        await here.page.locator('summary').click();
        await here.page.getByLabel('Name').fill('Desk');
        await here.page.getByRole('button', { name: 'Rename' }).click();
        assert.equal(await here.page.locator('.current h2').textContent(), 'Desk');
        const sessions = await sessionsOf(user);
        assert.equal(sessions.length, 1);
    });
});

test('two tabs renew at once, and both get the same pair', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    const tabs = [here.page, await here.context.newPage()];
    await dropSessionCookie(here);
    const before = await cookie(here.context, 'refresh');
    const renewals = [];
    here.context.on('response', (response) => {
        if (new URL(response.url()).pathname === '/renew/devices') renewals.push(response);
    });

    // Both are at it before either is served: the session's row is held until two connections wait for it.
    const holder = await owner.connect();
    try {
        await holder.query('BEGIN');
        await holder.query('SELECT FROM session_service.sessions WHERE user_id = $1 FOR UPDATE', [user.id]);
        const loaded = Promise.all(tabs.map((tab, i) => tab.goto(`/devices?tab=${i}`)));
        await until('two renewals wait', async () => {
            const { waiting } = await one(
                `SELECT count(*) AS waiting FROM pg_stat_activity
                 WHERE datname = current_database() AND usename = 'web_app' AND wait_event_type = 'Lock'`,
            );
            return waiting === '2';
        });
        await holder.query('COMMIT');
        await loaded;
    } finally {
        holder.release(true);
    }
    for (const tab of tabs) {
        await assertDevices({ page: tab });
    }
    const pairs = await Promise.all(
        renewals.map(async (response) =>
            (await response.headersArray()).filter(({ name }) => name.toLowerCase() === 'set-cookie').map(({ value }) => value.split(';')[0]),
        ),
    );
    assert.equal(pairs.length, 2);
    assert.equal(pairs[0].length, 2);
    assert.deepEqual(pairs[1], pairs[0]);
    assert.match(pairs[0].join(), /session=sst_.*,refresh=ssr_/);
    assert.notEqual((await cookie(here.context, 'refresh')).value, before.value);
    assert.deepEqual((await sessionsOf(user)).map(({ status }) => status), ['active']);
});

test('a stolen refresh token that is replayed after the grace ends the session, and the page says so', async () => {
    await withSettings({ refresh_grace: '0' }, async (url) => {
        const user = await newUser();
        const victim = await signedIn(user, FIREFOX, { url });
        const elsewhere = await signedIn(user, IPHONE, { url });
        const stolen = await cookie(victim.context, 'refresh');
        await dropSessionCookie(victim);
        await victim.page.goto('/devices');
        await assertDevices(victim);

        const thief = await openBrowser(EDGE, { url, address: '192.0.2.66' });
        await thief.context.addCookies([stolen]);
        await thief.page.goto('/devices');
        assert.equal(new URL(thief.page.url()).pathname, '/sign-in');
        await assertSignedOut(victim, /to protect your account/);
        const [session] = await sessionsOf(user);
        assert.equal(session.revoke_reason, 'Refresh token reuse');
        await elsewhere.page.reload();
        await assertDevices(elsewhere);
    });
});

test('at the limit of sessions the browser that had to go is told why', async () => {
    await withSettings({ max_per_user: '1' }, async (url) => {
        const user = await newUser();
        const first = await signedIn(user, FIREFOX, { url });
        await signedIn(user, IPHONE, { url });
        await assertSignedOut(first, /too many other devices/);
    });
});

test('a renewal leads nowhere else', async () => {
    const here = await signedIn(await newUser());
    for (const path of ['//example.com/', '/\\example.com/', '///example.com', '']) {
        const { value } = await cookie(here.context, 'refresh');
        const answer = await send(`/renew${path}`, { headers: { Cookie: `refresh=${value}` } });
        assert.equal(answer.status, 307);
        assert.match(answer.headers.get('location'), /^\/(?![/\\])/, path);
    }
});

test('an address shows no words of its own', async () => {
    const here = await openBrowser();
    for (const [key, notices] of [['idle', 1], ['constructor', 0], ['__proto__', 0], ['%3Cb%3Ehello', 0]]) {
        await here.page.goto(`/sign-in?ended=${key}`);
        assert.equal(await here.page.locator('.notice').count(), notices, key);
    }
});

// --- anything

test('whatever a client sends, it is not our fault', async () => {
    const { email } = await newUser();
    const form = { email, password: PASSWORD };
    for (const [path, options] of [
        ['/devices', { headers: { Cookie: 'session=%00; refresh=%ff' } }],
        ['/renew/devices', { headers: { Cookie: `refresh=ssr_${'A'.repeat(4000)}` } }],
        ['/renew/devices', { headers: { Cookie: 'refresh=\u00ff\u00fe' } }],
        ['/renew/%', {}],
        ['/%', {}],
        ['/sign-in?ended=toString&ended=x', {}],
        ['/sign-in', { form, headers: { 'User-Agent': '\u00ff'.repeat(5000), Cookie: `device=${'a'.repeat(2000)}` } }],
        ['/sign-in', { form, headers: { 'X-Forwarded-For': 'fe80::1%eth0' } }],
        ['/sign-in', { form, headers: { 'X-Forwarded-For': 'not an address' } }],
        ['/sign-in', { form: { email: 'a\0b@example.com', password: '\0' } }],
        ['/sign-in', { method: 'POST' }],
        ['/sign-in', { form: { email, password: 'x'.repeat(20_000) } }],
        ['/sign-in', { method: 'DELETE' }],
    ]) {
        const { status } = await send(path, options);
        assert.ok(status < 500, `${status} for ${path} ${JSON.stringify(options).slice(0, 100)}`);
    }
    const here = await signedIn(await newUser());
    const { device_id: device } = await one('SELECT device_id FROM session_service.list_user_sessions((SELECT id FROM public.users WHERE name = $1))', [`User <b>${users}</b>`]);
    for (const [path, fields] of [
        [`/devices/${device}/name`, { name: '' }],
        [`/devices/${device}/name`, { name: '😀'.repeat(100) }],
        [`/devices/${device}/name`, { name: 'a\0b' }],
        ['/notices/seen', { until: '1e999' }],
        ['/notices/seen', { until: '-1e300' }],
        ['/notices/seen', { until: 'x' }],
    ]) {
        const answer = await here.context.request.post(path, { form: fields, headers: { Origin: application.url } });
        assert.ok(answer.status() < 500, `${answer.status()} for ${path} ${JSON.stringify(fields)}`);
    }
    assert.deepEqual(printed.filter((line) => /SQLSTATE|Error/.test(line)), []);
});

test('the role of the application can do what the application does, and no more', async () => {
    const role = await one("SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = 'web_app'");
    assert.deepEqual(role, { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false });
    const client = new pg.Client({ user: 'web_app' });
    await client.connect();
    try {
        for (const query of [
            'SELECT FROM session_service.sessions',
            'SELECT session_service.count_active_sessions()',
            'SELECT session_service.delete_user(gen_random_uuid())',
            'DELETE FROM public.users',
        ]) {
            await assert.rejects(client.query(query), { code: '42501' }, query);
        }
    } finally {
        await client.end();
    }
});

test('a signal ends the application in order, and a second one changes nothing', async () => {
    const other = await startApplication();
    await (await fetch(`${other.url}/sign-in`)).text();
    assert.equal(await other.stop('SIGINT', 'SIGTERM'), 0);
});

test('each page fits a narrow window, and each field has a label', async () => {
    const user = await newUser();
    const here = await openBrowser(FIREFOX, { viewport: { width: 320, height: 640 } });
    for (const path of ['/sign-in', '/devices']) {
        if (path === '/devices') await signIn(here, user);
        await here.page.goto(path);
        for (const summary of await here.page.locator('summary').all()) await summary.click();
        const measured = await here.page.evaluate(() => ({
            tooWide: document.documentElement.scrollWidth > window.innerWidth,
            unlabelled: [...document.querySelectorAll('input:not([type=hidden])')].filter((input) => !input.labels.length).length,
        }));
        assert.deepEqual(measured, { tooWide: false, unlabelled: 0 }, path);
    }
});

// Last, since it looks at all that the tests before it saw.
test('no token is in a page, an address, the console or the log', () => {
    assert.ok(shown.some((text) => text.includes('Your devices')));
    assert.ok(printed.some((line) => line.startsWith('GET /devices 200')));
    for (const text of [...shown, ...printed]) {
        assert.doesNotMatch(text, TOKEN);
        assert.doesNotMatch(text, /\b[0-9a-f]{64}\b/);
    }
    assert.deepEqual(shown.filter((text) => /^console: .*Content.Security/.test(text)), []);
});

// --- the run

// Cheap, since there are many sign-ins.
passwordHash = await hashPassword(PASSWORD, { ln: 10, r: 8, p: 1 });
browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
    ],
});
application = await startApplication();

// An argument is a pattern of the names of the tests to run.
const chosen = tests.filter(({ name }) => new RegExp(process.argv[2] ?? '').test(name));
let failed = 0;
for (const [i, { name, body }] of chosen.entries()) {
    try {
        await body();
        console.log(`ok ${i + 1} - web: ${name}`);
    } catch (error) {
        ++failed;
        console.log(`not ok ${i + 1} - web: ${name}`);
        console.log(String(error.stack).replace(/^/gm, '# '));
    }
    await Promise.all(contexts.splice(0).map((context) => context.close()));
}
console.log(`1..${chosen.length}`);
await application.stop();
await browser.close();
await owner.end();
process.exitCode = failed ? 1 : 0;
