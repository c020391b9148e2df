/* Descriptions as libvirt's <qemu:commandline>. */
#include "config.h"
#include <qdev.h>

#include <string.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/value.h"
#include "libqdev/xml.h"

/* White space but spaces as numbers: in an attribute it would become spaces (XML 1.0, 3.3.3). */
static bool add_character(struct buf *out, const char *s, size_t n, uint32_t c)
{
    static const struct {
        char c;
        const char *text;
    } names[] = { { '&', "&amp;" }, { '<', "&lt;" }, { '>', "&gt;" }, { '\'', "&apos;" } };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        if (c == (unsigned char)names[i].c) {
            buf_add_str(out, names[i].text);
            return true;
        }
    }
    if (!xml_is_character(c))
        return false;
    if (c < 0x20)
        buf_printf(out, "&#%u;", (unsigned)c);
    else
        buf_add(out, s, n);
    return true;
}

static int add_arg(struct buf *out, const char *value, struct qdev_error **err)
{
    BUF_ADD_LIT(out, "  <qemu:arg value='");
    for (const char *end = value + strlen(value); value < end;) {
        uint32_t c = 0;
        size_t n = utf8_decode((const unsigned char *)value, (size_t)(end - value), &c);
        if (n == 0 || !add_character(out, value, n, c))
            return qdev_problem(err, QDEV_ERROR_FORM, "XML has no character U+%04X", (unsigned)c);
        value += n;
    }
    BUF_ADD_LIT(out, "'/>\n");
    return 0;
}

/* What a command line cannot hold as options goes as JSON. */
static char *word_of(const struct qdev *q, struct qdev_error **err)
{
    struct qdev_error *why = NULL;
    char *word = qdev_to_argv(q, &why);
    if (!word && qdev_error_kind(why) == QDEV_ERROR_FORM && kind_facts(q->kind)->json)
        word = qdev_to_json(q, err);
    else if (!word && err)
        *err = TAKE_PTR(why);
    qdev_error_free(why);
    return word;
}

static int add_item(struct buf *out, const struct qdev *q, struct qdev_error **err)
{
    CLEANUP_FREE char *word = word_of(q, err);
    return word && add_arg(out, kind_facts(q->kind)->option, err) == 0 ? add_arg(out, word, err)
                                                                       : -1;
}

char *qdev_to_libvirt(const struct qdev *const *items, size_t n, struct qdev_error **err)
{
    CLEANUP_BUF struct buf out = { 0 };
    if (n > LIMIT_QDEV_ITEMS) {
        qdev_problem(err, QDEV_ERROR_LIMIT, "more than %u descriptions", LIMIT_QDEV_ITEMS);
        return NULL;
    }
    BUF_ADD_LIT(&out, "<qemu:commandline xmlns:qemu='" XML_QEMU_NAMESPACE "'>\n");
    for (size_t i = 0; i < n; i++) {
        if (add_item(&out, items[i], err) < 0)
            return NULL;
        if (buf_len(&out) > LIMIT_QDEV_TEXT_BYTES) {
            qdev_problem(err, QDEV_ERROR_LIMIT, "<qemu:commandline> of more than %u bytes",
                         LIMIT_QDEV_TEXT_BYTES);
            return NULL;
        }
    }
    BUF_ADD_LIT(&out, "</qemu:commandline>\n");
    return mem_strndup(buf_data(&out), buf_len(&out));
}
