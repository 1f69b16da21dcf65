// Starts the application. Settings, all from the environment:
//
//   PORT         3000; 0 takes a free one
//   HOST         127.0.0.1
//   TRUST_PROXY  the proxies whose X-Forwarded-… headers are believed, such as "loopback" or "10.0.0.7"
//   PG…          where the database is
//   ADMIN_PGUSER the role of the administrators' pages (web_admin)

import { app } from './app.js';
import { adminPool, pool } from './database.js';

const host = process.env.HOST ?? '127.0.0.1';
const server = app.listen(Number(process.env.PORT ?? 3000), host, (error) => {
    if (error) {
        console.error(`Cannot listen: ${error.message}`);
        process.exit(1);
    }
    console.log(`Listening on http://${host}:${server.address().port}`);
});

// The requests that are under way get their answers. Ctrl-C may come with a SIGTERM: the first signal counts.
let stopping = false;
function stop() {
    if (stopping) return;
    stopping = true;
    server.close(() => Promise.all([pool.end(), adminPool.end()]));
    server.closeIdleConnections();
    setTimeout(() => server.closeAllConnections(), 3000).unref();
}
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
