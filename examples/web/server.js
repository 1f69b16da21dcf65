// Starts the application. Settings, all from the environment:
//
//   PORT         3000; 0 takes a free one
//   HOST         127.0.0.1
//   TRUST_PROXY  the proxies whose X-Forwarded-… headers are believed, such as "loopback" or "10.0.0.7"
//   PG…          where the database is

import { app } from './app.js';
import { pool } from './database.js';

const host = process.env.HOST ?? '127.0.0.1';
const server = app.listen(Number(process.env.PORT ?? 3000), host, (error) => {
    if (error) {
        console.error(`Cannot listen: ${error.message}`);
        process.exit(1);
    }
    console.log(`Listening on http://${host}:${server.address().port}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
        server.close(() => pool.end());
        server.closeIdleConnections();
    });
}
