/* A catalogue from a QEMU that runs. What it says is not trusted: names may be anything. */
#include "config.h"
#include "libqdev/catalogue.h"

#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"
#include "libqdev/limits.h"
#include "libqdev/problem.h"

struct asker {
    qdev_ask_fn *ask;
    void *opaque;
    struct qdev_catalogue *c;
    struct qdev_error **err;
};

/* Types that end or harm QEMU 7.2 when one is made for its properties: seen with Debian's 7.2. The
 * first have a part whose type is in a module; with that they are as good as others. Net filters
 * clean up what never began: filter-dump closes descriptor 0, and that may be a monitor's. */
static const struct {
    const char *type;
    const char *needs; /* or NULL: never */
} deadly[] = {
    { "virtio-gpu-gl-pci", "virtio-gpu-gl-device" },
    { "virtio-vga-gl", "virtio-gpu-gl-device" },
    { "virtio-gpu-rutabaga-pci", "virtio-gpu-rutabaga-device" },
    { "virtio-vga-rutabaga", "virtio-gpu-rutabaga-device" },
    { "vhost-user-vga", "vhost-user-gpu" },
    { "colo-compare", NULL },
    { "filter-dump", NULL },
    { "filter-rewriter", NULL },
    { "x-remote-object", NULL },
};

/* --- one command ------------------------------------------------------------------------------ */

struct answer {
    char *text; /* owned; the tape borrows it */
    struct qmp_scanner *scanner;
    const struct qmp_tape *tape;
};

static void clear_answer(struct answer *a)
{
    qmp_scanner_free(a->scanner);
    free(a->text);
}
#define CLEANUP_ANSWER CLEANUP(clear_answer)

/* 1: refused. */
static int ask(struct asker *a, const char *command, const char *arguments, enum qmp_kind wanted,
               struct answer *out)
{
    int rc = a->ask(a->opaque, command, arguments, &out->text);
    if (rc > 0)
        return 1;
    if (rc < 0 || !out->text)
        return qdev_problem(a->err, QDEV_ERROR_ANSWER, "%s: there is no answer", command);
    out->scanner = devcat_scan(command, out->text, QDEV_ERROR_ANSWER, a->err);
    if (!out->scanner)
        return -1;
    out->tape = qmp_scanner_tape(out->scanner);
    if (qmp_tape_kind(out->tape, 0) != wanted)
        return qdev_problem(a->err, QDEV_ERROR_ANSWER, "%s: QEMU answers otherwise", command);
    return 0;
}

static int must_ask(struct asker *a, const char *command, const char *arguments,
                    enum qmp_kind wanted, struct answer *out)
{
    int rc = ask(a, command, arguments, wanted, out);
    return rc > 0 ? qdev_problem(a->err, QDEV_ERROR_ANSWER, "%s: refused", command) : rc;
}

/* --- which QEMU ------------------------------------------------------------------------------- */

static int ask_version(struct asker *a)
{
    CLEANUP_ANSWER struct answer got = { 0 };
    int64_t part[3] = { 0 };
    if (must_ask(a, "query-version", NULL, QMP_KIND_OBJECT, &got) < 0)
        return -1;
    const struct qmp_tape *t = got.tape;
    uint32_t qemu = qmp_tape_find(t, 0, SPAN_LIT("qemu"));
    if (qemu != QMP_NONE && qmp_tape_kind(t, qemu) == QMP_KIND_OBJECT) {
        const struct span names[] = { SPAN_LIT("major"), SPAN_LIT("minor"), SPAN_LIT("micro") };
        for (size_t i = 0; i < 3; i++) {
            uint32_t token = qmp_tape_find(t, qemu, names[i]);
            if (token == QMP_NONE || !qmp_tape_int64(t, token, &part[i]))
                part[i] = 0;
        }
    }
    struct span package = member_text(t, 0, SPAN_LIT("package"));
    bool shown = is_catalogue_name(package);
    a->c->qemu = mem_printf("%lld.%lld.%lld%s%.*s%s", (long long)part[0], (long long)part[1],
                            (long long)part[2], shown ? " (" : "", shown ? (int)package.len : 0,
                            package.data ? package.data : "", shown ? ")" : "");
    return 0;
}

/* --- types ------------------------------------------------------------------------------------ */

static int ask_types(struct asker *a, enum qdev_kind kind, const char *arguments)
{
    CLEANUP_ANSWER struct answer got = { 0 };
    if (must_ask(a, "qom-list-types", arguments, QMP_KIND_ARRAY, &got) < 0)
        return -1;
    QMP_TAPE_ELEMENTS (got.tape, 0, e) {
        if (qmp_tape_kind(got.tape, e) != QMP_KIND_OBJECT)
            continue;
        struct span name = member_text(got.tape, e, SPAN_LIT("name"));
        if (!is_catalogue_name(name))
            continue;
        if (qdev_catalogue_count(a->c, kind) >= LIMIT_CATALOGUE_TYPES)
            return qdev_problem(a->err, QDEV_ERROR_LIMIT, "more than %u types",
                                LIMIT_CATALOGUE_TYPES);
        devcat_add(a->c, kind, name);
    }
    return devcat_sort(a->c, a->err);
}

static bool is_deadly(const struct qdev_catalogue *c, const char *type)
{
    for (size_t i = 0; i < ARRAY_SIZE(deadly); i++) {
        if (strcmp(type, deadly[i].type) == 0)
            return !deadly[i].needs || !qdev_catalogue_find(c, QDEV_DEVICE, deadly[i].needs);
    }
    return false;
}

/* --- properties ------------------------------------------------------------------------------- */

static void add_property(struct asker *a, struct qdev_driver *d, const struct qmp_tape *t,
                         uint32_t object)
{
    struct span default_ = { 0 };
    struct span name = member_text(t, object, SPAN_LIT("name"));
    struct span type = member_text(t, object, SPAN_LIT("type"));
    struct span description = member_text(t, object, SPAN_LIT("description"));
    uint32_t token = qmp_tape_find(t, object, SPAN_LIT("default-value"));
    if (!is_catalogue_name(name) || !is_catalogue_name(type))
        return;
    if (token != QMP_NONE)
        default_ = qmp_tape_raw(t, token);
    if (description.len && memchr(description.data, '\0', description.len))
        description = (struct span){ 0 };
    driver_add_property(d, devcat_property(a->c, name, type, description, default_));
}

static int ask_properties(struct asker *a, struct qdev_driver *d, const char *command)
{
    CLEANUP_ANSWER struct answer got = { 0 };
    CLEANUP_BUF struct buf arguments = { 0 };
    d->opaque = true;
    if (is_deadly(a->c, d->name))
        return 0;
    BUF_ADD_LIT(&arguments, "{\"typename\":");
    buf_add_json_string(&arguments, d->name, strlen(d->name));
    buf_add(&arguments, "}", 2);
    int rc = ask(a, command, buf_data(&arguments), QMP_KIND_ARRAY, &got);
    if (rc != 0)
        return rc < 0 ? rc : 0;
    d->opaque = false;
    QMP_TAPE_ELEMENTS (got.tape, 0, e) {
        if (qmp_tape_kind(got.tape, e) == QMP_KIND_OBJECT)
            add_property(a, d, got.tape, e);
    }
    return 0;
}

static int ask_all_properties(struct asker *a, struct driver_list *list, const char *command)
{
    for (size_t i = 0; i < list->n; i++) {
        if (ask_properties(a, list->items[i], command) < 0)
            return -1;
    }
    return 0;
}

/* --- what only people are told ---------------------------------------------------------------- */

/* "KEY \"...\"" of a line, owned, or NULL. */
static char *quoted(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    if (!at)
        return NULL;
    at += strlen(key);
    const char *end = strchr(at, '"');
    return end && end > at ? mem_strndup(at, (size_t)(end - at)) : NULL;
}

/* name "e1000", bus PCI, alias "e1000-82540em", desc "Intel Gigabit Ethernet", no-user */
static void read_line(struct asker *a, const char *line)
{
    CLEANUP_FREE char *name = strncmp(line, "name \"", 6) == 0 ? quoted(line, "name \"") : NULL;
    struct qdev_driver *d =
        name ? (struct qdev_driver *)qdev_catalogue_find(a->c, QDEV_DEVICE, name) : NULL;
    const char *bus = strstr(line, "\", bus ");
    if (!d || d->alias || d->bus || d->description)
        return;
    if (bus && strcspn(bus + 7, ",") > 0)
        d->bus = mem_strndup(bus + 7, strcspn(bus + 7, ","));
    d->alias = quoted(line, ", alias \"");
    d->description = quoted(line, ", desc \"");
    size_t len = strlen(line);
    d->internal = len > 9 && strcmp(line + len - 9, ", no-user") == 0;
}

static int ask_people_s_list(struct asker *a)
{
    CLEANUP_ANSWER struct answer got = { 0 };
    int rc =
        ask(a, "human-monitor-command", "{\"command-line\":\"info qdm\"}", QMP_KIND_STRING, &got);
    if (rc != 0) /* who may not ask that does without */
        return rc < 0 ? rc : 0;
    struct span whole = qmp_tape_string(got.tape, 0);
    CLEANUP_FREE char *text = mem_strndup(whole.data, whole.len);
    char *rest = text, *line;
    while ((line = strsep(&rest, "\r\n")))
        read_line(a, line);
    return 0;
}

/* --- all of it -------------------------------------------------------------------------------- */

struct qdev_catalogue *qdev_catalogue_ask(qdev_ask_fn *ask_fn, void *opaque,
                                          struct qdev_error **err)
{
    CLEANUP(cleanup_devcat) struct qdev_catalogue *c = devcat_new();
    struct asker a = { .ask = ask_fn, .opaque = opaque, .c = c, .err = err };
    if (ask_version(&a) < 0 ||
        ask_types(&a, QDEV_DEVICE, "{\"implements\":\"device\",\"abstract\":false}") < 0 ||
        ask_types(&a, QDEV_OBJECT, "{\"implements\":\"user-creatable\",\"abstract\":false}") < 0 ||
        ask_all_properties(&a, &c->devices, "device-list-properties") < 0 ||
        ask_all_properties(&a, &c->objects, "qom-list-properties") < 0 ||
        ask_people_s_list(&a) < 0 || devcat_sort(c, err) < 0)
        return NULL;
    return TAKE_PTR(c);
}
