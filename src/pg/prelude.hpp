// The server's headers, in the one order that works: the standard library first (postgres.h
// redefines the printf family), then postgres.h before any other of the server's. Every file above
// the core includes this before anything else of the server.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "utils/elog.h"
#include "utils/memutils.h"
}
