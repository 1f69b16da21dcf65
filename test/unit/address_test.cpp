#include "core/address.hpp"

#include <gtest/gtest.h>

namespace session_service::core {
namespace {

Address v4(std::array<std::uint8_t, 4> bytes, std::uint8_t prefix = 32) {
    Address address{.prefix = prefix};
    std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
    return address;
}

Address v6(std::array<std::uint8_t, 16> bytes, std::uint8_t prefix = 128) {
    return {.bytes = bytes, .is_v6 = true, .prefix = prefix};
}

void expect_same(const Address& one, const Address& other) {
    EXPECT_EQ(one.bytes, other.bytes);
    EXPECT_EQ(one.is_v6, other.is_v6);
    EXPECT_EQ(one.prefix, other.prefix);
}

TEST(Address, AMappedOneIsTheOneOfIpv4) {
    const std::array<std::uint8_t, 16> mapped{0, 0, 0,    0,    0,   0, 0,   0,
                                              0, 0, 0xff, 0xff, 203, 0, 113, 5};
    expect_same(unmapped(v6(mapped)), v4({203, 0, 113, 5}));
    expect_same(unmapped(v6(mapped, 120)), v4({203, 0, 113, 5}, 24));
    expect_same(unmapped(v6(mapped, 96)), v4({203, 0, 113, 5}, 0));
}

TEST(Address, OnlyAMappedOneIsChanged) {
    const std::array<std::uint8_t, 16> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4};
    // A network that is wider than the mapped ones has others in it.
    expect_same(unmapped(v6(mapped, 95)), v6(mapped, 95));
    for (std::size_t i = 0; i < 12; ++i) {
        auto other = mapped;
        other.at(i) ^= 1;
        expect_same(unmapped(v6(other)), v6(other));
    }
    expect_same(unmapped(v4({0, 0, 0, 0})), v4({0, 0, 0, 0}));
}

TEST(Address, ANetworkHasTheFirst24Or48Bits) {
    expect_same(network_of(v4({203, 0, 113, 5})), v4({203, 0, 113, 0}, 24));
    expect_same(network_of(v4({203, 0, 113, 5}, 16)), v4({203, 0, 113, 0}, 16));
    expect_same(network_of(v6({0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})),
                v6({0x20, 1, 0xd, 0xb8, 1, 2}, 48));
}

} // namespace
} // namespace session_service::core
