#include "core/challenge.hpp"

#include "hex.hpp"

#include <gtest/gtest.h>

namespace session_service::core {
namespace {

constexpr Micros now = 1'790'000'000 * micros_per_second;
constexpr Micros lifetime = 300 * micros_per_second;

const std::vector<std::uint8_t> stored_key = test::from_hex("000102030405060708090a0b0c0d0e0f");
const std::vector<std::uint8_t> token_key = test::from_hex("101112131415161718191a1b1c1d1e1f");
const ChallengeScope scope{.purpose = ChallengePurpose::refresh,
                           .session_id = test::uuid("0190a5d0-0000-7000-8000-000000000001"),
                           .generation = 3};

TEST(Challenge, IsGoodForWhatItWasMadeFor) {
    const Challenge challenge = make_challenge(stored_key, token_key, scope, now, lifetime);
    EXPECT_EQ(challenge.view().size(), 54U);
    EXPECT_TRUE(is_good_challenge(challenge.view(), stored_key, token_key, scope, now, lifetime));
    EXPECT_FALSE(is_good_challenge(challenge.view(), token_key, stored_key, scope, now, lifetime));
    EXPECT_FALSE(is_good_challenge(challenge.view(), stored_key, token_key, scope, now + lifetime,
                                   lifetime));
    EXPECT_FALSE(is_good_challenge("", stored_key, token_key, scope, now, lifetime));
}

} // namespace
} // namespace session_service::core
