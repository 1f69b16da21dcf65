// What the pages say.

// Why a session is over, for /sign-in?ended=…
const ENDED = {
    here: { kind: 'good', text: 'You are signed out.' },
    elsewhere: { kind: 'plain', text: 'You were signed out of this browser from another device.' },
    idle: { kind: 'plain', text: 'You were signed out because you had not been here for a while.' },
    administrator: { kind: 'plain', text: 'An administrator signed you out.' },
    limit: { kind: 'plain', text: 'You were signed out here because you signed in on too many other devices.' },
    reuse: {
        kind: 'warning',
        text:
            'We ended this session to protect your account: someone used a copy of its sign-in data. ' +
            'If you did not do this yourself, change your password after signing in.',
    },
};

export const endOf = (key) => lookUp(ENDED, key);

const REASONS = {
    'Refresh token reuse': 'reuse',
    'Session limit exceeded': 'limit',
    'Revoked by an administrator': 'administrator',
    'User disabled': 'administrator',
};

// The key in ENDED for a session's status and reason; undefined where there is nothing to explain.
export function reasonOf(session) {
    switch (session?.status) {
        case 'revoked':
            return REASONS[session.revoke_reason] ?? 'elsewhere';
        case 'idle':
        case 'expired':
            return 'idle';
        default:
            return undefined;
    }
}

// What was just done, for /devices?done=…
const DONE = {
    session: 'That session is signed out.',
    others: 'You are signed out everywhere but here.',
    name: 'The device has a new name.',
    trust: 'The device is trusted.',
    untrust: 'The device is no longer trusted.',
    forget: 'The device is removed, and signed out.',
};

export const doneOf = (key) => lookUp(DONE, key);

// The same for /admin?done=… and /admin?ended=…
const ADMIN_DONE = {
    disable: 'The user is signed out everywhere, and cannot sign in.',
    enable: 'The user can sign in again.',
};

export function adminDoneOf({ done, ended }) {
    return /^\d{1,9}$/.test(ended) ? `${sessionCount(Number(ended))} ended.` : lookUp(ADMIN_DONE, done);
}

const number = new Intl.NumberFormat('en');

// "1,234 sessions"
export function sessionCount(count) {
    return `${number.format(count)} ${count === 1 ? 'session' : 'sessions'}`;
}

// What comes with an address may be any text, and "constructor" is no key of ours.
function lookUp(table, key) {
    return Object.hasOwn(table, key) ? table[key] : null;
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const UNITS = [
    ['day', 86_400],
    ['hour', 3_600],
    ['minute', 60],
];

// "5 minutes ago"
export function ago(time, now = Date.now()) {
    const seconds = (now - time) / 1000;
    const [unit, size] = UNITS.find(([, size]) => seconds >= size) ?? [];
    return unit ? relative.format(-Math.floor(seconds / size), unit) : 'just now';
}

const date = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
const dateAndTime = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'short', timeZone: 'UTC' });

// "24 Nov 2026"
export function day(time) {
    return date.format(time);
}

// "24 Nov 2026, 11:18 UTC"
export function moment(time) {
    return `${dateAndTime.format(time)} UTC`;
}

// "Firefox 128 on Linux", or as much as is known.
export function software({ browser, browser_version: version, os }) {
    const name = browser && version ? `${browser} ${version.split('.')[0]}` : browser;
    return [name, os].filter(Boolean).join(' on ') || 'Unknown software';
}

// "203.0.113.7, Paris, FR", or as much as is known.
export function place({ ip_address: address, city, country }) {
    return [address, city, country].filter(Boolean).join(', ') || 'unknown address';
}
