// The client: signs in, binds the session to a key that never leaves it, and proves with each request that it has the
// key (RFC 9449).
//
//     const client = new Client('https://api.example');
//     await client.signIn('ada@example.com', 'tea for two');
//     const profile = await client.get('/profile');
//     await client.signOut();

import { webcrypto } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';

import * as DPoP from 'dpop';

// Node.js 18 does not have them under these names.
globalThis.crypto ??= webcrypto;
globalThis.CryptoKey ??= webcrypto.CryptoKey;

// The session is over, or there was none: the user has to sign in.
export class SignedOut extends Error {}

// Any other answer that is none: its status, and the word for it.
export class Refused extends Error {
    constructor(status, error) {
        super(`${status} ${error}`);
        this.status = status;
        this.error = error;
    }
}

const ATTEMPTS = 4;
const PAUSE_MS = 100;

export class Client {
    #url;
    #fetch;
    #keys;
    #token;
    #refreshToken;
    #nonce;
    #refreshing;

    // `fetch` may be another one, for tests.
    constructor(url, { fetch = (...request) => globalThis.fetch(...request) } = {}) {
        this.#url = url.replace(/\/$/, '');
        this.#fetch = fetch;
    }

    get isSignedIn() {
        return this.#token !== undefined;
    }

    async signIn(email, password, deviceName) {
        const body = { email, password, device_name: deviceName };
        const fetch = this.#fetch;
        this.#keep(await told(await fetch(`${this.#url}/sign-in`, request('POST', body))));
        // A key for each session, so that nobody tells by it which are the same device's. Its private half can be
        // used, and not be read.
        this.#keys = await DPoP.generateKeyPair('ES256', { extractable: false });
        try {
            return await persistently(() => this.#send('POST', '/bind', { token: this.#token }));
        } catch (error) {
            // Somebody else may have bound it. It has shown nobody anything: let it go, and sign in again.
            this.#forget();
            throw error;
        }
    }

    get(path) {
        return this.call('GET', path);
    }

    // Where the session token is over, buys a new pair and asks once more.
    async call(method, path, body) {
        this.#requireSession();
        const token = this.#token;
        const answer = await this.#send(method, path, { token, body });
        if (errorOf(answer) !== 'invalid_token') return told(answer);
        // Another call may have refreshed meanwhile.
        if (token === this.#token) await this.refresh();
        return told(await this.#send(method, path, { token: this.#token, body }));
    }

    // One at a time, however many calls find out at once that the token is over.
    refresh() {
        this.#refreshing ??= this.#refresh().finally(() => {
            this.#refreshing = undefined;
        });
        return this.#refreshing;
    }

    async signOut() {
        await this.call('POST', '/sign-out');
        this.#forget();
    }

    // An answer that got lost is asked for again with the same refresh token: within the grace it is the same pair.
    // A refusal for any other reason, or a server that fails, ends nothing.
    async #refresh() {
        this.#requireSession();
        const body = { refresh_token: this.#refreshToken };
        try {
            this.#keep(await persistently(() => this.#send('POST', '/refresh', { body })));
        } catch (error) {
            if (error.error !== 'invalid_grant') throw error;
            this.#forget();
            throw new SignedOut('the session is over');
        }
    }

    // A request with a proof of its own; once more, if the server asks for another nonce.
    async #send(method, path, { token, body }) {
        const url = this.#url + path;
        const fetch = this.#fetch;
        for (let isAgain = false; ; isAgain = true) {
            // Without query and fragment (section 4.2).
            const proof = await DPoP.generateProof(this.#keys, url.replace(/[?#].*/, ''), method, this.#nonce, token);
            const headers = { DPoP: proof, ...(token && { Authorization: `DPoP ${token}` }) };
            const answer = await fetch(url, request(method, body, headers));
            this.#nonce = answer.headers.get('DPoP-Nonce') ?? this.#nonce;
            if (isAgain || !(await asksForNonce(answer))) return answer;
        }
    }

    #keep({ token, refresh_token: refreshToken }) {
        this.#token = token;
        this.#refreshToken = refreshToken;
    }

    #forget() {
        this.#keep({});
        this.#keys = this.#nonce = undefined;
    }

    #requireSession() {
        if (!this.isSignedIn) throw new SignedOut('not signed in');
    }
}

function request(method, body, headers = {}) {
    if (body === undefined) return { method, headers };
    return { method, headers: { ...headers, 'Content-Type': 'application/json' }, body: JSON.stringify(body) };
}

// What an answer says.
async function told(answer) {
    const content = answer.status === 204 ? {} : await answer.json();
    if (answer.ok) return content;
    throw new Refused(answer.status, content.error);
}

// The same, asked again where no answer came.
async function persistently(send) {
    for (let attempt = 1; ; attempt++) {
        try {
            return await told(await send());
        } catch (error) {
            if (error instanceof Refused || attempt === ATTEMPTS) throw error;
        }
        await setTimeout(PAUSE_MS * 2 ** attempt);
    }
}

// The reason in the header of a refused request.
function errorOf(answer) {
    return answer.headers.get('WWW-Authenticate')?.match(/^DPoP .*\berror="(\w+)"/)?.[1];
}

async function asksForNonce(answer) {
    if (answer.ok || !answer.headers.has('DPoP-Nonce')) return false;
    return (errorOf(answer) ?? (await answer.clone().json()).error) === 'use_dpop_nonce';
}
