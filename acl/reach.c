#include "config.h"
#include "acl/reach.h"

#include <stdlib.h>
#include "base/mem.h"

static const char *const names[ACL_N_REACHES] = {
    [ACL_REACH_NOTHING] = "nothing", [ACL_REACH_PATH] = "path",       [ACL_REACH_URI] = "uri",
    [ACL_REACH_EXEC] = "program",    [ACL_REACH_HOST] = "host",       [ACL_REACH_PORT] = "port",
    [ACL_REACH_COST] = "cost",       [ACL_REACH_FD] = "descriptor",   [ACL_REACH_SECRET] = "secret",
    [ACL_REACH_QOM] = "property",    [ACL_REACH_UNKNOWN] = "unknown",
};

const char *acl_reach_name(enum acl_reach reach)
{
    return names[reach];
}

void acl_reached_add(struct acl_reached_list *list, uint32_t token, enum acl_reach reach)
{
    mem_grow((void **)&list->items, &list->cap, list->n + 1, sizeof(*list->items));
    list->items[list->n++] = (struct acl_reached){ .token = token, .reach = (uint8_t)reach };
}

void acl_reached_list_clear(struct acl_reached_list *list)
{
    free(list->items);
    *list = (struct acl_reached_list){ 0 };
}
