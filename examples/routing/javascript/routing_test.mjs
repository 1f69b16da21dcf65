// Holds routing.mjs to the vectors in the file that is named. Prints how many there were.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { bucketOfSession, bucketOfToken, bucketOfUser, poolOf, rangeOf } from './routing.mjs';

const pools = 'aaaabbbbcccccccd'.split('');
const bucketOf = { user: bucketOfUser, session: bucketOfSession, token: bucketOfToken };

const lines = readFileSync(process.argv[2], 'utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('#'));
for (const line of lines) {
    const [kind, value, sessionId, bucket, range] = line.split('\t');
    const where = `${kind} ${value}`;
    if (kind === 'imported') {
        assert.equal(bucketOfToken(value), null, where);
    } else if (kind === 'malformed') {
        const found = bucketOfToken(value);
        assert.ok(Number.isInteger(found) && found >= 0 && found < 4096, where);
    } else {
        const found = bucketOf[kind](value);
        assert.equal(found, Number(bucket), where);
        assert.equal(rangeOf(found), Number(range), where);
        assert.ok(sessionId === '' || bucketOfSession(sessionId) === found, where);
        assert.equal(poolOf(found, pools), pools[Number(range)], where);
    }
}

assert.equal(bucketOfToken(null), null);
assert.equal(bucketOfToken(undefined), null);
assert.equal(poolOf(null, pools), 'a');
console.log(`${lines.length} vectors`);
