#include "config.h"
#include "audit/segment.h"

#include "audit/file.h"
#include "audit/line.h"
#include "audit/read.h"
#include "audit/record.h"
#include "audit/seal.h"
#include "base/clock.h"
#include "base/decimal.h"
#include "base/mem.h"

#define SUFFIX ".jsonl"
#define WINDOW (2 * AUDIT_LINE_MAX) /* bytes read at once: a whole line is always in it */

/* --- the record ------------------------------------------------------------------------------- */

void segment_write(struct buf *out, int64_t utc_us, uint64_t number, const char *reason,
                   const unsigned char previous[AUDIT_HASH_BYTES])
{
    char hash[AUDIT_HASH_TEXT];
    audit_hash_format(previous, hash);
    record_write_head(out, "segment", utc_us);
    record_write_count(out, "segment", number);
    record_write_member(out, "reason", (struct span){ reason, strlen(reason) });
    record_write_member(out, "previous", (struct span){ hash, sizeof(hash) });
}

static bool take_literal(struct span *rest, struct span literal)
{
    if (rest->len < literal.len || memcmp(rest->data, literal.data, literal.len) != 0)
        return false;
    rest->data += literal.len;
    rest->len -= literal.len;
    return true;
}

static bool take_number(struct span *rest, uint64_t *out)
{
    const char *end = rest->data + rest->len;
    if (rest->len == 0 || *rest->data == '0' || !decimal_take(&rest->data, end, out))
        return false;
    rest->len = (size_t)(end - rest->data);
    return *out <= SEGMENT_MAX;
}

static bool take_word(struct span *rest, struct span *out)
{
    const char *start = rest->data;
    while (rest->len > 0 && *rest->data >= 'a' && *rest->data <= 'z')
        rest->data++, rest->len--;
    *out = (struct span){ start, (size_t)(rest->data - start) };
    return out->len > 0;
}

/* Members stand in one order and nothing is between them: the writer's own form, and no other. */
bool segment_parse(struct span line, struct segment_start *out)
{
    struct line_ends ends;
    struct audit_line parts;
    *out = (struct segment_start){ 0 };
    if (!line_parse_ends(line, &ends) || !audit_line_parse(line, &parts) || parts.type.len != 7 ||
        memcmp(parts.type.data, "segment", 7) != 0)
        return false;
    const char *p = parts.type.data + parts.type.len;
    struct span rest = { p, (size_t)(line.data + ends.hashed - p) };
    if (!take_literal(&rest, SPAN_LIT("\",\"segment\":")) || !take_number(&rest, &out->number) ||
        !take_literal(&rest, SPAN_LIT(",\"reason\":\"")) || !take_word(&rest, &out->reason) ||
        !take_literal(&rest, SPAN_LIT("\",\"previous\":\"")) || rest.len != AUDIT_HASH_TEXT + 1 ||
        rest.data[AUDIT_HASH_TEXT] != '"')
        return false;
    out->seq = ends.seq;
    return audit_hash_parse((struct span){ rest.data, AUDIT_HASH_TEXT }, out->previous);
}

/* --- names ------------------------------------------------------------------------------------ */

size_t segment_stem(const char *path)
{
    size_t len = strlen(path);
    size_t suffix = sizeof(SUFFIX) - 1;
    const char *slash = strrchr(path, '/');
    size_t name = slash ? len - (size_t)(slash + 1 - path) : len;
    if (name > suffix && memcmp(path + len - suffix, SUFFIX, suffix) == 0)
        return len - suffix;
    return len;
}

bool segment_follows(const struct segment_start *start, const struct audit_chain *end)
{
    return start->seq == end->seq + 1 && memcmp(start->previous, end->hash, AUDIT_HASH_BYTES) == 0;
}

char *segment_closed_path(const char *path, uint64_t number, unsigned attempt)
{
    int stem = (int)segment_stem(path);
    unsigned long long n = number;
    return attempt == 0
               ? mem_printf("%.*s.%0*llu" SUFFIX, stem, path, (int)SEGMENT_DIGITS, n)
               : mem_printf("%.*s.%0*llu.%u" SUFFIX, stem, path, (int)SEGMENT_DIGITS, n, attempt);
}

char *segment_next_path(const char *path)
{
    return mem_printf("%s.next", path);
}

/* --- lines ------------------------------------------------------------------------------------ */

int segment_each_line(int fd, const char *path, uint64_t from, uint64_t end, segment_line_fn *fn,
                      void *opaque, struct error *err)
{
    CLEANUP_FREE char *window = mem_alloc(WINDOW);
    while (from < end) {
        size_t len = end - from < WINDOW ? (size_t)(end - from) : WINDOW;
        int rc = audit_read_at(fd, path, window, len, from, err);
        if (rc < 0)
            return rc;
        size_t start = 0;
        const char *feed;
        while ((feed = memchr(window + start, '\n', len - start)) != NULL) {
            size_t next = (size_t)(feed - window) + 1;
            if (!fn(opaque, (struct span){ window + start, next - start }))
                return 0;
            start = next;
        }
        if (start == 0)
            return len < WINDOW ? 0 /* a torn last line */
                                : error_set(err, ERROR_INVALID,
                                            "audit log %s: a line is too long, at byte %llu", path,
                                            (unsigned long long)from);
        from += start;
    }
    return 0;
}

static void note_seal(struct segment_facts *facts, struct span line)
{
    struct seal seal;
    struct seal_public next;
    if (!seal_parse_line(line, &seal))
        return;
    facts->sealed = seal.through;
    memcpy(facts->key, seal.key, sizeof(facts->key));
    if (seal.reason == SEAL_KEY && seal_public_from_der(seal.next_key, SEAL_PUBLIC_BYTES, &next))
        memcpy(facts->key, next.id, sizeof(facts->key));
}

static bool note_facts(void *opaque, struct span line)
{
    static const struct span segment = SPAN_LIT("\"type\":\"segment\"");
    static const struct span seal = SPAN_LIT("\"type\":\"seal\"");
    struct segment_start s;
    struct segment_facts *facts = opaque;
    /* most lines are something else: look for the words near the line's beginning first */
    size_t head = line.len < 128 ? line.len : 128;
    if (memmem(line.data, head, segment.data, segment.len) && segment_parse(line, &s))
        facts->number = s.number;
    else if (memmem(line.data, head, seal.data, seal.len))
        note_seal(facts, line);
    return true;
}

int segment_find_facts(int fd, const char *path, uint64_t end, struct segment_facts *out,
                       struct error *err)
{
    *out = (struct segment_facts){ 0 };
    return segment_each_line(fd, path, 0, end, note_facts, out, err);
}

/* --- age -------------------------------------------------------------------------------------- */

static bool note_time(void *opaque, struct span line)
{
    struct audit_line parts;
    int64_t utc_us;
    if (audit_line_parse(line, &parts) && clock_parse_utc(parts.time.data, parts.time.len, &utc_us))
        *(int64_t *)opaque = utc_us;
    return false;
}

int64_t segment_age_us(int fd, const char *path, uint64_t end)
{
    struct error ignored;
    int64_t begun = 0;
    if (segment_each_line(fd, path, 0, end, note_time, &begun, &ignored) < 0 || begun == 0)
        return 0;
    int64_t age = clock_utc_us() - begun;
    return age > 0 ? age : 0;
}
