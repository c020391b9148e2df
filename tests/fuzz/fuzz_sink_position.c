/* What a sink's position is read back from. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>
#include "audit/sink_position.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct audit_chain at;
    char again[SINK_POSITION_LEN + 1];
    if (!sink_position_parse((struct span){ (const char *)data, size }, &at))
        return 0;
    /* one position has one text */
    sink_position_format(&at, again);
    FUZZ_ASSERT(size == SINK_POSITION_LEN && memcmp(again, data, size) == 0);
    return 0;
}
