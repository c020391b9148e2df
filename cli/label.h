/* The labels that a domain has in its own metadata, at its libvirt. */
#ifndef CLI_LABEL_H
#define CLI_LABEL_H

#include "cli/cli.h"

struct label_job {
    const char *uri;      /* libvirt's; NULL: the one that libvirt takes by itself, as virsh does */
    const char *domain;   /* name or UUID */
    char *const *changes; /* "key=value", "key=" */
    int n_changes;        /* 0: they are shown */
    bool reset;           /* what is there goes, whatever it is */
};

/* Failures are told. */
enum cli_exit label_run(struct cli *cli, const struct label_job *job);

#endif
