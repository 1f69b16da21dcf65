#include "core/crypto.hpp"

#include "failing_memory.hpp"
#include "hex.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string>

namespace session_service::core {
namespace {

using test::from_hex;
using test::Memory;
using test::Outcome;
using test::outcome_of;
using test::to_hex;

std::string sha256_hex(std::string_view text) {
    return to_hex(sha256(bytes_of(text)));
}

// FIPS 180-4: the examples that NIST publishes with it, and the empty message.
TEST(Sha256, GivesThePublishedVectors) {
    EXPECT_EQ(sha256_hex("abc"),
              "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                         "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"),
              "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    EXPECT_EQ(to_hex(sha256({})), sha256_hex(""));
}

TEST(Sha256, OneDigestLeavesNothingForTheNext) {
    const std::string first = sha256_hex("first");
    EXPECT_NE(sha256_hex("second"), first);
    EXPECT_EQ(sha256_hex("first"), first);
}

// FIPS 180-4, as above; each message also cut in two.
TEST(Sha1, GivesThePublishedVectorsHoweverItIsCut) {
    constexpr std::array<std::pair<std::string_view, std::string_view>, 3> vectors{{
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    }};
    for (const auto& [message, digest] : vectors) {
        for (std::size_t cut = 0; cut <= message.size(); ++cut) {
            const Bytes bytes = bytes_of(message);
            EXPECT_EQ(to_hex(sha1_of(bytes.first(cut), bytes.subspan(cut))), digest);
        }
    }
}

std::string hkdf_hex(std::string_view key, std::string_view salt, std::string_view info,
                     std::size_t size) {
    std::vector<std::uint8_t> out(size);
    const std::vector<std::uint8_t> info_bytes = from_hex(info);
    hkdf_sha256(from_hex(key), from_hex(salt),
                {reinterpret_cast<const char*>(info_bytes.data()), info_bytes.size()}, out);
    return to_hex(out);
}

// RFC 5869, appendix A.1 to A.3.
TEST(HkdfSha256, GivesThePublishedVectors) {
    EXPECT_EQ(
        hkdf_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
                 "f0f1f2f3f4f5f6f7f8f9", 42),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
    EXPECT_EQ(hkdf_hex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
                       "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
                       "404142434445464748494a4b4c4d4e4f",
                       "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
                       "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
                       "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
                       "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
                       "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
                       "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                       82),
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
              "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
              "cc30c58179ec3e87c14c01d5c1f3434f1d87");
    EXPECT_EQ(
        hkdf_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "", 42),
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

// RFC 5869, section 2.3: at most 255 blocks.
TEST(HkdfSha256, FailsWithoutATraceWhereTheStandardEnds) {
    constexpr std::size_t most = std::size_t{255} * 32;
    EXPECT_EQ(hkdf_hex("0b", "00", "", most).size(), 2 * most);
    EXPECT_THROW(hkdf_hex("0b", "00", "", most + 1), CryptoError);
    EXPECT_EQ(ERR_peek_error(), 0UL) << "the error queue is shared with TLS";
    EXPECT_EQ(hkdf_hex("0b", "00", "", most).size(), 2 * most);
}

// RFC 4231, section 4 (but for test case 5, which cuts the code), and nothing at all.
TEST(HmacSha256, GivesThePublishedVectors) {
    const auto bytes = [](std::size_t size, std::uint8_t byte) {
        return std::vector<std::uint8_t>(size, byte);
    };
    EXPECT_EQ(to_hex(hmac_sha256(bytes(20, 0x0b), bytes_of("Hi There"))),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(to_hex(hmac_sha256(bytes_of("Jefe"), bytes_of("what do ya want for nothing?"))),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(to_hex(hmac_sha256(bytes(20, 0xaa), bytes(50, 0xdd))),
              "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    EXPECT_EQ(to_hex(hmac_sha256(from_hex("0102030405060708090a0b0c0d0e0f10111213141516171819"),
                                 bytes(50, 0xcd))),
              "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    EXPECT_EQ(
        to_hex(hmac_sha256(bytes(131, 0xaa),
                           bytes_of("Test Using Larger Than Block-Size Key - Hash Key First"))),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_EQ(to_hex(hmac_sha256(
                  bytes(131, 0xaa),
                  bytes_of("This is a test using a larger than block-size key and a larger than "
                           "block-size data. The key needs to be hashed before being used by the "
                           "HMAC algorithm."))),
              "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
    EXPECT_EQ(to_hex(hmac_sha256({}, {})),
              "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(ConstantTimeEqual, ComparesLengthAndEveryByte) {
    const Digest digest = sha256(bytes_of("abc"));
    EXPECT_TRUE(constant_time_equal(digest, digest));
    for (std::size_t i = 0; i < digest.size(); ++i) {
        Digest other = digest;
        other[i] ^= 0x80;
        EXPECT_FALSE(constant_time_equal(digest, other)) << "byte " << i;
    }
    EXPECT_FALSE(constant_time_equal(digest, Bytes(digest).first(31)));
    EXPECT_FALSE(constant_time_equal(digest, {}));
    EXPECT_TRUE(constant_time_equal({}, {}));
}

void allocate_of_both() {
    const auto first = std::make_unique<int>(1);
    void* const second = OPENSSL_malloc(1);
    OPENSSL_free(second);
    if (second == nullptr) {
        // Later versions than OpenSSL 3.0 report it.
        ERR_clear_error();
        throw CryptoError("the second");
    }
}

TEST(Memory, RunsOutWhereItIsToldTo) {
    ASSERT_TRUE(Memory::is_installed());
    EXPECT_EQ(outcome_of(allocate_of_both, 0), Outcome::out_of_memory);
    EXPECT_EQ(Memory::refused(), 1);
    EXPECT_EQ(outcome_of(allocate_of_both, 1, 1), Outcome::failed);
    EXPECT_EQ(outcome_of(allocate_of_both, 2), Outcome::done);
    EXPECT_EQ(Memory::refused(), 0);
    EXPECT_EQ(outcome_of(allocate_of_both, 0, 0), Outcome::done);
}

void derive() {
    std::array<std::uint8_t, 32> out{};
    hkdf_sha256(bytes_of("key"), bytes_of("salt"), "info", out);
}

void hash() {
    sha256(bytes_of("abc"));
}

void hash_with_sha1() {
    sha1_of(bytes_of("abc"), {});
}

void authenticate() {
    hmac_sha256(bytes_of("key"), bytes_of("abc"));
}

void draw_cancel_key() {
    std::array<std::uint8_t, 16> key{};
    RAND_bytes(key.data(), static_cast<int>(key.size()));
}

TEST(Crypto, WithoutMemoryThrowsBadAllocAndRecovers) {
    for (void (*call)() : {hash, hash_with_sha1, derive, authenticate}) {
        const long failures = test::failures_without_memory(call);
        // OpenSSL 3.0 allocates in all; later versions need no memory for a digest that is kept.
        EXPECT_TRUE(failures > 0 || call == hash);
        EXPECT_EQ(sha256_hex("abc"),
                  "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}

// Suites of this name run first: nothing has been fetched yet. The server has used libcrypto by
// then (each backend draws its cancel key), which matters, since OpenSSL 3.0 itself crashes where
// memory runs out in its own initialization.
TEST(CryptoDeathTest, FirstUseWithoutMemoryThrowsAndDoesNotCrash) {
    for (long allocations = 0; allocations < 1000; allocations += 9) {
        EXPECT_EXIT(
            {
                draw_cancel_key();
                outcome_of(hash, allocations);
                outcome_of(derive, allocations);
                outcome_of(authenticate, allocations);
                std::_Exit(0);
            },
            testing::ExitedWithCode(0), "")
            << "allocation " << allocations;
    }
}

// A preloaded library may have hashed before the fork, or not.
TEST(CryptoDeathTest, WorksInAForkedProcess) {
    const std::string before = sha256_hex("abc");
    EXPECT_EXIT(
        {
            derive();
            std::_Exit(sha256_hex("abc") == before ? 0 : 1);
        },
        testing::ExitedWithCode(0), "");
    EXPECT_EQ(sha256_hex("abc"), before);
}

} // namespace
} // namespace session_service::core
