// Starts the API. Settings, all from the environment:
//
//   PUBLIC_URL   what clients put before the paths of the API: https://api.example, or https://example.com/api.
//                Behind a proxy it is the outside address (http://HOST:PORT)
//   PORT, HOST   3000, 127.0.0.1; port 0 takes a free one
//   TRUST_PROXY  the proxies whose X-Forwarded-For is believed, such as "loopback" or "10.0.0.7"
//   PG…          where the database is

import { createApp } from './app.js';
import { pool } from './sessions.js';

const host = process.env.HOST ?? '127.0.0.1';
const app = createApp({ trustProxy: process.env.TRUST_PROXY });
const server = app.listen(Number(process.env.PORT ?? 3000), host, (error) => {
    if (error) {
        console.error(`Cannot listen: ${error.message}`);
        process.exit(1);
    }
    const address = `http://${host}:${server.address().port}`;
    app.locals.publicUrl = (process.env.PUBLIC_URL ?? address).replace(/\/$/, '');
    console.log(`Listening on ${address}`);
});

function stop() {
    server.close(() => pool.end());
    server.closeIdleConnections();
}
process.once('SIGINT', stop);
process.once('SIGTERM', stop);
