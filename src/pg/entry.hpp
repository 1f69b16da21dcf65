// The one boundary between C++ and the server. Every SQL function, hook and worker goes through it.
//
// Two rules keep both error models apart:
//  1. A C++ exception never leaves an extern "C" function: that would end the whole server. The
//     boundary catches everything, leaves the catch block (an ereport inside it would leak the
//     exception object), and then reports.
//  2. An ereport is a longjmp: it runs no destructor. So nothing above the core may have a
//  destructor
//     that does anything; what the core's functions own lives and dies inside them. What the server
//     hands out (locks, relations, SPI, security context) is given back by plain code, and by the
//     transaction's abort where an error jumps over that code.
#pragma once

#include "core/crypto.hpp"

#include "pg/prelude.hpp"

namespace session_service::pg {

/// Runs `body`, and turns whatever it throws into an ereport once every destructor has run.
template <typename Body>
std::invoke_result_t<Body> guarded(Body&& body) {
    enum class Failure : std::uint8_t { memory, crypto, other };
    Failure failure = Failure::other;
    try {
        return std::forward<Body>(body)();
    } catch (const std::bad_alloc&) {
        failure = Failure::memory;
    } catch (const core::CryptoError&) {
        failure = Failure::crypto;
    } catch (...) {
        failure = Failure::other;
    }
    switch (failure) {
    case Failure::memory:
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    case Failure::crypto:
        ereport(ERROR, (errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
                        errmsg("the cryptographic library failed"),
                        errhint("Check the server's OpenSSL configuration.")));
    case Failure::other:
        break;
    }
    ereport(ERROR,
            (errcode(ERRCODE_INTERNAL_ERROR), errmsg("unexpected exception in session_service")));
    pg_unreachable();
}

/// Keeps the statement and its context out of the server log for every error that is raised while
/// it is in place: the statement may carry a token as a literal.
inline void hide_statement(void* /*unused*/) {
    errhidestmt(true);
    errhidecontext(true);
}

/// guarded() for functions that take a token. An error's longjmp puts the stack of callbacks back.
template <typename Body>
std::invoke_result_t<Body> guarded_and_hidden(Body&& body) {
    ErrorContextCallback callback{};
    callback.callback = hide_statement;
    callback.previous = error_context_stack;
    error_context_stack = &callback;
    auto result = guarded(std::forward<Body>(body));
    error_context_stack = callback.previous;
    return result;
}

} // namespace session_service::pg

#define SESSION_SERVICE_ENTRY(name, guard)                                                         \
    extern "C" {                                                                                   \
    PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                                                      \
    PG_FUNCTION_INFO_V1(name);                                                                     \
    }                                                                                              \
    static Datum name##_body(FunctionCallInfo fcinfo);                                             \
    extern "C" Datum name(PG_FUNCTION_ARGS) {                                                      \
        return guard([fcinfo] { return name##_body(fcinfo); });                                    \
    }                                                                                              \
    static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)

/// Declares and opens a SQL-callable function: SQL_FUNCTION(name) { … return datum; }
/// The body sees `fcinfo`.
#define SQL_FUNCTION(name) SESSION_SERVICE_ENTRY(name, session_service::pg::guarded)

/// The same for a function that takes a token.
#define SQL_TOKEN_FUNCTION(name)                                                                   \
    SESSION_SERVICE_ENTRY(name, session_service::pg::guarded_and_hidden)
