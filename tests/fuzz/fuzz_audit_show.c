/* Lines that say they are records, as `qmpgate audit show` reads and prints them: whatever is in
 * them, nothing reaches a terminal that could move its cursor. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "cli/audit_session.h"
#include "cli/audit_stats.h"

static void check_inside(struct span whole, struct span part)
{
    FUZZ_ASSERT(part.len == 0 ||
                (part.data > whole.data && part.data + part.len < whole.data + whole.len));
}

static void check_view(const struct audit_record_view *v)
{
    const struct audit_filter all = { .until = INT64_MAX };
    const struct audit_filter never = { .identity = "nobody, twice", .until = INT64_MAX };
    for (size_t m = 0; m < AUDIT_N_MEMBERS; m++) {
        CLEANUP_BUF struct buf text = { 0 };
        check_inside(v->line, v->at[m]);
        audit_view_text(v, (enum audit_member)m, &text);
        FUZZ_ASSERT(buf_len(&text) <= 2 * v->at[m].len); /* two bytes can become U+FFFD */
    }
    FUZZ_ASSERT(v->seq > 0);
    FUZZ_ASSERT(audit_filter_matches(&all, v) == (v->utc_us >= 0));
    FUZZ_ASSERT(!audit_filter_matches(&never, v));
}

struct readers {
    struct output output;
    struct audit_pairs *pairs;
    struct audit_stats_table *stats;
    struct audit_session *session; /* of connection 1 */
    bool session_goes_on;
};

static void take(struct readers *r, struct audit_record_view *v)
{
    struct audit_record_view copy = *v, intent;
    audit_pairs_take(r->pairs, &copy, &intent);
    for (int f = AUDIT_FORMAT_TABLE; f <= AUDIT_FORMAT_CSV; f++)
        audit_print_record((enum audit_format)f, &r->output, &copy);
    audit_stats_take(r->stats, &copy);
    if (r->session_goes_on)
        r->session_goes_on = audit_session_take(r->session, v);
}

static void read_all(const char *data, size_t size)
{
    struct readers r = { .output = { .pretty = true }, .session_goes_on = true };
    r.pairs = audit_pairs_new();
    r.stats = audit_stats_new();
    r.session = audit_session_new(1, 0, AUDIT_FORMAT_TABLE, &r.output);
    for (const char *end = data + size, *next; data < end; data = next) {
        const char *lf = memchr(data, '\n', (size_t)(end - data));
        next = lf ? lf + 1 : end;
        struct audit_record_view v;
        if (audit_view_parse((struct span){ data, (size_t)(next - data) }, &v)) {
            check_view(&v);
            take(&r, &v);
        }
    }
    audit_stats_print(r.stats, &r.output, false);
    audit_stats_print(r.stats, &r.output, true);
    audit_session_end(r.session);
    audit_session_free(r.session);
    audit_stats_free(r.stats);
    audit_pairs_free(r.pairs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *printed = NULL;
    size_t len = 0;
    FILE *before = stdout, *before_errors = stderr;
    stdout = stderr = open_memstream(&printed, &len);
    FUZZ_ASSERT(stdout != NULL);
    read_all((const char *)data, size);
    fclose(stdout);
    stdout = before;
    stderr = before_errors;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)printed[i];
        FUZZ_ASSERT((c >= 0x20 && c != 0x7f) || c == '\n' || c == '\r');
    }
    free(printed);
    return 0;
}
