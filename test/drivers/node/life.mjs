// The life of a session, for every client of Node.js: ../run.sh has its steps, and prints them as tests.

import assert from 'node:assert/strict';
import { inspect } from 'node:util';

const user = 'ada00000-0000-4000-8000-000000000001';
const address = '2001:db8::7';

// `call` is the tag of a statement with its values, and gives the rows. `listen` calls back with the payload of each
// notification, where the client can.
export async function live(call, listen) {
    const one = async (...statement) => (await call(...statement))[0];
    const validate = (token) => one`SELECT * FROM session_service.validate_session(${token}, ${address})`;

    const made = await one`
        SELECT * FROM session_service.create_session(${user}, 'Laptop', 'Node.js', ${address}, ${['read', 'write']},
            metadata => ${{ plan: 'free' }}, session_expiry => ${'2 hours'}, inactivity_timeout => ${'30 minutes'})`;
    assert.ok(Math.abs(new Date(made.expires_at) - Date.now() - 7_200_000) < 60_000);
    assert.ok(Array.isArray(made.evicted_session_ids));
    console.log('sign_in');

    const session = await validate(made.token);
    assert.deepEqual([session.session_id, session.user_id], [made.session_id, user]);
    assert.deepEqual([session.scopes, session.metadata], [['read', 'write'], { plan: 'free' }]);
    assert.equal(session.mfa_verified, false);
    console.log('validate');

    assert.equal(await validate("nobody's"), undefined);
    console.log('nobody');

    const first = await one`SELECT * FROM session_service.refresh_session(${made.refresh_token})`;
    const second = await one`SELECT * FROM session_service.refresh_session(${made.refresh_token})`;
    assert.deepEqual([first.repeated, { ...first, repeated: true }], [false, { ...second }]);
    assert.equal(await validate(made.token), undefined);
    const { token } = first;
    console.log('refresh');

    const listed = await call`SELECT * FROM session_service.list_user_sessions(${user}, ${made.session_id})`;
    const mine = listed.find((row) => row.is_current);
    assert.deepEqual([mine.ip_address, mine.status, mine.metadata], [address, 'active', { plan: 'free' }]);
    assert.equal(new Date(mine.idle_expires_at) - new Date(mine.last_activity_at), 1_800_000);
    console.log('list');

    const tokens = ["nobody's", null, token];
    const batch = await call`SELECT token_index, session_id FROM session_service.validate_sessions(${tokens})`;
    assert.deepEqual([...batch], [{ token_index: 3, session_id: made.session_id }]);
    console.log('batch');

    const many = await Promise.all(Array.from({ length: 50 }, () => validate(token)));
    assert.ok(many.every((row) => row.session_id === made.session_id));
    console.log('pool');

    let hear;
    const heard = new Promise((resolve) => (hear = resolve));
    await listen?.(hear);
    const { done } = await one`SELECT session_service.revoke_session_by_token(${token}) AS done`;
    assert.deepEqual([done, await validate(token)], [true, undefined]);
    console.log('sign_out');
    if (listen) {
        assert.equal(JSON.parse(await heard).session_id, made.session_id);
        console.log('listen');
    }

    // As it would be logged. Where a client adds the parameters, the token is among them.
    const error = await one`SELECT * FROM session_service.create_session(${null}, ${token})`.catch((error) => error);
    assert.equal(error.code, '22004');
    assert.ok(!inspect(error, { depth: 9 }).includes(token));
    console.log('error');
}
