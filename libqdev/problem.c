#include "config.h"
#include "libqdev/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/mem.h"
#include "base/utf8.h"

struct qdev_error {
    enum qdev_error_kind kind;
    char *text; /* owned */
};

enum qdev_error_kind qdev_error_kind(const struct qdev_error *err)
{
    return err->kind;
}

const char *qdev_error_text(const struct qdev_error *err)
{
    return err->text;
}

void qdev_error_free(struct qdev_error *err)
{
    if (!err)
        return;
    free(err->text);
    free(err);
}

int qdev_problem(struct qdev_error **err, enum qdev_error_kind kind, const char *fmt, ...)
{
    va_list ap;
    if (!err)
        return -1;
    struct qdev_error *e = MEM_NEW(struct qdev_error);
    e->kind = kind;
    va_start(ap, fmt);
    if (vasprintf(&e->text, fmt, ap) < 0)
        e->text = mem_strdup("out of memory");
    va_end(ap);
    utf8_make_printable(e->text);
    *err = e;
    return -1;
}
