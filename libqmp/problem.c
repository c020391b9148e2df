#include "config.h"
#include "libqmp/problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "libqmp/limits.h"

#define DENIAL "permission denied" /* qmpgate-protocol(7): refusals by policy begin so */

struct qmp_error {
    enum qmp_error_kind kind;
    enum qmp_outcome outcome;
    char *text;  /* owned */
    char *class; /* owned, or NULL */
    bool denied;
};

enum qmp_error_kind qmp_error_kind(const struct qmp_error *err)
{
    return err->kind;
}

enum qmp_outcome qmp_error_outcome(const struct qmp_error *err)
{
    return err->outcome;
}

const char *qmp_error_text(const struct qmp_error *err)
{
    return err->text;
}

const char *qmp_error_class(const struct qmp_error *err)
{
    return err->class;
}

bool qmp_error_is_denied(const struct qmp_error *err)
{
    return err->denied;
}

void qmp_error_free(struct qmp_error *err)
{
    if (!err)
        return;
    free(err->text);
    free(err->class);
    free(err);
}

bool problem_is_denial(const char *desc)
{
    return strncmp(desc, DENIAL, strlen(DENIAL)) == 0;
}

static struct qmp_error *new_error(enum qmp_error_kind kind, enum qmp_outcome outcome, char *text)
{
    struct qmp_error *e = MEM_NEW(struct qmp_error);
    e->kind = kind;
    e->outcome = outcome;
    e->text = text;
    e->denied = kind == QMP_ERROR_KIND_LOGIN || problem_is_denial(text);
    utf8_make_printable(text);
    return e;
}

int problem_set(struct qmp_error **err, enum qmp_error_kind kind, enum qmp_outcome outcome,
                const char *fmt, ...)
{
    char *text;
    va_list ap;
    if (!err)
        return -1;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0)
        text = mem_strdup("out of memory");
    va_end(ap);
    *err = new_error(kind, outcome, text);
    return -1;
}

int problem_refused(struct qmp_error **err, struct span class, struct span desc)
{
    if (!err)
        return -1;
    *err = new_error(QMP_ERROR_KIND_REFUSED, QMP_OUTCOME_FAILED, mem_strndup(desc.data, desc.len));
    (*err)->class = mem_strndup(class.data, class.len);
    return -1;
}

void problem_mark_denied(struct qmp_error **err)
{
    if (err)
        (*err)->denied = true;
}

int problem_from(struct qmp_error **err, const struct error *e, enum qmp_error_kind peer,
                 enum qmp_outcome outcome)
{
    switch (e->code) {
    case ERROR_INVALID:
    case ERROR_LIMIT:
        return problem_set(err, QMP_ERROR_KIND_ARGUMENT, outcome, "%s", e->text);
    case ERROR_DENIED:
        return problem_set(err, QMP_ERROR_KIND_LOGIN, outcome, "%s", e->text);
    case ERROR_STATE:
        return problem_set(err, QMP_ERROR_KIND_LOCAL, outcome, "%s", e->text);
    case ERROR_SYSTEM:
    case ERROR_PEER:
        break;
    }
    return problem_set(err, peer, outcome, "%s", e->text);
}

/* --- where ------------------------------------------------------------------------------------ */

static char *put_before(char *at, const char *begin, const char *text, size_t len)
{
    while (len > 0 && at > begin)
        *--at = text[--len];
    return at;
}

const char *place_name_text(const struct place_name *name, char *out)
{
    char *at = &out[LIMIT_API_PATH - 1];
    char number[32];
    *at = '\0';
    for (; name; name = name->outer) {
        if (name->member) {
            at = put_before(at, out, name->member, strlen(name->member));
            if (name->outer)
                at = put_before(at, out, ".", 1);
        } else {
            int n = snprintf(number, sizeof(number), "[%zu]", name->index);
            at = put_before(at, out, number, (size_t)n);
        }
    }
    return at;
}
