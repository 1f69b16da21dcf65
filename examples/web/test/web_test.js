// The application as people use it: several browsers, each a context of a headless Chromium, against a real
// server. Prints TAP.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';

import pg from 'pg';
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
    run,
    sessionsOf,
    shown,
    startApplication,
    test,
    TOKEN,
    until,
    withSettings,
} from './application.js';
import { Browser } from './dbsc_browser.js';
import './dbsc_test.js';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';
const IPHONE =
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) ' +
    'Version/17.5 Mobile/15E148 Safari/604.1';
const EDGE =
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) ' +
    'Chrome/126.0.0.0 Safari/537.36 Edg/126.0.0.0';

// --- browsers

const browser = await chromium.launch(CHROMIUM);
const contexts = [];

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
        if (
            response.request().resourceType() === 'document' &&
            response.status() !== 303 &&
            response.status() !== 307
        ) {
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

const heading = ({ page }) => page.getByRole('heading', { level: 1 }).textContent();

async function assertDevices(somewhere) {
    assert.equal(await heading(somewhere), 'Your devices');
}

async function assertAsked(somewhere, what) {
    assert.equal(await heading(somewhere), 'Confirm that it is you');
    assert.match(await somewhere.page.locator('main').textContent(), new RegExp(`To ${what}, give`));
}

async function confirm({ page }, password = PASSWORD) {
    await page.getByLabel('Password').fill(password);
    await page.getByRole('button', { name: 'Confirm' }).click();
}

// An administrator, on the page of sessions.
async function administrator(options) {
    const user = await newUser(true);
    const somewhere = await signedIn(user, EDGE, { address: '192.0.2.10', ...options });
    await somewhere.page.getByRole('link', { name: 'Sessions' }).click();
    return { ...somewhere, user };
}

async function find(admin, { user, network = '' }) {
    await admin.page.getByLabel('Email address').fill(user?.email ?? '');
    await admin.page.getByLabel('Address or network').fill(network);
    await admin.page.getByRole('button', { name: 'Find' }).click();
    assert.equal(await heading(admin), 'Sessions');
}

// The browser's next request ends at the sign-in page, which says why, and leaves it without tokens.
async function assertSignedOut({ page, context }, why) {
    await page.goto('/devices');
    assert.equal(new URL(page.url()).pathname, '/sign-in');
    assert.match(await page.locator('.notice').textContent(), why);
    assert.deepEqual(await cookieNames(context), ['device']);
}

const card = ({ page }, name) =>
    page.locator('[data-device]').filter({ has: page.getByRole('heading', { name, exact: true }) });

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
    for (const [email, password] of [
        [user.email, 'wrong'],
        ['nobody@example.com', PASSWORD],
        ['nobody@example.com', ''],
    ]) {
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
        assert.deepEqual(
            { name, httpOnly, sameSite, secure, path },
            {
                name,
                httpOnly: true,
                sameSite: 'Lax',
                secure: false,
                path: { session: '/', refresh: '/renew', device: '/sign-in' }[name],
            },
        );
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
    assert.deepEqual(
        set.map((line) => line.split('=')[0]),
        ['__Host-session', '__Secure-refresh', '__Secure-device'],
    );
    for (const line of set) {
        assert.match(line, /; Max-Age=\d+; .*; HttpOnly; Secure; SameSite=Lax$/);
    }
    const [session] = set[0].split(';');
    const page = await send('/devices', { headers: { 'X-Forwarded-Proto': 'https', Cookie: session } });
    assert.equal(page.status, 200);
    // A cookie under the other name, which any subdomain could have set, is none.
    const unprefixed = await send('/devices', {
        headers: { 'X-Forwarded-Proto': 'https', Cookie: session.replace('__Host-', '') },
    });
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
    assert.deepEqual(
        sessions.map(({ status }) => status),
        ['revoked', 'active'],
    );
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
    assert.deepEqual(await laptop.page.locator('[data-device] h2').allTextContents(), [
        'Firefox on Linux',
        'Safari on iOS',
    ]);
    assert.match(
        await card(laptop, 'Firefox on Linux').textContent(),
        /This device.*Firefox 128 on Linux.*Active now.*203\.0\.113\.7/s,
    );
    assert.match(
        await card(laptop, 'Safari on iOS').textContent(),
        /New.*Safari 17 on iOS.*just now.*198\.51\.100\.20/s,
    );
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
    assert.deepEqual(
        (await sessionsOf(user)).map(({ status }) => status),
        ['active', 'expired'],
    );
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
        const answer = await mallory.context.request.post(path, {
            form: { name: 'x' },
            headers: { Origin: application.url },
        });
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

// --- the password again

test('signing out all others asks for a password that was given long ago, and goes on when it has it', async () => {
    const user = await newUser();
    const phone = await signedIn(user, IPHONE);
    const here = await signedIn(user);
    await ageSignIn(user, 11);
    await here.page.reload();
    await here.page.getByRole('button', { name: 'Sign out all others' }).click();
    await assertAsked(here, 'sign out everywhere else');
    await phone.page.reload();
    await assertDevices(phone);

    await confirm(here, 'wrong');
    assert.match(await here.page.getByRole('alert').textContent(), /not right/);
    await assertAsked(here, 'sign out everywhere else');
    assert.deepEqual(
        (await sessionsOf(user)).map(({ status }) => status),
        ['active', 'active'],
    );

    const before = await here.context.cookies();
    await here.page.locator('#password:focus').waitFor();
    await here.page.keyboard.type(PASSWORD);
    await here.page.keyboard.press('Enter');
    assert.match(await here.page.getByRole('status').textContent(), /everywhere but here/);
    await assertSignedOut(phone, /from another device/);
    for (const { name, value } of before) {
        const same = (await cookie(here.context, name)).value === value;
        assert.equal(same, name === 'device', name);
    }
    const session = (await sessionsOf(user)).at(-1);
    assert.ok(session.authenticated_at > session.created_at);
    assert.deepEqual([session.status, session.amr], ['active', ['pwd']]);

    // Once is enough.
    await here.page.locator('summary').first().click();
    await here.page.getByRole('button', { name: 'Trust', exact: true }).first().click();
    assert.match(await here.page.getByRole('status').textContent(), /trusted/);
});

test('the password is asked for after ten minutes, and for what is sensitive', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    await signedIn(user, IPHONE);
    const [session, other] = await sessionsOf(user);
    const post = (path, form = {}) =>
        here.context.request.post(path, { form, headers: { Origin: application.url }, maxRedirects: 0 });

    await ageSignIn(user, 9);
    assert.equal((await post(`/devices/${session.device_id}/trust`)).status(), 303);
    await ageSignIn(user, 2);
    for (const path of [
        '/sessions/sign-out-others',
        `/devices/${other.device_id}/forget`,
        `/devices/${other.device_id}/trust`,
    ]) {
        const answer = await post(path);
        assert.equal(answer.status(), 401, path);
        assert.match(await answer.text(), /give your password again/);
        assert.equal((await post(path, { password: '' })).status(), 401, path);
    }
    const device = await one(
        'SELECT is_trusted, active_sessions FROM session_service.list_user_devices($1) WHERE id = $2',
        [user.id, other.device_id],
    );
    assert.deepEqual(device, { is_trusted: false, active_sessions: 1 });
    for (const path of [
        `/devices/${other.device_id}/name`,
        `/devices/${session.device_id}/untrust`,
        `/sessions/${other.id}/sign-out`,
        '/sign-out',
    ]) {
        assert.equal((await post(path, { name: 'x' })).status(), 303, path);
    }
});

test('tokens of before the password are good for nothing, and end nothing', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    await ageSignIn(user, 11);
    const old = (await here.context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    await here.page.reload();
    await here.page.locator('summary').click();
    await here.page.getByRole('button', { name: 'Trust', exact: true }).click();
    await confirm(here);
    await assertDevices(here);
    const page = await send('/devices', { headers: { Cookie: old } });
    assert.equal(page.headers.get('location'), '/renew/devices');
    // Another tab may come with them: that the browser keeps its new pair is why none is taken away.
    const renewal = await send('/renew/devices', { headers: { Cookie: old } });
    assert.deepEqual([renewal.headers.get('location'), renewal.headers.get('set-cookie')], ['/sign-in', null]);
    await here.page.reload();
    await assertDevices(here);
});

test('a session that ends while the password is given is over', async () => {
    const user = await newUser();
    const here = await signedIn(user);
    await ageSignIn(user, 11);
    await here.page.reload();
    await here.page.locator('summary').click();
    await here.page.getByRole('button', { name: 'Remove' }).click();
    await assertAsked(here, 'remove a device');
    const [session] = await sessionsOf(user);
    const holder = await owner.connect();
    try {
        await holder.query('BEGIN');
        await holder.query('SELECT session_service.revoke_session($1)', [session.id]);
        const confirmed = confirm(here);
        await until('the confirmation waits', isWaiting(1));
        await holder.query('COMMIT');
        await confirmed;
    } finally {
        holder.release(true);
    }
    await here.page.waitForURL(/sign-in/);
    assert.deepEqual(await cookieNames(here.context), ['device']);
    const { rowCount } = await owner.query('SELECT FROM session_service.list_user_devices($1)', [user.id]);
    assert.equal(rowCount, 1);
});

// --- administrators

test('an administrator finds sessions by user and by address, is told how many, and ends them', async () => {
    const user = await newUser();
    const victims = [
        await signedIn(user, FIREFOX, { address: '100.64.7.7' }),
        await signedIn(user, IPHONE, { address: '2001:db8::7' }),
    ];
    const neighbour = await signedIn(await newUser(), FIREFOX, { address: '100.64.7.200' });
    const admin = await administrator();
    const { page } = admin;
    const found = () => page.locator('[data-session]').allTextContents();

    await find(admin, { user });
    assert.equal((await found()).length, 2);
    assert.match((await found()).join(), /Firefox on Linux, 100\.64\.7\.7.*Safari on iOS, 2001:db8::7/s);
    await find(admin, { network: '100.64.7.0/25' });
    assert.equal((await found()).length, 1);
    await find(admin, { network: '2001:db8::/32', user });
    assert.equal((await found()).length, 1);
    await find(admin, { network: '100.64.7.0/24' });
    assert.equal((await found()).length, 2);
    await find(admin, { network: '192.0.2.250' });
    assert.equal(await page.getByRole('heading', { level: 2 }).textContent(), 'Nobody is signed in like this');
    assert.equal(await page.getByRole('button', { name: 'End all' }).count(), 0);

    await find(admin, { user, network: '100.64.7.0/24' });
    await page.getByRole('button', { name: 'End all of these' }).click();
    assert.equal(await heading(admin), 'End 1 session?');
    await page.getByRole('link', { name: 'Back' }).click();
    await find(admin, { user });
    await page.getByRole('button', { name: 'End all of these' }).click();
    assert.equal(await heading(admin), 'End 2 sessions?');
    assert.match(await page.locator('main').textContent(), new RegExp(user.email));
    assert.doesNotMatch(await page.locator('main').textContent(), /Your own session/);
    await page.getByRole('button', { name: 'End 2 sessions' }).click();
    assert.equal(await page.getByRole('status').textContent(), '2 sessions ended.');
    for (const victim of victims) {
        await assertSignedOut(victim, /An administrator/);
    }
    await neighbour.page.reload();
    await assertDevices(neighbour);
});

test('an administrator who would end the own session is told so', async () => {
    const admin = await administrator({ address: '198.51.100.99' });
    await find(admin, { network: '198.51.100.99' });
    await admin.page.getByRole('button', { name: 'End all of these' }).click();
    assert.match(await admin.page.locator('.notice').textContent(), /Your own session/);
    await admin.page.getByRole('button', { name: 'End 1 session' }).click();
    assert.match(await admin.page.locator('.notice').textContent(), /An administrator/);
});

test('many sessions come in pages, and are ended in one go', async () => {
    await owner.query(
        `SELECT session_service.create_session(gen_random_uuid(), ip_address => '198.18.0.0'::inet + n)
         FROM generate_series(1, 120) n`,
    );
    const admin = await administrator();
    const { page } = admin;
    await find(admin, { network: '198.18.0.0/15' });
    const seen = [];
    const look = async () => {
        const ids = await page
            .locator('[data-session]')
            .evaluateAll((items) => items.map((item) => item.dataset.session));
        seen.push(...ids);
        return ids.length;
    };
    assert.equal(await look(), 50);
    await page.getByRole('link', { name: 'Next page' }).click();
    assert.equal(await look(), 50);
    await page.getByRole('link', { name: 'Next page' }).click();
    assert.equal(await look(), 20);
    assert.equal(await page.getByRole('link', { name: 'Next page' }).count(), 0);
    assert.equal(new Set(seen).size, 120);
    await page.getByRole('link', { name: 'First page' }).click();
    assert.equal(await look(), 50);
    assert.equal(seen.at(-1), seen[49]);
    await page.getByRole('button', { name: 'End all of these' }).click();
    await page.getByRole('button', { name: 'End 120 sessions' }).click();
    assert.equal(await page.getByRole('status').textContent(), '120 sessions ended.');
    const { active } = await one(
        `SELECT count(*)::int AS active FROM session_service.list_sessions(network => '198.18.0.0/15')`,
    );
    assert.equal(active, 0);
});

test('a disabled user is out, and cannot sign in until enabled', async () => {
    const user = await newUser();
    const theirs = await signedIn(user);
    const admin = await administrator();
    await find(admin, { user });
    await admin.page.getByRole('button', { name: 'Disable' }).click();
    assert.match(await admin.page.getByRole('status').textContent(), /cannot sign in/);
    assert.match(await admin.page.getByRole('region', { name: /User/ }).textContent(), /Disabled/);
    await assertSignedOut(theirs, /An administrator/);
    await signIn(theirs, user);
    assert.equal(await theirs.page.getByRole('alert').textContent(), 'This account is disabled.');
    assert.deepEqual(await cookieNames(theirs.context), ['device']);
    // Nobody else learns of it.
    await signIn(theirs, user, 'wrong');
    assert.match(await theirs.page.getByRole('alert').textContent(), /not right/);

    await admin.page.getByRole('button', { name: 'Enable' }).click();
    assert.match(await admin.page.getByRole('status').textContent(), /can sign in/);
    await signIn(theirs, user);
    await assertDevices(theirs);
});

test('an administrator, too, is asked for a password that was given long ago', async () => {
    const user = await newUser();
    const theirs = await signedIn(user);
    const admin = await administrator();
    await ageSignIn(admin.user, 11);
    await find(admin, { user, network: '203.0.113.0/24' });
    await admin.page.getByRole('button', { name: 'End all of these' }).click();
    await admin.page.getByRole('button', { name: 'End 1 session' }).click();
    await assertAsked(admin, 'end sessions of others');
    await theirs.page.reload();
    await assertDevices(theirs);
    await confirm(admin, 'wrong');
    await confirm(admin);
    assert.equal(await admin.page.getByRole('status').textContent(), '1 session ended.');
    await assertSignedOut(theirs, /An administrator/);

    await ageSignIn(admin.user, 22);
    await admin.page.getByRole('button', { name: 'Disable' }).click();
    await assertAsked(admin, 'disable a user');
    await admin.page.getByRole('link', { name: 'Cancel' }).click();
    assert.equal(await heading(admin), 'Sessions');
    const { disabled } = await one('SELECT session_service.is_user_disabled($1) AS disabled', [user.id]);
    assert.equal(disabled, false);
});

test('for others than administrators, their pages are not there', async () => {
    const user = await newUser();
    const victim = await newUser();
    const theirs = await signedIn(victim);
    const mallory = await signedIn(user);
    const admin = await administrator();
    assert.equal(await mallory.page.getByRole('link', { name: 'Sessions' }).count(), 0);
    const asks = [
        ['GET', '/admin'],
        ['GET', `/admin?email=${victim.email}`],
        ['GET', `/admin/end?email=${victim.email}`],
        ['POST', '/admin/end'],
        ['POST', `/admin/users/${victim.id}/disable`],
        ['POST', `/admin/users/${victim.id}/enable`],
    ];
    const ask = ({ context }, [method, url], origin = application.url) =>
        context.request.fetch(url, {
            method,
            headers: { Origin: origin },
            maxRedirects: 0,
            ...(method === 'POST' ? { form: { email: victim.email, network: '' } } : {}),
        });
    const nothing = await ask(mallory, ['GET', '/nothing']);
    for (const what of asks) {
        const answer = await ask(mallory, what);
        assert.equal(answer.status(), 404, what.join(' '));
        assert.equal(await answer.text(), await nothing.text());
        // Nobody at all is sent to sign in, and a form of another site is refused, an administrator's too.
        assert.equal((await send(what[1], { method: what[0] })).status, 307, what.join(' '));
        if (what[0] === 'POST')
            assert.equal((await ask(admin, what, 'https://example.com')).status(), 403, what.join(' '));
    }
    await theirs.page.reload();
    await assertDevices(theirs);
    // Nor for those who were administrators, or for oneself to disable.
    assert.equal((await ask(admin, ['POST', `/admin/users/${admin.user.id}/disable`])).status(), 404);
    assert.equal((await ask(admin, asks[0])).status(), 200);
    await owner.query('UPDATE public.users SET is_admin = false WHERE id = $1', [admin.user.id]);
    assert.equal((await ask(admin, asks[0])).status(), 404);
});

test('what an administrator looks for is checked, and no filter ends nothing', async () => {
    const admin = await administrator();
    const post = (form) =>
        admin.context.request.post('/admin/end', { form, headers: { Origin: application.url }, maxRedirects: 0 });
    const { count } = await one('SELECT count(*) FROM session_service.list_sessions(max_rows => 1000)');
    for (const form of [
        {},
        { email: '', network: ' ' },
        { email: 'nobody@example.com' },
        { network: '0.0.0.0/0/0' },
        { email: 'x', network: '::/0' },
    ]) {
        const answer = await post(form);
        assert.equal(answer.status(), 303);
        assert.doesNotMatch(answer.headers().location, /ended/);
    }
    assert.equal((await one('SELECT count(*) FROM session_service.list_sessions(max_rows => 1000)')).count, count);

    const bad = [
        '192.0.2.0/33',
        '192.0.2.0/-1',
        '192.0.2',
        '::1%eth0',
        '10.0.0.1/',
        '10.0.0.1/8/8',
        '<b>',
        '1.2.3.4/ 8',
    ];
    for (const network of bad) {
        await find(admin, { network });
        const field = admin.page.getByLabel('Address or network');
        assert.equal(await field.getAttribute('aria-invalid'), 'true', network);
        assert.match(
            await admin.page.locator(`#${await field.getAttribute('aria-describedby')}`).textContent(),
            /no address/,
        );
    }
    await find(admin, { user: { email: '<b>nobody</b>@example.com' } });
    assert.match(await admin.page.locator('.error').textContent(), /Nobody/);
    assert.equal(await admin.page.locator('main b').count(), 0);
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
    for (const origin of [
        'https://example.com',
        'null',
        application.url.replace(/\d$/, ''),
        `${application.url}.example.com`,
    ]) {
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
        await until('two renewals wait', isWaiting(2));
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
            (await response.headersArray())
                .filter(({ name }) => name.toLowerCase() === 'set-cookie')
                .map(({ value }) => value.split(';')[0]),
        ),
    );
    assert.equal(pairs.length, 2);
    assert.equal(pairs[0].length, 2);
    assert.deepEqual(pairs[1], pairs[0]);
    assert.match(pairs[0].join(), /session=sst_.*,refresh=ssr_/);
    assert.notEqual((await cookie(here.context, 'refresh')).value, before.value);
    assert.deepEqual(
        (await sessionsOf(user)).map(({ status }) => status),
        ['active'],
    );
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
    for (const [key, notices] of [
        ['idle', 1],
        ['constructor', 0],
        ['__proto__', 0],
        ['%3Cb%3Ehello', 0],
    ]) {
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
        ['/admin', { method: 'PUT', headers: { Origin: application.url } }],
    ]) {
        const { status } = await send(path, options);
        assert.ok(status < 500, `${status} for ${path} ${JSON.stringify(options).slice(0, 100)}`);
    }
    const user = await newUser();
    const here = await signedIn(user);
    const [{ device_id: device }] = await sessionsOf(user);
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
    const admin = await administrator();
    for (const query of [
        'email=%00',
        'email=a&email=b',
        'network=%FF',
        'network=::/0&after=x',
        'network=::/0&after=1&after=2',
        'ended=1e9',
        'done=__proto__',
        `email=${'x'.repeat(10_000)}`,
    ]) {
        const answer = await admin.context.request.get(`/admin?${query}`);
        assert.ok(answer.status() < 500, `${answer.status()} for ${query}`);
    }
    for (const [path, fields] of [
        ['/admin/end', { email: 'a\0b', network: '\0' }],
        ['/admin/users/1/disable', {}],
        ['/admin/users/00000000-0000-0000-0000-000000000000/disable', {}],
    ]) {
        const answer = await admin.context.request.post(path, { form: fields, headers: { Origin: application.url } });
        assert.ok(answer.status() < 500, `${answer.status()} for ${path} ${JSON.stringify(fields)}`);
    }
    assert.deepEqual(
        printed.filter((line) => /SQLSTATE|Error/.test(line)),
        [],
    );
});

test('each role can do what it is for, and no more', async () => {
    const denied = {
        web_app: [
            'SELECT FROM session_service.sessions',
            'SELECT session_service.count_active_sessions()',
            'SELECT session_service.list_sessions()',
            "SELECT session_service.revoke_sessions(network => '::/0')",
            'SELECT session_service.disable_user(gen_random_uuid())',
            'SELECT session_service.delete_user(gen_random_uuid())',
            'UPDATE public.users SET is_admin = true',
            'DELETE FROM public.users',
        ],
        web_admin: [
            'SELECT FROM session_service.sessions',
            'SELECT password_hash FROM public.users',
            'UPDATE public.users SET is_admin = true',
            'DELETE FROM public.users',
        ],
    };
    for (const [user, queries] of Object.entries(denied)) {
        const role = await one(
            'SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = $1',
            [user],
        );
        assert.deepEqual(role, { rolsuper: false, rolcreaterole: false, rolcreatedb: false, rolbypassrls: false });
        const client = new pg.Client({ user });
        await client.connect();
        try {
            for (const query of queries) {
                await assert.rejects(client.query(query), { code: '42501' }, query);
            }
        } finally {
            await client.end();
        }
    }
});

test('a signal ends the application in order, and a second one changes nothing', async () => {
    const other = await startApplication();
    await (await fetch(`${other.url}/sign-in`)).text();
    assert.equal(await other.stop('SIGINT', 'SIGTERM'), 0);
});

// What is wrong with how a page looks, and with what those find who do not see it. Runs in the browser.
function flaws() {
    const found = [];
    if (document.documentElement.scrollWidth > window.innerWidth) found.push('too wide');
    for (const input of document.querySelectorAll('input:not([type=hidden])')) {
        if (!input.labels.length) found.push(`no label: ${input.name}`);
    }
    const levels = [...document.querySelectorAll('h1, h2, h3')].map((heading) => Number(heading.tagName[1]));
    if (levels.filter((level) => level === 1).length !== 1) found.push('not one h1');
    if (levels.some((level, i) => level > (levels[i - 1] ?? 0) + 1)) found.push(`headings ${levels}`);
    // The contrast that WCAG 2 asks of text.
    const numbers = (color) => color.match(/[\d.]+/g).map(Number);
    const luminance = (color) => {
        const [r, g, b] = numbers(color).map((x) =>
            x / 255 <= 0.04045 ? x / 255 / 12.92 : ((x / 255 + 0.055) / 1.055) ** 2.4,
        );
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const background = (element) => {
        const color = getComputedStyle(element).backgroundColor;
        return numbers(color)[3] === 0 ? background(element.parentElement) : color;
    };
    const isShown = (element) => element.checkVisibility() && !element.closest('.hidden');
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const elements = new Set(document.querySelectorAll('input:not([type=hidden])'));
    while (texts.nextNode()) if (texts.currentNode.data.trim()) elements.add(texts.currentNode.parentElement);
    for (const element of [...elements].filter(isShown)) {
        const [dark, light] = [getComputedStyle(element).color, background(element)]
            .map(luminance)
            .sort((a, b) => a - b);
        if ((light + 0.05) / (dark + 0.05) < 4.5) found.push(`contrast: ${element.outerHTML.slice(0, 80)}`);
    }
    return found;
}

test('each page is fit for narrow and wide windows, for light and dark, and for those who do not see it', async () => {
    const user = await newUser(true);
    const other = await newUser();
    await signedIn(other, IPHONE);
    const locked = new Browser(application.url);
    await locked.open('/sign-in', { form: { email: user.email, password: PASSWORD } });
    await locked.settled();
    const { value: refreshToken } = await locked.cookie('__Secure-refresh');
    const pages = {
        '/renew/devices': async () => {},
        '/sign-in?ended=reuse': (page) => page.getByRole('button', { name: 'Sign in' }).click(),
        '/devices': async (page) => {
            for (const summary of await page.locator('summary').all()) await summary.click();
        },
        '/admin?done=disable': async () => {},
        '/admin?network=x&email=nobody': async () => {},
        [`/admin?email=${other.email}`]: async () => {},
        '/admin/end?network=0.0.0.0/0': async () => {},
        // The last, since what it ends with is a page that asks for the password.
        '/devices?done=name': async (page) => {
            await ageSignIn(user, 11);
            await page.locator('summary').first().click();
            await page.getByRole('button', { name: 'Remove' }).first().click();
            await confirm({ page }, 'wrong');
        },
    };
    for (const colorScheme of ['light', 'dark']) {
        for (const width of [320, 1280]) {
            const here = await openBrowser(FIREFOX, { viewport: { width, height: 800 }, colorScheme });
            for (const [path, prepare] of Object.entries(pages)) {
                if (path === '/devices') await signIn(here, user);
                if (path === '/renew/devices') {
                    const { hostname: domain } = new URL(application.url);
                    await here.context.addCookies([{ name: 'refresh', value: refreshToken, domain, path: '/renew' }]);
                }
                await here.page.goto(path);
                await prepare(here.page);
                assert.deepEqual(await here.page.evaluate(flaws), [], `${path}, ${colorScheme}, ${width}`);
                // Colours are another's in the dark.
                const page = await here.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
                assert.equal(page === 'rgb(245, 246, 248)', colorScheme === 'light');
            }
        }
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
    assert.deepEqual(
        shown.filter((text) => /^console: .*Content.Security/.test(text)),
        [],
    );
});

// --- the run

await run({
    afterEach: () => Promise.all(contexts.splice(0).map((context) => context.close())),
    afterAll: () => browser.close(),
});
