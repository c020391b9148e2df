/* A fuzz harness is one function in libFuzzer's form; tests/fuzz/replay.c gives it a main() that
 * replays a corpus, scripts/fuzz builds it with libFuzzer's. */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A harness's own assertion: stays in builds with NDEBUG. */
#define FUZZ_ASSERT(x)        \
    do {                      \
        if (!(x))             \
            __builtin_trap(); \
    } while (0)

#endif
