// The pool of connections. The PG… environment variables say where the database is.

import pg from 'pg';

export const pool = new pg.Pool({ max: 10, statement_timeout: 10_000 });

// A connection that broke while nobody used it is replaced at the next query.
pool.on('error', (error) => console.error(`A pooled connection was lost: ${error.code}`));

export async function rows(query, values) {
    return (await pool.query(query, values)).rows;
}

// The first row, or undefined.
export async function row(query, values) {
    return (await rows(query, values))[0];
}

// The first column of the first row.
export async function value(query, values) {
    return Object.values(await row(query, values))[0];
}
