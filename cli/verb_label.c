/* qmpgate label: the labels in a domain's own metadata. It asks libvirt, with the rights that the
 * caller has there: who may do this is libvirt's to say, and no gateway is asked. */
#include "config.h"
#include "cli/cli.h"

#include <string.h>
#include "cli/label.h"
#include "conf/form.h"

#define OPTION_RESET 'r'

static bool take_option(void *opaque, int option, const char *value)
{
    struct label_job *job = opaque;
    job->reset = true;
    return true;
}

static bool is_gateway(const char *uri)
{
    return strncmp(uri, "qmps:", 5) == 0 || strncmp(uri, "unix:", 5) == 0;
}

static size_t key_length(const char *change)
{
    return strcspn(change, "=") + 1;
}

/* Two for one key: which of them was meant? */
static const char *find_twice(const struct label_job *job)
{
    for (int i = 0; i < job->n_changes; i++) {
        for (int j = 0; j < i; j++) {
            if (strncmp(job->changes[i], job->changes[j], key_length(job->changes[i])) == 0)
                return job->changes[i];
        }
    }
    return NULL;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    static const struct option options[] = { { "reset", no_argument, NULL, OPTION_RESET }, { 0 } };
    struct label_job job = { .uri = cli->uri };
    struct error err;
    int first = cli_options_anywhere(&verb_label, argc, argv, options, take_option, &job);
    if (first < 0)
        return CLI_EXIT_USAGE;
    if (first >= argc)
        return cli_usage(&verb_label, "label: of which domain?");
    if (job.uri && is_gateway(job.uri))
        return cli_usage(&verb_label,
                         "label asks libvirt itself, not a gateway: -c qemu:///system");
    if (job.uri && conf_form_libvirt_uri(job.uri, &err) < 0)
        return cli_usage(&verb_label, "%s: %s", job.uri, err.text);
    job.domain = argv[first];
    job.changes = argv + first + 1;
    job.n_changes = argc - first - 1;
    const char *twice = find_twice(&job);
    if (twice)
        return cli_usage(&verb_label, "%.*s is given twice", (int)key_length(twice) - 1, twice);
    return label_run(cli, &job);
}

const struct verb verb_label = {
    .name = "label",
    .synopsis = "[--reset] DOMAIN [KEY=VALUE | KEY=]...",
    .summary = "Show or set the labels in a libvirt domain's metadata",
    .help =
        "Asks libvirt, not a gateway: -c takes libvirt's URI, as qemu:///system or\n"
        "qemu+tls://HOST/system; without one it is the URI that libvirt takes by itself. A "
        "gateway\n"
        "believes these labels where its section libvirt has trust_metadata = true. KEY= takes a\n"
        "label away. Those that are not named stay as they are. Without any they are shown.\n"
        "\n"
        "  --reset   begin with none, whatever is there\n"
        "\n"
        "Examples:\n"
        "  qmpgate -c qemu:///system label web1 tenant=acme role=web\n"
        "  qmpgate -c qemu:///system label web1 role=\n"
        "  qmpgate -c qemu:///system label web1\n",
    .run = run,
};
