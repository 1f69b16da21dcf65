// The indexes of a heap that is written without the executor.
#pragma once

#include "pg/compat.hpp"

extern "C" {
#include "nodes/execnodes.h"
}

namespace session_service::pg {

/// Opens all indexes of `heap` and calls `body` with what the server's functions want to know of
/// them.
template <typename Body>
void with_indexes(Relation heap, Body&& body) {
    EState* state = CreateExecutorState();
    const MemoryContext caller = MemoryContextSwitchTo(state->es_query_cxt);
    auto* relation = static_cast<ResultRelInfo*>(palloc0(sizeof(ResultRelInfo)));
    relation->type = T_ResultRelInfo;
    InitResultRelInfo(relation, heap, 0, nullptr, 0);
    ExecOpenIndices(relation, false);
    std::forward<Body>(body)(relation, state);
    ExecCloseIndices(relation);
    MemoryContextSwitchTo(caller);
    FreeExecutorState(state);
}

} // namespace session_service::pg
