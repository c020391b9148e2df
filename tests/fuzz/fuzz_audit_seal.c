/* Seals and public keys, as somebody else wrote them. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include "audit/line.h"
#include "audit/seal_keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    CLEANUP_BUF struct buf again = { 0 };
    CLEANUP_SEAL_KEYS struct seal_keys keys = { 0 };
    struct line_ends ends;
    struct seal s;

    /* what is read has one text only */
    if (seal_parse_exported(text, &s)) {
        seal_write_exported(&s, &again);
        FUZZ_ASSERT(buf_len(&again) <= SEAL_TEXT_MAX + 1);
        FUZZ_ASSERT(buf_len(&again) == size || buf_len(&again) == size + 1);
        FUZZ_ASSERT(memcmp(buf_data(&again), data, size) == 0);
    }
    buf_clear(&again);
    if (seal_parse_line(text, &s)) {
        FUZZ_ASSERT(line_parse_ends(text, &ends));
        seal_write_body(&s, &again);
        FUZZ_ASSERT(ends.hashed > buf_len(&again));
        FUZZ_ASSERT(
            memcmp(data + ends.hashed - buf_len(&again), buf_data(&again), buf_len(&again)) == 0);
    }
    if (seal_keys_add_pem(&keys, "fuzz", text, NULL) == 0)
        FUZZ_ASSERT(keys.n > 0 && seal_keys_find(&keys, keys.at[0].id) == keys.at);
    return 0;
}
