#include "config.h"
#include "cli/audit_record.h"

#include <string.h>
#include <uthash.h>
#include "audit/line.h"
#include "audit/members.h"
#include "base/glob.h"
#include "base/mem.h"

/* Commands on their way: in a log that is none, all are, and a few bytes of a compressed one can be
 * gigabytes. */
#define PAIRS_BYTES_MAX (64u << 20)

static const struct span member_names[] = {
#define X(name, word) [AUDIT_MEMBER_##name] = { (word), sizeof(word) - 1 },
    AUDIT_MEMBERS(X)
#undef X
};

const char *audit_member_name(enum audit_member m)
{
    return member_names[m].data;
}

static bool is_printable(struct span line)
{
    unsigned char odd = 0;
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.data[i];
        odd |= (unsigned char)((c < 0x20) | (c > 0x7e));
    }
    return !odd;
}

bool audit_view_parse(struct span line, struct audit_record_view *out)
{
    struct member_walk w;
    struct member m;
    int more = -1;
    *out = (struct audit_record_view){ .line = line };
    if (line.len < 2 || line.data[line.len - 1] != '\n' ||
        !is_printable((struct span){ line.data, line.len - 1 }) ||
        !line_parse_head(line, &out->seq, &out->utc_us) || !member_walk_start(&w, line))
        return false;
    while ((more = member_walk_next(&w, &m)) > 0) {
        for (size_t i = 0; i < AUDIT_N_MEMBERS; i++) {
            if (m.name.len == member_names[i].len && !out->at[i].len &&
                memcmp(m.name.data, member_names[i].data, m.name.len) == 0)
                out->at[i] = m.value;
        }
    }
    return more == 0;
}

void audit_view_text(const struct audit_record_view *v, enum audit_member m, struct buf *out)
{
    if (v->at[m].len && !member_decode(v->at[m], out))
        buf_add_span(out, v->at[m]);
}

bool audit_view_is(const struct audit_record_view *v, enum audit_member m, const char *text)
{
    size_t len = strlen(text);
    return v->at[m].len == len + 2 && v->at[m].data[0] == '"' &&
           memcmp(v->at[m].data + 1, text, len) == 0;
}

uint64_t audit_view_number(const struct audit_record_view *v, enum audit_member m)
{
    uint64_t n;
    return member_number(v->at[m], &n) ? n : 0;
}

/* --- pairs ------------------------------------------------------------------------------------ */

struct pair_key {
    uint64_t connection, request;
};

struct pair {
    struct pair_key key;
    struct buf line;
    UT_hash_handle hh;
};

struct audit_pairs {
    struct pair *all;
    size_t bytes;      /* that they take */
    struct pair *last; /* the one whose line was given out */
};

static void free_pair_of(struct pair *pair)
{
    if (!pair)
        return;
    buf_free(&pair->line);
    free(pair);
}

struct audit_pairs *audit_pairs_new(void)
{
    return MEM_NEW(struct audit_pairs);
}

static void forget_all(struct audit_pairs *p)
{
    struct pair *pair, *next;
    HASH_ITER (hh, p->all, pair, next) {
        HASH_DEL(p->all, pair);
        free_pair_of(pair);
    }
    p->bytes = 0;
}

static size_t bytes_of(const struct pair *pair)
{
    return sizeof(*pair) + buf_len(&pair->line);
}

static void take_out(struct audit_pairs *p, struct pair *pair)
{
    HASH_DEL(p->all, pair);
    p->bytes -= bytes_of(pair);
}

void audit_pairs_free(struct audit_pairs *p)
{
    if (!p)
        return;
    forget_all(p);
    free_pair_of(p->last);
    free(p);
}

static struct pair_key key_of(const struct audit_record_view *v)
{
    return (struct pair_key){ audit_view_number(v, AUDIT_MEMBER_CONNECTION),
                              audit_view_number(v, AUDIT_MEMBER_REQUEST) };
}

static void keep_intent(struct audit_pairs *p, const struct audit_record_view *v)
{
    struct pair *pair;
    struct pair_key key = key_of(v);
    HASH_FIND(hh, p->all, &key, sizeof(key), pair);
    if (pair) {
        take_out(p, pair);
        free_pair_of(pair);
    }
    if (p->bytes >= PAIRS_BYTES_MAX)
        forget_all(p);
    pair = MEM_NEW(struct pair);
    pair->key = key;
    buf_add_span(&pair->line, v->line);
    HASH_ADD(hh, p->all, key, sizeof(key), pair);
    p->bytes += bytes_of(pair);
}

static void fill_in(struct audit_pairs *p, struct audit_record_view *v,
                    struct audit_record_view *intent)
{
    static const enum audit_member theirs[] = {
        AUDIT_MEMBER_PEER, AUDIT_MEMBER_IDENTITY, AUDIT_MEMBER_ACTING_FOR, AUDIT_MEMBER_VM,
        AUDIT_MEMBER_UUID, AUDIT_MEMBER_COMMAND,  AUDIT_MEMBER_RULE,
    };
    struct pair *pair;
    struct pair_key key = key_of(v);
    HASH_FIND(hh, p->all, &key, sizeof(key), pair);
    if (!pair)
        return;
    take_out(p, pair);
    free_pair_of(p->last);
    p->last = pair;
    if (!audit_view_parse((struct span){ buf_data(&pair->line), buf_len(&pair->line) }, intent)) {
        *intent = (struct audit_record_view){ 0 };
        return;
    }
    for (size_t i = 0; i < ARRAY_SIZE(theirs); i++)
        if (!v->at[theirs[i]].len)
            v->at[theirs[i]] = intent->at[theirs[i]];
}

void audit_pairs_take(struct audit_pairs *p, struct audit_record_view *v,
                      struct audit_record_view *intent)
{
    *intent = (struct audit_record_view){ 0 };
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "intent"))
        keep_intent(p, v);
    else if (audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome"))
        fill_in(p, v, intent);
    else if (audit_view_is(v, AUDIT_MEMBER_TYPE, "start"))
        forget_all(p); /* numbers begin anew */
}

/* --- filters ---------------------------------------------------------------------------------- */

static bool glob_fits(const char *pattern, const struct audit_record_view *v, enum audit_member m)
{
    CLEANUP_BUF struct buf text = { 0 };
    if (!pattern)
        return true;
    if (!v->at[m].len)
        return false;
    audit_view_text(v, m, &text);
    return glob_match(pattern, strlen(pattern), buf_len(&text) ? buf_data(&text) : "",
                      buf_len(&text));
}

static bool verdict_fits(const char *verdict, const struct audit_record_view *v)
{
    if (!verdict)
        return true;
    if (strcmp(verdict, "allowed") == 0)
        return audit_view_is(v, AUDIT_MEMBER_TYPE, "intent");
    return audit_view_is(v, AUDIT_MEMBER_RESULT, verdict);
}

bool audit_filter_matches(const struct audit_filter *f, const struct audit_record_view *v)
{
    return v->utc_us >= f->since && v->utc_us < f->until &&
           (!f->connection || f->connection == audit_view_number(v, AUDIT_MEMBER_CONNECTION)) &&
           verdict_fits(f->verdict, v) &&
           (!f->outcome || (audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome") &&
                            audit_view_is(v, AUDIT_MEMBER_RESULT, f->outcome))) &&
           glob_fits(f->type, v, AUDIT_MEMBER_TYPE) && glob_fits(f->vm, v, AUDIT_MEMBER_VM) &&
           glob_fits(f->command, v, AUDIT_MEMBER_COMMAND) &&
           glob_fits(f->rule, v, AUDIT_MEMBER_RULE) && glob_fits(f->code, v, AUDIT_MEMBER_CODE) &&
           (glob_fits(f->identity, v, AUDIT_MEMBER_IDENTITY) ||
            glob_fits(f->identity, v, AUDIT_MEMBER_ACTING_FOR));
}
