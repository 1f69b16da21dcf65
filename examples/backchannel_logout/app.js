// The endpoint, and its answers as section 2.8 says: 200 where the logout is done, 400 where it is not.

import express from 'express';

import { InvalidToken } from './logout_token.js';

export function createApp({ verify, logOut }) {
    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');

    app.use((req, res, next) => {
        res.set('Cache-Control', 'no-store');
        next();
    });

    // No cookie, no Origin: it is the provider's server that calls, and the token says so.
    app.post('/backchannel-logout', express.urlencoded({ extended: false, limit: '20kb' }), async (req, res) => {
        const logout = await verify(req.body?.logout_token);
        const ended = await logOut(logout);
        if (ended === undefined) throw new InvalidToken('this token was used before');
        console.log(`Signed out by the identity provider: sessions ended: ${ended}`);
        res.end();
    });

    app.use((req, res) => res.status(404).end());

    // Of an error of the database only the code: its message may quote a value.
    app.use((error, req, res, next) => {
        if (res.headersSent) return next(error);
        const isInvalid = error instanceof InvalidToken || error.status < 500;
        // Of what RFC 6749 allows: the message may have a name from the token.
        const description = isInvalid ? error.message.replace(/[^ !#-[\]-~]/g, '') : 'the logout failed';
        console.error(isInvalid ? `Refused: ${description}` : error.severity ? `SQLSTATE ${error.code}` : error.stack);
        res.status(400).json({
            error: isInvalid ? 'invalid_request' : 'server_error',
            error_description: description,
        });
    });
    return app;
}
