#include "pg/row_place.hpp"

#include "pg/compat.hpp"

extern "C" {
#include "access/heapam.h"
#include "access/tableam.h"
#include "storage/bufmgr.h"
}

namespace session_service::pg {

namespace {

constexpr std::size_t cache_line = 64;

// A buffer that is used as often as it can count. Pinned through the buffer table, one that is used
// less is counted up, which keeps it in memory; ReadRecentBuffer() leaves that out.
bool is_among_the_most_used(BufferDesc* descriptor) {
    return BUF_STATE_GET_USAGECOUNT(pg_atomic_read_u32(&descriptor->state)) == BM_MAX_USAGE_COUNT;
}

// Does what heapam does as it switches to a page, but for the look-up in the buffer table. False
// where the buffer holds another page.
bool switch_to(Buffer buffer, BlockNumber block, Relation heap, IndexFetchHeapData* fetch) {
    if (!read_recent_buffer(heap, block, buffer)) {
        return false;
    }
    count_buffer_hit(heap);
    if (BufferIsValid(fetch->xs_cbuf)) {
        ReleaseBuffer(fetch->xs_cbuf);
    }
    fetch->xs_cbuf = buffer;
    heap_page_prune_opt(heap, buffer);
    return true;
}

} // namespace

RowPlace place_of(TupleTableSlot* slot, OffsetNumber line) {
    const auto* held = reinterpret_cast<const BufferHeapTupleTableSlot*>(slot);
    const auto* page = static_cast<const char*>(BufferGetBlock(held->buffer));
    const auto* row = reinterpret_cast<const char*>(held->base.tuple->t_data);
    return {.buffer = held->buffer, .line = line, .offset = static_cast<std::size_t>(row - page)};
}

void prefetch(const RowPlace& place, std::size_t row_bytes) {
    const auto* page = static_cast<const char*>(BufferGetBlock(place.buffer));
    __builtin_prefetch(GetBufferDescriptor(place.buffer - 1), 1);
    __builtin_prefetch(page);
    __builtin_prefetch(page + SizeOfPageHeaderData + (place.line - 1) * sizeof(ItemIdData));
    // Pages, and so lines, begin at a multiple of a line.
    const std::size_t end = place.offset + row_bytes;
    for (std::size_t at = place.offset / cache_line * cache_line; at < end; at += cache_line) {
        __builtin_prefetch(page + at);
    }
}

std::optional<RowPlace> fetch_at(const RowPlace& place, Relation heap, IndexFetchTableData* fetch,
                                 Snapshot snapshot, TupleTableSlot* slot) {
    // Read without a lock: whoever uses the number checks it.
    BufferDesc* descriptor = GetBufferDescriptor(place.buffer - 1);
    const BlockNumber block = descriptor->tag.blockNum;
    auto* of_heap = reinterpret_cast<IndexFetchHeapData*>(fetch);
    if (!is_buffer_of(descriptor, heap)) {
        return std::nullopt;
    }
    if (of_heap->xs_cbuf != place.buffer) {
        // The number may be that of another table's page, read as the buffer changed hands, or of a
        // page that is only being added.
        const bool can_be_fetched = is_among_the_most_used(descriptor)
                                        ? switch_to(place.buffer, block, heap, of_heap)
                                        : block < RelationGetNumberOfBlocks(heap);
        if (!can_be_fetched) {
            return std::nullopt;
        }
    }
    ItemPointerData tid{.ip_blkid = {.bi_hi = static_cast<uint16>(block >> 16),
                                     .bi_lo = static_cast<uint16>(block & 0xffff)},
                        .ip_posid = place.line};
    bool has_more = false;
    if (!table_index_fetch_tuple(fetch, &tid, snapshot, slot, &has_more, nullptr)) {
        return std::nullopt;
    }
    return place_of(slot, place.line);
}

} // namespace session_service::pg
