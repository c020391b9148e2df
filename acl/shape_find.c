/* Finding: a walk over the tape, in step with a map's nodes. */
#include "config.h"
#include "acl/shape_internal.h"

#include "base/limits.h"

struct search {
    const struct acl_reach_map *map;
    const struct qmp_schema *schema;
    const struct qmp_tape *tape;
    struct acl_reached_list *out;
};

static void add(struct search *f, uint32_t token, uint32_t verdict)
{
    acl_reached_add(f->out, token, VERDICT_REACH(verdict));
    f->out->items[f->out->n - 1].owner = (uint8_t)VERDICT_OWNER(verdict);
}

static void find_in(struct search *f, uint32_t place, uint32_t token, uint32_t depth);

/* --- objects --------------------------------------------------------------------------------- */

/* An object's node, that of its branch, and of its branch: validation has seen that the tags are
 * there. */
struct layers {
    const struct shape_node *nodes[QMP_SHAPE_MAX];
    uint32_t n;
};

/* The node of the branch that the tag chooses; NULL if it has none that is known. */
static const struct shape_node *choose(const struct search *f, const struct shape_node *node,
                                       uint32_t object)
{
    uint32_t tag = qmp_type_tag(f->schema, node->type);
    if (tag == QMP_NONE)
        return NULL;
    struct qmp_type_part part = qmp_type_part(f->schema, node->type, tag);
    uint32_t token = qmp_tape_find(f->tape, object, part.name);
    if (token == QMP_NONE || qmp_tape_kind(f->tape, token) != QMP_KIND_STRING)
        return NULL;
    uint32_t value = qmp_type_find(f->schema, part.type, qmp_tape_string(f->tape, token));
    if (value == QMP_NONE)
        return NULL;
    uint32_t n_parts = qmp_type_n_parts(f->schema, node->type);
    uint32_t place = f->map->places[node->first + n_parts + value];
    return place_is_node(place) ? &f->map->nodes[place - PLACE_NODE] : NULL;
}

/* What is in none of the layers belongs to a branch that is not known. */
static uint32_t member_place(const struct search *f, const struct layers *l, struct span name)
{
    for (uint32_t i = 0; i < l->n; i++) {
        uint32_t part = qmp_type_find(f->schema, l->nodes[i]->type, name);
        if (part != QMP_NONE)
            return f->map->places[l->nodes[i]->first + part];
    }
    return PLACE_UNKNOWN;
}

static void find_in_object(struct search *f, const struct shape_node *node, uint32_t object,
                           uint32_t depth)
{
    struct layers l = { .n = 0 };
    while (node && l.n < QMP_SHAPE_MAX) {
        l.nodes[l.n++] = node;
        node = choose(f, node, object);
    }
    QMP_TAPE_MEMBERS (f->tape, object, name, value)
        find_in(f, member_place(f, &l, qmp_tape_string(f->tape, name)), value, depth);
}

/* --- others ---------------------------------------------------------------------------------- */

static void find_in_string(struct search *f, const struct shape_node *node, uint32_t token)
{
    uint32_t value = qmp_type_find(f->schema, node->type, qmp_tape_string(f->tape, token));
    uint32_t verdict = value == QMP_NONE ? PLACE_UNKNOWN : f->map->places[node->first + value];
    if (verdict)
        add(f, token, verdict);
}

static bool is_of_kind(enum qmp_type_kind type, enum qmp_kind kind)
{
    switch (type) {
    case QMP_TYPE_OBJECT:
        return kind == QMP_KIND_OBJECT;
    case QMP_TYPE_ARRAY:
        return kind == QMP_KIND_ARRAY;
    case QMP_TYPE_ENUM:
        return kind == QMP_KIND_STRING;
    case QMP_TYPE_ALTERNATE:
        return true;
    case QMP_TYPE_STRING:
    case QMP_TYPE_BOOL:
    case QMP_TYPE_INT:
    case QMP_TYPE_NUMBER:
    case QMP_TYPE_NULL:
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
        return false;
    }
    return false;
}

static void find_in_node(struct search *f, const struct shape_node *node, uint32_t token,
                         uint32_t depth)
{
    enum qmp_kind kind = qmp_tape_kind(f->tape, token);
    if (depth > LIMIT_REQUEST_DEPTH || !is_of_kind((enum qmp_type_kind)node->kind, kind)) {
        add(f, token, PLACE_UNKNOWN); /* not valid */
        return;
    }
    if (node->kind == QMP_TYPE_OBJECT) {
        find_in_object(f, node, token, depth + 1);
    } else if (node->kind == QMP_TYPE_ARRAY) {
        QMP_TAPE_ELEMENTS (f->tape, token, element)
            find_in(f, f->map->places[node->first], element, depth + 1);
    } else if (node->kind == QMP_TYPE_ENUM) {
        find_in_string(f, node, token);
    } else {
        find_in(f, f->map->places[node->first + kind], token, depth);
    }
}

static void find_in(struct search *f, uint32_t place, uint32_t token, uint32_t depth)
{
    f->out->n_looked_at++;
    if (place_is_node(place))
        find_in_node(f, &f->map->nodes[place - PLACE_NODE], token, depth);
    else if (place)
        add(f, token, place);
}

/* --- commands -------------------------------------------------------------------------------- */

/* A command that takes more than its type has, and converts what it gets: only what is plainly a
 * simple value of a known member is judged by it. */
static void find_in_open(struct search *f, unsigned command, uint32_t object)
{
    uint32_t place = f->map->commands[command];
    uint32_t further = shape_table_further(shape_of_command(f->schema, command));
    const struct layers l = {
        .n = place_is_node(place),
        .nodes = { place_is_node(place) ? &f->map->nodes[place - PLACE_NODE] : NULL },
    };
    QMP_TAPE_MEMBERS (f->tape, object, name, value) {
        uint32_t at = member_place(f, &l, qmp_tape_string(f->tape, name));
        enum qmp_kind kind = qmp_tape_kind(f->tape, value);
        if (at == PLACE_UNKNOWN || place_is_node(at) || kind <= QMP_KIND_ARRAY ||
            kind == QMP_KIND_NULL)
            at = further ? further : PLACE_UNKNOWN;
        find_in(f, at, value, 1);
    }
}

bool acl_reach_find(const struct acl_reach_map *m, unsigned command, const struct qmp_tape *t,
                    uint32_t arguments, struct acl_reached_list *out)
{
    struct search f = { .map = m, .schema = m->schema, .tape = t, .out = out };
    uint32_t place = m->commands[command];
    out->n = 0;
    if (arguments == QMP_NONE)
        return false;
    if (qmp_command_is_open(m->schema, command))
        find_in_open(&f, command, arguments);
    else if (!place_is_node(place) || m->nodes[place - PLACE_NODE].reaches)
        find_in(&f, place, arguments, 1);
    return out->n > 0;
}
