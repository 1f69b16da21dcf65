#include "failing_memory.hpp"

// For the whole program. In a file without a `new`, beside which compilers would warn of free().
void* operator new(std::size_t size) {
    void* const block = session_service::test::Memory::is_out() ? nullptr : std::malloc(size);
    if (block == nullptr) {
        throw std::bad_alloc();
    }
    return block;
}
void operator delete(void* block) noexcept {
    std::free(block);
}
void operator delete(void* block, std::size_t /*size*/) noexcept {
    std::free(block);
}

namespace {

const bool is_installed = session_service::test::Memory::install();

} // namespace
