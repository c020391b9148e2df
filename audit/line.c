#include "config.h"
#include "audit/line.h"

/* The line's end: ,"hash":"<64 digits>"}\n */
#define END_LEN   (sizeof(AUDIT_LINE_HASH) - 1 + AUDIT_HASH_TEXT + sizeof(AUDIT_LINE_END) - 1)
#define START_LEN (sizeof(AUDIT_LINE_START) - 1)

bool line_parse_ends(struct span line, struct line_ends *out)
{
    if (line.len < START_LEN + END_LEN + 2 || line.len > AUDIT_LINE_MAX ||
        memcmp(line.data, AUDIT_LINE_START, START_LEN) != 0)
        return false;

    const char *p = line.data + START_LEN;
    const char *end = line.data + line.len - END_LEN;
    uint64_t seq = 0;
    if (*p < '1' || *p > '9')
        return false;
    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        if (__builtin_mul_overflow(seq, 10u, &seq) ||
            __builtin_add_overflow(seq, (uint64_t)(*p - '0'), &seq))
            return false;
    }
    if (p == end || *p != ',')
        return false;

    const char *hash = end + sizeof(AUDIT_LINE_HASH) - 1;
    if (memcmp(end, AUDIT_LINE_HASH, sizeof(AUDIT_LINE_HASH) - 1) != 0 ||
        memcmp(hash + AUDIT_HASH_TEXT, AUDIT_LINE_END, sizeof(AUDIT_LINE_END) - 1) != 0 ||
        !audit_hash_parse((struct span){ hash, AUDIT_HASH_TEXT }, out->hash))
        return false;
    out->seq = seq;
    out->hashed = (size_t)(end - line.data);
    return true;
}
