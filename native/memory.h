// How the bridge lets the C library handle memory: what one step frees, the next asks for again. Part of torch_bridge.cpp.
#pragma once

#if defined(__GLIBC__)
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace {

// A step's activations are freed together and asked for again by the next step. By default glibc hands such blocks back to the system each
// time, and each page of them costs a fault to get again: a twentieth of a training step. Here they stay, up to a gigabyte of slack.
const bool keeps_memory = [] {
    mallopt(M_ARENA_MAX, 1);               // one pool for all threads, or each would keep its own
    mallopt(M_MMAP_THRESHOLD, 32 << 20);   // the most that glibc takes
    mallopt(M_TRIM_THRESHOLD, 1 << 30);
    mallopt(M_TOP_PAD, 64 << 20);          // the heap grows by so much more than is asked for
    return true;
}();

// Weights that are read once a token are read some percent faster from large pages, which Linux gives to those who ask: for the heap, whenever
// it has grown, before most of what is new is touched.
std::atomic<uintptr_t> asked{reinterpret_cast<uintptr_t>(sbrk(0))};  // up to this address

void ask_for_large_pages() {
    constexpr uintptr_t page = 2 << 20;
    const auto end = reinterpret_cast<uintptr_t>(sbrk(0));
    if (asked.load(std::memory_order_relaxed) == end) return;
    const uintptr_t begin = asked.exchange(end) / page * page;
    if (begin < end) madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

// What was freed between blocks that stay goes back to the system. The slack above is right between steps, not behind work that comes once, such as
// packing a model's weights as they are read.
void trim_memory() { malloc_trim(0); }

}  // namespace
#else
namespace {
void ask_for_large_pages() {}
void trim_memory() {}
}  // namespace
#endif
