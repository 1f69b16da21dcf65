// DPoP on the side of the server (RFC 9449): what comes with a request, and what is answered where it is not good.
// Whether a proof is good is the database's to say.

import { findOut } from './sessions.js';

const ALGORITHMS = 'ES256 RS256 EdDSA';

// The token and the proof of a request, with its method and its URI as the client used it: not as a proxy passed it
// on, and not with a host that the client may choose. Of two headers DPoP Node.js makes one text with a comma, which
// is no proof.
export function presented(req) {
    const [, token] = req.get('Authorization')?.match(/^DPoP +([\w-]+) *$/i) ?? [];
    return { token, proof: req.get('DPoP'), method: req.method, uri: req.app.locals.publicUrl + req.originalUrl };
}

// What the client put into its proof as the nonce, if it is one at all.
function nonceOf(proof) {
    try {
        return JSON.parse(Buffer.from(proof.split('.')[1], 'base64url').toString()).nonce;
    } catch {
        return undefined;
    }
}

// Whether the fault is that the client does not know the present nonce; then it is told.
function asksForNonce(res, proof, { challenge, asksForNonce: isAsked }) {
    if (!isAsked || !challenge || nonceOf(proof) === challenge) return false;
    res.set('DPoP-Nonce', challenge);
    return true;
}

// Section 7.1 and 9: the answer to a request whose token or proof is not good. A session is `bound` before it is
// used; where it is not, its token opens nothing here.
export async function refuse(req, res, { isBinding = false } = {}) {
    const { token, proof } = presented(req);
    const algorithms = `algs="${ALGORITHMS}"`;
    // Who has sent nothing is told what to send, and no error.
    if (!req.get('Authorization')) return res.status(401).set('WWW-Authenticate', `DPoP ${algorithms}`).json({});
    const found = token ? await findOut(token) : {};
    const isOpen = found.challenge && (isBinding || found.type === 'DPoP');
    let error = 'invalid_token';
    if (isOpen) error = asksForNonce(res, proof, found) ? 'use_dpop_nonce' : 'invalid_dpop_proof';
    res.status(401).set('WWW-Authenticate', `DPoP error="${error}", ${algorithms}`).json({ error });
}

// Section 5 and 8: the same of a refresh, in the form of an OAuth token endpoint.
export async function refuseRefresh(req, res, refreshToken) {
    const found = await findOut(refreshToken);
    let error = 'invalid_grant';
    if (found.challenge)
        error = asksForNonce(res, presented(req).proof, found) ? 'use_dpop_nonce' : 'invalid_dpop_proof';
    res.status(400).json({ error });
}
