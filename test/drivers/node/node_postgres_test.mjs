// The extension through node-postgres: bind parameters, named prepared statements, a pool. Prints TAP.

import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';

const driver = 'node-postgres';
const tests = [];
const test = (name, body) => tests.push({ name, body });

const pool = new pg.Pool({ max: 16 });

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0';

async function rows(client, text, values = []) {
    return (await client.query(text, values)).rows;
}

// The only row of a query, or undefined.
async function one(client, text, values = []) {
    const found = await rows(client, text, values);
    assert.ok(found.length <= 1, 'more than one row');
    return found[0];
}

async function value(client, text, values = []) {
    return Object.values(await one(client, text, values))[0];
}

function signIn(client, user, options = {}) {
    const names = Object.keys(options)
        .map((name, i) => `, ${name} => $${i + 2}`)
        .join('');
    return one(client, `SELECT * FROM session_service.create_session($1${names})`, [user, ...Object.values(options)]);
}

const validate = (client, token) => one(client, 'SELECT * FROM session_service.validate_session($1)', [token]);
const refresh = (client, token) => one(client, 'SELECT * FROM session_service.refresh_session($1)', [token]);

async function failsWith(code, promise) {
    try {
        await promise;
    } catch (error) {
        assert.equal(error.code, code, error.message);
        return error;
    }
    assert.fail(`no error, where ${code} was expected`);
}

async function withClient(body) {
    const client = await pool.connect();
    try {
        return await body(client);
    } finally {
        client.release();
    }
}

async function inTransaction(begin, end, body) {
    return withClient(async (client) => {
        await client.query(begin);
        try {
            return await body(client);
        } finally {
            await client.query(end);
        }
    });
}

test('arrays, jsonb, inet, uuid and timestamptz come and go', async () => {
    const user = randomUUID();
    const made = await signIn(pool, user, {
        device_name: "Ada's laptop",
        user_agent: FIREFOX,
        ip_address: '2001:db8::7',
        scopes: ['read', 'write'],
        device_key: 'a key',
        metadata: { plan: 'free', n: [1, null, 'ü'] },
        session_expiry: '2 hours',
        inactivity_timeout: '30 minutes',
        issue_refresh: true,
    });
    assert.match(made.token, /^sst_[A-Za-z0-9_-]+$/);
    assert.match(made.refresh_token, /^ssr_[A-Za-z0-9_-]+$/);
    assert.equal(made.is_new_device, true);
    assert.deepEqual(made.evicted_session_ids, []);
    assert.ok(made.expires_at instanceof Date);
    assert.ok(Math.abs(made.expires_at - Date.now() - 7_200_000) < 60_000);

    const valid = await validate(pool, made.token);
    assert.equal(valid.session_id, made.session_id);
    assert.equal(valid.user_id, user);
    assert.deepEqual(valid.scopes, ['read', 'write']);
    assert.deepEqual(valid.metadata, { plan: 'free', n: [1, null, 'ü'] });
    assert.equal(valid.mfa_verified, false);

    const [listed] = await rows(pool, 'SELECT * FROM session_service.list_user_sessions($1, $2)', [
        user,
        made.session_id,
    ]);
    assert.equal(listed.device_name, "Ada's laptop");
    assert.equal(listed.ip_address, '2001:db8::7');
    assert.equal(listed.status, 'active');
    assert.equal(listed.is_current, true);
    const json = await value(pool, 'SELECT to_jsonb(s) FROM session_service.get_session($1) s', [made.session_id]);
    assert.deepEqual(Object.keys(json).sort(), Object.keys(listed).sort());
});

test('null for every optional argument is as if it were left out', async () => {
    const made = await one(
        pool,
        'SELECT * FROM session_service.create_session($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)',
        [randomUUID(), ...Array(9).fill(null)],
    );
    assert.ok(made.refresh_token);
    const valid = await validate(pool, made.token);
    assert.deepEqual(valid.scopes, []);
    assert.deepEqual(valid.metadata, {});
});

test('four thousand validations with one named prepared statement', async () => {
    await withClient(async (client) => {
        const made = await signIn(client, randomUUID());
        const check = async (token) =>
            (
                await client.query({
                    name: 'validate',
                    text: 'SELECT session_id FROM session_service.validate_session($1, $2)',
                    values: [token, '203.0.113.7'],
                })
            ).rows;
        for (let i = 0; i < 1000; ++i) {
            assert.deepEqual(await check(made.token), [{ session_id: made.session_id }]);
            assert.deepEqual(await check(made.refresh_token), []);
            assert.deepEqual(await check('nonsense'), []);
            assert.deepEqual(await check(null), []);
        }
        assert.equal(await value(pool, 'SELECT session_service.revoke_session($1)', [made.session_id]), true);
        assert.deepEqual(await check(made.token), []);
        assert.equal(await value(client, "SELECT count(*) FROM pg_prepared_statements WHERE name = 'validate'"), '1');
    });
});

test('validations from sixteen connections at once', async () => {
    const made = await signIn(pool, randomUUID());
    const answers = await Promise.all(
        Array.from({ length: 800 }, (_, i) => validate(pool, i % 2 ? made.token : `${made.token}x`)),
    );
    assert.equal(answers.filter((row) => row?.session_id === made.session_id).length, 400);
    assert.equal(answers.filter((row) => row === undefined).length, 400);
});

test('token_hash as text, and as a binary parameter', async () => {
    const made = await signIn(pool, randomUUID());
    const digest = createHash('sha256').update(made.token).digest();
    assert.equal(await value(pool, 'SELECT session_service.hash_token($1)', [made.token]), digest.toString('hex'));
    assert.deepEqual(await value(pool, 'SELECT session_service.hash_token($1)::bytea', [made.token]), digest);
    const query = 'SELECT session_id FROM session_service.validate_session_hash($1, $2)';
    assert.equal(await value(pool, query, [made.session_id, digest.toString('hex')]), made.session_id);
    // The driver sends a Buffer in the binary format.
    assert.equal(await value(pool, query, [made.session_id, digest]), made.session_id);
    assert.equal(await one(pool, query, [made.session_id, createHash('sha256').digest()]), undefined);
    const error = await failsWith('22P02', one(pool, query, [made.session_id, `${digest.toString('hex')}00`]));
    assert.ok(!error.message.includes(digest.toString('hex')));
});

test('validate_sessions with an array of tokens', async () => {
    const made = [await signIn(pool, randomUUID()), await signIn(pool, randomUUID())];
    const found = await rows(pool, 'SELECT * FROM session_service.validate_sessions($1)', [
        ['nonsense', made[1].token, null, made[0].token],
    ]);
    assert.deepEqual(
        found.map((row) => [row.token_index, row.session_id]),
        [
            [2, made[1].session_id],
            [4, made[0].session_id],
        ],
    );
});

test("a session's whole life on two devices", async () => {
    const user = randomUUID();
    const phone = await signIn(pool, user, { device_name: 'Phone' });
    const laptop = await signIn(pool, user, { device_name: 'Laptop' });
    const again = await signIn(pool, user, { device_name: 'Phone' });
    assert.equal(again.is_new_device, false);
    assert.equal(again.device_id, phone.device_id);
    assert.equal(await value(pool, 'SELECT session_service.count_user_sessions($1)', [user]), '3');

    assert.equal(
        await value(pool, 'SELECT session_service.mark_mfa_verified($1, $2)', [laptop.session_id, 'webauthn']),
        true,
    );
    assert.equal(
        await value(pool, 'SELECT session_service.set_session_scopes($1, $2)', [laptop.session_id, ['a']]),
        true,
    );
    const next = await refresh(pool, laptop.refresh_token);
    assert.equal(next.session_id, laptop.session_id);
    assert.equal(next.repeated, false);
    assert.equal(await validate(pool, laptop.token), undefined);
    const kept = await validate(pool, next.token);
    assert.deepEqual([kept.scopes, kept.mfa_verified], [['a'], true]);
    const rotated = await one(pool, 'SELECT * FROM session_service.rotate_session_token($1)', [next.token]);
    assert.equal(await validate(pool, next.token), undefined);
    assert.ok(await validate(pool, rotated.token));
    const extended = await value(pool, 'SELECT session_service.extend_session($1, $2)', [laptop.session_id, '60 days']);
    assert.ok(extended > laptop.expires_at);
    assert.equal((await value(pool, 'SELECT session_service.introspect_token($1)', [rotated.token])).sub, user);

    assert.equal(
        await value(pool, 'SELECT session_service.revoke_user_session($1, $2)', [randomUUID(), phone.session_id]),
        false,
    );
    assert.equal(await value(pool, 'SELECT session_service.revoke_session_by_token($1)', [phone.token]), true);
    assert.equal(
        await value(pool, 'SELECT session_service.revoke_all_user_sessions_except($1, $2)', [user, laptop.session_id]),
        1,
    );
    assert.equal(await value(pool, 'SELECT session_service.revoke_all_user_sessions($1)', [user]), 1);
    const all = await rows(pool, 'SELECT * FROM session_service.list_user_sessions($1, NULL, true)', [user]);
    assert.deepEqual(
        all.map((row) => row.status),
        ['revoked', 'revoked', 'revoked'],
    );
    const events = await rows(pool, 'SELECT * FROM session_service.list_events($1)', [user]);
    assert.equal(events.filter((row) => row.kind === 'session.revoked').length, 3);
    assert.equal(await value(pool, 'SELECT session_service.delete_user($1)', [user]), '3');
});

test('sixteen connections refresh one token: one rotation, one pair', async () => {
    const made = await signIn(pool, randomUUID());
    const answers = await Promise.all(Array.from({ length: 64 }, () => refresh(pool, made.refresh_token)));
    assert.equal(answers.filter((answer) => !answer.repeated).length, 1);
    assert.equal(new Set(answers.map((answer) => `${answer.token} ${answer.refresh_token}`)).size, 1);
    assert.ok(await validate(pool, answers[0].token));
});

test('a spent refresh token ends the session, if the call is committed', async () => {
    const made = await signIn(pool, randomUUID());
    const second = await refresh(pool, made.refresh_token);
    const third = await refresh(pool, second.refresh_token);
    await inTransaction('BEGIN', 'ROLLBACK', async (client) => {
        assert.equal(await refresh(client, made.refresh_token), undefined);
    });
    assert.ok(await validate(pool, third.token));
    await inTransaction('BEGIN', 'COMMIT', async (client) => {
        assert.equal(await refresh(client, made.refresh_token), undefined);
    });
    assert.equal(await validate(pool, third.token), undefined);
    const { revoke_reason: reason } = await one(pool, 'SELECT * FROM session_service.get_session($1)', [
        made.session_id,
    ]);
    assert.equal(reason, 'Refresh token reuse');
});

test('errors arrive with their SQLSTATE, and carry no value', async () => {
    const user = randomUUID();
    const made = await signIn(pool, user);
    const create = (name) => `SELECT * FROM session_service.create_session(gen_random_uuid(), ${name} => $1)`;
    const secret = 'k'.repeat(513);
    for (const [code, text, values] of [
        ['22004', 'SELECT * FROM session_service.create_session($1)', [null]],
        ['22004', create('scopes'), [['a', null]]],
        ['22001', create('device_key'), [secret]],
        ['22001', create('metadata'), [{ k: secret.repeat(16) }]],
        ['22023', create('scopes'), [['two words']]],
        ['22023', create('inactivity_timeout'), ['-1 second']],
    ]) {
        const error = await failsWith(code, one(pool, text, values));
        assert.ok(!JSON.stringify({ ...error, message: error.message }).includes('kkk'));
    }
    await inTransaction('BEGIN READ ONLY', 'ROLLBACK', async (client) => {
        assert.ok(await validate(client, made.token));
        await failsWith('25006', refresh(client, made.refresh_token));
    });
    await inTransaction('BEGIN', 'ROLLBACK', async (client) => {
        await client.query("SET LOCAL session_service.limit_policy = 'reject'");
        await client.query('SET LOCAL session_service.max_per_user = 1');
        await failsWith('53400', signIn(client, user));
    });
});

test('transactions and savepoints', async () => {
    const user = randomUUID();
    const lost = await inTransaction('BEGIN', 'ROLLBACK', (client) => signIn(client, user));
    assert.equal(await validate(pool, lost.token), undefined);
    const kept = await inTransaction('BEGIN', 'COMMIT', async (client) => {
        const made = await signIn(client, user);
        await client.query('SAVEPOINT before');
        assert.equal(await value(client, 'SELECT session_service.revoke_session($1)', [made.session_id]), true);
        await client.query('ROLLBACK TO before');
        await failsWith('22023', signIn(client, user, { scopes: ['two words'] }));
        await client.query('ROLLBACK TO before');
        assert.equal(await validate(pool, made.token), undefined);
        return made;
    });
    assert.ok(await validate(pool, kept.token));
});

test('a notification of a revocation', async () => {
    await withClient(async (listener) => {
        const heard = new Promise((resolve) => listener.once('notification', resolve));
        await listener.query('LISTEN session_service');
        const user = randomUUID();
        const made = await signIn(pool, user);
        await inTransaction('BEGIN', 'COMMIT', async (client) => {
            await client.query('SET LOCAL session_service.notify = on');
            await value(client, 'SELECT session_service.revoke_session($1)', [made.session_id]);
        });
        const { channel, payload } = await heard;
        assert.equal(channel, 'session_service');
        const epoch = Number(await value(pool, 'SELECT session_service.user_epoch($1)', [user]));
        assert.deepEqual(JSON.parse(payload), {
            event: 'session.revoked',
            session_id: made.session_id,
            user_id: user,
            epoch,
        });
        await listener.query('UNLISTEN *');
    });
});

test('addresses as proxies give them, taken apart as docs/calling.md does', async () => {
    const text = await readFile(new URL('../../../docs/calling.md', import.meta.url), 'utf8');
    const code = text.match(/^```js\n(.*?)^```$/ms)[1];
    const { clientAddress } = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    const made = await signIn(pool, randomUUID());
    const known = JSON.parse(await readFile(new URL('../addresses.json', import.meta.url), 'utf8'));
    for (const [given, proxies, expected] of known) {
        const address = clientAddress(given, proxies);
        const call = 'SELECT v.user_id, $2::inet = $3::inet AS same FROM session_service.validate_session($1, $2) v';
        const found = await one(pool, call, [made.token, address, expected]);
        assert.equal(found?.same ?? null, expected === null ? null : true, `${given}`);
        if (given !== null && given !== expected && proxies === 1 && expected !== null) {
            await failsWith(
                '22P02',
                one(pool, 'SELECT * FROM session_service.validate_session($1, $2)', [made.token, given]),
            );
        }
    }
});

test('bytes that are no text are refused by the server', async () => {
    const invalid = ['sst_\0', Buffer.from('sst_\xff', 'latin1')];
    for (const token of invalid) {
        await failsWith(
            '22021',
            pool.query({ text: 'SELECT * FROM session_service.validate_session($1)', values: [token] }),
        );
    }
});

test("the README's example for node-postgres", async () => {
    const text = await readFile(new URL('../../../README.md', import.meta.url), 'utf8');
    const code = text.match(/^```js\n(.*?)^```$/ms)[1];
    const example = await import(`data:text/javascript,${encodeURIComponent(code)}`);
    const made = await signIn(pool, randomUUID(), { scopes: ['read'] });
    const session = await example.currentSession(pool, made.token, '203.0.113.7');
    assert.deepEqual([session.session_id, session.scopes], [made.session_id, ['read']]);
    assert.equal(await example.currentSession(pool, 'nonsense', null), undefined);
    const second = await example.refresh(pool, made.refresh_token, '203.0.113.7');
    assert.deepEqual(await example.refresh(pool, made.refresh_token, null), second);
    const third = await example.refresh(pool, second.refresh_token, null);
    assert.equal(await example.refresh(pool, made.refresh_token, null), undefined);
    assert.equal(await validate(pool, third.token), undefined);
});

let failed = 0;
for (const [i, { name, body }] of tests.entries()) {
    try {
        await body();
        console.log(`ok ${i + 1} - ${driver}: ${name}`);
    } catch (error) {
        ++failed;
        console.log(`not ok ${i + 1} - ${driver}: ${name}`);
        console.log(String(error.stack).replace(/^/gm, '# '));
    }
}
console.log(`1..${tests.length}`);
await pool.end();
process.exitCode = failed ? 1 : 0;
