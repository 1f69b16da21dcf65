// Which shard has a user, a session or a token of session_service. Asks no server; needs nothing but Node.js.
import { createHash } from 'node:crypto';

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** The first 12 bits of SHA-256 over the 16 bytes of the id. */
export function bucketOfUser(userId) {
    const bytes = Buffer.from(userId.replaceAll('-', ''), 'hex');
    return createHash('sha256').update(bytes).digest().readUInt16BE(0) >> 4;
}

/** The 12 bits behind the version of the UUID. */
export function bucketOfSession(sessionId) {
    return parseInt(sessionId.slice(15, 18), 16);
}

/** The same 12 bits: two characters of the token. null for what may be another system's token. */
export function bucketOfToken(token) {
    if (!/^ss[tr]_/.test(token)) {
        return null;
    }
    const [high, low] = [alphabet.indexOf(token[14]), alphabet.indexOf(token[15])];
    return high >= 0 && low >= 0 ? high * 64 + low : 0;
}

/** 0 to 15: the ranges are what is given to shards, and what moves between them. */
export function rangeOf(bucket) {
    return bucket >> 8;
}

/** Of sixteen pools, one for each range, with the same pool at several places; that of range 0 without a bucket. */
export function poolOf(bucket, pools) {
    return pools[rangeOf(bucket ?? 0)];
}
