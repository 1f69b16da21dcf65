// The pools of connections. The PG… environment variables say where the database is.

import pg from 'pg';

function makePool(options) {
    const pool = new pg.Pool({ statement_timeout: 10_000, ...options });
    // A connection that broke while nobody used it is replaced at the next query.
    pool.on('error', (error) => console.error(`A pooled connection was lost: ${error.code}`));
    return pool;
}

function queries(pool) {
    const rows = async (query, values) => (await pool.query(query, values)).rows;
    // The first row, or undefined.
    const row = async (query, values) => (await rows(query, values))[0];
    // The first column of the first row.
    const value = async (query, values) => Object.values(await row(query, values))[0];
    return { rows, row, value };
}

// The application's role, and that of the administrators' pages, which alone may look at everybody's sessions.
export const pool = makePool({ max: 10 });
export const adminPool = makePool({ max: 2, user: process.env.ADMIN_PGUSER ?? 'web_admin' });

export const { rows, row, value } = queries(pool);
export const asAdmin = queries(adminPool);
