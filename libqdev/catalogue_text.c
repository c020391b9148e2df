/* A catalogue as a text, and back:
 *
 *   {"qdev-catalogue":1,"qemu":"7.2.0",
 *    "properties":[["mac","str","Ethernet 6-byte MAC Address",JSON],...],
 *    "devices":[{"name":"e1000","bus":"PCI","properties":[0,17,...]},...],"objects":[...]}
 *
 * Of a property what is behind its type may be null or left out. */
#include "config.h"
#include "libqdev/catalogue.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"

#define FORMAT 1

/* --- writing ---------------------------------------------------------------------------------- */

static void add_text(struct buf *out, const char *text)
{
    if (text)
        buf_add_json_string(out, text, strlen(text));
    else
        BUF_ADD_LIT(out, "null");
}

static void add_property(struct buf *out, const struct qdev_property *p)
{
    buf_add_char(out, '[');
    add_text(out, p->name);
    buf_add_char(out, ',');
    add_text(out, p->type);
    if (p->description || p->default_) {
        buf_add_char(out, ',');
        add_text(out, p->description);
    }
    if (p->default_) {
        buf_add_char(out, ',');
        buf_add_str(out, p->default_);
    }
    buf_add_char(out, ']');
}

static void add_member(struct buf *out, const char *name, const char *text)
{
    if (!text)
        return;
    buf_printf(out, ",\"%s\":", name);
    add_text(out, text);
}

static void add_driver(struct buf *out, const struct qdev_driver *d)
{
    BUF_ADD_LIT(out, "{\"name\":");
    add_text(out, d->name);
    add_member(out, "alias", d->alias);
    add_member(out, "bus", d->bus);
    add_member(out, "description", d->description);
    if (d->internal)
        BUF_ADD_LIT(out, ",\"internal\":true");
    if (d->opaque)
        BUF_ADD_LIT(out, ",\"opaque\":true");
    BUF_ADD_LIT(out, ",\"properties\":[");
    for (size_t i = 0; i < d->n; i++)
        buf_printf(out, "%s%zu", i ? "," : "", d->properties[i]->index);
    BUF_ADD_LIT(out, "]}");
}

static void add_list(struct buf *out, const char *name, const struct driver_list *list)
{
    buf_printf(out, "],\n\"%s\":[", name);
    for (size_t i = 0; i < list->n; i++) {
        buf_add_str(out, i ? ",\n" : "\n");
        add_driver(out, list->items[i]);
    }
}

char *qdev_catalogue_text(const struct qdev_catalogue *c)
{
    struct buf out = { 0 };
    buf_printf(&out, "{\"qdev-catalogue\":%d,\"qemu\":", FORMAT);
    add_text(&out, c->qemu);
    BUF_ADD_LIT(&out, ",\n\"properties\":[");
    for (const struct qdev_property *p = c->properties; p; p = p->hh.next) {
        buf_add_str(&out, p->index ? ",\n" : "\n");
        add_property(&out, p);
    }
    add_list(&out, "devices", &c->devices);
    add_list(&out, "objects", &c->objects);
    buf_add(&out, "]}\n", 4);
    return buf_data(&out);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct reader {
    const struct qmp_tape *tape;
    struct qdev_catalogue *c;
    const struct qdev_property **properties; /* owned; by their place in the text */
    size_t n, cap;
    struct qdev_error **err;
};

static int bad(struct reader *r, const char *what)
{
    return qdev_problem(r->err, QDEV_ERROR_SYNTAX, "no catalogue of devices: %s", what);
}

static struct span text_of(struct reader *r, uint32_t token)
{
    if (qmp_tape_kind(r->tape, token) != QMP_KIND_STRING)
        return (struct span){ 0 };
    return qmp_tape_string(r->tape, token);
}

static int read_property(struct reader *r, uint32_t array)
{
    struct span part[4] = { { 0 } };
    size_t n = 0;
    if (qmp_tape_kind(r->tape, array) != QMP_KIND_ARRAY)
        return bad(r, "a property is no list");
    QMP_TAPE_ELEMENTS (r->tape, array, e) {
        if (n == ARRAY_SIZE(part))
            return bad(r, "a property has too many parts");
        part[n] = n < 3 ? text_of(r, e) : qmp_tape_raw(r->tape, e);
        n++;
    }
    if (!is_catalogue_name(part[0]) || !is_catalogue_name(part[1]) ||
        (part[2].len && memchr(part[2].data, '\0', part[2].len)))
        return bad(r, "a property has no name, or no type");
    mem_grow((void **)&r->properties, &r->cap, r->n + 1, sizeof(*r->properties));
    r->properties[r->n++] = devcat_property(r->c, part[0], part[1], part[2], part[3]);
    return 0;
}

static int read_driver_properties(struct reader *r, struct qdev_driver *d, uint32_t array)
{
    if (array == QMP_NONE || qmp_tape_kind(r->tape, array) != QMP_KIND_ARRAY)
        return bad(r, "a type has no list of properties");
    QMP_TAPE_ELEMENTS (r->tape, array, e) {
        int64_t i;
        if (!qmp_tape_int64(r->tape, e, &i) || i < 0 || (uint64_t)i >= r->n)
            return bad(r, "a type has a property that there is not");
        driver_add_property(d, r->properties[i]);
    }
    return 0;
}

static char *optional_text(struct reader *r, uint32_t object, struct span name)
{
    struct span text = member_text(r->tape, object, name);
    return text.len && !memchr(text.data, '\0', text.len) ? mem_strndup(text.data, text.len) : NULL;
}

static bool is_true(struct reader *r, uint32_t object, struct span name)
{
    uint32_t token = qmp_tape_find(r->tape, object, name);
    return token != QMP_NONE && qmp_tape_kind(r->tape, token) == QMP_KIND_TRUE;
}

static int read_driver(struct reader *r, enum qdev_kind kind, uint32_t object)
{
    if (qmp_tape_kind(r->tape, object) != QMP_KIND_OBJECT)
        return bad(r, "a type is no object");
    struct span name = member_text(r->tape, object, SPAN_LIT("name"));
    if (!is_catalogue_name(name) || qdev_catalogue_count(r->c, kind) >= LIMIT_CATALOGUE_TYPES)
        return bad(r, "a type has no name, or there are too many");
    struct qdev_driver *d = devcat_add(r->c, kind, name);
    d->alias = optional_text(r, object, SPAN_LIT("alias"));
    d->bus = optional_text(r, object, SPAN_LIT("bus"));
    d->description = optional_text(r, object, SPAN_LIT("description"));
    d->internal = is_true(r, object, SPAN_LIT("internal"));
    d->opaque = is_true(r, object, SPAN_LIT("opaque"));
    return read_driver_properties(r, d, qmp_tape_find(r->tape, object, SPAN_LIT("properties")));
}

static int read_whole(struct reader *r)
{
    static const struct {
        struct span name;
        enum qdev_kind kind; /* unknown: properties */
    } lists[] = { { { "properties", 10 }, QDEV_KIND_UNKNOWN },
                  { { "devices", 7 }, QDEV_DEVICE },
                  { { "objects", 7 }, QDEV_OBJECT } };
    int64_t version;
    uint32_t token = QMP_NONE;
    if (qmp_tape_kind(r->tape, 0) == QMP_KIND_OBJECT)
        token = qmp_tape_find(r->tape, 0, SPAN_LIT("qdev-catalogue"));
    if (token == QMP_NONE || !qmp_tape_int64(r->tape, token, &version))
        return bad(r, "it does not say that it is one");
    if (version != FORMAT)
        return bad(r, "it is of a later release");
    r->c->qemu = optional_text(r, 0, SPAN_LIT("qemu"));
    if (!r->c->qemu)
        return bad(r, "it does not say of which QEMU it is");
    for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
        uint32_t list = qmp_tape_find(r->tape, 0, lists[i].name);
        if (list == QMP_NONE || qmp_tape_kind(r->tape, list) != QMP_KIND_ARRAY)
            return bad(r, "a list is missing");
        QMP_TAPE_ELEMENTS (r->tape, list, e) {
            int rc = lists[i].kind == QDEV_KIND_UNKNOWN ? read_property(r, e)
                                                        : read_driver(r, lists[i].kind, e);
            if (rc < 0)
                return rc;
        }
    }
    return devcat_sort(r->c, r->err);
}

struct qdev_catalogue *qdev_catalogue_parse(const char *text, struct qdev_error **err)
{
    CLEANUP(cleanup_scan)
    struct qmp_scanner *s = devcat_scan("no catalogue of devices", text, QDEV_ERROR_SYNTAX, err);
    CLEANUP(cleanup_devcat) struct qdev_catalogue *c = NULL;
    if (!s)
        return NULL;
    c = devcat_new();
    struct reader r = { .tape = qmp_scanner_tape(s), .c = c, .err = err };
    int rc = read_whole(&r);
    free(r.properties);
    return rc < 0 ? NULL : TAKE_PTR(c);
}
