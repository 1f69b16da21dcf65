#include "table/row_hints.hpp"

extern "C" {
#include "access/htup_details.h"
}

namespace session_service::table {

namespace {

// How 32 bits hold a line of a page and a part of the id.
constexpr int line_bits = std::bit_width(std::size_t{MaxHeapTuplesPerPage});
constexpr int tag_bits = 32 - line_bits;
static_assert(tag_bits >= 16);

constexpr std::uint32_t low_bits(std::uint32_t value, int count) {
    return value & ((1U << count) - 1);
}

// Hints, each with a part of the id, which the row has whole: a wrong one costs a page.
//
// What is compared lies in one line of the processor's cache, the blocks in the next. A hint that
// is found is not marked as used: which one makes room for another is left to chance, which for a
// set is nearly as good, and a look-up writes nothing.
struct Set {
    static constexpr std::size_t size = 16;
    static constexpr std::uint32_t empty = 0; // no line of a page is 0

    std::array<std::uint32_t, size> rests;
    std::array<BlockNumber, size> blocks;

    std::optional<std::size_t> find(std::uint32_t tag) const {
        for (std::size_t i = 0; i < size; ++i) {
            if (rests[i] >> line_bits == tag && rests[i] != empty) {
                return i;
            }
        }
        return std::nullopt;
    }

    std::size_t find_room() const {
        static std::size_t turn = 0;
        const auto* free = std::ranges::find(rests, empty);
        return free != rests.end() ? static_cast<std::size_t>(free - rests.begin()) : ++turn % size;
    }
};
static_assert(sizeof(Set) == 128);

// Room for 106,496 rows in 832 kB, which the system gives a backend page by page as it is used:
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

void prefetch_hint(const core::Uuid& id) {
    const Set& set = entry_of(id).set;
    __builtin_prefetch(&set.rests);
    __builtin_prefetch(&set.blocks);
}

std::optional<ItemPointerData> hint_for(const core::Uuid& id) {
    const auto [set, tag] = entry_of(id);
    const auto found = set.find(tag);
    if (!found) {
        return std::nullopt;
    }
    ItemPointerData tid;
    const auto line = static_cast<OffsetNumber>(low_bits(set.rests[*found], line_bits));
    const BlockNumber block = set.blocks[*found];
    tid.ip_blkid.bi_hi = static_cast<std::uint16_t>(block >> 16);
    tid.ip_blkid.bi_lo = static_cast<std::uint16_t>(block & 0xffff);
    tid.ip_posid = line;
    return tid;
}

void remember(const core::Uuid& id, const ItemPointerData& tid) {
    const auto [set, tag] = entry_of(id);
    const auto found = set.find(tag);
    const std::size_t i = found ? *found : set.find_room();
    set.blocks[i] = ItemPointerGetBlockNumber(&tid);
    set.rests[i] = tag << line_bits | ItemPointerGetOffsetNumber(&tid);
}

} // namespace session_service::table
