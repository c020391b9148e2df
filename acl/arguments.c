#include "config.h"
#include "acl/arguments.h"

/* --- device_add ------------------------------------------------------------------------------- */

/* What the table of devices says, for members that the table of arguments leaves to it. */
struct device {
    struct acl_reached_list *list;
    size_t kept; /* of the list; what follows was not looked at */
    size_t n;
};

/* Both walks go in the order of the tape, and the list has every member that is the device table's.
 */
static void settle_property(void *opaque, uint32_t value, enum acl_reach reach)
{
    struct device *d = opaque;
    while (d->n < d->list->n && d->list->items[d->n].token < value)
        d->list->items[d->kept++] = d->list->items[d->n++];
    if (d->n == d->list->n || d->list->items[d->n].token != value)
        return;
    struct acl_reached r = d->list->items[d->n++];
    if (r.owner == ACL_OWNER_DEVICE)
        r.reach = reach;
    if (r.reach != ACL_REACH_NOTHING)
        d->list->items[d->kept++] = r;
}

static void settle_device(const struct acl_program *p, const struct qmp_tape *t, uint32_t arguments,
                          struct acl_reached_list *list)
{
    struct device d = { .list = list };
    acl_device_walk(t, arguments, p->usual_virtio, settle_property, &d);
    while (d.n < list->n)
        list->items[d.kept++] = list->items[d.n++];
    list->n = d.kept;
}

/* --- the whole -------------------------------------------------------------------------------- */

struct acl_arguments acl_arguments_find(const struct acl_program *p, unsigned command,
                                        const struct qmp_tape *t, uint32_t arguments,
                                        struct acl_reached_list *out)
{
    struct acl_arguments found = {
        .actions = QMP_NONE,
        .line = QMP_NONE,
        .untyped = qmp_command_is_open(p->schema, command),
    };
    size_t kept = 0;
    bool device = false;
    acl_reach_find(p->reach, command, t, arguments, out);
    for (size_t i = 0; i < out->n; i++) {
        struct acl_reached *r = &out->items[i];
        device |= r->owner == ACL_OWNER_DEVICE;
        found.untyped |= r->reach == ACL_REACH_QOM || r->reach == ACL_REACH_UNKNOWN;
        if (r->owner == ACL_OWNER_TRANSACTION && qmp_tape_kind(t, r->token) == QMP_KIND_ARRAY &&
            found.actions == QMP_NONE) {
            found.actions = r->token;
            continue;
        }
        if (r->owner == ACL_OWNER_HMP) {
            found.line = r->token;
            r->reach = ACL_REACH_EXEC;
        }
        out->items[kept++] = *r;
    }
    out->n = kept;
    if (device)
        settle_device(p, t, arguments, out);
    return found;
}
