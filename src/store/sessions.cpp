#include "store/sessions.hpp"

#include "core/uuid.hpp"

#include "pg/arguments.hpp"
#include "pg/merge_patch.hpp"
#include "pg/settings.hpp"
#include "pg/token_hash.hpp"
#include "store/buckets.hpp"
#include "store/open_sessions.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace session_service::store {

namespace {

using pg::Value;
using table::For;
using table::IfHeld;
using table::Is;
using table::Outcome;
using table::Table;
using table::TableName;
using table::Values;
namespace sessions = table::sessions;

constinit auto by_id = table::Search{TableName::sessions,
                                     0,
                                     {{sessions::id, Is::equal}, {sessions::bucket, Is::equal}}}
                           .with_hints();

// What a statement that ends sessions returns of them.
constexpr pg::SqlText returning_ended{
    " RETURNING s.id, s.device_id, s.last_activity_at, s.ip_address::inet"};

constinit pg::Statement close_over{
    R"(UPDATE session_service.sessions s SET is_closed = true
       WHERE s.user_id = $2 AND s.bucket = $3 AND )" +
        rules::open + " AND NOT " + rules::usable + returning_ended,
    pg::parameters(TIMESTAMPTZOID, UUIDOID, INT2OID)};

// The salt goes too: a session that is over answers no retry.
constinit pg::Statement revoke_sessions{
    R"(UPDATE session_service.sessions s
       SET revoked_at = $1, revoke_reason = $7, purge_after = $1, rotation_salt = NULL
       WHERE s.user_id = $5 AND s.bucket = $6 AND )" +
        rules::revocable + R"(
       AND ($8 IS NULL OR s.id <> $8)
       AND ($9 IS NULL OR s.device_id = $9)
       AND ($10 IS NULL OR s.id = ANY ($10))
       AND (NOT $2 OR )" +
        rules::inactive + ")" + returning_ended,
    pg::parameters(TIMESTAMPTZOID, BOOLOID, TIMESTAMPTZOID, BOOLOID, UUIDOID, INT2OID, TEXTOID,
                   UUIDOID, UUIDOID, UUIDARRAYOID)};

// The sessions first, as cleanup does: two calls that delete the same rows take them in one order.
constinit pg::Statement delete_of_user{
    R"(WITH gone AS (
           DELETE FROM session_service.sessions s WHERE s.user_id = $1 AND s.bucket = $2
           RETURNING s.id, s.bucket),
       imported AS (
           DELETE FROM session_service.imported_tokens i USING gone
           WHERE i.session_id = gone.id AND i.bucket = gone.bucket),
       external AS (
           DELETE FROM session_service.external_sessions x USING gone
           WHERE x.session_id = gone.id AND x.bucket = gone.bucket)
       SELECT count(*) FROM gone)",
    pg::parameters(UUIDOID, INT2OID)};

// 55000 where this server does not hold it.
Value bucket_value(const core::Uuid& session_id) {
    return pg::smallint_value(require_held(core::bucket_of(session_id)));
}

Value length_value(std::size_t length) {
    return pg::smallint_value(static_cast<std::uint16_t>(length));
}

Value digest_value(const core::Digest& digest) {
    return pg::value(pg::token_hash_datum(digest));
}

template <typename Element>
std::span<Element> allocate(std::uint64_t count) {
    return {static_cast<Element*>(palloc(count * sizeof(Element) + 1)), count};
}

// A copy of an address, in the current memory context.
Value address_copy(Value address) {
    return address.isnull ? address
                          : pg::value(PointerGetDatum(PG_DETOAST_DATUM_COPY(address.value)));
}

std::span<EndedSession> ended_sessions(const pg::Result& rows) {
    const auto sessions = allocate<EndedSession>(rows.count());
    for (std::uint64_t i = 0; i < rows.count(); ++i) {
        sessions[i] = {.id = rows.uuid(i, 1),
                       .device_id = rows.uuid(i, 2),
                       .last_activity = rows.time(i, 3),
                       .ip_address = address_copy(rows.get(i, 4, INETOID))};
    }
    return sessions;
}

std::optional<SessionRow> row_of(const std::optional<table::RowView>& found) {
    return found ? std::optional<SessionRow>{*found} : std::nullopt;
}

// One look at a session: `decide` is given its row and the time, and tells what to change, or
// nothing. Who holds the row is waited for.
template <typename Decide>
std::optional<Outcome> change_once(const core::Uuid& id, Decide&& decide) {
    return table::with_table(
        TableName::sessions, For::writing, [&](Table& table) -> std::optional<Outcome> {
            const auto session = row_of(table.find(by_id, {pg::uuid_value(id), bucket_value(id)}));
            if (!session) {
                return std::nullopt;
            }
            const std::optional<Values> values = decide(*session, pg::now());
            if (!values) {
                return std::nullopt;
            }
            return table.update(*values, IfHeld::wait);
        });
}

// The same until it is done, or not to be done: who finds the row changed decides anew.
template <typename Decide>
bool change_session(const core::Uuid& id, Decide&& decide) {
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const std::optional<Outcome> outcome = change_once(id, decide);
        if (outcome != Outcome::changed) {
            return outcome == Outcome::done;
        }
    }
}

// Changes an active session; `add` gives the values, from the row as it is.
template <typename Add>
std::optional<Changed> change_active(const core::Uuid& id, Add&& add) {
    Changed changed{};
    const bool is_done =
        change_session(id, [&](const SessionRow& session, Micros now) -> std::optional<Values> {
            if (!session.is_active(now)) {
                return std::nullopt;
            }
            changed = {.user_id = session.uuid(sessions::user_id),
                       .device_id = session.uuid(sessions::device_id),
                       .at = now};
            Values values;
            add(values, session, now);
            erase_overdue_salt(session, now, values);
            return values;
        });
    return is_done ? std::optional{changed} : std::nullopt;
}

void set_deadlines(Values& values, const core::Deadlines& deadlines) {
    values.set(sessions::expires_at, pg::time_value(deadlines.expires))
        .set(sessions::refresh_expires_at, pg::time_value(deadlines.refresh))
        .set(sessions::idle_expires_at, pg::time_value(deadlines.idle))
        .set(sessions::purge_after, pg::time_value(core::purge_day(deadlines)));
}

// The end of the token that a refresh replaces, where it stays good for a while; never past its
// own.
Value overlap_end(const SessionRow& session, Micros now) {
    const Micros end =
        std::min(session.time(sessions::expires_at), now + pg::settings::token_overlap());
    return end > now ? pg::time_value(end) : pg::null_value;
}

void end_overlap(Values& values) {
    values.set(sessions::replaced_token_until, pg::null_value)
        .set(sessions::replaced_token_hash, pg::null_value);
}

// A session token is short-lived where each refresh needs a proof.
core::Deadlines bounded(core::Deadlines deadlines, Binding binding, Micros now) {
    if (binding == Binding::refresh) {
        deadlines.expires =
            std::min(deadlines.expires, core::later(now, pg::settings::bound_session_expiry()));
    }
    return deadlines;
}

// What a refresh changes.
Values rotated(const SessionRow& session, const Renewed& renewed, const Rotation& rotation,
               Value salt) {
    Values values;
    values.set(sessions::token_hash, digest_value(rotation.token_hash))
        .set(sessions::refresh_hash, digest_value(rotation.refresh_hash))
        .set(sessions::previous_refresh_hash, digest_value(rotation.presented))
        .set(sessions::rotation_salt, salt)
        .set(sessions::rotated_at, pg::time_value(renewed.at))
        .set(sessions::generation, pg::integer_value(session.integer(sessions::generation) + 1))
        .set(sessions::secret_length, length_value(rotation.secret_length))
        .set(sessions::last_activity_at, pg::time_value(renewed.at));
    set_deadlines(values, renewed.deadlines);
    const Value until = overlap_end(session, renewed.at);
    values.set(sessions::replaced_token_until, until)
        .set(sessions::replaced_token_hash,
             until.isnull ? until : session.get(sessions::token_hash));
    if (rotation.family_hash) {
        values.set(sessions::family_hash, digest_value(*rotation.family_hash));
    }
    if (!rotation.ip_address.isnull) {
        values.set(sessions::ip_address, rotation.ip_address);
    }
    return values;
}

// Every lifetime from now on but the absolute one, whose end is given.
core::Deadlines renewed_until(const SessionRow& session, Micros absolute, Micros now) {
    return bounded(core::renewed(now, session.lifetimes_in_force(), absolute,
                                 !session.is_null(sessions::refresh_hash)),
                   session.binding(), now);
}

// Every lifetime from now on, as at a sign-in.
core::Deadlines renewed_wholly(const SessionRow& session, Micros now) {
    const Micros absolute = session.lifetimes_in_force().absolute;
    return renewed_until(session, absolute == 0 ? core::never : core::later(now, absolute), now);
}

// What a new check of the user changes. The clock may have been set back; but a session whose user
// was checked again is told by the time of it (SessionRow::is_reauthenticated).
Values reauthenticated(const SessionRow& session, const Renewed& renewed,
                       const Reauthentication& given) {
    const Micros authenticated = std::max(renewed.at, session.time(sessions::created_at) + 1);
    Values values;
    values.set(sessions::token_hash, digest_value(given.token_hash))
        .set(sessions::secret_length, length_value(given.secret_length))
        .set(sessions::authenticated_at, pg::time_value(authenticated))
        .set(sessions::acr, given.acr)
        .set(sessions::amr, given.amr)
        .set(sessions::absolute_expires_at, pg::time_value(renewed.deadlines.absolute))
        .set(sessions::previous_refresh_hash, pg::null_value)
        .set(sessions::rotation_salt, pg::null_value)
        .set(sessions::rotated_at, pg::time_value(renewed.at))
        .set(sessions::generation, pg::integer_value(session.integer(sessions::generation) + 1))
        .set(sessions::last_activity_at, pg::time_value(renewed.at));
    set_deadlines(values, renewed.deadlines);
    end_overlap(values);
    if (!session.is_null(sessions::refresh_hash)) {
        values.set(sessions::refresh_hash, digest_value(given.refresh_hash))
            .set(sessions::family_hash, digest_value(given.family_hash));
    }
    if (!given.ip_address.isnull) {
        values.set(sessions::ip_address, given.ip_address);
    }
    return values;
}

// Ends a session that `accept` takes as it is ended.
template <typename Accept>
std::optional<EndedSession> revoke_accepted(const core::Uuid& id, Micros now, Value reason,
                                            Accept&& accept) {
    EndedSession ended{.id = id, .device_id = {}, .last_activity = 0, .ip_address = pg::null_value};
    const bool is_done = change_session(
        id, [&](const SessionRow& session, Micros /*later*/) -> std::optional<Values> {
            if (!session.is_revocable(now) || !accept(session)) {
                return std::nullopt;
            }
            ended.device_id = session.uuid(sessions::device_id);
            ended.last_activity = session.time(sessions::last_activity_at);
            ended.ip_address = address_copy(session.get(sessions::ip_address));
            // The salt goes too: a session that is over answers no retry.
            return Values{}
                .set(sessions::revoked_at, pg::time_value(now))
                .set(sessions::revoke_reason, reason)
                .set(sessions::purge_after, pg::time_value(now))
                .set(sessions::rotation_salt, pg::null_value);
        });
    return is_done ? std::optional{ended} : std::nullopt;
}

// Whether what is presented still buys a pair. A session that was bound meanwhile needs a proof.
bool buys_pair(const SessionRow& session, const Rotation& rotation) {
    if (rotation.proven_generation) {
        return session.is_bound() &&
               session.integer(sessions::generation) == *rotation.proven_generation;
    }
    return !session.is_bound() && session.matches(sessions::refresh_hash, rotation.presented);
}

} // namespace

SessionLookup SessionLookup::open(sessions::Column last) {
    return SessionLookup{Table::open(TableName::sessions, For::reading, last)};
}

SessionLookup SessionLookup::open_for_writing() {
    return SessionLookup{Table::open(TableName::sessions, For::writing)};
}

std::optional<SessionRow> SessionLookup::find(const core::Uuid& id) {
    return row_of(table_.find(by_id, {pg::uuid_value(id), bucket_value(id)}));
}

void erase_overdue_salt(const SessionRow& session, Micros now, Values& values) {
    if (!session.is_null(sessions::rotation_salt) &&
        !core::is_within_grace(session.time(sessions::rotated_at), now,
                               pg::settings::refresh_grace())) {
        values.set(sessions::rotation_salt, pg::null_value);
    }
}

void insert_session(const UserKey& user, const NewSession& session) {
    Values values;
    values.set(sessions::id, pg::uuid_value(session.id))
        .set(sessions::user_id, user.id_value())
        .set(sessions::device_id, pg::uuid_value(session.device_id))
        .set(sessions::token_hash, digest_value(session.token_hash))
        .set(sessions::created_at, pg::time_value(session.created))
        .set(sessions::authenticated_at, pg::time_value(session.created))
        .set(sessions::last_activity_at, pg::time_value(session.last_activity))
        .set(sessions::session_expiry, pg::bigint_value(session.own.session))
        .set(sessions::refresh_expiry, pg::bigint_value(session.own.refresh))
        .set(sessions::inactivity_timeout, pg::bigint_value(session.own.inactivity))
        .set(sessions::bucket, user.bucket_value())
        .set(sessions::is_closed, pg::boolean_value(session.is_closed))
        .set(sessions::secret_length, length_value(session.secret_length))
        .set(sessions::absolute_expires_at, pg::time_value(session.deadlines.absolute))
        .set(sessions::mfa_verified_at, pg::time_value(session.mfa_verified))
        .set(sessions::scopes, session.scopes)
        .set(sessions::metadata, session.metadata)
        .set(sessions::ip_address, session.ip_address)
        .set(sessions::acr, session.acr)
        .set(sessions::amr, session.amr);
    set_deadlines(values, session.deadlines);
    if (session.refresh_hash) {
        values.set(sessions::refresh_hash, digest_value(*session.refresh_hash));
    }
    if (session.family_hash) {
        values.set(sessions::family_hash, digest_value(*session.family_hash));
    }
    Table table = Table::open(TableName::sessions, For::writing);
    table.insert(values);
    table.close();
    remember_open_session(user, session.id);
}

std::span<EndedSession> close_sessions_that_are_over(const pg::OwnerScope& owner,
                                                     const UserKey& user, Micros now) {
    return ended_sessions(
        close_over.write(owner, {pg::time_value(now), user.id_value(), user.bucket_value()}));
}

Outcome replace_pair(const core::Uuid& id, const Rotation& rotation, Renewed& renewed) {
    const Value salt = pg::bytea_value(rotation.salt);
    const auto outcome =
        change_once(id, [&](const SessionRow& session, Micros now) -> std::optional<Values> {
            if (!buys_pair(session, rotation) || !session.is_refreshable(now)) {
                return std::nullopt;
            }
            renewed = {.at = now,
                       .deadlines = renewed_until(session, session.deadlines().absolute, now)};
            return rotated(session, renewed, rotation, salt);
        });
    return outcome.value_or(Outcome::changed);
}

Outcome bind(const core::Uuid& id, const NewBinding& binding, Renewed& renewed) {
    const Value key = pg::text_value(binding.key);
    const Value challenge_key = pg::bytea_value(binding.challenge_key);
    const auto outcome =
        change_once(id, [&](const SessionRow& session, Micros now) -> std::optional<Values> {
            if (!session.matches(sessions::token_hash, binding.presented) ||
                !session.is_active(now) || session.is_bound()) {
                return std::nullopt;
            }
            renewed = {.at = now, .deadlines = bounded(session.deadlines(), binding.binding, now)};
            Values values;
            values
                .set(sessions::binding,
                     pg::smallint_value(static_cast<std::uint16_t>(binding.binding)))
                .set(sessions::bound_key, key)
                .set(sessions::challenge_key, challenge_key)
                .set(sessions::bound_at, pg::time_value(now));
            set_deadlines(values, renewed.deadlines);
            erase_overdue_salt(session, now, values);
            return values;
        });
    return outcome.value_or(Outcome::changed);
}

std::optional<Renewed> replace_session_token(const core::Uuid& id, const core::Digest& presented,
                                             const core::Digest& token_hash) {
    Renewed kept;
    const bool is_done =
        change_session(id, [&](const SessionRow& session, Micros now) -> std::optional<Values> {
            if (!session.matches(sessions::token_hash, presented) || !session.is_active(now)) {
                return std::nullopt;
            }
            kept = {.at = now, .deadlines = session.deadlines()};
            Values values;
            values.set(sessions::token_hash, digest_value(token_hash))
                .set(sessions::rotation_salt, pg::null_value);
            end_overlap(values);
            return values;
        });
    return is_done ? std::optional{kept} : std::nullopt;
}

std::optional<Renewed> reauthenticate(const core::Uuid& id,
                                      const Reauthentication& reauthentication) {
    Renewed renewed;
    const bool is_done =
        change_session(id, [&](const SessionRow& session, Micros now) -> std::optional<Values> {
            if (!session.matches(sessions::token_hash, reauthentication.presented) ||
                !session.is_active(now)) {
                return std::nullopt;
            }
            renewed = {.at = now, .deadlines = renewed_wholly(session, now)};
            return reauthenticated(session, renewed, reauthentication);
        });
    return is_done ? std::optional{renewed} : std::nullopt;
}

std::optional<Micros> extend_session(const core::Uuid& id, std::optional<Micros> by) {
    Micros expires = 0;
    const bool is_done =
        change_session(id, [&](const SessionRow& session, Micros now) -> std::optional<Values> {
            if (!session.is_active(now)) {
                return std::nullopt;
            }
            core::Deadlines deadlines = session.deadlines();
            const core::Lifetimes lifetimes = session.lifetimes_in_force();
            // Only a proof renews a bound one.
            if (!session.is_bound()) {
                deadlines.expires = core::extended(deadlines.expires, deadlines.absolute, now,
                                                   by.value_or(lifetimes.session));
            }
            expires = deadlines.expires;
            Values values;
            values.set(sessions::expires_at, pg::time_value(deadlines.expires))
                .set(sessions::purge_after, pg::time_value(core::purge_day(deadlines)));
            erase_overdue_salt(session, now, values);
            return values;
        });
    return is_done ? std::optional{expires} : std::nullopt;
}

std::optional<EndedSession> revoke_one(const core::Uuid& id, Micros now, Value reason) {
    return revoke_accepted(id, now, reason, [](const SessionRow& /*session*/) { return true; });
}

std::optional<EndedSession> revoke_for_reuse(const core::Uuid& id, Micros now, Value reason,
                                             const std::optional<core::Digest>& family_hash) {
    return revoke_accepted(id, now, reason, [&](const SessionRow& session) {
        return !session.is_bound() && session.has_family(family_hash);
    });
}

std::span<EndedSession> revoke_many(const pg::OwnerScope& owner, const UserKey& user,
                                    const RevocationFilter& filter, Micros now, Value reason) {
    const Inactivity inactivity = filter.inactivity.value_or(Inactivity{});
    return ended_sessions(revoke_sessions.write(
        owner,
        {pg::time_value(now), pg::boolean_value(filter.inactivity.has_value()),
         inactivity.cutoff ? pg::time_value(*inactivity.cutoff) : pg::null_value,
         pg::boolean_value(inactivity.by_own_timeout), user.id_value(), user.bucket_value(), reason,
         pg::optional_uuid_value(filter.except), pg::optional_uuid_value(filter.device_id),
         filter.ids ? pg::uuid_array_value(*filter.ids) : pg::null_value}));
}

std::optional<Changed> set_mfa(const core::Uuid& id, bool verified, Value method) {
    return change_active(id, [&](Values& values, const SessionRow& /*session*/, Micros now) {
        values.set(sessions::mfa_verified_at, verified ? pg::time_value(now) : pg::null_value)
            .set(sessions::mfa_method, method);
    });
}

bool set_scopes(const core::Uuid& id, Value scopes) {
    return change_active(id, [&](Values& values, const SessionRow& /*session*/,
                                 Micros /*now*/) { values.set(sessions::scopes, scopes); })
        .has_value();
}

bool set_metadata(const core::Uuid& id, Value metadata) {
    return change_active(id, [&](Values& values, const SessionRow& /*session*/,
                                 Micros /*now*/) { values.set(sessions::metadata, metadata); })
        .has_value();
}

bool patch_metadata(const core::Uuid& id, Value patch) {
    return change_active(id,
                         [&](Values& values, const SessionRow& session, Micros /*now*/) {
                             const Datum patched =
                                 pg::merge_patch(session.get(sessions::metadata), patch.value);
                             pg::require_metadata_size(patched);
                             values.set(sessions::metadata, pg::value(patched));
                         })
        .has_value();
}

std::int64_t delete_sessions(const pg::OwnerScope& owner, const UserKey& user) {
    return delete_of_user.write(owner, {user.id_value(), user.bucket_value()}).bigint(0, 1);
}

} // namespace session_service::store
