#include "service/renewal.hpp"

#include "core/crypto.hpp"
#include "core/rotation.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "service/binding.hpp"
#include "service/revocation.hpp"
#include "service/validation.hpp"
#include "store/activity.hpp"
#include "store/devices.hpp"
#include "store/events.hpp"
#include "store/sessions.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace session_service::service {

namespace {

using store::SessionLookup;
using store::SessionRow;
using store::UserKey;
namespace sessions = table::sessions;

// What a presented refresh token is to its session.
enum class Standing : std::uint8_t {
    none,     // nothing to it: the session is over, or never issued it
    current,  // buys the next pair
    repeated, // was replaced last, within the grace: gets the same pair again
    reused,   // was replaced before: somebody else has it
    unproven, // of a bound session, without a good proof by its key
};

// What a refresh needs of the session's row once the row is gone.
struct FoundSession {
    Standing standing = Standing::none;
    core::Uuid user_id{};
    core::Uuid device_id{};
    core::Deadlines deadlines;
    std::optional<core::RotationSalt> salt;
    core::Digest token_hash{};
    core::Digest refresh_hash{};
    std::size_t secret_length = 0;
    std::optional<std::int32_t> proven_generation; // of a bound session
};

// What the token alone tells.
Standing standing_of(const Presented& presented, const SessionRow& session, Micros began) {
    const Micros now = pg::now();
    if (!session.is_revocable(now)) {
        return Standing::none;
    }
    if (session.matches(sessions::refresh_hash, presented.hash)) {
        return session.is_refreshable(now) ? Standing::current : Standing::none;
    }
    if (session.matches(sessions::previous_refresh_hash, presented.hash) &&
        core::is_within_grace(session.time(sessions::rotated_at), began,
                              pg::settings::refresh_grace())) {
        return session.is_refreshable(now) ? Standing::repeated : Standing::none;
    }
    return was_issued_by(session, presented) ? Standing::reused : Standing::none;
}

// The same of a bound session. The proof is judged before the token counts as spent or reused: with
// a good one any refresh token that the session once issued buys a pair, since the device is there.
Standing proven_standing(Standing standing, const SessionRow& session, const Presented& presented,
                         const core::PresentedProof& proof) {
    const Micros now = pg::now();
    if (standing == Standing::none || !session.is_refreshable(now)) {
        return Standing::none;
    }
    switch (judge_refresh(session, presented, proof, standing == Standing::repeated, now)) {
    case core::RefreshProof::refused:
        return Standing::unproven;
    case core::RefreshProof::repeats:
        return Standing::repeated;
    case core::RefreshProof::renews:
        break;
    }
    return Standing::current;
}

FoundSession read_standing(const Presented& presented, const core::PresentedProof& proof,
                           Micros began) {
    SessionLookup lookup = SessionLookup::open(sessions::challenge_key);
    const std::optional<SessionRow> session = lookup.find(presented.session_id);
    FoundSession found;
    if (session) {
        found.standing = standing_of(presented, *session, began);
        if (session->is_bound()) {
            found.standing = proven_standing(found.standing, *session, presented, proof);
            found.proven_generation = session->integer(sessions::generation);
        }
    }
    if (found.standing != Standing::none) {
        found.user_id = session->uuid(sessions::user_id);
        found.device_id = session->uuid(sessions::device_id);
        found.deadlines = session->deadlines();
        found.salt = session->rotation_salt();
        found.token_hash = session->digest(sessions::token_hash);
        found.refresh_hash = session->digest(sessions::refresh_hash);
        found.secret_length = session->smallint(sessions::secret_length);
    }
    lookup.close();
    return found;
}

struct IssuedPair {
    Issued session;
    Issued refresh;
    std::optional<core::Digest> family_hash; // where the session had none before
};

IssuedPair derive_pair(const Presented& presented, const core::RotationSalt& salt,
                       std::size_t secret_length) {
    const core::SuccessorSecrets next =
        core::derive_successors(presented.key_material(), salt, secret_length);
    // An imported token has no family key: one is derived, the same each time that it buys a pair.
    const core::Uuid& id = presented.session_id;
    const core::FamilyKey family_key = presented.is_imported
                                           ? core::derive_family_key(presented.key_material(), id)
                                           : presented.token.family_key;
    IssuedPair pair{.session = issue_session_token(id, next.session),
                    .refresh = issue_refresh_token(id, family_key, next.refresh),
                    .family_hash = {}};
    if (presented.is_imported) {
        pair.family_hash = core::sha256(family_key);
    }
    return pair;
}

Refreshed refreshed(const Presented& presented, const FoundSession& session, const IssuedPair& pair,
                    const core::Deadlines& deadlines, bool repeated) {
    return {.session_id = presented.session_id,
            .user_id = session.user_id,
            .token = pair.session.text,
            .refresh_token = pair.refresh.text,
            .expires = deadlines.expires,
            .refresh_expires = deadlines.refresh,
            .repeated = repeated};
}

// The pair that replaced the presented token; nothing where it is no longer the stored one.
std::optional<Refreshed> repeat(const Presented& presented, const FoundSession& session) {
    if (!session.salt) {
        return std::nullopt;
    }
    const IssuedPair pair = derive_pair(presented, *session.salt, session.secret_length);
    if (!core::constant_time_equal(pair.session.hash, session.token_hash) ||
        !core::constant_time_equal(pair.refresh.hash, session.refresh_hash)) {
        return std::nullopt;
    }
    pg::count(pg::Counter::refreshes_repeated);
    return refreshed(presented, session, pair, session.deadlines, true);
}

// Replaces the pair; `outcome` tells what came of it.
std::optional<Refreshed> replace_pair(const Presented& presented, const FoundSession& session,
                                      pg::Value ip_address, pg::Value user_agent,
                                      table::Outcome& outcome) {
    pg::require_writable("refresh_session()");
    const auto salt = pg::random_bytes<core::RotationSalt>();
    const std::size_t secret_length = pg::settings::token_length();
    const IssuedPair pair = derive_pair(presented, salt, secret_length);
    store::Renewed renewed;
    outcome = store::replace_pair(presented.session_id,
                                  {.presented = presented.hash,
                                   .proven_generation = session.proven_generation,
                                   .token_hash = pair.session.hash,
                                   .refresh_hash = pair.refresh.hash,
                                   .family_hash = pair.family_hash,
                                   .salt = salt,
                                   .secret_length = secret_length,
                                   .ip_address = ip_address},
                                  renewed);
    if (outcome != table::Outcome::done) {
        return std::nullopt;
    }
    const UserKey user = UserKey::of(session.user_id);
    if (!user_agent.isnull) {
        store::update_user_agent(user, session.device_id, user_agent);
    }
    store::record(user, renewed.at,
                  {.kind = store::EventKind::session_refreshed,
                   .session_id = presented.session_id,
                   .device_id = session.device_id,
                   .ip_address = ip_address});
    pg::make_durable();
    pg::count(pg::Counter::refreshes);
    return refreshed(presented, session, pair, renewed.deadlines, false);
}

struct Owner {
    core::Uuid user_id;
    core::Uuid device_id;
};

// Whose the active session is that the presented token opens.
std::optional<Owner> owner_of_active(const Presented& presented) {
    std::optional<Owner> owner;
    with_unproven_session(presented, [&owner](const SessionRow& session) {
        owner = Owner{.user_id = session.uuid(sessions::user_id),
                      .device_id = session.uuid(sessions::device_id)};
    });
    return owner;
}

} // namespace

std::optional<Refreshed> refresh(const Presented& presented, const core::PresentedProof& proof,
                                 pg::Value ip_address, pg::Value user_agent) {
    const Micros began = pg::now();
    // Who finds the row changed reads again: each turn another transaction has come further.
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        const FoundSession session = read_standing(presented, proof, began);
        switch (session.standing) {
        case Standing::none:
            return std::nullopt;
        case Standing::repeated:
            return repeat(presented, session);
        case Standing::reused:
            revoke_for_reuse(session.user_id, presented, ip_address);
            return std::nullopt;
        case Standing::unproven:
            note_rejection(session.user_id, presented.session_id, session.device_id, ip_address);
            return std::nullopt;
        case Standing::current:
            break;
        }
        table::Outcome outcome = table::Outcome::changed;
        const auto pair = replace_pair(presented, session, ip_address, user_agent, outcome);
        if (outcome != table::Outcome::changed) {
            return pair;
        }
    }
}

std::optional<Rotated> rotate(const Presented& presented) {
    const auto owner = owner_of_active(presented);
    if (!owner) {
        return std::nullopt;
    }
    pg::require_writable("rotate_session_token()");
    const core::Uuid& id = presented.session_id;
    const Issued token = issue_session_token(id, new_secret());
    const auto kept = store::replace_session_token(id, presented.hash, token.hash);
    if (!kept) {
        return std::nullopt;
    }
    store::record(UserKey::of(owner->user_id), kept->at,
                  {.kind = store::EventKind::session_rotated,
                   .session_id = id,
                   .device_id = owner->device_id});
    pg::make_durable();
    return Rotated{.session_id = id, .token = token.text, .expires = kept->deadlines.expires};
}

std::optional<Reauthenticated> reauthenticate(const Presented& presented,
                                              const NewAuthentication& authentication) {
    const auto owner = owner_of_active(presented);
    if (!owner) {
        return std::nullopt;
    }
    pg::require_writable("reauthenticate_session()");
    const core::Uuid& id = presented.session_id;
    const auto family_key = pg::random_bytes<core::FamilyKey>();
    const Issued token = issue_session_token(id, new_secret());
    const Issued refresh = issue_refresh_token(id, family_key, new_secret());
    const auto renewed = store::reauthenticate(id, {.presented = presented.hash,
                                                    .token_hash = token.hash,
                                                    .refresh_hash = refresh.hash,
                                                    .family_hash = core::sha256(family_key),
                                                    .secret_length = pg::settings::token_length(),
                                                    .acr = authentication.acr,
                                                    .amr = authentication.amr,
                                                    .ip_address = authentication.ip_address});
    if (!renewed) {
        return std::nullopt;
    }
    store::record(UserKey::of(owner->user_id), renewed->at,
                  {.kind = store::EventKind::session_reauthenticated,
                   .session_id = id,
                   .device_id = owner->device_id,
                   .ip_address = authentication.ip_address});
    pg::make_durable();
    pg::count(pg::Counter::reauthentications);
    const bool has_refresh = renewed->deadlines.refresh != core::no_refresh;
    return Reauthenticated{.session_id = id,
                           .user_id = owner->user_id,
                           .token = token.text,
                           .refresh_token =
                               has_refresh ? std::optional{refresh.text} : std::nullopt,
                           .expires = renewed->deadlines.expires,
                           .refresh_expires = renewed->deadlines.refresh};
}

std::optional<Micros> extend(const core::Uuid& session_id, std::optional<Micros> by) {
    SessionLookup lookup = SessionLookup::open(last_validated_column);
    const std::optional<SessionRow> session = lookup.find(session_id);
    const bool is_active = session && session->is_active(pg::now());
    lookup.close();
    if (!is_active) {
        return std::nullopt;
    }
    pg::require_writable("extend_session()");
    return store::extend_session(session_id, by);
}

} // namespace session_service::service
