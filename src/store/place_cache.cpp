#include "store/place_cache.hpp"

#include <algorithm>
#include <bit>

extern "C" {
#include "access/htup_details.h"
}

namespace session_service::store {

namespace {

// How 32 bits hold a line, an offset, of which each row's is a multiple, and a part of the id.
constexpr int line_bits = std::bit_width(std::size_t{MaxHeapTuplesPerPage});
constexpr int offset_bits = std::bit_width(std::size_t{BLCKSZ / MAXIMUM_ALIGNOF} - 1);
constexpr int tag_bits = 32 - line_bits - offset_bits;
static_assert(tag_bits >= 8);

constexpr std::uint32_t low_bits(std::uint32_t value, int count) {
    return value & ((1U << count) - 1);
}

// Places, each with a part of the id, which the row has whole: a wrong hint costs one page. With
// the 13 bits that pages of 8 kB leave, one in 500 look-ups of an unknown session meets one.
//
// What is compared lies in one line of the processor's cache, the buffers' numbers in the next. A
// place that is found is not marked as used: which one makes room for another is left to chance,
// which for a set is nearly as good, and a look-up writes nothing.
struct Set {
    static constexpr std::size_t size = 16;

    std::array<std::uint32_t, size> rests;
    std::array<Buffer, size> buffers;

    std::optional<std::size_t> find(std::uint32_t tag) const {
        for (std::size_t i = 0; i < size; ++i) {
            if (rests[i] >> (line_bits + offset_bits) == tag && buffers[i] != InvalidBuffer) {
                return i;
            }
        }
        return std::nullopt;
    }

    std::size_t find_room() const {
        static std::size_t turn = 0;
        const auto* free = std::ranges::find(buffers, InvalidBuffer);
        return free != buffers.end() ? static_cast<std::size_t>(free - buffers.begin())
                                     : ++turn % size;
    }
};
static_assert(sizeof(Set) == 128);

// Room for 106,496 sessions in 832 kB, which the system gives a backend page by page as it is used:
// what a hundred backends may well have, and less than they take for the server's own caches.
constexpr std::size_t set_count = 6656;
alignas(sizeof(Set)) std::array<Set, set_count> sets;

struct Entry {
    Set& set;
    std::uint32_t tag;
};

// The end of a UUIDv7 is random, behind the two bits of its variant.
Entry entry_of(const core::Uuid& id) {
    std::uint64_t random = 0;
    std::memcpy(&random, &id[id.size() - sizeof(random)], sizeof(random));
    random >>= 8;
    return {.set = sets[(random >> tag_bits) % set_count],
            .tag = low_bits(static_cast<std::uint32_t>(random), tag_bits)};
}

} // namespace

void prefetch_place(const core::Uuid& id) {
    const Set& set = entry_of(id).set;
    __builtin_prefetch(&set.rests);
    __builtin_prefetch(&set.buffers);
}

std::optional<pg::RowPlace> remembered_place(const core::Uuid& id) {
    const auto [set, tag] = entry_of(id);
    const auto found = set.find(tag);
    if (!found) {
        return std::nullopt;
    }
    const std::uint32_t rest = set.rests[*found];
    return pg::RowPlace{.buffer = set.buffers[*found],
                        .line = static_cast<OffsetNumber>(low_bits(rest >> offset_bits, line_bits)),
                        .offset = std::size_t{low_bits(rest, offset_bits)} * MAXIMUM_ALIGNOF};
}

void remember_place(const core::Uuid& id, const pg::RowPlace& place) {
    const auto [set, tag] = entry_of(id);
    const auto found = set.find(tag);
    const std::size_t i = found ? *found : set.find_room();
    set.buffers[i] = place.buffer;
    set.rests[i] = tag << (line_bits + offset_bits) |
                   static_cast<std::uint32_t>(place.line) << offset_bits |
                   static_cast<std::uint32_t>(place.offset / MAXIMUM_ALIGNOF);
}

} // namespace session_service::store
