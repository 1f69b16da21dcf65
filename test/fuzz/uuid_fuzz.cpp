// Any time, bucket and random bytes: make a UUID of version 7 that names the bucket, or that sorts
// by its time.
#include "core/uuid.hpp"

#include "fuzz.hpp"

namespace session_service {
namespace {

using core::Uuid;

bool is_version_7(const Uuid& id) {
    return id[6] >> 4 == 7 && id[8] >> 6 == 0b10;
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    fuzz::Source source({data, size});
    const std::int64_t time = source.number();
    const std::int64_t other_time = source.number();
    const auto sequence = static_cast<std::uint16_t>(source.number());
    const auto random = source.bytes<8>();
    const auto other_random = source.bytes<8>();

    const auto bucket = static_cast<std::uint16_t>(sequence % core::bucket_count);
    const Uuid id = core::make_uuid7(time, bucket, random);
    fuzz::require(is_version_7(id));
    fuzz::require(core::bucket_of(id) == bucket);
    fuzz::require(core::make_uuid7(other_time, bucket, random)[0] <= id[0] || other_time > time);

    // The fraction of a millisecond has 12 bits, so that each microsecond has one of its own; times
    // outside what the id can tell are cut to its bounds.
    const Uuid earlier = core::make_ordered_uuid7(time, sequence, random);
    fuzz::require(is_version_7(earlier));
    const Uuid later = core::make_ordered_uuid7(other_time, sequence, other_random);
    constexpr std::int64_t end = (std::int64_t{1} << 48) * 1000;
    const std::int64_t seen = std::clamp<std::int64_t>(time, 0, end - 1);
    const std::int64_t other_seen = std::clamp<std::int64_t>(other_time, 0, end - 1);
    fuzz::require(seen == other_seen || (seen < other_seen) == (earlier < later));
    if (sequence != 0xffff) {
        const auto next = static_cast<std::uint16_t>(sequence + 1);
        fuzz::require(earlier < core::make_ordered_uuid7(time, next, other_random));
    }
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    using namespace session_service;
    static const std::vector<std::string> seeds = [] {
        std::vector<std::string> pairs;
        for (const std::int64_t time : {std::int64_t{0}, std::int64_t{1'700'000'000'000'000},
                                        (std::int64_t{1} << 48) * 1000}) {
            const auto bytes = std::bit_cast<std::array<char, 8>>(time);
            const auto next = std::bit_cast<std::array<char, 8>>(time + 1);
            pairs.push_back(std::string(bytes.begin(), bytes.end()) +
                            std::string(next.begin(), next.end()) + "sequence" +
                            "random bytes too");
        }
        return pairs;
    }();
    return fuzz::mutate_from(seeds, data, size, max_size, random);
}
