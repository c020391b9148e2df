#include "config.h"
#include "tests/fake/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

enum option_kind { OPTION_FLAG, OPTION_NUMBER, OPTION_TEXT, OPTION_LISTEN, OPTION_HELP };

static const struct option_entry {
    const char *name;
    enum option_kind kind;
    size_t offset; /* of the member in struct fake_options */
    const char *value;
    const char *help;
} entries[] = {
#define ENTRY(option_name, option_kind, member, option_value, text)                              \
    {                                                                                            \
        .name = (option_name), .kind = (option_kind),                                            \
        .offset = offsetof(struct fake_options, member), .value = (option_value), .help = (text) \
    }
    ENTRY("listen", OPTION_LISTEN, listen, "PATH",
          "serve a VM on this UNIX socket; may be repeated"),
    ENTRY("multi", OPTION_FLAG, multi, NULL, "serve many clients a VM at a time"),
    ENTRY("schema", OPTION_TEXT, schema, "FILE", "answer query-qmp-schema from this file"),
    ENTRY("uuid", OPTION_TEXT, uuid, "UUID", "of every VM"),
    ENTRY("name", OPTION_TEXT, name, "NAME", "of every VM"),
    ENTRY("record", OPTION_TEXT, record, "FILE", "append each message that comes in, a line each"),
    ENTRY("no-oob", OPTION_FLAG, no_oob, NULL, "do not offer out-of-band execution"),
    ENTRY("only", OPTION_TEXT, only, "COMMAND", "count, and misbehave on, this command only"),
    ENTRY("no-greeting", OPTION_FLAG, no_greeting, NULL, "accept and say nothing"),
    ENTRY("garbage-greeting", OPTION_FLAG, garbage_greeting, NULL, "greet with what is no JSON"),
    ENTRY("garbage-after", OPTION_NUMBER, garbage_after, "N", "answer N commands, then garbage"),
    ENTRY("silent-after", OPTION_NUMBER, silent_after, "N", "answer N commands, then none"),
    ENTRY("close-after", OPTION_NUMBER, close_after, "N", "answer N commands, close on the next"),
    ENTRY("wrong-id", OPTION_FLAG, wrong_id, NULL, "answer with an id that nobody asked for"),
    ENTRY("duplicate-reply", OPTION_FLAG, duplicate_reply, NULL, "answer twice"),
    ENTRY("out-of-order", OPTION_FLAG, out_of_order, NULL, "swap every two answers"),
    ENTRY("bad-utf8", OPTION_FLAG, bad_utf8, NULL, "answer with bytes that are not UTF-8"),
    ENTRY("huge-line-unterminated", OPTION_FLAG, huge_line_unterminated, NULL,
          "answer with a string that has no end"),
    ENTRY("reply-bytewise", OPTION_FLAG, reply_bytewise, NULL, "write one byte at a time"),
    ENTRY("huge-reply", OPTION_NUMBER, huge_reply, "BYTES", "answer with a string of this size"),
    ENTRY("deep", OPTION_NUMBER, deep, "N", "answer with N levels of arrays"),
    ENTRY("slow-reply", OPTION_NUMBER, slow_reply, "MS", "answer in-band commands this much later"),
    ENTRY("event-storm", OPTION_NUMBER, event_storm, "RATE", "events a second to each client"),
    ENTRY("event", OPTION_TEXT, event, "NAME", "name of those events"),
    ENTRY("help", OPTION_HELP, listen, NULL, "say this"),
#undef ENTRY
};

static void print_help(void)
{
    puts("usage: fake_monitor --listen PATH [OPTION]...\n"
         "A QMP monitor without a VM: fast, or misbehaving as asked. Writes \"ready\" when it "
         "listens.\n");
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        char head[64];
        snprintf(head, sizeof(head), "--%s %s", entries[i].name,
                 entries[i].value ? entries[i].value : "");
        printf("  %-26s %s\n", head, entries[i].help);
    }
}

static long parse_number(const char *name, const char *text)
{
    char *end;
    errno = 0;
    long n = strtol(text, &end, 10);
    if (errno || *end || end == text || n < 0) {
        fprintf(stderr, "fake_monitor: --%s: not a number: %s\n", name, text);
        exit(2);
    }
    return n;
}

static void apply(const struct option_entry *e, struct fake_options *out)
{
    void *member = (char *)out + e->offset;
    switch (e->kind) {
    case OPTION_FLAG:
        *(bool *)member = true;
        break;
    case OPTION_NUMBER:
        *(long *)member = parse_number(e->name, optarg);
        break;
    case OPTION_TEXT:
        *(const char **)member = optarg;
        break;
    case OPTION_LISTEN:
        if (out->n_listen == FAKE_VMS_MAX) {
            fprintf(stderr, "fake_monitor: more than %d VMs\n", FAKE_VMS_MAX);
            exit(2);
        }
        out->listen[out->n_listen++] = optarg;
        break;
    case OPTION_HELP:
        print_help();
        exit(0);
    }
}

void fake_options_parse(int argc, char **argv, struct fake_options *out)
{
    *out = (struct fake_options){
        .uuid = "00000000-0000-0000-0000-000000000000",
        .garbage_after = FAKE_NEVER,
        .silent_after = FAKE_NEVER,
        .close_after = FAKE_NEVER,
        .event = "BALLOON_CHANGE",
    };
    struct option longs[ARRAY_SIZE(entries) + 1] = { 0 };
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        longs[i].name = entries[i].name;
        longs[i].has_arg = entries[i].value ? required_argument : no_argument;
    }
    int index = 0, c;
    while ((c = getopt_long(argc, argv, "", longs, &index)) != -1) {
        if (c == '?')
            exit(2);
        apply(&entries[index], out);
    }
    if (optind < argc || out->n_listen == 0) {
        fprintf(stderr, "fake_monitor: %s (see --help)\n",
                optind < argc ? "no arguments are taken" : "--listen is needed");
        exit(2);
    }
}
