// Two users to try the application with. Run by the owner of the tables.

import { pool } from './database.js';
import { hashPassword } from './passwords.js';

const USERS = [
    ['ada@example.com', 'Ada Lovelace', 'difference engine'],
    ['grace@example.com', 'Grace Hopper', 'nanosecond wire'],
];

for (const [email, name, password] of USERS) {
    await pool.query('INSERT INTO public.users (email, name, password_hash) VALUES ($1, $2, $3)', [
        email,
        name,
        await hashPassword(password),
    ]);
    console.log(`    ${email.padEnd(20)} ${password}`);
}
await pool.end();
