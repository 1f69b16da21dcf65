// The vocabulary of our SQL. Operators are written with their schema, so that no object of a
// caller's can take their place; macros, since they are pasted into literals.
#pragma once

#define SQL_EQ " OPERATOR(pg_catalog.=) "
#define SQL_NE " OPERATOR(pg_catalog.<>) "
#define SQL_LT " OPERATOR(pg_catalog.<) "
#define SQL_LE " OPERATOR(pg_catalog.<=) "
#define SQL_GT " OPERATOR(pg_catalog.>) "
#define SQL_GE " OPERATOR(pg_catalog.>=) "
#define SQL_PLUS " OPERATOR(pg_catalog.+) "
#define SQL_MINUS " OPERATOR(pg_catalog.-) "
#define SQL_CONCAT " OPERATOR(pg_catalog.||) "
#define SQL_HASH_EQ " OPERATOR(session_service.=) "

// A digest that comes as bytea.
#define SQL_HASH(parameter) parameter "::session_service.token_hash"

// Conditions on a session `s` at the time `now`. They say in SQL what core/lifetime.hpp says in
// C++. GREATEST and LEAST pass over NULL: no refresh token, no inactivity timeout.
#define SQL_NOT_IDLE(now) "(s.idle_expires_at IS NULL OR s.idle_expires_at" SQL_GT now ")"
#define SQL_NOT_EXPIRED_FOR_GOOD(now) "GREATEST(s.expires_at, s.refresh_expires_at)" SQL_GT now
// Closed is what was found over once: a clock that was set back does not reopen it.
// clang-format off
#define SQL_ACTIVE(now) \
    "s.revoked_at IS NULL AND NOT s.is_closed " \
    "AND s.expires_at" SQL_GT now " AND " SQL_NOT_IDLE(now)
#define SQL_USABLE(now) \
    "s.revoked_at IS NULL AND NOT s.is_closed " \
    "AND " SQL_NOT_EXPIRED_FOR_GOOD(now) " AND " SQL_NOT_IDLE(now)
// clang-format on
// What a revocation ends: the idle too, which are not over by their expiries.
#define SQL_REVOCABLE(now) "s.revoked_at IS NULL AND " SQL_NOT_EXPIRED_FOR_GOOD(now)

// The start of the day on which a session with these deadlines will be over: core::purge_day.
#define SQL_PURGE_DAY(idle, expires, refresh)                                                      \
    "pg_catalog.date_trunc('day', LEAST(" idle ", GREATEST(" expires ", " refresh ")), 'UTC')"

// The name of a device `d`; one without a name is shown as "Browser on OS".
#define SQL_DEVICE_NAME                                                                            \
    "COALESCE(d.name, CASE WHEN d.os IS NULL THEN d.browser WHEN d.browser IS NULL THEN d.os "     \
    "ELSE d.browser" SQL_CONCAT "' on '" SQL_CONCAT "d.os END)"
