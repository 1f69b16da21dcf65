// What comes with a request, made fit for use.

import { isIP } from 'node:net';

// What session_service records of a request, within its limits.
export function client(req) {
    const address = (req.ip ?? '').replace(/^::ffff:(?=\d+\.)/, '').replace(/%.*/, '');
    return { address: isIP(address) ? address : null, userAgent: req.get('User-Agent')?.slice(0, 2048) };
}

// A field of a form as one line of text.
export function text(field) {
    return String(field ?? '')
        .replace(/[\p{Cc}\p{Cs}]/gu, '')
        .trim();
}

export function isId(field) {
    return typeof field === 'string' && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(field);
}

// "192.0.2.7", "192.0.2.0/24", "2001:db8::/32"
export function isNetwork(field) {
    const [address, bits = '0', ...more] = field.split('/');
    const most = { 4: 32, 6: 128 }[isIP(address)];
    return !more.length && !address.includes('%') && /^\d{1,3}$/.test(bits) && bits <= most;
}
