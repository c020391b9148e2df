/* A request against QEMU 7.2's own schema, or, where the input has a line feed and begins with '[',
 * against the schema that is its first line. Checked besides memory: the verdict is the same for
 * the text written anew; a fault has words and a path; and what is refused for a missing or an
 * unexpected member is so by a search that knows nothing of validation. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "qmp/write.h"
#include "tests/qmp/schema_file.h"

static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                               .max_depth = 64,
                                               .max_tokens = 65536 };

static struct qmp_schema *pinned_schema(void)
{
    static struct qmp_schema *pinned; /* for the process */
    if (!pinned)
        pinned = schema_file_pinned();
    return pinned;
}

static bool judge(const struct qmp_schema *s, const struct qmp_tape *t, struct qmp_request *r,
                  unsigned command, struct qmp_argument_fault *fault)
{
    char text[QMP_ARGUMENT_TEXT_MAX];
    memset(fault, 'x', sizeof(*fault)); /* unterminated, unless it is filled */
    if (qmp_validate(s, command, t, r->arguments, fault))
        return true;
    FUZZ_ASSERT(strlen(fault->path) < QMP_ARGUMENT_PATH_MAX);
    FUZZ_ASSERT(strlen(fault->expected) < QMP_ARGUMENT_TYPE_MAX);
    FUZZ_ASSERT(strlen(qmp_argument_fault_text(fault, t, text)) + 1 < QMP_ARGUMENT_TEXT_MAX);
    return false;
}

/* What goes to the VM is written from the tape: it must be judged alike. */
static void check_again(const struct qmp_schema *s, const struct qmp_tape *t,
                        const struct qmp_request *r, unsigned command, bool accepted,
                        const struct qmp_argument_fault *fault)
{
    CLEANUP_BUF struct buf b = { 0 };
    struct qmp_argument_fault again;
    struct qmp_request view;
    qmp_write_request(&b, t, r, 1);
    struct qmp_scanner *scanner =
        qmp_scan_object(&limits, (struct span){ buf_data(&b), buf_len(&b) });
    if (!scanner)
        return; /* longer than the limit, by its escapes */
    FUZZ_ASSERT(qmp_request_parse(qmp_scanner_tape(scanner), &view, NULL) == 0);
    FUZZ_ASSERT(judge(s, qmp_scanner_tape(scanner), &view, command, &again) == accepted);
    if (!accepted) {
        FUZZ_ASSERT(fault->error == again.error);
        FUZZ_ASSERT(strcmp(fault->path, again.path) == 0);
    }
    qmp_scanner_free(scanner);
}

/* Of the arguments themselves, where their type has no branches. */
static void check_top(const struct qmp_schema *s, const struct qmp_tape *t,
                      const struct qmp_request *r, unsigned command, bool accepted)
{
    uint32_t type = qmp_command_arguments(s, command);
    bool whole = true;
    if (qmp_type_kind(s, type) != QMP_TYPE_OBJECT || qmp_type_tag(s, type) != QMP_NONE)
        return;
    for (uint32_t i = 0; i < qmp_type_n_parts(s, type); i++) {
        struct qmp_type_part part = qmp_type_part(s, type, i);
        FUZZ_ASSERT(qmp_type_find(s, type, part.name) == i);
        if (!part.optional &&
            (r->arguments == QMP_NONE || qmp_tape_find(t, r->arguments, part.name) == QMP_NONE))
            whole = false;
    }
    if (r->arguments != QMP_NONE && !qmp_command_is_open(s, command)) {
        QMP_TAPE_MEMBERS (t, r->arguments, name, value)
            whole = whole && qmp_type_find(s, type, qmp_tape_string(t, name)) != QMP_NONE;
    }
    FUZZ_ASSERT(whole || !accepted);
}

static void check_request(const struct qmp_schema *s, struct span text)
{
    struct qmp_scanner *scanner = qmp_scan_object(&limits, text);
    struct qmp_request r;
    struct qmp_argument_fault fault;
    if (!scanner)
        return;
    const struct qmp_tape *t = qmp_scanner_tape(scanner);
    if (qmp_request_parse(t, &r, NULL) == 0) {
        int command = qmp_schema_find_command(s, qmp_tape_string(t, r.command));
        if (command >= 0) {
            bool accepted = judge(s, t, &r, (unsigned)command, &fault);
            check_top(s, t, &r, (unsigned)command, accepted);
            check_again(s, t, &r, (unsigned)command, accepted, &fault);
        }
    }
    qmp_scanner_free(scanner);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = { (const char *)data, size };
    const char *line = size && *data == '[' ? memchr(data, '\n', size) : NULL;
    if (!line) {
        check_request(pinned_schema(), text);
        return 0;
    }
    struct qmp_schema *s = NULL;
    if (qmp_schema_parse(text.data, (size_t)(line - text.data), &s, NULL) < 0)
        return 0;
    line++;
    check_request(s, (struct span){ line, size - (size_t)(line - text.data) });
    qmp_schema_unref(s);
    return 0;
}
