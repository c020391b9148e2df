/* What reads a line of the log, or the lock, back. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include "audit/line.h"
#include "audit/lock.h"
#include "audit/read.h"
#include "audit/segment.h"

static void check_inside(struct span whole, struct span part)
{
    if (part.len == 0)
        return;
    FUZZ_ASSERT(part.data > whole.data);
    FUZZ_ASSERT(part.data + part.len < whole.data + whole.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    struct audit_line line;
    struct line_ends ends;
    struct lock_state state;
    struct segment_start start;

    if (audit_line_parse(text, &line)) {
        FUZZ_ASSERT(line.seq > 0 && line.type.len > 0);
        check_inside(text, line.time);
        check_inside(text, line.type);
        check_inside(text, line.identity);
        check_inside(text, line.vm);
        check_inside(text, line.uuid);
        check_inside(text, line.command);
    }
    if (line_parse_ends(text, &ends)) {
        FUZZ_ASSERT(ends.seq > 0 && ends.hashed < size);
        FUZZ_ASSERT(data[size - 1] == '\n' && data[ends.hashed] == ',');
    }
    if (segment_parse(text, &start)) {
        FUZZ_ASSERT(start.seq > 0 && start.number > 0 && start.number <= SEGMENT_MAX);
        check_inside(text, start.reason);
    }
    if (lock_state_parse(text, &state) && state.known)
        FUZZ_ASSERT(size > AUDIT_HASH_TEXT);
    return 0;
}
