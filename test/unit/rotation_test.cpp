#include "core/rotation.hpp"

#include "hex.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace session_service::core {
namespace {

using test::array_from_hex;
using test::to_hex;

const std::vector<std::uint8_t> key_material =
    test::from_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
const Uuid session_id = test::uuid("0192f7a5-c340-7abc-8def-0123456789ab");
const RotationSalt salt =
    array_from_hex<32>("606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f");

// Frozen: a pair that was handed out must be derived again after an upgrade. Computed with another
// implementation of HKDF (an HMAC written out by hand).
TEST(Rotation, SuccessorsAreFrozen) {
    const SuccessorSecrets next = derive_successors(key_material, salt, 32);
    EXPECT_EQ(to_hex(next.session.view()),
              "32e60db6ac75e4b6373351f8bf32c09514b1b6160ebf780d1159f15f50a15516");
    EXPECT_EQ(to_hex(next.refresh.view()),
              "1ae757bf65b38e25a9dc219b2db4f52c880a8f20563be56242059045e92a2330");

    const SuccessorSecrets longest = derive_successors(key_material, salt, 64);
    EXPECT_EQ(to_hex(longest.session.view()),
              "32e60db6ac75e4b6373351f8bf32c09514b1b6160ebf780d1159f15f50a15516"
              "33f735cc725babf79b520565bab54be9dab8cf76d27bd47728486380a42c19fe");
    EXPECT_EQ(to_hex(longest.refresh.view()),
              "1ae757bf65b38e25a9dc219b2db4f52c880a8f20563be56242059045e92a2330"
              "a61cdd7e4a7804f87ac9840d19490c1fea3b56eb2509824c67d51a45add1313d");
}

TEST(Rotation, FamilyKeyIsFrozen) {
    EXPECT_EQ(to_hex(derive_family_key(key_material, session_id)),
              "e05b4197da06220aa94076af3b9ce169");
}

TEST(Rotation, AnImportedTokensTextIsKeyMaterialToo) {
    const Bytes text = bytes_of("an-imported-token");
    EXPECT_EQ(to_hex(derive_successors(text, salt, 32).session.view()),
              "0fbaabc70dffea01407064172b060c114ce74ee307ae7449d00a6386b654e04a");
    EXPECT_EQ(to_hex(derive_family_key(text, session_id)), "5afb872697a211c0bb76ef984503cdf7");
}

TEST(Rotation, EveryBitOfKeyAndSaltCounts) {
    const SuccessorSecrets next = derive_successors(key_material, salt, 32);
    for (std::size_t i = 0; i < salt.size(); ++i) {
        RotationSalt other_salt = salt;
        other_salt[i] ^= 1;
        std::vector<std::uint8_t> other_key = key_material;
        other_key[i] ^= 1;
        for (const SuccessorSecrets& other : {derive_successors(key_material, other_salt, 32),
                                              derive_successors(other_key, salt, 32)}) {
            EXPECT_NE(other.session.bytes, next.session.bytes) << "byte " << i;
            EXPECT_NE(other.refresh.bytes, next.refresh.bytes) << "byte " << i;
        }
    }
}

TEST(Rotation, ObeysTheBoundsOfASecret) {
    for (std::size_t length = min_secret_length; length <= max_secret_length; ++length) {
        const SuccessorSecrets next = derive_successors(key_material, salt, length);
        EXPECT_EQ(next.session.view().size(), length);
        EXPECT_EQ(next.refresh.view().size(), length);
        EXPECT_NE(to_hex(next.session.view()), to_hex(next.refresh.view()));
    }
    for (const std::size_t length : {std::size_t{0}, min_secret_length - 1, max_secret_length + 1,
                                     static_cast<std::size_t>(-1)}) {
        EXPECT_THROW(derive_successors(key_material, salt, length), std::length_error) << length;
    }
}

} // namespace
} // namespace session_service::core
