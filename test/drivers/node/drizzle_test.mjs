// The life of a session through drizzle, over the pool of node-postgres. The snippet is docs/clients.md's.

import { live } from './life.mjs';

// snippet
import { drizzle } from 'drizzle-orm/node-postgres';
import { sql } from 'drizzle-orm';
import pg from 'pg';

const pool = new pg.Pool(); // where to, the PG… variables say
const db = drizzle(pool);
const user = 'ada00000-0000-4000-8000-000000000001';

// The rows of a call. An error of drizzle's has the parameters in its text, tokens too: its cause has not.
async function call(statement) {
    const { rows } = await db.execute(statement).catch((error) => {
        throw error.cause ?? error;
    });
    return rows;
}

const [made] = await call(sql`SELECT * FROM session_service.create_session(${user}, ip_address => ${'192.0.2.7'})`);
const [session] = await call(sql`SELECT user_id, scopes FROM session_service.validate_session(${made.token})`);
const [pair] = await call(sql`SELECT * FROM session_service.refresh_session(${made.refresh_token})`);
await call(sql`SELECT session_service.revoke_session_by_token(${pair.token})`);
console.log(session); // undefined: answer 401
// end of snippet

// Without sql.param an array becomes a list of parameters.
await live((texts, ...values) => call(sql(texts, ...values.map((value) => sql.param(value)))));
// snippet
await pool.end();
// end of snippet
