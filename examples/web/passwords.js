// Passwords, hashed with scrypt. The stored text names its own parameters, so that they can be raised
// later: $scrypt$ln=15,r=8,p=3$salt$hash, with salt and hash in base64.

import { randomBytes, scrypt as scryptCallback, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const scrypt = promisify(scryptCallback);

// One of the equivalent choices of OWASP's password storage cheat sheet: 32 MiB for each hash.
const COST = { ln: 15, r: 8, p: 3 };

function derive(password, salt, length, { ln, r, p }) {
    const N = 2 ** ln;
    // The same password, however its characters were composed.
    return scrypt(password.normalize('NFC'), salt, length, { N, r, p, maxmem: 256 * N * r });
}

export async function hashPassword(password, cost = COST) {
    const salt = randomBytes(16);
    const hash = await derive(password, salt, 32, cost);
    return `$scrypt$ln=${cost.ln},r=${cost.r},p=${cost.p}$${salt.toString('base64')}$${hash.toString('base64')}`;
}

export async function verifyPassword(password, stored) {
    const [, ln, r, p, salt, hash] = stored.match(/^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([^$]+)\$([^$]+)$/);
    const expected = Buffer.from(hash, 'base64');
    const found = await derive(password, Buffer.from(salt, 'base64'), expected.length, { ln: +ln, r: +r, p: +p });
    return timingSafeEqual(found, expected);
}
