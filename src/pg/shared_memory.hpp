// Memory that all processes of a server share. There is some only where the library is in
// shared_preload_libraries. It begins anew with the server, also after a crash of one of its
// processes.
#pragma once

#include "pg/prelude.hpp"

namespace session_service::pg {

/// The alignment of each area: cache lines of its own.
inline constexpr std::size_t shared_alignment = 128;

/// Told of an area once it is there. Where it `is_new`, nobody else looks at it yet, and what is in
/// it is to be written now.
using TakeShared = void (*)(void* memory, bool is_new);

/// Reserves an area if the library is being preloaded; called as it is loaded. `name` is a literal.
void reserve_shared_memory(const char* name, std::size_t size, TakeShared take);

} // namespace session_service::pg
