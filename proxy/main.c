/* qmpgated: the gateway's command line. */
#include "config.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include "base/log.h"
#include "net/tls.h"
#include "proxy/daemon.h"
#include "proxy/privileges.h"
#include "proxy/snapshot.h"
#include "proxy/vms.h"

#define EXIT_USAGE     2
#define DEFAULT_CONFIG "/etc/qmpgate/qmpgate.conf"

static const char usage[] =
    "Usage: qmpgated [--config FILE] [--check] [--foreground] [--verbose]\n"
    "The gateway between remote QMP clients and the monitors of virtual machines.\n"
    "\n"
    "  -c, --config FILE  configuration (default: " DEFAULT_CONFIG ")\n"
    "      --check        check configuration and policy, print what is wrong as\n"
    "                     file:line, and exit: 0 if all is good, 78 if not\n"
    "  -f, --foreground   stay in the foreground; this is what it always does\n"
    "                     (accepted for the sake of clarity in unit files)\n"
    "  -v, --verbose      log connections and their ends too\n"
    "      --version      print the version and exit\n"
    "  -h, --help         print this and exit\n"
    "\n"
    "Signals: SIGHUP reloads configuration, policy and certificates and reopens the\n"
    "audit log; SIGTERM and SIGINT finish what is in flight and exit.\n"
    "See qmpgated(8), qmpgate.conf(5), policy.conf(5).\n";

static void print_line(void *opaque, const char *line)
{
    (void)opaque;
    fprintf(stderr, "%s\n", line);
}

/* VMs that TLS server names cannot reach are no error, but whoever set them up wants to know. */
static void tell_unreachable_by_name(const struct snapshot *s)
{
    for (size_t i = 0; i < s->conf->n_vms; i++) {
        const char *name = s->conf->vms[i].name;
        if (!vm_name_is_dns_label(name))
            printf(
                "note: VM \"%s\" cannot be chosen by TLS server name: clients use gateway-attach\n",
                name);
    }
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void tell_good(const char *file, const struct snapshot *s)
{
    const struct conf *c = s->conf;
    unsigned grants = acl_policy_n_grants(s->policy), rules = acl_policy_n_rules(s->policy);
    printf("%s: good (%zu listener%s, %zu VM%s, %zu VM director%s; policy %s: %u grant%s, %u "
           "rule%s)\n",
           file, c->n_listeners, plural(c->n_listeners), c->n_vms, plural(c->n_vms),
           c->n_directories, c->n_directories == 1 ? "y" : "ies", c->policy, grants, plural(grants),
           rules, plural(rules));
}

static int check(const char *file)
{
    struct snapshot *s;
    struct error err;
    if (tls_init(&err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return EX_UNAVAILABLE;
    }
    if (snapshot_load(file, NULL, print_line, NULL, &s) < 0)
        return EX_CONFIG;
    tell_unreachable_by_name(s);
    int rc = privileges_check(s->conf, &err);
    if (rc < 0)
        fprintf(stderr, "%s\n", err.text);
    else
        tell_good(file, s);
    snapshot_unref(s);
    return rc < 0 ? EX_CONFIG : 0;
}

int main(int argc, char **argv)
{
    enum { OPT_CHECK = 256, OPT_VERSION };
    static const struct option options[] = {
        { "config", required_argument, NULL, 'c' },
        { "check", no_argument, NULL, OPT_CHECK },
        { "foreground", no_argument, NULL, 'f' },
        { "verbose", no_argument, NULL, 'v' },
        { "version", no_argument, NULL, OPT_VERSION },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *config = DEFAULT_CONFIG;
    bool only_check = false;
    enum log_level level = LOG_LEVEL_INFO;
    int c;
    while ((c = getopt_long(argc, argv, "c:fvh", options, NULL)) != -1) {
        switch (c) {
        case 'c':
            config = optarg;
            break;
        case 'f':
            break;
        case 'v':
            level = LOG_LEVEL_DEBUG;
            break;
        case OPT_CHECK:
            only_check = true;
            break;
        case OPT_VERSION:
            puts("qmpgated " PACKAGE_VERSION);
            return 0;
        case 'h':
            fputs(usage, stdout);
            return 0;
        default:
            fputs("Try 'qmpgated --help'.\n", stderr);
            return EXIT_USAGE;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "qmpgated: unexpected argument '%s'\nTry 'qmpgated --help'.\n",
                argv[optind]);
        return EXIT_USAGE;
    }
    log_init("qmpgated", level);
    return only_check ? check(config) : daemon_run(config);
}
