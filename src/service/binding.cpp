#include "service/binding.hpp"

#include "core/crypto.hpp"

#include "pg/commit.hpp"
#include "pg/counters.hpp"
#include "pg/random.hpp"
#include "pg/settings.hpp"
#include "store/events.hpp"
#include "store/rejections.hpp"

extern "C" {
#include "miscadmin.h"
}

namespace session_service::service {

namespace {

using core::ChallengePurpose;
using core::ProofKind;
using store::Binding;
using store::SessionLookup;
using store::SessionRow;
using store::UserKey;
namespace sessions = table::sessions;

core::ProofRules rules_at(Micros now) {
    return {.now = pg::to_unix(now),
            .max_age = pg::settings::proof_max_age(),
            .challenge_lifetime = pg::settings::challenge_expiry(),
            .needs_nonce = pg::settings::proof_nonce()};
}

// What the presented token alone knows, and its successors as well where it is a refresh token:
// the client may have another one by the time it answers.
core::Bytes token_key(const Presented& presented) {
    const bool has_family = presented.kind == core::TokenKind::refresh && !presented.is_imported;
    return has_family ? core::Bytes{presented.token.family_key} : presented.key_material();
}

core::BoundKey bound_key(const SessionRow& session) {
    return {.kind = session.binding() == Binding::refresh ? ProofKind::dbsc : ProofKind::dpop,
            .canonical = session.bound_key()};
}

// Which challenge a session has for its own token.
std::optional<ChallengePurpose> purpose_for_session_token(const SessionRow& session,
                                                          const Presented& presented, Micros now) {
    if (!session.is_active(now) || !session.is_opened_by(presented.hash, now)) {
        return std::nullopt;
    }
    switch (session.binding()) {
    case Binding::none:
        // The token that a refresh replaced binds nothing.
        return session.matches(sessions::token_hash, presented.hash)
                   ? std::optional{ChallengePurpose::registration}
                   : std::nullopt;
    case Binding::request:
        return ChallengePurpose::request;
    case Binding::refresh:
        break;
    }
    return std::nullopt;
}

std::optional<ChallengePurpose> purpose_for(const SessionRow& session, const Presented& presented,
                                            Micros now) {
    if (presented.kind == core::TokenKind::session) {
        return purpose_for_session_token(session, presented, now);
    }
    return session.is_bound() && session.is_refreshable(now) && was_issued_by(session, presented)
               ? std::optional{ChallengePurpose::refresh}
               : std::nullopt;
}

// The session's row at the moment that it is bound, or was.
struct Candidate {
    core::Uuid user_id{};
    core::Uuid device_id{};
    Binding binding = Binding::none;
    Bound bound;
};

Binding binding_by(ProofKind kind) {
    return kind == ProofKind::dbsc ? Binding::refresh : Binding::request;
}

// What the proof registers now; of a bound session also what it has registered, since the same
// proof may come again when it is too old for anything else.
std::optional<core::Registration> read_registration(const SessionRow& session,
                                                    const Presented& presented,
                                                    const PresentedProof& proof, Micros now) {
    const auto judge_at = [&](Micros time) {
        return core::check_registration(proof, rules_at(time),
                                        {.stored = {}, .token = token_key(presented)},
                                        presented.session_id, presented.hash);
    };
    const auto registration = judge_at(now);
    return registration || !session.is_bound() ? registration
                                               : judge_at(session.time(sessions::bound_at));
}

// The active session that the token opens, if the proof is good and by its own key, where it has
// one already.
std::optional<Candidate> read_candidate(const Presented& presented, const PresentedProof& proof) {
    const Micros now = pg::now();
    SessionLookup lookup = SessionLookup::open(sessions::bound_at);
    const std::optional<SessionRow> session = lookup.find(presented.session_id);
    std::optional<Candidate> candidate;
    if (session && session->is_active(now) &&
        session->matches(sessions::token_hash, presented.hash)) {
        const auto registration = read_registration(*session, presented, proof, now);
        const bool fits = registration && (!session->is_bound() ||
                                           (session->binding() == binding_by(registration->kind) &&
                                            session->bound_key() == registration->key.view()));
        if (fits) {
            const core::Deadlines deadlines = session->deadlines();
            candidate = Candidate{.user_id = session->uuid(sessions::user_id),
                                  .device_id = session->uuid(sessions::device_id),
                                  .binding = session->binding(),
                                  .bound = {.session_id = presented.session_id,
                                            .binding = binding_by(registration->kind),
                                            .key = registration->key,
                                            .expires = deadlines.expires,
                                            .refresh_expires = deadlines.refresh}};
        }
    }
    lookup.close();
    return candidate;
}

} // namespace

std::optional<core::Challenge> challenge(const Presented& presented) {
    const Micros now = pg::now();
    SessionLookup lookup = SessionLookup::open(sessions::challenge_key);
    const std::optional<SessionRow> session = lookup.find(presented.session_id);
    std::optional<core::Challenge> made;
    if (const auto purpose = session ? purpose_for(*session, presented, now) : std::nullopt) {
        const bool is_of_refresh = *purpose == ChallengePurpose::refresh;
        const store::ChallengeKey stored = session->challenge_key();
        made = core::make_challenge(
            session->is_bound() ? core::Bytes{stored} : core::Bytes{}, token_key(presented),
            {.purpose = *purpose,
             .session_id = presented.session_id,
             .generation = is_of_refresh ? session->integer(sessions::generation) : 0},
            pg::to_unix(now), pg::settings::challenge_expiry());
    }
    lookup.close();
    return made;
}

std::optional<Bound> bind(const Presented& presented, const PresentedProof& proof) {
    // Who finds the row changed reads again.
    for (;;) {
        CHECK_FOR_INTERRUPTS();
        std::optional<Candidate> candidate = read_candidate(presented, proof);
        if (!candidate) {
            return std::nullopt;
        }
        Bound& bound = candidate->bound;
        if (candidate->binding != Binding::none) {
            return bound;
        }
        pg::require_writable("bind_session()");
        store::Renewed renewed;
        const table::Outcome outcome =
            store::bind(presented.session_id,
                        {.presented = presented.hash,
                         .binding = bound.binding,
                         .key = bound.key.view(),
                         .challenge_key = pg::random_bytes<store::ChallengeKey>()},
                        renewed);
        if (outcome == table::Outcome::changed) {
            continue;
        }
        if (outcome != table::Outcome::done) {
            return std::nullopt;
        }
        store::record(UserKey::of(candidate->user_id), renewed.at,
                      {.kind = store::EventKind::session_bound,
                       .session_id = presented.session_id,
                       .device_id = candidate->device_id});
        pg::make_durable();
        pg::count(pg::Counter::sessions_bound);
        bound.expires = renewed.deadlines.expires;
        bound.refresh_expires = renewed.deadlines.refresh;
        return bound;
    }
}

std::optional<core::Digest> family_of(const Presented& presented) {
    return presented.is_imported ? std::nullopt
                                 : std::optional{core::sha256(presented.token.family_key)};
}

bool was_issued_by(const SessionRow& session, const Presented& presented) {
    return session.matches(sessions::refresh_hash, presented.hash) ||
           session.has_family(family_of(presented));
}

core::RefreshProof judge_refresh(const SessionRow& session, const Presented& presented,
                                 const PresentedProof& proof, bool may_repeat, Micros now) {
    const store::ChallengeKey stored = session.challenge_key();
    return core::check_refresh(
        proof, rules_at(now), bound_key(session), {.stored = stored, .token = token_key(presented)},
        {.session_id = presented.session_id,
         .generation = session.integer(sessions::generation),
         .replaced = may_repeat ? std::optional{pg::to_unix(session.time(sessions::rotated_at))}
                                : std::nullopt});
}

bool is_proven(const SessionRow& session, const Presented& presented, const PresentedProof& proof,
               Micros now) {
    const store::ChallengeKey stored = session.challenge_key();
    return core::check_request(proof, rules_at(now), bound_key(session),
                               {.stored = stored, .token = token_key(presented)},
                               presented.session_id, presented.hash);
}

void note_rejection(const core::Uuid& user_id, const core::Uuid& session_id,
                    const core::Uuid& device_id, pg::Value ip_address) {
    pg::count(pg::Counter::proofs_rejected);
    store::record_rejection(UserKey::of(user_id), session_id, device_id, ip_address, pg::now());
}

} // namespace session_service::service
