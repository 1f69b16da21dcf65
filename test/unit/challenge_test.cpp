#include "core/challenge.hpp"

#include "hex.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace session_service::core {
namespace {

constexpr Micros now = 1'790'000'000 * micros_per_second;
constexpr Micros lifetime = 300 * micros_per_second;
constexpr Micros step = lifetime / 8;

const std::vector<std::uint8_t> stored_key = test::from_hex("000102030405060708090a0b0c0d0e0f");
const std::vector<std::uint8_t> token_key = test::from_hex("101112131415161718191a1b1c1d1e1f");
const ChallengeScope scope{.purpose = ChallengePurpose::refresh,
                           .session_id = test::uuid("0190a5d0-0000-7000-8000-000000000001"),
                           .generation = 3};

Challenge made(Micros at = now, Micros life = lifetime) {
    return make_challenge(stored_key, token_key, scope, at, life);
}

bool is_good(const Challenge& challenge, Micros at = now, Micros life = lifetime) {
    return is_good_challenge(challenge.view(), stored_key, token_key, scope, at, life);
}

// Computed apart. Servers of two versions may stand side by side.
TEST(Challenge, IsAlwaysMadeAlike) {
    EXPECT_EQ(made().view(), "AAZb_tlnI-CkT_wP2hh4BlKyIcYjtQpFfMy2E2eluSfD9SgYZmG6EA");
    EXPECT_TRUE(is_good(made()));
}

TEST(Challenge, StaysTheSameForAnEighthOfItsLife) {
    const Micros start = now - now % step;
    EXPECT_EQ(made(start).view(), made(start + step - 1).view());
    EXPECT_NE(made(start).view(), made(start - 1).view());
    EXPECT_NE(made(start).view(), made(start + step).view());
}

TEST(Challenge, IsGoodForSevenEighthsOfItsLifeAtLeastAndNeverLonger) {
    const Micros start = now - now % step;
    for (const Micros made_at : {start, start + 1, start + step / 2, start + step - 1}) {
        const Challenge challenge = made(made_at);
        EXPECT_TRUE(is_good(challenge, made_at));
        EXPECT_TRUE(is_good(challenge, made_at + lifetime * 7 / 8));
        EXPECT_FALSE(is_good(challenge, made_at + lifetime));
        // To the microsecond.
        EXPECT_TRUE(is_good(challenge, start + lifetime - 1));
        EXPECT_FALSE(is_good(challenge, start + lifetime));
    }
    EXPECT_FALSE(is_good(made(), now + 1'000 * micros_per_day));
    EXPECT_FALSE(is_good(made(), never));
}

TEST(Challenge, OfAServerWhoseClockIsAheadIsGoodUpToAnEighth) {
    const Micros start = now - now % step;
    const Challenge challenge = made(start);
    EXPECT_TRUE(is_good(challenge, start - 1));
    EXPECT_TRUE(is_good(challenge, start - step));
    EXPECT_FALSE(is_good(challenge, start - step - 1));
    EXPECT_FALSE(is_good(challenge, 0));
}

TEST(Challenge, IsGoodForNothingElse) {
    const Challenge challenge = made();
    const auto good_for = [&](const ChallengeScope& other) {
        return is_good_challenge(challenge.view(), stored_key, token_key, other, now, lifetime);
    };
    EXPECT_TRUE(good_for(scope));
    for (const ChallengePurpose purpose :
         {ChallengePurpose::registration, ChallengePurpose::refresh, ChallengePurpose::request}) {
        ChallengeScope other = scope;
        other.purpose = purpose;
        EXPECT_EQ(good_for(other), purpose == scope.purpose);
    }
    for (std::size_t i = 0; i < scope.session_id.size(); ++i) {
        ChallengeScope other = scope;
        other.session_id[i] ^= 1;
        EXPECT_FALSE(good_for(other)) << "byte " << i;
    }
    for (const std::int32_t generation :
         {0, 2, 4, -3, 3 + 0x100, 3 + 0x10000, 3 + 0x1000000,
          std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()}) {
        ChallengeScope other = scope;
        other.generation = generation;
        EXPECT_FALSE(good_for(other)) << generation;
    }
}

TEST(Challenge, NeedsBothOfItsKeys) {
    const Challenge challenge = made();
    const auto good_under = [&](Bytes stored, Bytes token) {
        return is_good_challenge(challenge.view(), stored, token, scope, now, lifetime);
    };
    EXPECT_TRUE(good_under(stored_key, token_key));
    for (std::size_t i = 0; i < stored_key.size(); ++i) {
        std::vector<std::uint8_t> other = stored_key;
        other[i] ^= 1;
        EXPECT_FALSE(good_under(other, token_key)) << "byte " << i;
        other = token_key;
        other[i] ^= 1;
        EXPECT_FALSE(good_under(stored_key, other)) << "byte " << i;
    }
    EXPECT_FALSE(good_under(token_key, stored_key));
    EXPECT_FALSE(good_under(stored_key, {}));
    EXPECT_FALSE(good_under({}, token_key));
    EXPECT_FALSE(good_under({}, {}));

    // The same bytes, parted elsewhere.
    std::vector<std::uint8_t> both = stored_key;
    both.insert(both.end(), token_key.begin(), token_key.end());
    for (std::size_t cut = 0; cut <= both.size(); ++cut) {
        EXPECT_EQ(good_under(Bytes(both).first(cut), Bytes(both).subspan(cut)),
                  cut == stored_key.size())
            << "cut at " << cut;
    }
    std::vector<std::uint8_t> longer = token_key;
    longer.push_back(0);
    EXPECT_FALSE(good_under(stored_key, longer)) << "zeros at the end are part of a key";
}

// The setting may be changed in between, and differ between servers.
TEST(Challenge, LivesAsLongAsTheSettingOfTheMomentSays) {
    const Challenge challenge = made(now, lifetime);
    EXPECT_FALSE(is_good(challenge, now + lifetime / 2, lifetime / 4));
    EXPECT_TRUE(is_good(challenge, now + lifetime * 2, lifetime * 3));
    EXPECT_TRUE(is_good(made(now, micros_per_day), now, micros_per_day));
    // Cut to three hours before, which is longer ago than it may now be.
    EXPECT_FALSE(is_good(made(start_of_day(now) + micros_per_day / 8 - 1, micros_per_day),
                         start_of_day(now) + micros_per_day / 8 - 1, lifetime));
    // Down to lifetimes of which no eighth is left.
    for (const Micros shortest : {1'000, 8, 7, 1}) {
        EXPECT_TRUE(is_good(made(now, shortest), now, shortest)) << shortest;
        EXPECT_FALSE(is_good(made(now, shortest), now + shortest, shortest)) << shortest;
    }
    EXPECT_FALSE(is_good(made(now, 0), now, 0));
}

TEST(Challenge, RefusesMomentsThatNoServerGives) {
    // With a code that is right.
    for (const Micros moment :
         {Micros{-1}, -lifetime, -never, std::numeric_limits<Micros>::min()}) {
        const Challenge challenge = made(moment, 1);
        for (const Micros at : {moment, Micros{0}, now, never}) {
            EXPECT_FALSE(is_good(challenge, at)) << moment << " at " << at;
            EXPECT_FALSE(is_good(challenge, at, never)) << moment << " at " << at;
        }
    }
    const Challenge last = made(never, 1);
    EXPECT_FALSE(is_good(last));
    EXPECT_FALSE(is_good(last, 0, micros_per_day));
    EXPECT_TRUE(is_good(last, never));
    EXPECT_FALSE(is_good(made(), -1));
    EXPECT_FALSE(is_good(made(), std::numeric_limits<Micros>::min(), never));
}

TEST(Challenge, IsNoOtherText) {
    const std::string good(made().view());
    const auto is_good_text = [](std::string_view text) {
        return is_good_challenge(text, stored_key, token_key, scope, now, lifetime);
    };
    EXPECT_TRUE(is_good_text(good));
    for (std::size_t i = 0; i < good.size(); ++i) {
        for (const char other : {'A', '_', '\0', '=', ' ', '+'}) {
            std::string text = good;
            text[i] = other;
            EXPECT_EQ(is_good_text(text), text == good) << text;
        }
        EXPECT_FALSE(is_good_text(std::string_view(good).substr(0, i))) << i;
    }
    // 40 bytes leave four spare bits.
    EXPECT_EQ(good.back(), 'A');
    EXPECT_FALSE(is_good_text(good.substr(0, good.size() - 1) + "B"));
    for (const std::string& text : {good + "=", good + "A", good + "AA", " " + good, good + "\n",
                                    good + good, "\"" + good + "\"", std::string(54, 'A'),
                                    std::string(54, '\0'), std::string(5'000'000, 'A')}) {
        EXPECT_FALSE(is_good_text(text)) << text.substr(0, 100);
    }
}

} // namespace
} // namespace session_service::core
