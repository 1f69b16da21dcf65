// Any text: is refused, or names a set of buckets that, written one by one, is read as the same.
#include "core/bucket_set.hpp"

#include "fuzz.hpp"

#include <string>

namespace session_service {
namespace {

using fuzz::require;

std::string list_of(const core::BucketSet& set) {
    std::string list;
    for (std::uint16_t bucket = 0; bucket < core::bucket_count; ++bucket) {
        if (set.contains(bucket)) {
            list += (list.empty() ? "" : ",") + std::to_string(bucket);
        }
    }
    return list.empty() ? "none" : list;
}

} // namespace
} // namespace session_service

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace session_service;
    const auto set = core::BucketSet::parse(fuzz::text_of({data, size}));
    if (set) {
        const std::string list = list_of(*set);
        const auto again = core::BucketSet::parse(list);
        require(again.has_value());
        require(list_of(*again) == list);
        require(again->has_all() == set->has_all());
    }
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned random) {
    static const std::vector<std::string> seeds{"",       "none",   "0-255,512-767", " 1 - 2 , 3 ",
                                                "0,4095", "0-4095", "4096",          "2-1,"};
    return session_service::fuzz::mutate_from(seeds, data, size, max_size, random);
}
