// The application's own users: who they are, and whether a password is theirs.

import { row, value } from './database.js';
import { hashPassword, verifyPassword } from './passwords.js';

// Nobody's password. An unknown address takes as long to refuse as a wrong password, so that the time of
// the answer does not tell which addresses exist.
const nobody = hashPassword('');

// The user, or undefined.
export async function findByPassword(email, password) {
    const user = await row('SELECT id, name, password_hash FROM public.users WHERE email = lower($1)', [email]);
    const matches = await verifyPassword(password, user?.password_hash ?? (await nobody));
    return user && matches ? user : undefined;
}

export function findById(id) {
    return row('SELECT id, name, email, is_admin FROM public.users WHERE id = $1', [id]);
}

export async function checkPassword(id, password) {
    return verifyPassword(password, await value('SELECT password_hash FROM public.users WHERE id = $1', [id]));
}
