/* qmpgate audit verify: is the log what was written? */
#include "config.h"
#include "cli/audit.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>
#include "audit/verify.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/file.h"

#define TOLD_MAX      100u /* faults, and notes, that are told one by one */
#define BAR_WIDTH     40
#define BAR_EVERY_US  100000      /* between two drawings */
#define BAR_BYTES_MIN (16u << 20) /* what takes no time needs no bar */

struct run {
    struct seal_keys keys;
    struct seal *outside; /* owned */
    size_t n_outside, cap_outside;
    bool json, quiet, partial;
    enum cli_exit failed; /* an option could not be taken */

    /* as it goes */
    bool bar;
    bool bar_drawn;
    int64_t bar_us, begun_us;
    unsigned told, noted;
    struct json_object *faults, *notes; /* with --json */
};

/* --- the bar ---------------------------------------------------------------------------------- */

static void wipe_bar(struct run *r)
{
    if (r->bar_drawn)
        fputs("\r\033[K", stderr);
    r->bar_drawn = false;
}

static void draw_bar(void *opaque, uint64_t done, uint64_t total)
{
    struct run *r = opaque;
    int64_t now = clock_monotonic_us();
    if (!r->bar || total < BAR_BYTES_MIN || now - r->bar_us < BAR_EVERY_US)
        return;
    char bar[BAR_WIDTH + 1];
    double part = (double)done / (double)total;
    int full = (int)(part * BAR_WIDTH);
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)full);
    bar[BAR_WIDTH] = '\0';
    double rate = now > r->begun_us ? (double)done / (double)(now - r->begun_us) : 0; /* MB/s */
    double left = rate > 0 ? (double)(total - done) / rate / 1e6 : 0;
    fprintf(stderr, "\r[%s] %3d %%, %.0f MB/s, %.0f s left\033[K", bar, (int)(part * 100), rate,
            left);
    fflush(stderr);
    r->bar_us = now;
    r->bar_drawn = true;
}

/* --- faults and notes ------------------------------------------------------------------------- */

static struct json_object *text_of(const char *text)
{
    return json_object_new_string(text);
}

static void add_count(struct json_object *o, const char *name, uint64_t value)
{
    json_object_object_add(o, name, json_object_new_uint64(value));
}

static struct json_object *document_of(const struct audit_fault *f, bool fault)
{
    struct json_object *o = json_object_new_object();
    if (fault)
        json_object_object_add(o, "fault", text_of(audit_fault_word(f->kind)));
    if (f->file)
        json_object_object_add(o, "file", text_of(f->file));
    if (f->line)
        add_count(o, "line", f->line);
    if (f->seq)
        add_count(o, "record", f->seq);
    json_object_object_add(o, "text", text_of(f->text));
    return o;
}

/* FILE:LINE: record N: sentence */
static void print_fault(struct run *r, const char *prefix, const struct audit_fault *f)
{
    CLEANUP_BUF struct buf out = { 0 };
    wipe_bar(r);
    buf_add_str(&out, prefix);
    if (f->file)
        output_add_text(&out, f->file);
    if (f->line)
        buf_printf(&out, ":%" PRIu64, f->line);
    if (f->file)
        buf_add_str(&out, ": ");
    if (f->seq)
        buf_printf(&out, "record %" PRIu64 ": ", f->seq);
    output_add_text(&out, f->text);
    printf("%.*s\n", (int)buf_len(&out), buf_data(&out));
}

static void take_fault(void *opaque, const struct audit_fault *f)
{
    struct run *r = opaque;
    if (r->told++ >= TOLD_MAX)
        return;
    if (r->faults)
        json_object_array_add(r->faults, document_of(f, true));
    else
        print_fault(r, "", f);
}

static void take_note(void *opaque, const struct audit_fault *f)
{
    struct run *r = opaque;
    if (r->noted++ >= TOLD_MAX)
        return;
    if (r->notes)
        json_object_array_add(r->notes, document_of(f, false));
    else if (!r->quiet)
        print_fault(r, "note: ", f);
}

/* --- the summary ------------------------------------------------------------------------------ */

static void add_time(struct json_object *o, const char *name, int64_t us)
{
    char text[CLOCK_UTC_TEXT];
    clock_format_utc(us, text);
    json_object_object_add(o, name, us > 0 ? text_of(text) : NULL);
}

static struct json_object *keys_of(const struct audit_verify_summary *s)
{
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < s->n_keys; i++) {
        const struct audit_verify_key *k = &s->keys[i];
        struct json_object *o = json_object_new_object();
        char id[AUDIT_HASH_TEXT];
        audit_hash_format(k->id, id);
        json_object_object_add(o, "key", json_object_new_string_len(id, AUDIT_HASH_TEXT));
        json_object_object_add(o, "trusted", json_object_new_boolean(k->trusted));
        add_count(o, "seals", k->seals);
        add_count(o, "first", k->first_seq);
        add_count(o, "last", k->last_seq);
        json_object_array_add(list, o);
    }
    return list;
}

static void print_json(const struct cli *cli, struct run *r, const struct audit_verify_summary *s)
{
    CLEANUP_DOCUMENT struct json_object *o = json_object_new_object();
    json_object_object_add(o, "good", json_object_new_boolean(s->faults == 0));
    add_count(o, "files", s->files);
    add_count(o, "segments", s->segments);
    add_count(o, "records", s->records);
    add_count(o, "bytes", s->bytes);
    add_count(o, "first", s->first_seq);
    add_count(o, "last", s->last_seq);
    add_time(o, "from", s->first_us);
    add_time(o, "to", s->last_us);
    json_object_object_add(o, "hash", text_of(s->last_hash));
    add_count(o, "seals", s->seals);
    add_count(o, "seals-good", s->seals_good);
    add_count(o, "sealed-through", s->sealed_through);
    add_time(o, "sealed-at", s->sealed_us);
    add_count(o, "unsealed", s->last_seq - s->sealed_through);
    add_count(o, "outside", s->outside);
    add_count(o, "torn", s->torn);
    json_object_object_add(o, "keys", keys_of(s));
    add_count(o, "faults", s->faults);
    json_object_object_add(o, "found", json_object_get(r->faults));
    json_object_object_add(o, "notes", json_object_get(r->notes));
    output_document(&cli->output, stdout, o);
}

static void print_sealed(const struct run *r, const struct audit_verify_summary *s)
{
    char time[CLOCK_UTC_TEXT];
    if (s->sealed_through == 0) {
        printf("Nothing of it is sealed by a key that was given.\n");
        return;
    }
    clock_format_utc(s->sealed_us, time);
    printf("Sealed through record %" PRIu64 ", %s", s->sealed_through, time);
    if (s->last_seq > s->sealed_through)
        printf("; the %" PRIu64 " records after it are not", s->last_seq - s->sealed_through);
    printf(".\n");
}

static void print_summary(const struct run *r, const struct audit_verify_summary *s)
{
    char from[CLOCK_UTC_TEXT], to[CLOCK_UTC_TEXT];
    clock_format_utc(s->first_us, from);
    clock_format_utc(s->last_us, to);
    printf("%" PRIu64 " records, %" PRIu64 " to %" PRIu64 ", in %" PRIu64 " %s, %s to %s.\n",
           s->records, s->first_seq, s->last_seq, s->files, s->files == 1 ? "file" : "files", from,
           to);
    if (r->keys.n > 0)
        print_sealed(r, s);
    if (r->n_outside > 0)
        printf("%" PRIu64 " of %zu seals that were kept elsewhere agree.\n", s->outside,
               r->n_outside);
    if (s->torn > 0)
        printf("It ends with %" PRIu64
               " bytes of a line that is not finished: being written, or cut off.\n",
               s->torn);
    if (s->faults > TOLD_MAX)
        printf("%" PRIu64 " more faults were found.\n", s->faults - TOLD_MAX);
    if (s->faults == 0)
        puts("Good: numbers and hashes follow from each other.");
    else
        printf("BAD: %" PRIu64 " %s; the first is in the first line above.\n", s->faults,
               s->faults == 1 ? "fault" : "faults");
}

/* --- the tool --------------------------------------------------------------------------------- */

static enum cli_exit verify(struct cli *cli, struct run *r, char **paths, int n)
{
    CLEANUP_VERIFY_SUMMARY struct audit_verify_summary summary = { 0 };
    struct error err;
    const struct audit_verify_settings settings = {
        .paths = (const char *const *)paths,
        .n_paths = (size_t)n,
        .keys = &r->keys,
        .outside = r->outside,
        .n_outside = r->n_outside,
        .partial = r->partial,
        .fault = take_fault,
        .note = take_note,
        .progress = draw_bar,
        .opaque = r,
    };
    r->bar = isatty(STDERR_FILENO) && !r->quiet;
    r->begun_us = clock_monotonic_us();
    int rc = audit_verify(&settings, &summary, &err);
    wipe_bar(r);
    if (rc < 0)
        return cli_fail_local(&err);
    if (r->json)
        print_json(cli, r, &summary);
    else if (!r->quiet)
        print_summary(r, &summary);
    return summary.faults == 0 ? CLI_EXIT_OK : CLI_EXIT_FOUND;
}

static enum cli_exit take_outside(struct run *r, const char *path)
{
    CLEANUP_BUF struct buf text = { 0 };
    CLEANUP_FREE struct seal *seals = NULL;
    struct error err;
    size_t n;
    enum cli_exit code = cli_read_file(path, &text);
    if (code != CLI_EXIT_OK)
        return code;
    if (audit_read_seals(path, (struct span){ buf_data(&text), buf_len(&text) }, &seals, &n, &err) <
        0)
        return cli_fail_local(&err);
    mem_grow((void **)&r->outside, &r->cap_outside, r->n_outside + n, sizeof(*seals));
    memcpy(r->outside + r->n_outside, seals, n * sizeof(*seals));
    r->n_outside += n;
    return CLI_EXIT_OK;
}

enum { OPTION_KEY = 256, OPTION_FROM_SEAL, OPTION_PARTIAL, OPTION_JSON, OPTION_QUIET };

static bool take_option(void *opaque, int option, const char *value)
{
    struct run *r = opaque;
    struct error err;
    switch (option) {
    case OPTION_KEY:
        if (seal_keys_load(&r->keys, value, &err) < 0)
            r->failed = cli_fail_local(&err);
        break;
    case OPTION_FROM_SEAL:
        r->failed = take_outside(r, value);
        break;
    case OPTION_PARTIAL:
        r->partial = true;
        break;
    case OPTION_JSON:
        r->json = true;
        break;
    case OPTION_QUIET:
        r->quiet = true;
        break;
    }
    return r->failed == CLI_EXIT_OK;
}

static enum cli_exit parse_and_verify(struct cli *cli, struct run *r, int argc, char **argv)
{
    static const struct option options[] = {
        { "key", required_argument, NULL, OPTION_KEY },
        { "from-seal", required_argument, NULL, OPTION_FROM_SEAL },
        { "partial", no_argument, NULL, OPTION_PARTIAL },
        { "json", no_argument, NULL, OPTION_JSON },
        { "quiet", no_argument, NULL, OPTION_QUIET },
        { 0 },
    };
    int first = cli_options_anywhere(&audit_verify_tool, argc, argv, options, take_option, r);
    if (first < 0)
        return r->failed != CLI_EXIT_OK ? r->failed : CLI_EXIT_USAGE;
    if (first == argc)
        return cli_usage(&audit_verify_tool,
                         "audit verify takes the log's directory, or its files");
    if (r->json) {
        r->faults = json_object_new_array();
        r->notes = json_object_new_array();
    }
    return verify(cli, r, argv + first, argc - first);
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct run r = { 0 };
    enum cli_exit code = parse_and_verify(cli, &r, argc, argv);
    json_object_put(r.faults);
    json_object_put(r.notes);
    seal_keys_clear(&r.keys);
    free(r.outside);
    return code;
}

const struct verb audit_verify_tool = {
    .name = "audit verify",
    .synopsis = "DIR|FILE... [--key PUB]... [--from-seal FILE]... [--partial] [--json] [--quiet]",
    .summary = "Check that the log is what was written, and name the first record that is not",
    .help =
        "All records of all files are read, whatever the files are called, compressed or not, "
        "also\n"
        "while the gateway writes them.\n"
        "\n"
        "  --key PUB         public key of the seals, PEM; keys that it vouches for count as well\n"
        "  --from-seal FILE  seals that were kept where the host could not change them: only they\n"
        "                    show that the end was cut off\n"
        "  --partial         the beginning may be missing\n"
        "  --json            one JSON object\n"
        "  --quiet           only what is wrong\n"
        "\n"
        "Exit: 0 it is good, 1 it is not, 2 the command line is at fault, 5 something cannot be\n"
        "read.\n",
    .run = run,
};
