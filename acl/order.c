#include "config.h"
#include "acl/order.h"

enum visit { VISIT_NOT_YET, VISIT_OPEN, VISIT_DONE };

/* A walk in depth without recursion: a policy may have a chain of any length. */
struct walk {
    const struct acl_role *roles;
    uint32_t *order;
    size_t n_ordered;
    uint8_t *visits;       /* enum visit of each role; owned */
    size_t *next_includes; /* of each role, the next include to look at; owned */
    uint32_t *path;        /* from the root of this walk to where it is; owned */
    size_t depth;
    acl_cycle_fn *cycle;
    void *opaque;
};

static void enter(struct walk *w, uint32_t role)
{
    w->visits[role] = VISIT_OPEN;
    w->path[w->depth++] = role;
}

static void leave(struct walk *w, uint32_t role)
{
    w->visits[role] = VISIT_DONE;
    w->order[w->n_ordered++] = role;
    w->depth--;
}

static void tell_cycle(struct walk *w, uint32_t first)
{
    size_t from = 0;
    while (w->path[from] != first)
        from++;
    w->cycle(w->opaque, w->path + from, w->depth - from);
}

static void step(struct walk *w)
{
    uint32_t role = w->path[w->depth - 1];
    size_t i = w->next_includes[role]++;
    if (i == w->roles[role].n_includes) {
        leave(w, role);
        return;
    }
    uint32_t included = w->roles[role].includes[i];
    if (w->visits[included] == VISIT_NOT_YET)
        enter(w, included);
    else if (w->visits[included] == VISIT_OPEN)
        tell_cycle(w, included);
}

void acl_order_roles(const struct acl_role *roles, size_t n_roles, uint32_t *order,
                     acl_cycle_fn *cycle, void *opaque)
{
    CLEANUP_FREE uint8_t *visits = MEM_NEW_N(uint8_t, n_roles + 1);
    CLEANUP_FREE size_t *next_includes = MEM_NEW_N(size_t, n_roles + 1);
    CLEANUP_FREE uint32_t *path = MEM_NEW_N(uint32_t, n_roles + 1);
    struct walk w = {
        .roles = roles,
        .order = order,
        .visits = visits,
        .next_includes = next_includes,
        .path = path,
        .cycle = cycle,
        .opaque = opaque,
    };
    for (uint32_t role = 0; role < n_roles; role++) {
        if (visits[role] == VISIT_NOT_YET)
            enter(&w, role);
        while (w.depth > 0)
            step(&w);
    }
}
