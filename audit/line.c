#include "config.h"
#include "audit/line.h"

#include "base/clock.h"
#include "base/decimal.h"

/* The line's end: ,"hash":"<64 digits>"}\n */
#define END_LEN   (sizeof(AUDIT_LINE_HASH) - 1 + AUDIT_HASH_TEXT + sizeof(AUDIT_LINE_END) - 1)
#define START_LEN (sizeof(AUDIT_LINE_START) - 1)

/* The number, up to the comma behind it; NULL if there is none. */
static const char *parse_seq(const char *p, const char *end, uint64_t *seq)
{
    if (p == end || *p == '0' || !decimal_take(&p, end, seq))
        return NULL;
    return p < end && *p == ',' ? p : NULL;
}

bool line_parse_head(struct span line, uint64_t *seq, int64_t *utc_us)
{
    static const struct span name = SPAN_LIT(",\"time\":\"");
    const char *end = line.data + line.len;
    if (line.len < START_LEN || memcmp(line.data, AUDIT_LINE_START, START_LEN) != 0)
        return false;
    const char *p = parse_seq(line.data + START_LEN, end, seq);
    return p && (size_t)(end - p) > name.len + CLOCK_UTC_TEXT &&
           memcmp(p, name.data, name.len) == 0 && p[name.len + CLOCK_UTC_TEXT - 1] == '"' &&
           clock_parse_utc(p + name.len, CLOCK_UTC_TEXT - 1, utc_us);
}

bool line_parse_ends(struct span line, struct line_ends *out)
{
    if (line.len < START_LEN + END_LEN + 2 || line.len > AUDIT_LINE_MAX ||
        memcmp(line.data, AUDIT_LINE_START, START_LEN) != 0)
        return false;

    const char *end = line.data + line.len - END_LEN;
    if (!parse_seq(line.data + START_LEN, end, &out->seq))
        return false;
    const char *hash = end + sizeof(AUDIT_LINE_HASH) - 1;
    if (memcmp(end, AUDIT_LINE_HASH, sizeof(AUDIT_LINE_HASH) - 1) != 0 ||
        memcmp(hash + AUDIT_HASH_TEXT, AUDIT_LINE_END, sizeof(AUDIT_LINE_END) - 1) != 0 ||
        !audit_hash_parse((struct span){ hash, AUDIT_HASH_TEXT }, out->hash))
        return false;
    out->hashed = (size_t)(end - line.data);
    return true;
}
