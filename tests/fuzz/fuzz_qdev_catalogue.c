/* A catalogue of devices as a text, and as what a VM answers (the same bytes to every question).
 * Checked besides memory: what is read is written, and reads back as the same. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <qdev.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

static int ask(void *opaque, const char *command, const char *arguments, char **result)
{
    const char *text = opaque;
    if (strcmp(command, "query-version") == 0)
        text = "{}";
    else if (strcmp(command, "qom-list-types") == 0 && !strstr(arguments, "\"device\""))
        text = "[{\"name\":\"a\"}]";
    *result = mem_strdup(text);
    return 0;
}

static void check(struct qdev_catalogue *c)
{
    if (!c)
        return;
    CLEANUP_FREE char *text = qdev_catalogue_text(c);
    struct qdev_catalogue *again = qdev_catalogue_parse(text, NULL);
    FUZZ_ASSERT(again);
    CLEANUP_FREE char *same = qdev_catalogue_text(again);
    FUZZ_ASSERT(strcmp(text, same) == 0);
    struct qdev *q = qdev_from_argv(QDEV_DEVICE, "a,b=1,c=x", NULL);
    struct qdev_error *err = NULL;
    if (qdev_validate(c, q, &err) < 0)
        qdev_error_free(err);
    qdev_free(q);
    qdev_catalogue_free(again);
    qdev_catalogue_free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_FREE char *text = mem_strndup((const char *)data, size);
    check(qdev_catalogue_parse(text, NULL));
    check(qdev_catalogue_ask(ask, text, NULL));
    return 0;
}
