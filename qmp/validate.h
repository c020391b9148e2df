/* Are these the arguments of this command? Judged on the tape by the VM's own schema: nothing is
 * allocated, time is linear in the tape's tokens.
 *
 * What QEMU accepts is accepted. What QEMU refuses is refused as far as the schema tells it: the
 * width of an integer, and what only a command knows, stay QEMU's to refuse. Types that the schema
 * model calls opaque are passed over. Source: QEMU, qapi/qobject-input-visitor.c. */
#ifndef QMP_VALIDATE_H
#define QMP_VALIDATE_H

#include "base/log.h"
#include "qmp/types.h"

enum qmp_argument_error {
    QMP_ARGUMENT_MISSING,
    QMP_ARGUMENT_UNEXPECTED, /* no member has this name, or none with this value of the tag */
    QMP_ARGUMENT_BAD_TYPE,
    QMP_ARGUMENT_BAD_VALUE, /* none of an enum's */
    QMP_ARGUMENT_TOO_DEEP,
};

#define QMP_ARGUMENT_PATH_MAX 256u /* bytes with NUL; of a longer path the end is kept */
#define QMP_ARGUMENT_TYPE_MAX 64u

struct qmp_argument_fault {
    enum qmp_argument_error error;
    char path[QMP_ARGUMENT_PATH_MAX]; /* "actions[3].data.device"; a name that the peer made up is
                                       * escaped as by log_escape */
    char expected[QMP_ARGUMENT_TYPE_MAX]; /* bad type: "string", "integer", "string or object" */
    uint32_t token;                       /* bad value: of the value */
};

/* `command`: its number; `arguments`: an object's token, or QMP_NONE where there are none. The
 * fault is filled where the result is false. */
bool qmp_validate(const struct qmp_schema *s, unsigned command, const struct qmp_tape *t,
                  uint32_t arguments, struct qmp_argument_fault *fault) MUST_CHECK;

/* A sentence for the peer, in QEMU's own words where it has some: "Parameter 'file.driver' is
 * missing". A wrong value is in it: it is not for a log. Returns out. */
#define QMP_ARGUMENT_TEXT_MAX (QMP_ARGUMENT_PATH_MAX + LOG_ESCAPE_MAX + 64u)
const char *qmp_argument_fault_text(const struct qmp_argument_fault *fault,
                                    const struct qmp_tape *t, char out[QMP_ARGUMENT_TEXT_MAX]);

/* The same for a log: without values. */
const char *qmp_argument_fault_reason(const struct qmp_argument_fault *fault,
                                      char out[QMP_ARGUMENT_TEXT_MAX]);

#endif
