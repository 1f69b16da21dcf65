// The life of a session through postgres.js, which is a pool. The snippet is docs/clients.md's.

import { live } from './life.mjs';

// snippet
import postgres from 'postgres';

const db = postgres(); // where to, the PG… variables say
const user = 'ada00000-0000-4000-8000-000000000001';

const [made] = await db`SELECT * FROM session_service.create_session(${user}, ip_address => ${'192.0.2.7'})`;
const [session] = await db`SELECT user_id, scopes FROM session_service.validate_session(${made.token})`;
const [pair] = await db`SELECT * FROM session_service.refresh_session(${made.refresh_token})`;
await db`SELECT session_service.revoke_session_by_token(${pair.token})`;
console.log(session); // undefined: answer 401
// end of snippet

await live(db, (heard) => db.listen('session_service', heard));
// snippet
await db.end();
// end of snippet
