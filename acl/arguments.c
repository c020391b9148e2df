#include "config.h"
#include "acl/arguments.h"

/* Takes out what is judged command by command, and says where it is. */
static void take_owned(const struct qmp_tape *t, struct acl_reached_list *list,
                       struct acl_arguments *found)
{
    size_t kept = 0;
    for (size_t i = 0; i < list->n; i++) {
        struct acl_reached r = list->items[i];
        if (r.owner == ACL_OWNER_TRANSACTION && qmp_tape_kind(t, r.token) == QMP_KIND_ARRAY) {
            found->actions = r.token;
            continue;
        }
        if (r.owner == ACL_OWNER_HMP && qmp_tape_kind(t, r.token) == QMP_KIND_STRING) {
            found->line = r.token;
            r.reach = ACL_REACH_EXEC;
        }
        found->untyped |= r.reach == ACL_REACH_QOM || r.reach == ACL_REACH_UNKNOWN;
        list->items[kept++] = r;
    }
    list->n = kept;
}

struct acl_arguments acl_arguments_find(const struct acl_program *p, unsigned command,
                                        const struct qmp_tape *t, uint32_t arguments,
                                        struct acl_reached_list *out)
{
    struct acl_arguments found = {
        .actions = QMP_NONE,
        .line = QMP_NONE,
        .untyped = qmp_command_is_open(p->schema, command),
    };
    if (command == p->device_add && arguments != QMP_NONE) {
        out->n = 0;
        acl_device_find(t, arguments, p->usual_virtio, out);
    } else if (acl_reach_find(p->reach, command, t, arguments, out)) {
        take_owned(t, out, &found);
    }
    return found;
}
