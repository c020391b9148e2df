/* For libqdev: a form (a: argv, j: JSON, q: QMP, x: libvirt), a kind ('1' to '6', of x any), and a
 * text of it. What is read can be cloned; and whatever can be written of it, in any form, reads
 * back: as the same where the form holds types, otherwise as what is written the same again. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <qdev.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* Only a limit may be in the way of what was written by ourselves. */
static bool is_read(const struct qdev *q, struct qdev_error *err)
{
    FUZZ_ASSERT((q == NULL) == (err != NULL));
    FUZZ_ASSERT(q || qdev_error_kind(err) == QDEV_ERROR_LIMIT);
    qdev_error_free(err);
    return q != NULL;
}

static bool is_written(const char *text, struct qdev_error *err)
{
    FUZZ_ASSERT((text == NULL) == (err != NULL));
    FUZZ_ASSERT(text || qdev_error_kind(err) == QDEV_ERROR_FORM ||
                qdev_error_kind(err) == QDEV_ERROR_LIMIT);
    qdev_error_free(err);
    return text != NULL;
}

static void check_argv(const struct qdev *q)
{
    struct qdev_error *err = NULL;
    CLEANUP_FREE char *text = qdev_to_argv(q, &err);
    if (!is_written(text, TAKE_PTR(err)))
        return;
    struct qdev *again = qdev_from_argv(qdev_kind(q), text, &err);
    if (is_read(again, TAKE_PTR(err))) {
        CLEANUP_FREE char *same = qdev_to_argv(again, NULL);
        FUZZ_ASSERT(same && strcmp(text, same) == 0);
    }
    qdev_free(again);
}

static void check_json(const struct qdev *q)
{
    struct qdev_error *err = NULL;
    CLEANUP_FREE char *text = qdev_to_json(q, &err);
    if (!is_written(text, TAKE_PTR(err)))
        return;
    struct qdev *again = qdev_from_argv(qdev_kind(q), text, &err);
    if (is_read(again, TAKE_PTR(err)))
        FUZZ_ASSERT(qdev_equal(q, again));
    qdev_free(again);
}

static void check_qmp(const struct qdev *q, unsigned flags)
{
    struct qdev_error *err = NULL;
    CLEANUP_FREE char *text = qdev_to_qmp(q, flags, &err);
    if (!is_written(text, TAKE_PTR(err)))
        return;
    struct qdev *again = qdev_from_qmp(qdev_kind(q), text, &err);
    if (is_read(again, TAKE_PTR(err))) {
        CLEANUP_FREE char *same = qdev_to_qmp(again, flags, NULL);
        struct qdev *third = same ? qdev_from_qmp(qdev_kind(q), same, NULL) : NULL;
        FUZZ_ASSERT(third && qdev_equal(again, third));
        FUZZ_ASSERT(!(flags & QDEV_QMP_NESTED) || qdev_kind(q) == QDEV_CHARDEV ||
                    qdev_equal(q, again));
        qdev_free(third);
    }
    qdev_free(again);
}

static void check_libvirt(struct qdev *const *items, size_t n)
{
    struct qdev_error *err = NULL;
    struct qdev **again = NULL;
    size_t n_again = 0;
    CLEANUP_FREE char *text = qdev_to_libvirt((const struct qdev *const *)items, n, &err);
    if (!is_written(text, TAKE_PTR(err)))
        return;
    if (qdev_from_libvirt(text, &again, &n_again, &err) < 0) {
        is_read(NULL, err);
        return;
    }
    CLEANUP_FREE char *same = qdev_to_libvirt((const struct qdev *const *)again, n_again, NULL);
    FUZZ_ASSERT(same && strcmp(text, same) == 0);
    qdev_array_free(again, n_again);
}

static void check(struct qdev *q)
{
    struct qdev *clone = qdev_clone(q);
    FUZZ_ASSERT(qdev_equal(q, clone));
    check_argv(clone);
    check_json(clone);
    check_qmp(clone, 0);
    check_qmp(clone, QDEV_QMP_NESTED);
    check_libvirt(&clone, 1);
    qdev_free(clone);
    qdev_free(q);
}

static struct qdev *read_text(char form, enum qdev_kind kind, const char *text,
                              struct qdev_error **err)
{
    if (form == 'a')
        return qdev_from_argv(kind, text, err);
    return form == 'j' ? qdev_from_json(kind, text, err) : qdev_from_qmp(kind, text, err);
}

static void read_libvirt(const char *text)
{
    struct qdev **items = NULL;
    size_t n = 0;
    struct qdev_error *err = NULL;
    if (qdev_from_libvirt(text, &items, &n, &err) < 0) {
        FUZZ_ASSERT(err && !items);
        qdev_error_free(err);
        return;
    }
    check_libvirt(items, n);
    qdev_array_free(items, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct qdev_error *err = NULL;
    if (size < 2)
        return 0;
    CLEANUP_FREE char *text = mem_strndup((const char *)data + 2, size - 2);
    if (data[0] == 'x') {
        read_libvirt(text);
        return 0;
    }
    struct qdev *q = read_text((char)data[0], (enum qdev_kind)(data[1] - '0'), text, &err);
    FUZZ_ASSERT((q == NULL) == (err != NULL));
    if (q)
        check(q);
    qdev_error_free(err);
    return 0;
}
