#include "config.h"
#include "acl/device.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "qmp/schema.h"
#include "qmp/tape.h"

/* The table, as it is written. */

enum group {
#define GROUP(id) id,
#include "acl/device.def"
    N_GROUPS,
};

static const char *const group_names[N_GROUPS] = {
#define GROUP(id) [id] = #id,
#include "acl/device.def"
};

struct properties {
    enum group group;
    enum acl_reach reach;
    const char *const *names; /* NULL-terminated */
};

static const struct properties properties[] = {
#define PROPERTIES(of, reaches, ...) \
    { of, ACL_REACH_##reaches, (const char *const[]){ __VA_ARGS__, NULL } },
#include "acl/device.def"
};

#define MAX_GROUPS 8

struct drivers {
    enum acl_reach reach;
    enum group groups[MAX_GROUPS]; /* ANY (zero) ends them */
    const char *const *names;      /* NULL-terminated */
};

#define GROUPS(...) \
    {               \
        __VA_ARGS__ \
    }
static const struct drivers drivers[] = {
#define DRIVERS(reaches, of, ...) \
    { ACL_REACH_##reaches, of, (const char *const[]){ __VA_ARGS__, NULL } },
#include "acl/device.def"
};

struct alias {
    const char *name;
    const char *by_virtio[ACL_N_VIRTIOS];
};

static const struct alias aliases[] = {
#define ALIAS(alias, pci, ccw, mmio) \
    { alias, { [ACL_VIRTIO_PCI] = pci, [ACL_VIRTIO_CCW] = ccw, [ACL_VIRTIO_MMIO] = mmio } },
#include "acl/device.def"
};

/* The table by name, made once. */

#define N_OF(...) +sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *)
enum {
    N_PROPERTIES = 0
#define PROPERTIES(of, reaches, ...) N_OF(__VA_ARGS__)
#include "acl/device.def"
    ,
    N_DRIVERS = 0
#define DRIVERS(reaches, of, ...) N_OF(__VA_ARGS__)
#include "acl/device.def"
    ,
};

struct property {
    enum group group;
    enum acl_reach reach;
    const char *name;
};

struct driver {
    const char *name;
    const struct drivers *kind;
};

static struct property sorted_properties[N_PROPERTIES]; /* by group, then name */
static struct driver sorted_drivers[N_DRIVERS];         /* by name */
static const char *alias_targets[ARRAY_SIZE(aliases)][ACL_N_VIRTIOS];
static pthread_once_t sorted_once = PTHREAD_ONCE_INIT;

static int compare_name(struct span a, const char *b)
{
    size_t b_len = strlen(b);
    int order = memcmp(a.data, b, a.len < b_len ? a.len : b_len);
    return order || a.len == b_len ? order : a.len < b_len ? -1 : 1;
}

static int compare_properties(const void *a, const void *b)
{
    const struct property *x = a, *y = b;
    return x->group != y->group ? (x->group < y->group ? -1 : 1) : strcmp(x->name, y->name);
}

static int compare_drivers(const void *a, const void *b)
{
    const struct driver *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void sort_properties(void)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(properties); i++) {
        const struct properties *p = &properties[i];
        for (const char *const *name = p->names; *name != NULL; name++)
            sorted_properties[n++] = (struct property){ p->group, p->reach, *name };
    }
    qsort(sorted_properties, n, sizeof(sorted_properties[0]), compare_properties);
}

static void sort_drivers(void)
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        for (const char *const *name = drivers[i].names; *name != NULL; name++)
            sorted_drivers[n++] = (struct driver){ *name, &drivers[i] };
    }
    qsort(sorted_drivers, n, sizeof(sorted_drivers[0]), compare_drivers);
}

/* Each target once. */
static void list_alias_targets(void)
{
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        size_t n = 0;
        for (unsigned v = ACL_VIRTIO_PCI; v < ACL_N_VIRTIOS; v++) {
            const char *target = aliases[i].by_virtio[v];
            if (target != NULL && (n == 0 || strcmp(target, alias_targets[i][n - 1]) != 0))
                alias_targets[i][n++] = target;
        }
    }
}

static void sort_table(void)
{
    sort_properties();
    sort_drivers();
    list_alias_targets();
}

static const struct driver *find_driver(struct span name)
{
    pthread_once(&sorted_once, sort_table);
    size_t low = 0, high = N_DRIVERS;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = compare_name(name, sorted_drivers[middle].name);
        if (order == 0)
            return &sorted_drivers[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static const struct property *find_property(enum group group, struct span name)
{
    size_t low = 0, high = N_PROPERTIES;
    while (low < high) {
        size_t middle = (low + high) / 2;
        const struct property *p = &sorted_properties[middle];
        int order = p->group != group ? (group < p->group ? -1 : 1) : compare_name(name, p->name);
        if (order == 0)
            return p;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

/* The groups of a driver, from its kind's: i goes up until this is false. Every driver is in ANY.
 */
static bool nth_group(const struct drivers *kind, size_t i, enum group *out)
{
    if (i > MAX_GROUPS)
        return false;
    *out = i == 0 ? ANY : kind->groups[i - 1];
    return i == 0 || *out != ANY;
}

/* Aliases. */

static ptrdiff_t find_alias(struct span name)
{
    for (size_t i = 0; i < ARRAY_SIZE(aliases); i++) {
        if (compare_name(name, aliases[i].name) == 0)
            return (ptrdiff_t)i;
    }
    return -1;
}

static struct span span_of(const char *s)
{
    return s == NULL ? SPAN_LIT("") : (struct span){ s, strlen(s) };
}

struct span acl_device_canonical(struct span driver, enum acl_virtio usual)
{
    ptrdiff_t i = find_alias(driver);
    if (i < 0)
        return driver;
    if (usual != ACL_VIRTIO_UNKNOWN)
        return span_of(aliases[i].by_virtio[usual]);
    const char *const *targets = acl_device_alias_targets(driver);
    return span_of(targets[1] == NULL ? targets[0] : NULL);
}

const char *const *acl_device_alias_targets(struct span driver)
{
    pthread_once(&sorted_once, sort_table);
    ptrdiff_t i = find_alias(driver);
    return i < 0 ? NULL : alias_targets[i];
}

/* Commands that QEMU 7.2 has for one architecture alone. */
static const struct mark {
    enum acl_virtio usual;
    const char *const *commands; /* NULL-terminated */
} marks[] = {
    { ACL_VIRTIO_PCI,
      (const char *const[]){ "query-sev", "query-sgx", "rtc-reset-reinjection", NULL } },
    { ACL_VIRTIO_PCI, (const char *const[]){ "query-gic-capabilities", NULL } },
    { ACL_VIRTIO_CCW, (const char *const[]){ "dump-skeys", "query-cpu-model-comparison", NULL } },
};

enum acl_virtio acl_device_usual_virtio(const struct qmp_schema *schema)
{
    const struct mark *seen = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
        size_t there = 0, all = 0;
        for (const char *const *name = marks[i].commands; *name != NULL; name++, all++)
            there += qmp_schema_find_command(schema, span_of(*name)) >= 0;
        if (there == 0)
            continue;
        if (there < all || seen != NULL)
            return ACL_VIRTIO_UNKNOWN; /* a QEMU that parts them otherwise */
        seen = &marks[i];
    }
    return seen == NULL ? ACL_VIRTIO_UNKNOWN : seen->usual;
}

/* What is reached. */

/* Is it NAME[NUMBER]? Then `stem` is NAME. */
static bool is_numbered(struct span name, struct span *stem)
{
    size_t i = name.len;
    if (i == 0 || name.data[--i] != ']')
        return false;
    size_t end = i;
    while (i > 0 && name.data[i - 1] >= '0' && name.data[i - 1] <= '9')
        i--;
    if (i == end || i < 2 || name.data[i - 1] != '[')
        return false;
    *stem = (struct span){ name.data, i - 1 };
    return true;
}

#define NUMBERED     "[*]"
#define MAX_PROPERTY 64 /* bytes of a numbered property's name in the table, more than any has */

static enum acl_reach reach_in_groups(const struct drivers *kind, struct span name)
{
    enum group group;
    for (size_t i = 0; nth_group(kind, i, &group); i++) {
        const struct property *p = find_property(group, name);
        if (p != NULL)
            return p->reach;
    }
    return ACL_REACH_UNKNOWN;
}

static enum acl_reach property_reach(const struct driver *driver, struct span property)
{
    struct span stem;
    if (driver == NULL || memchr(property.data, '*', property.len) != NULL)
        return ACL_REACH_UNKNOWN;
    if (!is_numbered(property, &stem))
        return reach_in_groups(driver->kind, property);

    char name[MAX_PROPERTY];
    if (stem.len > sizeof(name) - strlen(NUMBERED))
        return ACL_REACH_UNKNOWN;
    memcpy(name, stem.data, stem.len);
    memcpy(name + stem.len, NUMBERED, strlen(NUMBERED));
    return reach_in_groups(driver->kind, (struct span){ name, stem.len + strlen(NUMBERED) });
}

enum acl_reach acl_device_driver_reach(struct span driver)
{
    const struct driver *d = find_driver(driver);
    return d == NULL ? ACL_REACH_UNKNOWN : d->kind->reach;
}

enum acl_reach acl_device_property_reach(struct span driver, struct span property)
{
    return property_reach(find_driver(driver), property);
}

static bool is_scalar(enum qmp_kind kind)
{
    switch (kind) {
    case QMP_KIND_STRING:
    case QMP_KIND_NUMBER:
    case QMP_KIND_TRUE:
    case QMP_KIND_FALSE:
        return true;
    case QMP_KIND_OBJECT:
    case QMP_KIND_ARRAY:
    case QMP_KIND_NULL:
        return false;
    }
    return false;
}

/* bus and id are options of device_add itself, whatever the driver. */
static enum acl_reach member_reach(const struct driver *driver, struct span name)
{
    const struct property *p = find_property(ANY, name);
    return p != NULL ? p->reach : property_reach(driver, name);
}

void acl_device_find(const struct qmp_tape *tape, uint32_t arguments, enum acl_virtio usual,
                     struct acl_reached_list *out)
{
    uint32_t named = qmp_tape_kind(tape, arguments) == QMP_KIND_OBJECT
                         ? qmp_tape_find(tape, arguments, SPAN_LIT("driver"))
                         : QMP_NONE;
    if (named == QMP_NONE) {
        acl_reached_add(out, arguments, ACL_REACH_UNKNOWN);
        return;
    }
    pthread_once(&sorted_once, sort_table);
    const struct driver *driver = NULL;
    if (qmp_tape_kind(tape, named) == QMP_KIND_STRING)
        driver = find_driver(acl_device_canonical(qmp_tape_string(tape, named), usual));

    QMP_TAPE_MEMBERS (tape, arguments, name, value) {
        enum acl_reach reach = ACL_REACH_UNKNOWN;
        if (value == named)
            reach = driver == NULL ? ACL_REACH_UNKNOWN : driver->kind->reach;
        else if (is_scalar(qmp_tape_kind(tape, value)))
            reach = member_reach(driver, qmp_tape_string(tape, name));
        if (reach != ACL_REACH_NOTHING)
            acl_reached_add(out, value, reach);
    }
}

/* Listing. */

size_t acl_device_n_drivers(void)
{
    return N_DRIVERS;
}

const char *acl_device_driver(size_t i)
{
    pthread_once(&sorted_once, sort_table);
    return sorted_drivers[i].name;
}

void acl_device_each_property(size_t driver,
                              void (*show)(void *opaque, const char *group, const char *property,
                                           enum acl_reach reach),
                              void *opaque)
{
    pthread_once(&sorted_once, sort_table);
    enum group group;
    for (size_t i = 0; nth_group(sorted_drivers[driver].kind, i, &group); i++) {
        for (size_t p = 0; p < N_PROPERTIES; p++) {
            if (sorted_properties[p].group == group)
                show(opaque, group_names[group], sorted_properties[p].name,
                     sorted_properties[p].reach);
        }
    }
}

size_t acl_device_n_aliases(void)
{
    return ARRAY_SIZE(aliases);
}

const char *acl_device_alias(size_t i)
{
    return aliases[i].name;
}
