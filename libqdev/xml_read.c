/* libvirt's <qemu:commandline> as descriptions: the little of XML that it needs, and nothing that
 * could name another entity, file or encoding. */
#include "config.h"
#include <qdev.h>

#include <string.h>
#include "base/mem.h"
#include "base/utf8.h"
#include "libqdev/kinds.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"
#include "libqdev/value.h"
#include "libqdev/words.h"
#include "libqdev/xml.h"

struct reader {
    const char *text;
    const char *p;       /* in it; it ends with NUL */
    struct buf value;    /* of the attribute that was read last */
    struct qdev **items; /* owned */
    size_t n, cap;
    struct qdev_error **err;
};

static void cleanup_reader(struct reader *r)
{
    buf_free(&r->value);
    qdev_array_free(r->items, r->n);
}

static int bad(struct reader *r, const char *what)
{
    return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "<qemu:commandline>: %s at byte %zu", what,
                        (size_t)(r->p - r->text));
}

/* --- marks ------------------------------------------------------------------------------------ */

static bool skip_space(struct reader *r)
{
    size_t n = strspn(r->p, " \t\r\n");
    r->p += n;
    return n > 0;
}

static bool take(struct reader *r, const char *mark)
{
    size_t n = strlen(mark);
    if (strncmp(r->p, mark, n) != 0)
        return false;
    r->p += n;
    return true;
}

/* White space and comments (XML 1.0, 2.5: no "--" inside). */
static int skip_between(struct reader *r)
{
    for (;;) {
        skip_space(r);
        if (!take(r, "<!--"))
            return 0;
        const char *end = strstr(r->p, "--");
        if (!end || end[2] != '>')
            return bad(r, "a comment without a proper end");
        r->p = end + 3;
    }
}

/* --- attributes ------------------------------------------------------------------------------- */

static bool take_number(struct reader *r, uint32_t *c)
{
    unsigned base = take(r, "x") ? 16 : 10;
    const char *begin = r->p;
    uint32_t value = 0;
    for (;; r->p++) {
        char lower = (char)(*r->p | 0x20);
        unsigned digit = *r->p >= '0' && *r->p <= '9'                 ? (unsigned)(*r->p - '0')
                         : base == 16 && lower >= 'a' && lower <= 'f' ? (unsigned)(lower - 'a' + 10)
                                                                      : 99;
        if (digit >= base)
            break;
        value = value * base + digit;
        if (value > 0x10ffff)
            return false;
    }
    *c = value;
    return r->p > begin && take(r, ";") && xml_is_character(value);
}

static void add_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_add_char(out, (char)c);
        return;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = { 0, 0xc0, 0xe0, 0xf0 };
    buf_add_char(out, (char)(lead[more] | (c >> (6 * more))));
    while (more-- > 0)
        buf_add_char(out, (char)(0x80 | ((c >> (6 * more)) & 0x3f)));
}

static int take_reference(struct reader *r)
{
    static const struct {
        const char *name;
        char c;
    } entities[] = {
        { "amp;", '&' }, { "lt;", '<' }, { "gt;", '>' }, { "quot;", '"' }, { "apos;", '\'' }
    };
    uint32_t c;
    for (size_t i = 0; i < ARRAY_SIZE(entities); i++) {
        if (take(r, entities[i].name)) {
            buf_add_char(&r->value, entities[i].c);
            return 0;
        }
    }
    if (!take(r, "#") || !take_number(r, &c))
        return bad(r, "a reference that is not known");
    add_utf8(&r->value, c);
    return 0;
}

static int take_character(struct reader *r)
{
    uint32_t c;
    size_t n = utf8_decode((const unsigned char *)r->p, strnlen(r->p, 4), &c);
    if (n == 0 || !xml_is_character(c) || c == '<')
        return bad(r, "a character that may not be there");
    if (c == '\t' || c == '\n' || c == '\r')
        buf_add_char(&r->value, ' ');
    else
        buf_add(&r->value, r->p, n);
    if (c == '\r' && r->p[1] == '\n') /* one end of a line: XML 1.0, 2.11 */
        n++;
    r->p += n;
    return 0;
}

/* NAME = "VALUE", to r->value, ended by NUL. */
static int take_attribute(struct reader *r, const char *name)
{
    buf_clear(&r->value);
    if (!take(r, name))
        return bad(r, "not the attribute that belongs there");
    skip_space(r);
    if (!take(r, "="))
        return bad(r, "an attribute without a value");
    skip_space(r);
    char quote = *r->p;
    if (quote != '\'' && quote != '"')
        return bad(r, "a value without quotes");
    r->p++;
    while (*r->p && *r->p != quote) {
        if ((take(r, "&") ? take_reference : take_character)(r) < 0)
            return -1;
    }
    if (!*r->p)
        return bad(r, "a value without an end");
    r->p++;
    buf_add_char(&r->value, '\0');
    return 0;
}

/* --- elements --------------------------------------------------------------------------------- */

/* <qemu:arg value='...'/>: 1; at the end tag: 0 */
static int take_arg(struct reader *r)
{
    if (skip_between(r) < 0)
        return -1;
    if (take(r, "</qemu:commandline"))
        return 0;
    if (!take(r, "<qemu:arg") || !skip_space(r))
        return bad(r, "not the <qemu:arg> that belongs there");
    if (take_attribute(r, "value") < 0)
        return -1;
    skip_space(r);
    if (take(r, "/>"))
        return 1;
    if (!take(r, ">") || (skip_space(r), !take(r, "</qemu:arg")) || (skip_space(r), !take(r, ">")))
        return bad(r, "<qemu:arg> must be empty");
    return 1;
}

static int take_item(struct reader *r)
{
    int rc = take_arg(r);
    if (rc <= 0)
        return rc;
    struct span word = { buf_data(&r->value), buf_len(&r->value) - 1 };
    enum qdev_kind kind = kind_of_option(word);
    if (kind == QDEV_KIND_UNKNOWN)
        return qdev_problem(r->err, QDEV_ERROR_SYNTAX,
                            "<qemu:commandline>: '%.*s' is no option "
                            "for a description",
                            SHOWN(word));
    if (r->n >= LIMIT_QDEV_ITEMS)
        return qdev_problem(r->err, QDEV_ERROR_LIMIT, "more than %u descriptions",
                            LIMIT_QDEV_ITEMS);
    rc = take_arg(r);
    if (rc <= 0)
        return rc < 0 ? -1 : bad(r, "an option without its word");
    struct qdev *q = qdev_from_argv(kind, buf_data(&r->value), r->err);
    if (!q)
        return -1;
    mem_grow((void **)&r->items, &r->cap, r->n + 1, sizeof(struct qdev *));
    r->items[r->n++] = q;
    return 1;
}

static int take_start(struct reader *r)
{
    if (skip_between(r) < 0)
        return -1;
    if (!take(r, "<qemu:commandline"))
        return bad(r, "it does not begin so");
    if (skip_space(r) && *r->p != '>') {
        if (take_attribute(r, "xmlns:qemu") < 0)
            return -1;
        if (strcmp(buf_data(&r->value), XML_QEMU_NAMESPACE) != 0)
            return bad(r, "another namespace");
        skip_space(r);
    }
    return take(r, ">") ? 0 : bad(r, "its start tag is not ended");
}

static int take_all(struct reader *r)
{
    int rc = take_start(r);
    if (rc < 0)
        return -1;
    do
        rc = take_item(r);
    while (rc > 0);
    if (rc < 0)
        return -1;
    skip_space(r);
    if (!take(r, ">"))
        return bad(r, "its end tag is not ended");
    if (skip_between(r) < 0)
        return -1;
    return *r->p ? bad(r, "more behind it") : 0;
}

int qdev_from_libvirt(const char *xml, struct qdev ***items, size_t *n, struct qdev_error **err)
{
    CLEANUP(cleanup_reader) struct reader r = { .text = xml, .p = xml, .err = err };
    if (strlen(xml) > LIMIT_QDEV_TEXT_BYTES)
        return qdev_problem(err, QDEV_ERROR_LIMIT, "<qemu:commandline> of more than %u bytes",
                            LIMIT_QDEV_TEXT_BYTES);
    if (take_all(&r) < 0)
        return -1;
    *items = TAKE_PTR(r.items);
    *n = r.n;
    r.n = 0;
    return 0;
}
