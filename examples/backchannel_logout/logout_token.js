// A logout token, checked as section 2.6 of OpenID Connect Back-Channel Logout 1.0 says.

import { webcrypto } from 'node:crypto';

import { createRemoteJWKSet, errors, jwtVerify } from 'jose';

// Node.js 18 does not have it under this name.
globalThis.crypto ??= webcrypto;

const LOGOUT = 'http://schemas.openid.net/event/backchannel-logout';

// A token is good for so long after it was issued, or until its own end if that is earlier; clocks may differ.
const MAX_AGE_SECONDS = 120;
const CLOCK_SECONDS = 30;

// Its message is for the provider.
export class InvalidToken extends Error {}

function check(condition, message) {
    if (!condition) throw new InvalidToken(message);
}

const isObject = (claim) => typeof claim === 'object' && claim !== null && !Array.isArray(claim);
const isText = (claim) => typeof claim === 'string' && /^[^\p{Cc}\p{Cs}]{1,255}$/u.test(claim);

// Of a provider, and of us as it knows us: its issuer, where its keys are, our client_id, and the algorithm of ID
// tokens that was agreed on when we registered.
export function createVerifier({ issuer, jwksUri, clientId, algorithm }) {
    // Kept, and fetched again when a token names a key that is not there.
    const keys = createRemoteJWKSet(new URL(jwksUri));
    const options = {
        issuer,
        audience: clientId,
        algorithms: [algorithm],
        maxTokenAge: MAX_AGE_SECONDS,
        clockTolerance: CLOCK_SECONDS,
    };

    // Signature, iss, aud, iat and exp: as those of an ID token.
    async function verify(token) {
        try {
            return await jwtVerify(token, keys, options);
        } catch (error) {
            // That the provider's keys could not be had says nothing about the token.
            const isVerdict =
                error instanceof errors.JOSEError && !['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT'].includes(error.code);
            throw isVerdict ? new InvalidToken(error.message) : error;
        }
    }

    // Whom to sign out, and until when to remember that it was done.
    return async function verifyLogoutToken(token) {
        check(typeof token === 'string', 'no logout_token');
        const { payload, protectedHeader } = await verify(token);
        const { iss, aud, iat, jti, events, sid, sub } = payload;
        // Not everybody types logout tokens, but no other type is one.
        check(/^((application\/)?logout\+)?jwt$/i.test(protectedHeader.typ ?? 'JWT'), 'unexpected typ');
        check(
            [aud].flat().every((audience) => audience === clientId),
            'aud names others too',
        );
        check(isObject(events) && Object.hasOwn(events, LOGOUT) && isObject(events[LOGOUT]), 'events has no logout');
        check(!Object.hasOwn(payload, 'nonce'), 'a logout token has no nonce');
        check(sid === undefined || isText(sid), 'unexpected sid');
        check(sub === undefined || isText(sub), 'unexpected sub');
        check(sid || sub, 'neither sid nor sub');
        check(isText(jti), 'unexpected jti');
        return { iss, sid, sub, jti, until: new Date((iat + MAX_AGE_SECONDS + CLOCK_SECONDS) * 1000) };
    };
}
