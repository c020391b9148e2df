/* Would this QEMU take it? As far as the catalogue tells; what it does not tell is good. */
#include "config.h"
#include "libqdev/catalogue.h"

#include <string.h>
#include <strings.h>
#include "libqdev/problem.h"
#include "libqdev/value.h"
#include "libqdev/words.h"

struct check {
    const struct qdev_catalogue *c;
    const struct qdev *q;
    const struct qdev_driver *d;
    struct qdev_error **err;
};

/* --- names ------------------------------------------------------------------------------------ */

static const char *property_name_at(const void *in, size_t i)
{
    return ((const struct qdev_driver *)in)->properties[i]->name;
}

static const char *driver_name_at(const void *in, size_t i)
{
    return ((const struct driver_list *)in)->items[i]->name;
}

static const char *before(const char *meant)
{
    return meant ? "; did you mean '" : "";
}

static int no_driver(struct check *k)
{
    bool device = k->q->kind == QDEV_DEVICE;
    const struct driver_list *list = device ? &k->c->devices : &k->c->objects;
    const char *meant = nearest_name(k->q->type, driver_name_at, list, list->n);
    return qdev_problem(k->err, QDEV_ERROR_MEANING, "QEMU %s has no %s '%s'%s%s%s", k->c->qemu,
                        device ? "device" : "object", k->q->type, before(meant), meant ? meant : "",
                        meant ? "'?" : "");
}

static int no_property(struct check *k, const char *name)
{
    const char *meant = nearest_name(name, property_name_at, k->d, k->d->n);
    return qdev_problem(k->err, QDEV_ERROR_MEANING, "%s has no property '%s'%s%s%s", k->d->name,
                        name, before(meant), meant ? meant : "", meant ? "'?" : "");
}

/* "ports[3]" of what has "len-ports". */
static bool is_element(const struct qdev_driver *d, const char *name)
{
    char length[160] = "len-";
    const char *bracket = strchr(name, '[');
    size_t n = bracket ? (size_t)(bracket - name) : 0;
    if (n == 0 || n + 5 > sizeof(length))
        return false;
    memcpy(length + 4, name, n);
    length[4 + n] = '\0';
    return qdev_driver_get(d, length) != NULL;
}

/* What the options have beside the properties. */
static bool is_of_the_option(const struct check *k, const char *name)
{
    return k->q->kind == QDEV_DEVICE && strcmp(name, "bus") == 0;
}

/* --- values ----------------------------------------------------------------------------------- */

static const struct {
    const char *type;
    bool is_signed;
    uint64_t max;
} integers[] = {
    { "int8", true, INT8_MAX },    { "uint8", false, UINT8_MAX },
    { "int16", true, INT16_MAX },  { "uint16", false, UINT16_MAX },
    { "int32", true, INT32_MAX },  { "uint32", false, UINT32_MAX },
    { "int64", true, INT64_MAX },  { "uint64", false, UINT64_MAX },
    { "int", true, UINT64_MAX }, /* QOM's, which is any of them */
    { "size", false, UINT64_MAX },
};

static bool is_text(const struct qdev_value *v)
{
    return v->kind == QDEV_STRING || v->kind == QDEV_ENUM || v->kind == QDEV_UNTYPED;
}

/* Text of a command line may be of any base, or with a unit. */
static bool is_hexadecimal(const struct qdev_value *v)
{
    const char *digits = v->u.text + (v->u.text[0] == '-');
    return v->kind == QDEV_UNTYPED && strncasecmp(digits, "0x", 2) == 0 && digits[2] &&
           digits[2 + strspn(digits + 2, "0123456789abcdefABCDEF")] == '\0';
}

/* Sizes of objects are "int" to QOM. */
static bool takes_units(const char *type)
{
    return strcmp(type, "size") == 0 || strcmp(type, "int") == 0;
}

static bool is_integer(const struct qdev_value *v, size_t which)
{
    uint64_t positive;
    int64_t negative;
    if (is_text(v) && is_hexadecimal(v))
        return true;
    if (qdev_value_uint(v, &positive) ||
        (takes_units(integers[which].type) && qdev_value_size(v, &positive)))
        return positive <= integers[which].max;
    if (!integers[which].is_signed || !qdev_value_int(v, &negative))
        return false;
    return integers[which].max == UINT64_MAX || negative >= -(int64_t)integers[which].max - 1;
}

static bool is_one_of(const char *values, const char *text)
{
    size_t len = strlen(text);
    for (const char *p = values; *p; p += strcspn(p, "/"), p += *p == '/') {
        if (strcspn(p, "/") == len && strncmp(p, text, len) == 0)
            return true;
    }
    return false;
}

static int wrong(struct check *k, const struct qdev_property *p, const char *is_no)
{
    return qdev_problem(k->err, QDEV_ERROR_MEANING, "%s: the value of '%s' is no %s%s%s%s",
                        k->d->name, p->name, is_no, p->description ? " (" : "",
                        p->description ? p->description : "", p->description ? ")" : "");
}

static int check_value(struct check *k, const struct qdev_property *p, const struct qdev_value *v)
{
    bool boolean;
    if (strncmp(p->type, "child<", 6) == 0)
        return qdev_problem(k->err, QDEV_ERROR_MEANING,
                            "%s: '%s' is a part of it, which cannot be set", k->d->name, p->name);
    if (strcmp(p->type, "bool") == 0)
        return qdev_value_bool(v, &boolean) ? 0 : wrong(k, p, "boolean, on or off");
    if (strcmp(p->type, "str") == 0 || strcmp(p->type, "string") == 0 ||
        strncmp(p->type, "link<", 5) == 0)
        return is_text(v) ? 0 : wrong(k, p, "text");
    if (p->values && is_text(v) && !is_one_of(p->values, v->u.text))
        return qdev_problem(k->err, QDEV_ERROR_MEANING, "%s: '%s' cannot be '%s': it is one of %s",
                            k->d->name, p->name, v->u.text, p->values);
    for (size_t i = 0; i < ARRAY_SIZE(integers); i++) {
        /* the description of one that takes other words has an example of them */
        if (strcmp(p->type, integers[i].type) == 0 && !is_integer(v, i) && v->kind != QDEV_LIST &&
            !(is_text(v) && p->description && strstr(p->description, "example")))
            return wrong(k, p, p->type);
    }
    return 0;
}

static int check_member(struct check *k, const struct qdev_value *v)
{
    const struct qdev_property *p = qdev_driver_get(k->d, v->name);
    if (p)
        return check_value(k, p, v);
    if (is_of_the_option(k, v->name) || is_element(k->d, v->name))
        return 0;
    return no_property(k, v->name);
}

int qdev_validate(const struct qdev_catalogue *c, const struct qdev *q, struct qdev_error **err)
{
    struct check k = { .c = c, .q = q, .err = err };
    if (q->kind != QDEV_DEVICE && q->kind != QDEV_OBJECT)
        return 0;
    k.d = qdev_catalogue_find(c, q->kind, q->type);
    if (!k.d)
        return no_driver(&k);
    if (k.d->internal)
        return qdev_problem(err, QDEV_ERROR_MEANING, "%s is made by machines only", k.d->name);
    for (size_t i = 0; !k.d->opaque && i < q->members->u.parts.n; i++) {
        if (check_member(&k, q->members->u.parts.items[i]) < 0)
            return -1;
    }
    return 0;
}
