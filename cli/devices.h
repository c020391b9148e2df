/* The tools of `qmpgate devices`. */
#ifndef CLI_DEVICES_H
#define CLI_DEVICES_H

#include <qdev.h>
#include "cli/cli.h"

extern const struct verb devices_dump;
extern const struct verb devices_list;
extern const struct verb devices_show;
extern const struct verb devices_check;

/* What each of them but dump takes. */
struct devices_options {
    const char *file; /* a catalogue that was dumped; NULL: the VM is asked */
    enum qdev_kind kind;
};
extern const struct option devices_option_list[];
bool devices_take_option(void *opaque, int option, const char *value);

/* From the file, or from the VM that the URI names; failures are told. */
enum cli_exit devices_load(struct cli *cli, const char *file, struct qdev_catalogue **out);

static inline void devices_cleanup(struct qdev_catalogue **c)
{
    qdev_catalogue_free(*c);
}
#define CLEANUP_CATALOGUE CLEANUP(devices_cleanup)

/* Tells a qdev error, which it frees. */
void devices_tell(struct qdev_error *err);

#endif
