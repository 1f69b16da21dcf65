#include "core/possession.hpp"

#include "core/crypto.hpp"

namespace session_service::core {

namespace {

bool answers(const Proof& proof, const ProofRules& rules, const ChallengeKeys& keys,
             const ChallengeScope& scope) {
    const auto challenge = proof.challenge();
    return challenge && is_good_challenge(*challenge, keys.stored, keys.token, scope, rules.now,
                                          rules.challenge_lifetime);
}

// Whether the kind of proof has to answer a challenge at all.
bool needs_challenge(ProofKind kind, const ProofRules& rules) {
    return kind == ProofKind::dbsc || rules.needs_nonce;
}

bool is_for(const Proof& proof, const PresentedProof& given, const ProofRules& rules) {
    return proof.is_for(
        {.method = given.method, .uri = given.uri, .now = rules.now, .max_age = rules.max_age});
}

bool is_same_key(const PublicKey& key, std::string_view canonical) {
    return constant_time_equal(bytes_of(key.canonical()), bytes_of(canonical));
}

// The proof, if it is of the kind that the session is bound by and carries no other key.
std::optional<Proof> read_proof(const PresentedProof& given, const BoundKey& bound) {
    std::optional<Proof> proof = Proof::parse(given.text);
    const bool fits = proof && proof->kind() == bound.kind &&
                      (!proof->key() || is_same_key(*proof->key(), bound.canonical));
    return fits ? std::move(proof) : std::nullopt;
}

// The key as it is stored is a JWK.
std::optional<PublicKey> read_key(std::string_view canonical) {
    const auto jwk = JsonObject::parse(canonical);
    return jwk ? PublicKey::from_jwk(*jwk) : std::nullopt;
}

bool is_signed_by(const Proof& proof, const BoundKey& bound) {
    const auto key = read_key(bound.canonical);
    return key && proof.is_signed_by(*key);
}

// Which of a session's challenges the proof answers.
RefreshProof judge_answer(const Proof& proof, const ProofRules& rules, const ChallengeKeys& keys,
                          const RefreshScope& scope) {
    if (!needs_challenge(proof.kind(), rules)) {
        return scope.replaced ? RefreshProof::repeats : RefreshProof::renews;
    }
    const auto answers_generation = [&](std::int32_t generation) {
        return answers(proof, rules, keys,
                       {.purpose = ChallengePurpose::refresh,
                        .session_id = scope.session_id,
                        .generation = generation});
    };
    if (answers_generation(scope.generation)) {
        return RefreshProof::renews;
    }
    return scope.replaced && answers_generation(scope.generation - 1) ? RefreshProof::repeats
                                                                      : RefreshProof::refused;
}

// All but the signature.
RefreshProof judge_claims(const Proof& proof, const PresentedProof& given, const ProofRules& rules,
                          const ChallengeKeys& keys, const RefreshScope& scope) {
    if (proof.kind() == ProofKind::dpop && !is_for(proof, given, rules)) {
        return RefreshProof::refused;
    }
    return judge_answer(proof, rules, keys, scope);
}

// A retry may come when the proof that it repeats is too old for anything else.
bool was_good(const Proof& proof, const PresentedProof& given, const ProofRules& rules,
              const ChallengeKeys& keys, const RefreshScope& scope) {
    if (!scope.replaced) {
        return false;
    }
    ProofRules then = rules;
    then.now = *scope.replaced;
    return judge_claims(proof, given, then, keys, scope) == RefreshProof::repeats;
}

} // namespace

std::optional<Registration> check_registration(const PresentedProof& given, const ProofRules& rules,
                                               const ChallengeKeys& keys, const Uuid& session_id,
                                               const Digest& token_hash) {
    const auto proof = Proof::parse(given.text);
    if (!proof || !proof->key()) {
        return std::nullopt;
    }
    const ChallengeScope scope{
        .purpose = ChallengePurpose::registration, .session_id = session_id, .generation = 0};
    const bool is_dpop = proof->kind() == ProofKind::dpop;
    if ((is_dpop && !(is_for(*proof, given, rules) && proof->is_for_token(token_hash))) ||
        (needs_challenge(proof->kind(), rules) && !answers(*proof, rules, keys, scope)) ||
        !proof->is_signed_by(*proof->key())) {
        return std::nullopt;
    }
    Registration registration{.kind = proof->kind(), .key = {}};
    const std::string& canonical = proof->key()->canonical();
    if (canonical.size() > registration.key.chars.size()) {
        return std::nullopt;
    }
    registration.key.length = canonical.copy(registration.key.chars.data(), canonical.size());
    return registration;
}

RefreshProof check_refresh(const PresentedProof& given, const ProofRules& rules,
                           const BoundKey& bound, const ChallengeKeys& keys,
                           const RefreshScope& scope) {
    const auto proof = read_proof(given, bound);
    if (!proof) {
        return RefreshProof::refused;
    }
    RefreshProof worth = judge_claims(*proof, given, rules, keys, scope);
    if (worth == RefreshProof::refused && was_good(*proof, given, rules, keys, scope)) {
        worth = RefreshProof::repeats;
    }
    return worth != RefreshProof::refused && is_signed_by(*proof, bound) ? worth
                                                                         : RefreshProof::refused;
}

bool check_request(const PresentedProof& given, const ProofRules& rules, const BoundKey& bound,
                   const ChallengeKeys& keys, const Uuid& session_id, const Digest& token_hash) {
    const auto proof = read_proof(given, bound);
    if (!proof || proof->kind() != ProofKind::dpop) {
        return false;
    }
    const ChallengeScope scope{
        .purpose = ChallengePurpose::request, .session_id = session_id, .generation = 0};
    return is_for(*proof, given, rules) && proof->is_for_token(token_hash) &&
           (!rules.needs_nonce || answers(*proof, rules, keys, scope)) &&
           is_signed_by(*proof, bound);
}

} // namespace session_service::core
