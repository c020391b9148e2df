#include "config.h"
#include "tests/bench/load.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/util.h"

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_SECONDS, OPTION_HELP };

static const struct option_entry {
    const char *name;
    enum option_kind kind;
    size_t offset;
    const char *value;
    const char *help;
} entries[] = {
#define ENTRY(option_name, option_kind, member, option_value, text)                              \
    {                                                                                            \
        .name = (option_name), .kind = (option_kind),                                            \
        .offset = offsetof(struct load_options, member), .value = (option_value), .help = (text) \
    }
    ENTRY("unix", OPTION_TEXT, unix_directory, "DIR", "UNIX sockets DIR/vm0.qmp, DIR/vm1.qmp, ..."),
    ENTRY("host", OPTION_TEXT, host, "ADDRESS", "TLS: where (127.0.0.1)"),
    ENTRY("port", OPTION_NUMBER, port, "N", "TLS: where"),
    ENTRY("sni-suffix", OPTION_TEXT, sni_suffix, "TEXT", "TLS: server name is vmN and this"),
    ENTRY("ca", OPTION_TEXT, ca, "FILE", "TLS: who signed the server's certificate"),
    ENTRY("cert", OPTION_TEXT, cert, "FILE", "TLS: own certificate"),
    ENTRY("key", OPTION_TEXT, key, "FILE", "TLS: its key"),
    ENTRY("ciphersuites", OPTION_TEXT, ciphersuites, "LIST", "TLS 1.3: what to offer"),
    ENTRY("groups", OPTION_TEXT, groups, "LIST", "TLS: key exchange groups to offer"),
    ENTRY("clients", OPTION_NUMBER, clients, "N", "so many (1)"),
    ENTRY("vms", OPTION_NUMBER, vms, "N", "spread over so many VMs (1)"),
    ENTRY("depth", OPTION_NUMBER, depth, "N", "commands that a client has under way (1)"),
    ENTRY("id-digits", OPTION_NUMBER, id_digits, "N", "length of ids (10); 0: none"),
    ENTRY("command", OPTION_TEXT, command, "NAME", "what to ask (query-status)"),
    ENTRY("warmup", OPTION_SECONDS, warmup_seconds, "S", "before measuring (0.5)"),
    ENTRY("seconds", OPTION_SECONDS, seconds, "S", "to measure (3)"),
    ENTRY("at-once", OPTION_NUMBER, handshakes_at_once, "N", "handshakes under way at a time (16)"),
    ENTRY("help", OPTION_HELP, host, NULL, "say this"),
#undef ENTRY
};

static void print_help(void)
{
    puts("usage: load commands|handshakes|idle [OPTION]...\n"
         "Puts load on a QMP server and prints one line of JSON.\n\n"
         "  commands     commands a second, and how long each took\n"
         "  handshakes   full handshakes a second, each until the server has shown that it "
         "accepted\n"
         "  idle         connects, negotiates, says \"idle\" and stays until its input ends\n");
    for (size_t i = 0; i < ARRAY_SIZE(entries); i++) {
        char head[64];
        snprintf(head, sizeof(head), "--%s %s", entries[i].name,
                 entries[i].value ? entries[i].value : "");
        printf("  %-22s %s\n", head, entries[i].help);
    }
}

static void bad_usage(const char *what, const char *value)
{
    fprintf(stderr, "load: %s%s (see --help)\n", what, value);
    exit(2);
}

static void apply(const struct option_entry *e, struct load_options *out)
{
    void *member = (char *)out + e->offset;
    char *end = NULL;
    errno = 0;
    switch (e->kind) {
    case OPTION_TEXT:
        *(const char **)member = optarg;
        return;
    case OPTION_NUMBER:
        *(long *)member = strtol(optarg, &end, 10);
        break;
    case OPTION_SECONDS:
        *(double *)member = strtod(optarg, &end);
        break;
    case OPTION_HELP:
        print_help();
        exit(0);
    }
    if (errno || *end || end == optarg || optarg[0] == '-')
        bad_usage("not a number: ", optarg);
}

static enum load_mode parse_mode(const char *text)
{
    static const char *const names[] = {
        [MODE_COMMANDS] = "commands",
        [MODE_HANDSHAKES] = "handshakes",
        [MODE_IDLE] = "idle",
    };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (text && strcmp(names[i], text) == 0)
            return (enum load_mode)i;
    bad_usage("what to do: commands, handshakes or idle", "");
    abort();
}

static void check(const struct load_options *o)
{
    bool tls = o->port > 0;
    if (tls == (o->unix_directory != NULL))
        bad_usage("either --unix or --port is needed", "");
    if (tls && !(o->ca && o->cert && o->key && o->sni_suffix))
        bad_usage("TLS needs --ca, --cert, --key and --sni-suffix", "");
    if (!tls && o->mode == MODE_HANDSHAKES)
        bad_usage("there are no handshakes on a UNIX socket", "");
    if (o->clients < 1 || o->vms < 1 || o->depth < 1 || o->depth > DEPTH_MAX || o->id_digits > 18)
        bad_usage("--clients, --vms, --depth or --id-digits is out of range", "");
}

void load_options_parse(int argc, char **argv, struct load_options *out)
{
    *out = (struct load_options){
        .host = "127.0.0.1",
        .ciphersuites = "TLS_AES_256_GCM_SHA384",
        .groups = "X25519:P-256:P-384",
        .clients = 1,
        .vms = 1,
        .depth = 1,
        .id_digits = 10,
        .command = "query-status",
        .warmup_seconds = 0.5,
        .seconds = 3,
        .handshakes_at_once = 16,
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
    out->mode = parse_mode(argv[optind]);
    if (optind + 1 < argc)
        bad_usage("one thing at a time, not also ", argv[optind + 1]);
    check(out);
}
