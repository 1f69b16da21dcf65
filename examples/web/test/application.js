// What the tests share: the application, its users, and the run. Importing it starts an application.
//
// The PG… variables lead to the database as its owner; the application runs as web_app.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import pg from 'pg';

import { hashPassword } from '../passwords.js';

export const PASSWORD = 'paßword of all';
export const TOKEN = /ss[tr]_[A-Za-z0-9_-]{20,}/;

export const CHROMIUM = {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
        '--headless',
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
    ],
};

export const owner = new pg.Pool({ max: 4 });
export const one = async (query, values) => (await owner.query(query, values)).rows[0];

// --- the application

// Everything that the application printed, and all that browsers were shown, addresses included.
export const printed = [];
export const shown = [];

export async function startApplication() {
    const child = spawn(process.execPath, ['server.js'], {
        cwd: fileURLToPath(new URL('..', import.meta.url)),
        env: { ...process.env, PGUSER: 'web_app', PORT: '0', TRUST_PROXY: 'loopback' },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const url = await new Promise((resolve, reject) => {
        for (const stream of [child.stdout, child.stderr]) {
            createInterface(stream).on('line', (line) => {
                printed.push(line);
                const [, address] = line.match(/^Listening on (\S+)$/) ?? [];
                if (address) resolve(address);
            });
        }
        child.once('exit', () => reject(new Error(`the application ended: ${printed.slice(-5).join('\n')}`)));
    });
    return {
        url,
        // Returns the exit status.
        async stop(...signals) {
            child.removeAllListeners('exit');
            const gone = once(child, 'exit');
            for (const signal of signals.length ? signals : ['SIGTERM']) child.kill(signal);
            const [status] = await gone;
            return status;
        },
    };
}

// An application of its own, whose connections have other settings of session_service.
export async function withSettings(settings, body) {
    const role = `ALTER ROLE web_app IN DATABASE ${process.env.PGDATABASE}`;
    for (const [name, setting] of Object.entries(settings)) {
        await owner.query(`${role} SET session_service.${name} = '${setting}'`);
    }
    const other = await startApplication();
    try {
        await body(other.url);
    } finally {
        await other.stop();
        await owner.query(`${role} RESET ALL`);
    }
}

export const application = await startApplication();

// --- users

let users = 0;

// Cheap, since there are many sign-ins.
const passwordHash = await hashPassword(PASSWORD, { ln: 10, r: 8, p: 1 });

export async function newUser(isAdmin = false) {
    const email = `user${++users}@example.com`;
    const name = `User <b>${users}</b>`;
    const { id } = await one(
        'INSERT INTO public.users (email, name, password_hash, is_admin) VALUES ($1, $2, $3, $4) RETURNING id',
        [email, name, passwordHash, isAdmin],
    );
    return { id, email, name };
}

export function sessionsOf(user) {
    return owner
        .query('SELECT * FROM session_service.list_user_sessions($1, include_inactive => true) ORDER BY created_at', [
            user.id,
        ])
        .then(({ rows }) => rows);
}

// As if the user had given the password so long before.
export function ageSignIn(user, minutes) {
    return owner.query(
        `UPDATE session_service.sessions
         SET created_at = created_at - make_interval(mins => $2),
             authenticated_at = authenticated_at - make_interval(mins => $2)
         WHERE user_id = $1`,
        [user.id, minutes],
    );
}

// --- what comes about

export async function until(what, condition) {
    for (let i = 0; i < 600; ++i) {
        if (await condition()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert.fail(`never came about: ${what}`);
}

// Whether so many connections of the application wait for a lock.
export function isWaiting(count) {
    return async () => {
        const { waiting } = await one(
            `SELECT count(*)::int AS waiting FROM pg_stat_activity
             WHERE datname = current_database() AND usename = 'web_app' AND wait_event_type = 'Lock'`,
        );
        return waiting === count;
    };
}

// --- the run

const tests = [];

export function test(name, body) {
    tests.push({ name, body });
}

// Thrown by a test that cannot be run here.
export class Skip extends Error {}

// An argument is a pattern of the names of the tests to run.
export async function run({ afterEach, afterAll }) {
    const chosen = tests.filter(({ name }) => new RegExp(process.argv[2] ?? '').test(name));
    let failed = 0;
    for (const [i, { name, body }] of chosen.entries()) {
        try {
            await body();
            console.log(`ok ${i + 1} - web: ${name}`);
        } catch (error) {
            if (error instanceof Skip) {
                console.log(`ok ${i + 1} - web: ${name} # SKIP ${error.message}`);
            } else {
                ++failed;
                console.log(`not ok ${i + 1} - web: ${name}`);
                console.log(String(error.stack).replace(/^/gm, '# '));
            }
        }
        await afterEach();
    }
    console.log(`1..${chosen.length}`);
    await application.stop();
    await afterAll();
    await owner.end();
    process.exitCode = failed ? 1 : 0;
}
