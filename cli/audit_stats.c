#include "config.h"
#include "cli/audit_stats.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include "base/clock.h"
#include "base/mem.h"
#include "cli/document.h"

#define SHOWN   20u /* lines of a list for people; programs get all */
#define SLOWEST 10u
/* Of all names: a log that is none may have any number, of any length. */
#define NAMES_BYTES_MAX (64u << 20)

/* What is counted of each person, machine, command, rule. */
struct tally {
    char *name; /* owned; fit for a terminal */
    uint64_t commands, ok, errors, other, refused;
    uint64_t latency_us, latency_max_us; /* sum, highest */
    UT_hash_handle hh;
};

enum list { BY_WHO, BY_VM, BY_COMMAND, BY_RULE, BY_ERROR, BY_TYPE, N_LISTS };

struct slow {
    uint64_t us, seq;
    int64_t utc_us;
    char *what; /* owned */
};

struct audit_stats_table {
    uint64_t records, first, last;
    int64_t first_us, last_us;
    struct tally all;
    struct tally *lists[N_LISTS];
    size_t names_bytes;
    struct slow slowest[SLOWEST]; /* the slowest first */
};

static const struct {
    const char *title, *name;
    bool counts_only; /* one figure a line */
} list_forms[N_LISTS] = {
    [BY_WHO] = { "Who", "by-identity", false },
    [BY_VM] = { "Machines", "by-vm", false },
    [BY_COMMAND] = { "Commands", "by-command", false },
    [BY_RULE] = { "Refused by rule, or why", "refused-by-rule", true },
    [BY_ERROR] = { "Errors", "errors-by-command", true },
    [BY_TYPE] = { "Records", "by-type", true },
};

struct audit_stats_table *audit_stats_new(void)
{
    return MEM_NEW(struct audit_stats_table);
}

void audit_stats_free(struct audit_stats_table *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < N_LISTS; i++) {
        struct tally *t, *next;
        HASH_ITER (hh, s->lists[i], t, next) {
            HASH_DEL(s->lists[i], t);
            free(t->name);
            free(t);
        }
    }
    for (size_t i = 0; i < SLOWEST; i++)
        free(s->slowest[i].what);
    free(s);
}

/* --- counting --------------------------------------------------------------------------------- */

static struct tally *find(struct audit_stats_table *s, enum list list, const struct buf *name)
{
    struct tally *t;
    HASH_FIND(hh, s->lists[list], buf_data(name), (unsigned)buf_len(name), t);
    if (t || s->names_bytes >= NAMES_BYTES_MAX)
        return t;
    s->names_bytes += sizeof(*t) + buf_len(name);
    t = MEM_NEW(struct tally);
    t->name = mem_strndup(buf_data(name), buf_len(name));
    HASH_ADD_KEYPTR(hh, s->lists[list], t->name, (unsigned)buf_len(name), t);
    return t;
}

static void add(struct tally *t, const struct audit_record_view *v)
{
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "intent"))
        t->commands++;
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "refused"))
        t->refused++;
    if (!audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome"))
        return;
    if (audit_view_is(v, AUDIT_MEMBER_RESULT, "ok"))
        t->ok++;
    else if (audit_view_is(v, AUDIT_MEMBER_RESULT, "error"))
        t->errors++;
    else
        t->other++;
    uint64_t us = audit_view_number(v, AUDIT_MEMBER_LATENCY);
    if (__builtin_add_overflow(t->latency_us, us, &t->latency_us))
        t->latency_us = UINT64_MAX;
    if (us > t->latency_max_us)
        t->latency_max_us = us;
}

static void add_to(struct audit_stats_table *s, enum list list, struct buf *name,
                   const struct audit_record_view *v)
{
    struct tally *t = buf_len(name) ? find(s, list, name) : NULL;
    if (t && list_forms[list].counts_only)
        t->commands++;
    else if (t)
        add(t, v);
    buf_clear(name);
}

static void note_slow(struct audit_stats_table *s, const struct audit_record_view *v)
{
    uint64_t us = audit_view_number(v, AUDIT_MEMBER_LATENCY);
    struct slow *last = &s->slowest[SLOWEST - 1];
    if (us == 0 || us <= last->us)
        return;
    CLEANUP_BUF struct buf what = { 0 };
    audit_print_text(&what, v, AUDIT_MEMBER_COMMAND);
    buf_add_str(&what, " on ");
    audit_print_text(&what, v, AUDIT_MEMBER_VM);
    buf_add_str(&what, " by ");
    audit_print_who(&what, v);
    free(last->what);
    *last = (struct slow){ us, v->seq, v->utc_us, mem_strndup(buf_data(&what), buf_len(&what)) };
    for (size_t i = SLOWEST - 1; i > 0 && s->slowest[i].us > s->slowest[i - 1].us; i--) {
        struct slow keep = s->slowest[i];
        s->slowest[i] = s->slowest[i - 1];
        s->slowest[i - 1] = keep;
    }
}

static void name_refusal(struct buf *name, const struct audit_record_view *v)
{
    if (v->at[AUDIT_MEMBER_RULE].len)
        audit_print_text(name, v, AUDIT_MEMBER_RULE);
    else if (v->at[AUDIT_MEMBER_CODE].len)
        audit_print_text(name, v, AUDIT_MEMBER_CODE);
    else
        buf_add_str(name, "(no rule)");
}

void audit_stats_take(struct audit_stats_table *s, const struct audit_record_view *v)
{
    CLEANUP_BUF struct buf name = { 0 };
    if (s->records++ == 0) {
        s->first = v->seq;
        s->first_us = v->utc_us;
    }
    s->last = v->seq;
    s->last_us = v->utc_us;
    audit_print_text(&name, v, AUDIT_MEMBER_TYPE);
    add_to(s, BY_TYPE, &name, v);
    if (!v->at[AUDIT_MEMBER_COMMAND].len)
        return;
    add(&s->all, v);
    audit_print_who(&name, v);
    add_to(s, BY_WHO, &name, v);
    audit_print_text(&name, v, AUDIT_MEMBER_VM);
    add_to(s, BY_VM, &name, v);
    audit_print_text(&name, v, AUDIT_MEMBER_COMMAND);
    add_to(s, BY_COMMAND, &name, v);
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "refused")) {
        name_refusal(&name, v);
        add_to(s, BY_RULE, &name, v);
    }
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome"))
        note_slow(s, v);
    if (audit_view_is(v, AUDIT_MEMBER_TYPE, "outcome") &&
        audit_view_is(v, AUDIT_MEMBER_RESULT, "error")) {
        audit_print_text(&name, v, AUDIT_MEMBER_COMMAND);
        buf_add_str(&name, ": ");
        audit_print_text(&name, v, AUDIT_MEMBER_ERROR_CLASS);
        add_to(s, BY_ERROR, &name, v);
    }
}

/* --- printing --------------------------------------------------------------------------------- */

static uint64_t weight(const struct tally *t)
{
    return t->commands + t->refused;
}

static int compare(const struct tally *a, const struct tally *b)
{
    if (weight(a) != weight(b))
        return weight(a) < weight(b) ? 1 : -1;
    return strcmp(a->name, b->name);
}

static struct json_object *number(uint64_t n)
{
    return json_object_new_uint64(n);
}

static struct json_object *document_of(const struct tally *t, bool counts_only)
{
    struct json_object *o = json_object_new_object();
    if (t->name)
        json_object_object_add(o, "name", json_object_new_string(t->name));
    if (counts_only) {
        json_object_object_add(o, "count", number(t->commands));
        return o;
    }
    json_object_object_add(o, "commands", number(t->commands));
    json_object_object_add(o, "ok", number(t->ok));
    json_object_object_add(o, "errors", number(t->errors));
    json_object_object_add(o, "unknown-or-cancelled", number(t->other));
    json_object_object_add(o, "refused", number(t->refused));
    uint64_t answered = t->ok + t->errors + t->other;
    json_object_object_add(o, "latency-us-mean", number(answered ? t->latency_us / answered : 0));
    json_object_object_add(o, "latency-us-max", number(t->latency_max_us));
    return o;
}

static struct json_object *time_of(int64_t us)
{
    char time[CLOCK_UTC_TEXT];
    clock_format_utc(us, time);
    return json_object_new_string(time);
}

static void print_json(const struct audit_stats_table *s, const struct output *o)
{
    CLEANUP_DOCUMENT struct json_object *doc = document_of(&s->all, false);
    json_object_object_add(doc, "records", number(s->records));
    if (s->records) {
        json_object_object_add(doc, "from", time_of(s->first_us));
        json_object_object_add(doc, "to", time_of(s->last_us));
    }
    for (size_t i = 0; i < N_LISTS; i++) {
        struct json_object *list = json_object_new_array();
        for (const struct tally *t = s->lists[i]; t; t = t->hh.next)
            json_object_array_add(list, document_of(t, list_forms[i].counts_only));
        json_object_object_add(doc, list_forms[i].name, list);
    }
    struct json_object *slowest = json_object_new_array();
    for (size_t i = 0; i < SLOWEST && s->slowest[i].what; i++) {
        struct json_object *one = json_object_new_object();
        json_object_object_add(one, "latency-us", number(s->slowest[i].us));
        json_object_object_add(one, "record", number(s->slowest[i].seq));
        json_object_object_add(one, "time", time_of(s->slowest[i].utc_us));
        json_object_object_add(one, "what", json_object_new_string(s->slowest[i].what));
        json_object_array_add(slowest, one);
    }
    json_object_object_add(doc, "slowest", slowest);
    output_document(o, stdout, doc);
}

static void print_tally(const struct tally *t, bool counts_only)
{
    CLEANUP_BUF struct buf mean = { 0 }, max = { 0 };
    uint64_t answered = t->ok + t->errors + t->other;
    if (counts_only) {
        printf("  %10" PRIu64 "  %s\n", t->commands, t->name);
        return;
    }
    audit_print_latency(&mean, answered ? t->latency_us / answered : 0);
    audit_print_latency(&max, t->latency_max_us);
    printf("  %10" PRIu64 " %10" PRIu64 " %8" PRIu64 " %8" PRIu64 " %8" PRIu64
           " %12.*s %12.*s  %s\n",
           t->commands, t->ok, t->errors, t->other, t->refused, (int)buf_len(&mean),
           buf_data(&mean), (int)buf_len(&max), buf_data(&max), t->name ? t->name : "(all)");
}

static void print_list(const struct audit_stats_table *s, enum list list)
{
    unsigned n = 0;
    bool counts_only = list_forms[list].counts_only;
    if (!s->lists[list])
        return;
    printf("\n%s\n", list_forms[list].title);
    if (!counts_only)
        printf("  %10s %10s %8s %8s %8s %12s %12s\n", "sent", "ok", "errors", "unknown", "refused",
               "mean", "slowest");
    for (const struct tally *t = s->lists[list]; t && n < SHOWN; t = t->hh.next, n++)
        print_tally(t, counts_only);
    if (HASH_COUNT(s->lists[list]) > SHOWN)
        printf("  and %u more\n", HASH_COUNT(s->lists[list]) - SHOWN);
}

static void print_text(const struct audit_stats_table *s)
{
    char from[CLOCK_UTC_TEXT], to[CLOCK_UTC_TEXT];
    clock_format_utc(s->first_us, from);
    clock_format_utc(s->last_us, to);
    if (s->records == 0) {
        puts("No records.");
        return;
    }
    printf("%" PRIu64 " records, %s to %s: %" PRIu64 " commands sent, %" PRIu64 " ok, %" PRIu64
           " with an error, %" PRIu64 " unknown or cancelled; %" PRIu64 " refused.\n",
           s->records, from, to, s->all.commands, s->all.ok, s->all.errors, s->all.other,
           s->all.refused);
    for (size_t i = 0; i < N_LISTS; i++)
        print_list(s, (enum list)i);
    for (size_t i = 0; i < SLOWEST && s->slowest[i].what; i++) {
        CLEANUP_BUF struct buf us = { 0 };
        char time[CLOCK_UTC_TEXT];
        if (i == 0)
            puts("\nSlowest");
        audit_print_latency(&us, s->slowest[i].us);
        clock_format_utc(s->slowest[i].utc_us, time);
        printf("  %12.*s  %s  record %" PRIu64 "  %s\n", (int)buf_len(&us), buf_data(&us), time,
               s->slowest[i].seq, s->slowest[i].what);
    }
}

void audit_stats_print(struct audit_stats_table *s, const struct output *o, bool json)
{
    for (size_t i = 0; i < N_LISTS; i++)
        HASH_SORT(s->lists[i], compare);
    if (json)
        print_json(s, o);
    else
        print_text(s);
}
