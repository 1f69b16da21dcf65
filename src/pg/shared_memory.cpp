#include "pg/shared_memory.hpp"

#include "pg/assert.hpp"

extern "C" {
#include "miscadmin.h"
#include "storage/ipc.h"
#include "storage/lwlock.h"
#include "storage/shmem.h"
}

namespace session_service::pg {

namespace {

struct Area {
    const char* name;
    std::size_t size;
    TakeShared take;
};

std::array<Area, 2> areas{};
std::size_t area_count = 0;

shmem_request_hook_type previous_request_hook = nullptr;
shmem_startup_hook_type previous_startup_hook = nullptr;

std::span<const Area> reserved() {
    return {areas.data(), area_count};
}

// ShmemInitStruct aligns to cache lines of its own size: room to align to ours.
std::size_t room_for(const Area& area) {
    return area.size + shared_alignment;
}

void request_memory() {
    if (previous_request_hook != nullptr) {
        previous_request_hook();
    }
    for (const Area& area : reserved()) {
        RequestAddinShmemSpace(room_for(area));
    }
}

void take_memory() {
    if (previous_startup_hook != nullptr) {
        previous_startup_hook();
    }
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    for (const Area& area : reserved()) {
        bool found = false;
        std::size_t room = room_for(area);
        void* memory = ShmemInitStruct(area.name, room, &found);
        area.take(std::align(shared_alignment, area.size, memory, room), !found);
    }
    LWLockRelease(AddinShmemInitLock);
}

} // namespace

void reserve_shared_memory(const char* name, std::size_t size, TakeShared take) {
    if (!process_shared_preload_libraries_in_progress) {
        return;
    }
    if (area_count == 0) {
        previous_request_hook = shmem_request_hook;
        shmem_request_hook = request_memory;
        previous_startup_hook = shmem_startup_hook;
        shmem_startup_hook = take_memory;
    }
    SESSION_SERVICE_ASSERT(area_count < areas.size());
    areas[area_count++] = {.name = name, .size = size, .take = take};
}

} // namespace session_service::pg
