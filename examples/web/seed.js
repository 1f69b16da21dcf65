// Three users to try the application with. Run by the owner of the tables.

import { pool } from './database.js';
import { hashPassword } from './passwords.js';

const USERS = [
    ['ada@example.com', 'Ada Lovelace', 'difference engine', false],
    ['grace@example.com', 'Grace Hopper', 'nanosecond wire', false],
    ['margaret@example.com', 'Margaret Hamilton', 'priority display', true],
];

for (const [email, name, password, isAdmin] of USERS) {
    await pool.query('INSERT INTO public.users (email, name, password_hash, is_admin) VALUES ($1, $2, $3, $4)', [
        email,
        name,
        await hashPassword(password),
        isAdmin,
    ]);
    console.log(`    ${email.padEnd(20)} ${password}${isAdmin ? ' (an administrator)' : ''}`);
}
await pool.end();
