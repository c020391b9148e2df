#include "config.h"
#include "cli/policy_places.h"

#include <stdlib.h>
#include "acl/bits.h"

/* A type, and the step of the path that is to be taken from there. */
struct state {
    uint32_t type;
    uint32_t step;
};

struct walk {
    const struct qmp_schema *schema;
    const struct acl_path *path;
    struct policy_places *out;
    bool found;
    uint64_t *seen;       /* states; owned */
    struct state *states; /* to be looked at; owned */
    size_t n, cap;
};

void policy_places_clear(struct policy_places *p)
{
    free(p->enums);
    *p = (struct policy_places){ 0 };
}

static void found(struct walk *w, uint32_t type)
{
    enum qmp_type_kind kind = qmp_type_kind(w->schema, type);
    struct policy_places *p = w->out;
    w->found = true;
    p->kinds |= 1u << kind;
    if (kind != QMP_TYPE_ENUM)
        return;
    mem_grow((void **)&p->enums, &p->cap_enums, p->n_enums + 1, sizeof(*p->enums));
    p->enums[p->n_enums++] = (struct policy_place){ w->schema, type };
}

static void found_anything(struct walk *w)
{
    w->found = true;
    w->out->kinds |= 1u << QMP_TYPE_OPAQUE;
}

/* Each state once, so that types that hold themselves come to an end. */
static void push(struct walk *w, uint32_t type, uint32_t step)
{
    size_t number = (size_t)type * (w->path->n + 1) + step;
    if (type == QMP_TYPE_NONE || bits_test(w->seen, number))
        return;
    bits_set(w->seen, number);
    mem_grow((void **)&w->states, &w->cap, w->n + 1, sizeof(*w->states));
    w->states[w->n++] = (struct state){ type, step };
}

/* A branch's members stand beside the object's own: the same step is to be taken there. */
static void push_branches(struct walk *w, uint32_t type, uint32_t step)
{
    const struct qmp_schema *s = w->schema;
    uint32_t tag = qmp_type_tag(s, type);
    if (tag == QMP_NONE)
        return;
    uint32_t values = qmp_type_part(s, type, tag).type;
    for (uint32_t v = 0; v < qmp_type_n_parts(s, values); v++)
        push(w, qmp_type_branch(s, type, v), step);
}

static void take_parts(struct walk *w, uint32_t type, uint32_t step)
{
    if (qmp_type_kind(w->schema, type) == QMP_TYPE_ARRAY)
        push(w, qmp_type_element(w->schema, type), step);
    if (qmp_type_kind(w->schema, type) != QMP_TYPE_OBJECT)
        return;
    for (uint32_t i = 0; i < qmp_type_n_parts(w->schema, type); i++)
        push(w, qmp_type_part(w->schema, type, i).type, step);
    push_branches(w, type, step);
}

static void take_member(struct walk *w, struct span name, uint32_t type, uint32_t step)
{
    if (qmp_type_kind(w->schema, type) != QMP_TYPE_OBJECT)
        return;
    uint32_t part = qmp_type_find(w->schema, type, name);
    if (part != QMP_NONE)
        push(w, qmp_type_part(w->schema, type, part).type, step + 1);
    push_branches(w, type, step);
}

static void take_step(struct walk *w, uint32_t type, uint32_t step)
{
    const struct acl_step *s = &w->path->steps[step];
    switch (s->kind) {
    case ACL_STEP_MEMBER:
        take_member(w, s->name, type, step);
        break;
    case ACL_STEP_ELEMENTS:
        if (qmp_type_kind(w->schema, type) == QMP_TYPE_ARRAY)
            push(w, qmp_type_element(w->schema, type), step + 1);
        break;
    case ACL_STEP_DEEP:
        push(w, type, step + 1);
        take_parts(w, type, step);
        break;
    }
}

static void look(struct walk *w, struct state at)
{
    enum qmp_type_kind kind = qmp_type_kind(w->schema, at.type);
    if (kind == QMP_TYPE_ALTERNATE) {
        for (unsigned k = QMP_KIND_OBJECT; k <= QMP_KIND_NULL; k++)
            push(w, qmp_type_of_kind(w->schema, at.type, (enum qmp_kind)k), at.step);
    } else if (at.step == w->path->n) {
        found(w, at.type);
    } else if (kind == QMP_TYPE_ANY || kind == QMP_TYPE_OPAQUE) {
        found_anything(w);
    } else {
        take_step(w, at.type, at.step);
    }
}

bool policy_places_find_in(const struct qmp_schema *s, uint32_t type, const struct acl_path *path,
                           struct policy_places *out)
{
    struct walk w = { .schema = s, .path = path, .out = out };
    w.seen = bits_new((size_t)qmp_schema_n_types(s) * (path->n + 1));
    push(&w, type, 0);
    while (w.n > 0)
        look(&w, w.states[--w.n]);
    if (type == QMP_TYPE_NONE)
        found_anything(&w);
    free(w.seen);
    free(w.states);
    return w.found;
}

bool policy_places_find(const struct qmp_schema *s, unsigned command, const struct acl_path *path,
                        struct policy_places *out)
{
    if (policy_places_find_in(s, qmp_command_arguments(s, command), path, out))
        return true;
    if (!qmp_command_is_open(s, command))
        return false;
    out->kinds |= 1u << QMP_TYPE_OPAQUE;
    return true;
}
