// The life of a session through TypeORM, over the pool of node-postgres. The snippet is docs/clients.md's.

import { live } from './life.mjs';

// snippet
import { DataSource } from 'typeorm';

const db = await new DataSource({ type: 'postgres' }).initialize(); // where to, the PG… variables say
const user = 'ada00000-0000-4000-8000-000000000001';

// The rows of a call. An error of TypeORM's has the parameters, tokens too: the driver's has not.
const call = (...statement) =>
    db.sql(...statement).catch((error) => {
        throw error.driverError ?? error;
    });

const [made] = await call`SELECT * FROM session_service.create_session(${user}, ip_address => ${'192.0.2.7'})`;
const [session] = await call`SELECT user_id, scopes FROM session_service.validate_session(${made.token})`;
const [pair] = await call`SELECT * FROM session_service.refresh_session(${made.refresh_token})`;
await call`SELECT session_service.revoke_session_by_token(${pair.token})`;
console.log(session); // undefined: answer 401
// end of snippet

await live(call);
// snippet
await db.destroy();
// end of snippet
