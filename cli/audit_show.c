/* qmpgate audit show: who did what, when, and what came of it. */
#include "config.h"
#include "cli/audit.h"

#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include "audit/follow.h"
#include "base/clock.h"
#include "base/mem.h"
#include "cli/audit_print.h"
#include "cli/audit_scan.h"
#include "cli/audit_session.h"
#include "cli/audit_stats.h"
#include "cli/audit_time.h"

struct show {
    struct audit_filter filter;
    enum audit_format format;
    const struct output *o;
    bool format_given, follow, stats;
    const char *session;
    uint64_t session_connection, session_within;
    int64_t now_us;

    /* as it goes */
    struct audit_pairs *pairs;
    struct audit_stats_table *table;
    struct audit_session *transcript;
};

/* --- records ---------------------------------------------------------------------------------- */

/* False: nobody reads what is written. */
static bool take(void *opaque, struct audit_record_view *v)
{
    struct show *s = opaque;
    struct audit_record_view intent;
    if (s->transcript) {
        if (v->utc_us < s->filter.since || v->utc_us >= s->filter.until)
            return true;
        return audit_session_take(s->transcript, v);
    }
    audit_pairs_take(s->pairs, v, &intent);
    if (!audit_filter_matches(&s->filter, v))
        return true;
    if (s->table) {
        audit_stats_take(s->table, v);
        return true;
    }
    audit_print_record(s->format, s->o, v);
    return !ferror(stdout);
}

/* Ends as a program does that did not catch the signal, so that a shell sees why. */
static void end_interrupted(void)
{
    fflush(stdout);
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
}

static void tell_passed_over(uint64_t n)
{
    if (n > 0)
        fprintf(stderr,
                "qmpgate: %" PRIu64 " lines that are no records were passed over (qmpgate audit "
                "verify says which)\n",
                n);
}

static enum cli_exit read_all(struct show *s, char **paths, int n)
{
    struct error err;
    struct audit_scan scan = {
        .paths = (const char *const *)paths,
        .n_paths = (size_t)n,
        .since = s->filter.since,
        .until = s->filter.until,
        .each = take,
        .opaque = s,
    };
    if (!s->table && !s->transcript)
        audit_print_head(s->format, s->o);
    int rc = audit_scan_run(&scan, &err);
    bool found = true;
    if (rc == 0 && !audit_scan_interrupted() && s->transcript)
        found = audit_session_end(s->transcript);
    if (rc == 0 && !audit_scan_interrupted() && s->table)
        audit_stats_print(s->table, s->o, s->format == AUDIT_FORMAT_JSON);
    tell_passed_over(scan.passed_over);
    if (rc < 0)
        return cli_fail_local(&err);
    if (audit_scan_interrupted())
        end_interrupted();
    return found ? CLI_EXIT_OK : CLI_EXIT_FOUND;
}

/* --- following -------------------------------------------------------------------------------- */

static enum cli_exit take_item(struct show *s, const struct audit_follow_item *item)
{
    struct audit_record_view view;
    if (item->event == AUDIT_FOLLOW_GAP)
        fprintf(stderr, "qmpgate: records %" PRIu64 " to %" PRIu64 " are in no file\n", item->seq,
                item->last);
    if (item->event == AUDIT_FOLLOW_IDLE)
        fflush(stdout);
    if (item->event != AUDIT_FOLLOW_RECORD)
        return CLI_EXIT_OK;
    if (!audit_view_parse(item->line, &view)) {
        tell_passed_over(1);
        return CLI_EXIT_OK;
    }
    take(s, &view);
    return ferror(stdout) ? CLI_EXIT_LOCAL : CLI_EXIT_OK;
}

static enum cli_exit follow(struct show *s, const char *path)
{
    struct error err;
    struct audit_follow *f;
    struct audit_follow_settings settings = { .path = path, .wake_fd = audit_scan_signal_fd() };
    if (audit_scan_start(path, s->filter.since, &settings.from, &err) < 0 ||
        audit_follow_open(&settings, &f, &err) < 0)
        return cli_fail_local(&err);
    audit_print_head(s->format, s->o);
    enum cli_exit code = CLI_EXIT_OK;
    for (int wait = 0; code == CLI_EXIT_OK && !audit_scan_interrupted();) {
        struct audit_follow_item item;
        if (audit_follow_next(f, wait, &item, &err) < 0) {
            code = err.code == ERROR_INVALID ? CLI_EXIT_OK : CLI_EXIT_LOCAL;
            cli_fail_local(&err);
            continue;
        }
        code = take_item(s, &item);
        if (item.event == AUDIT_FOLLOW_IDLE && fflush(stdout) != 0)
            code = CLI_EXIT_LOCAL;
        /* what is written goes out before anything is waited for */
        wait = item.event == AUDIT_FOLLOW_IDLE ? 1000 : 0;
    }
    audit_follow_close(f);
    return code;
}

/* --- the command line ------------------------------------------------------------------------- */

enum {
    OPTION_SINCE = 256,
    OPTION_UNTIL,
    OPTION_IDENTITY,
    OPTION_VM,
    OPTION_COMMAND,
    OPTION_RULE,
    OPTION_TYPE,
    OPTION_CODE,
    OPTION_VERDICT,
    OPTION_OUTCOME,
    OPTION_CONNECTION,
    OPTION_SESSION,
    OPTION_FOLLOW,
    OPTION_STATS,
    OPTION_OUTPUT,
};

static bool is_one_of(const char *text, const char *const words[])
{
    for (size_t i = 0; words[i]; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

static bool take_time(const struct show *s, const char *value, int64_t *out)
{
    if (audit_time_parse(value, s->now_us, out))
        return true;
    cli_usage(&audit_show,
              "\"%s\" is no time: 2026-09-21T14:13Z, 2026-09-21, 2h (ago), today, yesterday",
              value);
    return false;
}

static bool take_format(struct show *s, const char *value)
{
    static const char *const words[] = { "table", "json", "csv" };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcmp(value, words[i]) == 0) {
            s->format = (enum audit_format)i;
            s->format_given = true;
            return true;
        }
    }
    cli_usage(&audit_show, "--output takes table, json or csv");
    return false;
}

static bool take_result(const char *option, const char *value, const char **out)
{
    static const char *const verdicts[] = { "allowed", "ok",        "denied",         "error",
                                            "unknown", "cancelled", "unacknowledged", NULL };
    *out = value;
    if (is_one_of(value, verdicts))
        return true;
    cli_usage(&audit_show,
              "%s takes allowed, ok, denied, error, unknown, cancelled or unacknowledged", option);
    return false;
}

static bool take_option(void *opaque, int option, const char *value)
{
    struct show *s = opaque;
    struct audit_filter *f = &s->filter;
    switch (option) {
    case OPTION_SINCE:
        return take_time(s, value, &f->since);
    case OPTION_UNTIL:
        return take_time(s, value, &f->until);
    case OPTION_IDENTITY:
        f->identity = value;
        return true;
    case OPTION_VM:
        f->vm = value;
        return true;
    case OPTION_COMMAND:
        f->command = value;
        return true;
    case OPTION_RULE:
        f->rule = value;
        return true;
    case OPTION_TYPE:
        f->type = value;
        return true;
    case OPTION_CODE:
        f->code = value;
        return true;
    case OPTION_VERDICT:
        return take_result("--verdict", value, &f->verdict);
    case OPTION_OUTCOME:
        return take_result("--outcome", value, &f->outcome);
    case OPTION_CONNECTION:
        if (cli_parse_number(value, UINT64_MAX, &f->connection) && f->connection > 0)
            return true;
        cli_usage(&audit_show, "--connection takes a number");
        return false;
    case OPTION_SESSION:
        s->session = value;
        if (audit_session_parse(value, &s->session_connection, &s->session_within))
            return true;
        cli_usage(&audit_show, "--session takes a connection's number, or NUMBER@RECORD");
        return false;
    case OPTION_FOLLOW:
        s->follow = true;
        return true;
    case OPTION_STATS:
        s->stats = true;
        return true;
    case OPTION_OUTPUT:
        return take_format(s, value);
    }
    return false;
}

static enum cli_exit check_options(const struct show *s, int n_paths)
{
    if (n_paths == 0)
        return cli_usage(&audit_show, "audit show takes the log's directory, or its files");
    if (s->stats + (s->session != NULL) + s->follow > 1)
        return cli_usage(&audit_show, "--stats, --session and --follow do not go together");
    if (s->follow && n_paths > 1)
        return cli_usage(&audit_show, "--follow takes one directory, or the log's path");
    if ((s->stats || s->session) && s->format == AUDIT_FORMAT_CSV)
        return cli_usage(&audit_show, "--stats and --session are no list of records: json, or "
                                      "table");
    return CLI_EXIT_OK;
}

static enum cli_exit show_all(struct show *s, char **paths, int n)
{
    audit_scan_catch_signals();
    s->pairs = audit_pairs_new();
    if (s->stats)
        s->table = audit_stats_new();
    if (s->session)
        s->transcript =
            audit_session_new(s->session_connection, s->session_within, s->format, s->o);
    enum cli_exit code = s->follow ? follow(s, paths[0]) : read_all(s, paths, n);
    audit_session_free(s->transcript);
    audit_stats_free(s->table);
    audit_pairs_free(s->pairs);
    return code;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = {
        { "since", required_argument, NULL, OPTION_SINCE },
        { "until", required_argument, NULL, OPTION_UNTIL },
        { "identity", required_argument, NULL, OPTION_IDENTITY },
        { "vm", required_argument, NULL, OPTION_VM },
        { "command", required_argument, NULL, OPTION_COMMAND },
        { "rule", required_argument, NULL, OPTION_RULE },
        { "type", required_argument, NULL, OPTION_TYPE },
        { "code", required_argument, NULL, OPTION_CODE },
        { "verdict", required_argument, NULL, OPTION_VERDICT },
        { "outcome", required_argument, NULL, OPTION_OUTCOME },
        { "connection", required_argument, NULL, OPTION_CONNECTION },
        { "session", required_argument, NULL, OPTION_SESSION },
        { "follow", no_argument, NULL, OPTION_FOLLOW },
        { "stats", no_argument, NULL, OPTION_STATS },
        { "output", required_argument, NULL, OPTION_OUTPUT },
        { 0 },
    };
    struct show s = {
        .filter = { .since = INT64_MIN, .until = INT64_MAX },
        .format = cli->output.pretty ? AUDIT_FORMAT_TABLE : AUDIT_FORMAT_JSON,
        .o = &cli->output,
        .now_us = clock_utc_us(),
    };
    int first = cli_options_anywhere(&audit_show, argc, argv, options, take_option, &s);
    if (first < 0)
        return CLI_EXIT_USAGE;
    enum cli_exit code = check_options(&s, argc - first);
    return code == CLI_EXIT_OK ? show_all(&s, argv + first, argc - first) : code;
}

const struct verb audit_show = {
    .name = "audit show",
    .synopsis = "DIR|FILE... [OPTION...]",
    .summary = "Who did what, when, and what came of it",
    .help =
        "Reads all files of the log, compressed or not. Nothing is checked: qmpgate audit verify "
        "does\n"
        "that.\n"
        "\n"
        "  --since T --until T   from then on, up to and without then, in UTC: 2026-09-21T14:13Z,\n"
        "                        2026-09-21, 2h, 30m, 7d (ago), now, today, yesterday, @SECONDS\n"
        "  --identity GLOB       whom it was, or for whom\n"
        "  --vm GLOB             which machine\n"
        "  --command GLOB        which command\n"
        "  --verdict V           allowed (sent to the machine), denied, or as it ended: ok, "
        "error,\n"
        "                        unknown, cancelled, unacknowledged\n"
        "  --outcome V           only how commands ended: ok, error, unknown, cancelled,\n"
        "                        unacknowledged\n"
        "  --rule GLOB           by which rule of the policy\n"
        "  --type GLOB           intent, outcome, refused, auth, ...: see qmpgate-audit(5)\n"
        "  --code GLOB           why, for machines: see there\n"
        "  --connection N        which connection; numbers begin anew when the gateway starts\n"
        "  --session N[@RECORD]  one session as a transcript: connection N of the run of the\n"
        "                        gateway that the record is in\n"
        "  --stats               who, what, refused by rule, errors, slowest, per machine\n"
        "  --follow              the last ten, or those since T, and then what comes\n"
        "  --output FORM         table (on a terminal), json (the records themselves), csv\n"
        "\n"
        "Exit: 0 done, 1 no such session, 2 the command line is at fault, 5 something cannot be "
        "read\n"
        "or written.\n",
    .run = run,
};
