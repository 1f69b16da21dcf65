// The headers of the standard library and the system, then postgres.h before any other of the
// server's: the one order that works, since postgres.h redefines the printf family. Every file
// above the core has the former from here alone, and includes this before anything of the server.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <sys/socket.h>
#include <sys/statvfs.h>

extern "C" {
#include "postgres.h"

#include "fmgr.h"
#include "utils/elog.h"
#include "utils/memutils.h"
}
