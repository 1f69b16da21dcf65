#include "table/room.hpp"

extern "C" {
#include "access/genam.h"
#include "storage/lockdefs.h"
}

namespace session_service::table {

namespace {

// A backend extends a table by up to 512 kB at once, and an index by a page for each level.
constexpr std::uint64_t enough = std::uint64_t{16} * 1024 * 1024;

bool has_room(Relation relation) {
    struct statvfs file_system {};
    // Where it cannot be told there is room as a rule.
    return statvfs(pg::path_of(relation).data(), &file_system) != 0 ||
           std::uint64_t{file_system.f_bavail} * file_system.f_frsize >= enough;
}

} // namespace

bool has_room_on_disk(Relation relation) {
    bool is_room = has_room(relation);
    List* const indexes = RelationGetIndexList(relation);
    const ListCell* cell = nullptr;
    foreach (cell, indexes) {
        if (is_room) {
            Relation index = index_open(lfirst_oid(cell), AccessShareLock);
            is_room = has_room(index);
            index_close(index, NoLock);
        }
    }
    list_free(indexes);
    return is_room;
}

} // namespace session_service::table
