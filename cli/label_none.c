/* A build without libvirt. */
#include "config.h"
#include "cli/label.h"

enum cli_exit label_run(struct cli *cli, const struct label_job *job)
{
    struct error err;
    error_set(&err, ERROR_STATE, "this qmpgate was built without libvirt");
    return cli_fail(&err);
}
