#include "config.h"
#include "libqdev/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include "base/buf.h"
#include "base/mem.h"

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

/* What could move a terminal's cursor does not get there, nor half a character. */
static void make_printable(char *text)
{
    unsigned char *p = (unsigned char *)text, *end = p + strlen(text);
    while (p < end) {
        uint32_t c;
        size_t n = utf8_decode(p, (size_t)(end - p), &c);
        if (n == 0 || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
            *p = '?';
            n = n > 1 ? 1 : n;
        }
        p += n ? n : 1;
    }
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
    make_printable(e->text);
    *err = e;
    return -1;
}
