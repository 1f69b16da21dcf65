// The administrators' pages: who is signed in, by user or address; what ends that; who may not sign in.

import express from 'express';

import { requireAdmin, requirePassword, requireSession } from './access.js';
import * as administration from './administration.js';
import { isId, isNetwork, text } from './requests.js';
import * as users from './users.js';
import * as words from './words.js';

export const admin = express.Router();

admin.use('/admin', requireSession, requireAdmin);

// What sessions are asked for: those of a user, those with an address in a network, or those of both.
async function readFilter(fields = {}) {
    const email = text(fields.email);
    const network = text(fields.network);
    const user = email ? await administration.findUser(email) : undefined;
    const errors = {
        email: email && !user ? 'Nobody has this email address.' : null,
        network: network && !isNetwork(network) ? 'This is no address, and no network such as 192.0.2.0/24.' : null,
    };
    return { email, network, user, errors, isGood: Boolean(email || network) && !errors.email && !errors.network };
}

// The address of a page about the same sessions.
function pageOf(path, { email, network }, more = {}) {
    return `${path}?${new URLSearchParams({ email, network, ...more })}`;
}

admin.get('/admin', async (req, res) => {
    const filter = await readFilter(req.query);
    const after = isId(req.query.after) ? req.query.after : null;
    const page = filter.isGood ? await administration.listPage(filter, after) : null;
    res.render('admin', {
        user: req.user,
        filter,
        page,
        first: after && pageOf('/admin', filter),
        next: page?.last && pageOf('/admin', filter, { after: page.last }),
        done: words.adminDoneOf(req.query),
    });
});

// Says how many, and asks. What signs in meanwhile is ended too.
admin.get('/admin/end', async (req, res) => {
    const filter = await readFilter(req.query);
    if (!filter.isGood) return res.redirect(303, pageOf('/admin', filter));
    const { count, has_own: hasOwn } = await administration.count(filter, req.session.session_id);
    res.render('admin-end', { user: req.user, filter, count, hasOwn, back: pageOf('/admin', filter) });
});

admin.post('/admin/end', requirePassword('end sessions of others', '/admin'), async (req, res) => {
    const filter = await readFilter(req.body);
    if (!filter.isGood) return res.redirect(303, pageOf('/admin', filter));
    const ended = await administration.end(filter);
    res.redirect(303, pageOf('/admin', filter, { ended }));
});

// Nobody disables oneself, and then cannot take it back.
function userAction(path, what, done, act) {
    admin.post(path, requirePassword(what, '/admin'), async (req, res, next) => {
        const user = isId(req.params.id) ? await users.findById(req.params.id) : undefined;
        if (!user || user.id === req.user.id) return next();
        await act(user.id);
        res.redirect(303, pageOf('/admin', { email: user.email, network: '' }, { done }));
    });
}

userAction('/admin/users/:id/disable', 'disable a user', 'disable', administration.disableUser);
userAction('/admin/users/:id/enable', 'enable a user', 'enable', administration.enableUser);
