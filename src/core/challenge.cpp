#include "core/challenge.hpp"

#include "core/base64url.hpp"
#include "core/crypto.hpp"

#include <algorithm>
#include <vector>

namespace session_service::core {
namespace {

constexpr std::size_t moment_size = 8;
constexpr std::size_t code_size = std::tuple_size_v<Digest>;
using Content = std::array<std::uint8_t, moment_size + code_size>;
static_assert(base64url_length(std::tuple_size_v<Content>) == sizeof(Challenge::chars));

/// A lifetime has so many steps, in each of which the challenge stays the same.
constexpr Micros steps = 8;

Micros step_of(Micros lifetime) noexcept {
    return std::max<Micros>(lifetime / steps, 1);
}

/// Appends a number in network byte order.
template <typename Number>
void append(std::vector<std::uint8_t>& bytes, Number number) {
    for (std::size_t i = sizeof number; i-- > 0;) {
        bytes.push_back(static_cast<std::uint8_t>(number >> (8 * i)));
    }
}

void append(std::vector<std::uint8_t>& bytes, Bytes more) {
    bytes.insert(bytes.end(), more.begin(), more.end());
}

Digest code_of(Bytes stored_key, Bytes token_key, const ChallengeScope& scope,
               std::uint64_t moment) {
    // The lengths tell where each key ends, so that no other two keys give the same: they might be
    // parted elsewhere, and to HMAC zeros at the end of a key are nothing.
    std::vector<std::uint8_t> key;
    append(key, std::uint64_t{stored_key.size()});
    append(key, std::uint64_t{token_key.size()});
    append(key, stored_key);
    append(key, token_key);

    std::vector<std::uint8_t> message;
    append(message, static_cast<std::uint8_t>(scope.purpose));
    append(message, Bytes(scope.session_id));
    append(message, static_cast<std::uint32_t>(scope.generation));
    append(message, moment);
    return hmac_sha256(key, message);
}

} // namespace

Challenge make_challenge(Bytes stored_key, Bytes token_key, const ChallengeScope& scope, Micros now,
                         Micros lifetime) {
    const auto moment = static_cast<std::uint64_t>(now - now % step_of(lifetime));
    const Digest code = code_of(stored_key, token_key, scope, moment);
    std::vector<std::uint8_t> content;
    append(content, moment);
    append(content, Bytes(code));
    Challenge challenge;
    base64url_encode(content, challenge.chars.data());
    return challenge;
}

bool is_good_challenge(std::string_view text, Bytes stored_key, Bytes token_key,
                       const ChallengeScope& scope, Micros now, Micros lifetime) {
    Content content{};
    if (base64url_decode(text, content) != content.size()) {
        return false;
    }
    std::uint64_t moment = 0;
    for (const std::uint8_t byte : Bytes(content).first(moment_size)) {
        moment = moment << 8 | byte;
    }
    // Both are positive from here on, so that their difference is a number.
    if (now < 0 || moment > static_cast<std::uint64_t>(never)) {
        return false;
    }
    const Micros age = now - static_cast<Micros>(moment);
    return age < lifetime && age >= -step_of(lifetime) &&
           constant_time_equal(Bytes(content).subspan(moment_size),
                               code_of(stored_key, token_key, scope, moment));
}

} // namespace session_service::core
