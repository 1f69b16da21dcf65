// Starts the endpoint. Settings, all from the environment:
//
//   ISSUER       the provider, as its tokens name it in iss
//   JWKS_URI     where its keys are: jwks_uri in its discovery document
//   CLIENT_ID    what it knows us by
//   ALGORITHM    how it signs our ID tokens (RS256)
//   PORT, HOST   3000, 127.0.0.1; port 0 takes a free one
//   PG…          where the database is

import { createApp } from './app.js';
import { createVerifier } from './logout_token.js';
import { forgetUsedTokens, logOut, pool } from './sessions.js';

const { ISSUER: issuer, JWKS_URI: jwksUri, CLIENT_ID: clientId, ALGORITHM: algorithm = 'RS256' } = process.env;
if (!issuer || !jwksUri || !clientId) {
    console.error('ISSUER, JWKS_URI and CLIENT_ID are needed.');
    process.exit(2);
}

const host = process.env.HOST ?? '127.0.0.1';
const app = createApp({ verify: createVerifier({ issuer, jwksUri, clientId, algorithm }), logOut });
const server = app.listen(Number(process.env.PORT ?? 3000), host, (error) => {
    if (error) {
        console.error(`Cannot listen: ${error.message}`);
        process.exit(1);
    }
    console.log(`Listening on http://${host}:${server.address().port}`);
});

const hourly = setInterval(() => {
    forgetUsedTokens().catch((error) => console.error(`Not forgotten: SQLSTATE ${error.code}`));
}, 3_600_000);

function stop() {
    clearInterval(hourly);
    server.close(() => pool.end());
    server.closeIdleConnections();
}
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
