/* qmpgate events: what happens in the VM, as it happens. */
#include "config.h"
#include "cli/cli.h"
#include "cli/event_line.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/clock.h"
#include "base/glob.h"
#include "base/mem.h"

struct event_watch {
    const struct output *output;
    char **globs; /* none: every event */
    int n_globs;
    uint64_t left; /* to be shown; UINT64_MAX: no end */
    bool output_failed;
};

static const struct option options[] = {
    { "count", required_argument, NULL, 'n' },
    { 0 },
};

static bool take_option(void *opaque, int option, const char *value)
{
    struct event_watch *w = opaque;
    if (cli_parse_number(value, UINT64_MAX - 1, &w->left) && w->left > 0)
        return true;
    cli_usage(&verb_events, "events: --count takes a number from 1");
    return false;
}

static bool is_wanted(const struct event_watch *w, const char *name)
{
    for (int i = 0; i < w->n_globs; i++)
        if (glob_match(w->globs[i], strlen(w->globs[i]), name, strlen(name)))
            return true;
    return w->n_globs == 0;
}

static void show_event(void *opaque, struct json_object *event)
{
    struct event_watch *w = opaque;
    const char *name = document_string(event, "event");
    if (w->left == 0 || !name || !is_wanted(w, name))
        return;
    if (w->output->pretty) {
        CLEANUP_BUF struct buf line = { 0 };
        event_line_add(w->output, &line, event);
        fwrite(buf_data(&line), 1, buf_len(&line), stdout);
    } else {
        output_document(w->output, stdout, event);
    }
    if (fflush(stdout) != 0)
        w->output_failed = true;
    if (w->left != UINT64_MAX)
        w->left--;
}

static enum cli_exit watch(struct session *s, struct event_watch *w)
{
    struct error err;
    session_set_event_handler(s, show_event, w);
    /* scripts wait for this line before they make happen what they wait for */
    fprintf(stderr, "qmpgate: listening for events\n");
    while (w->left > 0) {
        if (session_pump(s, DEADLINE_NEVER, &err) < 0 && w->left > 0)
            return cli_fail(&err);
        if (w->output_failed)
            return cli_flush();
    }
    return CLI_EXIT_OK;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    struct event_watch w = { .output = &cli->output, .left = UINT64_MAX };
    CLEANUP_SESSION struct session *s = NULL;
    int first = cli_options(&verb_events, argc, argv, options, take_option, &w);
    if (first < 0)
        return CLI_EXIT_USAGE;
    w.globs = argv + first;
    w.n_globs = argc - first;
    enum cli_exit code = cli_open(cli, &s);
    return code != CLI_EXIT_OK ? code : watch(s, &w);
}

const struct verb verb_events = {
    .name = "events",
    .synopsis = "[--count N] [GLOB...]",
    .summary = "Show events as they come",
    .help = "  GLOB         only events whose name matches one of these: 'DEVICE_*', STOP\n"
            "  --count N    end after N events that were shown\n"
            "\n"
            "Ends by Ctrl-C, or with exit code 4 when the connection ends. A line on standard\n"
            "error says when listening has begun: events before it are not shown.\n"
            "\n"
            "Examples:\n"
            "  qmpgate events\n"
            "  qmpgate events --count 1 SHUTDOWN && echo it is off\n",
    .run = run,
};
