#include "config.h"
#include "libqdev/catalogue.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"

/* --- life ------------------------------------------------------------------------------------- */

struct qdev_catalogue *devcat_new(void)
{
    return MEM_NEW(struct qdev_catalogue);
}

static void free_list(struct driver_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        struct qdev_driver *d = list->items[i];
        free(d->name);
        free(d->alias);
        free(d->bus);
        free(d->description);
        free(d->properties);
        free(d);
    }
    free(list->items);
}

void qdev_catalogue_free(struct qdev_catalogue *c)
{
    struct qdev_property *p, *next;
    if (!c)
        return;
    free_list(&c->devices);
    free_list(&c->objects);
    HASH_ITER (hh, c->properties, p, next) {
        HASH_DELETE(hh, c->properties, p);
        free(p->key);
        free(p->values);
        free(p);
    }
    free(c->qemu);
    free(c);
}

void cleanup_devcat(struct qdev_catalogue **c)
{
    qdev_catalogue_free(*c);
}

/* --- making one ------------------------------------------------------------------------------- */

static struct driver_list *list_of(struct qdev_catalogue *c, enum qdev_kind kind)
{
    return kind == QDEV_DEVICE ? &c->devices : kind == QDEV_OBJECT ? &c->objects : NULL;
}

struct qdev_driver *devcat_add(struct qdev_catalogue *c, enum qdev_kind kind, struct span name)
{
    struct driver_list *list = list_of(c, kind);
    struct qdev_driver *d = MEM_NEW(struct qdev_driver);
    d->name = mem_strndup(name.data, name.len);
    mem_grow((void **)&list->items, &list->cap, list->n + 1, sizeof(*list->items));
    list->items[list->n++] = d;
    return d;
}

/* QEMU tells no values by themselves, but the description of an enumeration ends with them. */
static char *values_of(const char *type, const char *description)
{
    static const struct {
        const char *type, *values;
    } untold[] = {
        { "HostMemPolicy", "default/preferred/bind/interleave" },
        { "LostTickPolicy", "discard/delay/slew" },
        { "NetFilterDirection", "all/rx/tx" },
        { "QCryptoTLSCredsEndpoint", "client/server" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(untold); i++) {
        if (strcmp(type, untold[i].type) == 0)
            return mem_strdup(untold[i].values);
    }
    if (!description || type[0] < 'A' || type[0] > 'Z')
        return NULL;
    const char *space = strrchr(description, ' ');
    const char *last = space ? space + 1 : description;
    return strchr(last, '/') ? mem_strdup(last) : NULL;
}

/* The parts, each ended by NUL. */
static char *key_of(const struct span parts[4], size_t *len)
{
    struct buf key = { 0 };
    for (size_t i = 0; i < 4; i++) {
        buf_add_span(&key, parts[i]);
        buf_add_char(&key, '\0');
    }
    *len = buf_len(&key);
    return buf_data(&key);
}

static const char *part_or_null(const char **at)
{
    const char *part = *at;
    *at += strlen(part) + 1;
    return *part ? part : NULL;
}

const struct qdev_property *devcat_property(struct qdev_catalogue *c, struct span name,
                                            struct span type, struct span description,
                                            struct span default_)
{
    const struct span parts[] = { name, type, description, default_ };
    struct qdev_property *p;
    size_t len;
    CLEANUP_FREE char *key = key_of(parts, &len);
    HASH_FIND(hh, c->properties, key, len, p);
    if (p)
        return p;
    p = MEM_NEW(struct qdev_property);
    p->key = TAKE_PTR(key);
    const char *at = p->key;
    p->name = at;
    at += name.len + 1;
    p->type = at;
    at += type.len + 1;
    p->description = part_or_null(&at);
    p->default_ = part_or_null(&at);
    p->values = values_of(p->type, p->description);
    p->index = HASH_COUNT(c->properties);
    HASH_ADD_KEYPTR(hh, c->properties, p->key, len, p);
    return p;
}

void driver_add_property(struct qdev_driver *d, const struct qdev_property *p)
{
    mem_grow((void **)&d->properties, &d->cap, d->n + 1, sizeof(*d->properties));
    d->properties[d->n++] = p;
}

static int compare_properties(const void *a, const void *b)
{
    return strcmp((*(struct qdev_property *const *)a)->name,
                  (*(struct qdev_property *const *)b)->name);
}

static int compare_drivers(const void *a, const void *b)
{
    return strcmp((*(struct qdev_driver *const *)a)->name, (*(struct qdev_driver *const *)b)->name);
}

static int twice(const char *name, struct qdev_error **err)
{
    return qdev_problem(err, QDEV_ERROR_ANSWER, "a catalogue that has '%.64s' twice", name);
}

static int sort_list(struct driver_list *list, struct qdev_error **err)
{
    if (list->n)
        qsort(list->items, list->n, sizeof(*list->items), compare_drivers);
    for (size_t i = 0; i < list->n; i++) {
        struct qdev_driver *d = list->items[i];
        if (i > 0 && strcmp(list->items[i - 1]->name, d->name) == 0)
            return twice(d->name, err);
        if (d->n)
            qsort(d->properties, d->n, sizeof(*d->properties), compare_properties);
        for (size_t j = 1; j < d->n; j++) {
            if (strcmp(d->properties[j - 1]->name, d->properties[j]->name) == 0)
                return twice(d->properties[j]->name, err);
        }
    }
    return 0;
}

int devcat_sort(struct qdev_catalogue *c, struct qdev_error **err)
{
    int rc = sort_list(&c->devices, err);
    return rc < 0 ? rc : sort_list(&c->objects, err);
}

/* --- texts ------------------------------------------------------------------------------------ */

struct qmp_scanner *devcat_scan(const char *what, const char *text, enum qdev_error_kind kind,
                                struct qdev_error **err)
{
    /* defaults are two levels deeper in a file than in an answer */
    const unsigned more = kind == QDEV_ERROR_SYNTAX ? 2 : 0;
    const struct qmp_scan_limits limits = { .max_bytes = LIMIT_CATALOGUE_BYTES,
                                            .max_depth = LIMIT_CATALOGUE_DEPTH + more,
                                            .max_tokens = LIMIT_CATALOGUE_TOKENS };
    const char *begin = text + strspn(text, " \t\r\n");
    struct qmp_scanner *s = qmp_scanner_new(&limits);
    /* with the NUL: what ends too soon is an error there */
    if (qmp_scanner_feed(s, begin, strlen(begin) + 1) == QMP_SCAN_DONE) {
        const char *rest = begin + qmp_scanner_consumed(s);
        if (rest[strspn(rest, " \t\r\n")] == '\0')
            return s;
    }
    qmp_scanner_free(s);
    qdev_problem(err, kind, "%s: not JSON as it must be", what);
    return NULL;
}

void cleanup_scan(struct qmp_scanner **s)
{
    qmp_scanner_free(*s);
}

struct span member_text(const struct qmp_tape *t, uint32_t object, struct span name)
{
    uint32_t token = qmp_tape_find(t, object, name);
    if (token == QMP_NONE || qmp_tape_kind(t, token) != QMP_KIND_STRING)
        return (struct span){ 0 };
    return qmp_tape_string(t, token);
}

bool is_catalogue_name(struct span s)
{
    if (s.len == 0 || s.len >= LIMIT_CATALOGUE_NAME)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.data[i] < 0x20 || s.data[i] == 0x7f)
            return false;
    }
    return true;
}

/* --- reading it ------------------------------------------------------------------------------- */

const char *qdev_catalogue_qemu(const struct qdev_catalogue *c)
{
    return c->qemu;
}

size_t qdev_catalogue_count(const struct qdev_catalogue *c, enum qdev_kind kind)
{
    const struct driver_list *list = list_of((struct qdev_catalogue *)c, kind);
    return list ? list->n : 0;
}

const struct qdev_driver *qdev_catalogue_at(const struct qdev_catalogue *c, enum qdev_kind kind,
                                            size_t index)
{
    const struct driver_list *list = list_of((struct qdev_catalogue *)c, kind);
    return list && index < list->n ? list->items[index] : NULL;
}

const struct qdev_driver *qdev_catalogue_find(const struct qdev_catalogue *c, enum qdev_kind kind,
                                              const char *name)
{
    size_t n = qdev_catalogue_count(c, kind), low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct qdev_driver *d = qdev_catalogue_at(c, kind, middle);
        int order = strcmp(name, d->name);
        if (order == 0)
            return d;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    for (size_t i = 0; i < n; i++) {
        const struct qdev_driver *d = qdev_catalogue_at(c, kind, i);
        if (d->alias && strcmp(d->alias, name) == 0)
            return d;
    }
    return NULL;
}

const char *qdev_driver_name(const struct qdev_driver *d)
{
    return d->name;
}

const char *qdev_driver_alias(const struct qdev_driver *d)
{
    return d->alias;
}

const char *qdev_driver_bus(const struct qdev_driver *d)
{
    return d->bus;
}

const char *qdev_driver_description(const struct qdev_driver *d)
{
    return d->description;
}

bool qdev_driver_is_internal(const struct qdev_driver *d)
{
    return d->internal;
}

bool qdev_driver_is_opaque(const struct qdev_driver *d)
{
    return d->opaque;
}

size_t qdev_driver_count(const struct qdev_driver *d)
{
    return d->n;
}

const struct qdev_property *qdev_driver_at(const struct qdev_driver *d, size_t index)
{
    return index < d->n ? d->properties[index] : NULL;
}

const struct qdev_property *qdev_driver_get(const struct qdev_driver *d, const char *name)
{
    size_t low = 0, high = d->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, d->properties[middle]->name);
        if (order == 0)
            return d->properties[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

const char *qdev_property_name(const struct qdev_property *p)
{
    return p->name;
}

const char *qdev_property_type(const struct qdev_property *p)
{
    return p->type;
}

const char *qdev_property_description(const struct qdev_property *p)
{
    return p->description;
}

const char *qdev_property_default(const struct qdev_property *p)
{
    return p->default_;
}

const char *qdev_property_values(const struct qdev_property *p)
{
    return p->values;
}
