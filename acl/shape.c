/* Building: every type that arguments have, from the commands downwards, beside the shape that the
 * table has for it. The schema is a VM's, which may be hostile: no recursion, and a bound. */
#include "config.h"
#include "acl/shape_internal.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

/* Places of a map; 7.2 has 2,200. What a schema has beyond is unknown. */
#define PLACES_MAX (1u << 20)

struct building {
    struct acl_reach_map *map;
    const struct qmp_schema *schema;
    uint32_t *nodes_of_type; /* owned; the first node of each type, or NODE_NONE */
};

/* --- sizes ----------------------------------------------------------------------------------- */

uint32_t shape_n_branches(const struct qmp_schema *s, uint32_t type)
{
    uint32_t tag = qmp_type_tag(s, type);
    return tag == QMP_NONE ? 0 : qmp_type_n_parts(s, qmp_type_part(s, type, tag).type);
}

uint32_t shape_n_places(const struct qmp_schema *s, uint32_t type)
{
    switch (qmp_type_kind(s, type)) {
    case QMP_TYPE_OBJECT:
        return qmp_type_n_parts(s, type) + shape_n_branches(s, type);
    case QMP_TYPE_ENUM:
        return qmp_type_n_parts(s, type);
    case QMP_TYPE_ARRAY:
        return 1;
    case QMP_TYPE_ALTERNATE:
        return SHAPE_N_KINDS;
    case QMP_TYPE_STRING:
    case QMP_TYPE_BOOL:
    case QMP_TYPE_INT:
    case QMP_TYPE_NUMBER:
    case QMP_TYPE_NULL:
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
        return 0;
    }
    return 0;
}

struct span shape_kind_name(enum qmp_kind kind)
{
    static const struct span names[SHAPE_N_KINDS] = {
        [QMP_KIND_OBJECT] = SPAN_LIT("object"), [QMP_KIND_ARRAY] = SPAN_LIT("array"),
        [QMP_KIND_STRING] = SPAN_LIT("string"), [QMP_KIND_NUMBER] = SPAN_LIT("number"),
        [QMP_KIND_TRUE] = SPAN_LIT("boolean"),  [QMP_KIND_FALSE] = SPAN_LIT("boolean"),
        [QMP_KIND_NULL] = SPAN_LIT("null"),
    };
    return names[kind];
}

uint16_t shape_of_command(const struct qmp_schema *s, unsigned command)
{
    const char *name = qmp_schema_command(s, command)->name;
    const struct table_word *w =
        shape_table_member(SHAPE_COMMANDS, (struct span){ name, strlen(name) });
    return w ? w->target : SHAPE_EMPTY;
}

/* --- nodes ----------------------------------------------------------------------------------- */

/* The place that stands for this type and shape: the node that is there, or a new one. Its own
 * places are filled when its turn comes. */
static uint32_t node_place(struct building *b, uint32_t type, uint32_t shape, uint32_t up,
                           uint32_t at)
{
    struct acl_reach_map *m = b->map;
    for (uint32_t i = b->nodes_of_type[type]; i != NODE_NONE; i = m->nodes[i].next) {
        if (m->nodes[i].shape == shape)
            return PLACE_NODE + i;
    }
    uint32_t n_places = shape_n_places(b->schema, type);
    if (n_places > PLACES_MAX - m->n_places || m->n_nodes >= PLACES_MAX)
        return PLACE_UNKNOWN;
    mem_grow((void **)&m->nodes, &m->nodes_cap, m->n_nodes + 1, sizeof(*m->nodes));
    mem_grow((void **)&m->places, &m->places_cap, m->n_places + n_places, sizeof(*m->places));
    m->nodes[m->n_nodes] = (struct shape_node){
        .type = type,
        .shape = shape,
        .kind = (uint8_t)qmp_type_kind(b->schema, type),
        .first = (uint32_t)m->n_places,
        .next = b->nodes_of_type[type],
        .up = up,
        .at = at,
    };
    m->n_places += n_places;
    b->nodes_of_type[type] = (uint32_t)m->n_nodes;
    return PLACE_NODE + (uint32_t)m->n_nodes++;
}

/* --- places ---------------------------------------------------------------------------------- */

static bool is_simple(enum expected expected, enum qmp_type_kind kind)
{
    switch (kind) {
    case QMP_TYPE_STRING:
        return expected == EXPECT_TEXT || expected == EXPECT_SIMPLE || expected == EXPECT_ANYTHING;
    case QMP_TYPE_INT:
    case QMP_TYPE_NUMBER:
        return expected == EXPECT_NUMBER || expected == EXPECT_SIMPLE ||
               expected == EXPECT_ANYTHING;
    case QMP_TYPE_BOOL:
        return expected == EXPECT_FLAG || expected == EXPECT_SIMPLE || expected == EXPECT_ANYTHING;
    case QMP_TYPE_NULL:
        return expected == EXPECT_NIL;
    case QMP_TYPE_ANY:
        return expected == EXPECT_ANY || expected == EXPECT_ANYTHING;
    case QMP_TYPE_OPAQUE:
    case QMP_TYPE_ENUM:
    case QMP_TYPE_ARRAY:
    case QMP_TYPE_OBJECT:
    case QMP_TYPE_ALTERNATE:
        return false;
    }
    return false;
}

static bool is_of_sort(enum qmp_type_kind kind, enum shape_sort sort)
{
    switch (sort) {
    case SHAPE_OBJECT:
        return kind == QMP_TYPE_OBJECT;
    case SHAPE_ENUM:
        return kind == QMP_TYPE_ENUM;
    case SHAPE_ALTERNATE:
        return kind == QMP_TYPE_ALTERNATE;
    }
    return false;
}

/* A value of this type, which is no array, where the table has the word. `node` is at work on its
 * place `at`. */
static uint32_t judge_single(struct building *b, uint32_t node, uint32_t at, uint32_t type,
                             const struct table_word *w)
{
    enum qmp_type_kind kind = qmp_type_kind(b->schema, type);
    if (w->expected == EXPECT_TAG) /* its values are words of the same shape */
        return kind == QMP_TYPE_ENUM ? node_place(b, type, w->shape, node, at) : PLACE_UNKNOWN;
    if (w->expected == EXPECT_SHAPE)
        return is_of_sort(kind, shape_table_sort(w->target))
                   ? node_place(b, type, w->target, node, at)
                   : PLACE_UNKNOWN;
    return is_simple((enum expected)w->expected, kind) ? w->verdict : PLACE_UNKNOWN;
}

/* The same where there may be an array of them. An array of arrays is none that QEMU has. */
static uint32_t judge(struct building *b, uint32_t node, uint32_t at, uint32_t type,
                      const struct table_word *w)
{
    if (!w)
        return PLACE_UNKNOWN;
    if (w->expected == EXPECT_OWNED)
        return w->verdict;
    if (qmp_type_kind(b->schema, type) != QMP_TYPE_ARRAY)
        return judge_single(b, node, at, type, w);
    uint32_t element = qmp_type_element(b->schema, type);
    if (w->expected == EXPECT_SHAPE &&
        is_of_sort(qmp_type_kind(b->schema, element), shape_table_sort(w->target)))
        return node_place(b, type, w->target, node, at);
    if (!is_simple((enum expected)w->expected, qmp_type_kind(b->schema, element)))
        return PLACE_UNKNOWN;
    if (w->verdict == ACL_REACH_NOTHING || w->verdict == ACL_REACH_QOM)
        return w->verdict; /* the array as a whole */
    return node_place(b, type, SHAPE_IS_VERDICT + w->verdict, node, at);
}

static void fill_enum(struct building *b, const struct shape_node *node)
{
    for (uint32_t i = 0; i < qmp_type_n_parts(b->schema, node->type); i++) {
        const struct table_word *w =
            shape_table_value((uint16_t)node->shape, qmp_type_part(b->schema, node->type, i).name);
        b->map->places[node->first + i] = w ? w->verdict : PLACE_UNKNOWN;
    }
}

static void fill_array(struct building *b, uint32_t number, const struct shape_node *node)
{
    uint32_t place = node->shape & (SHAPE_IS_VERDICT - 1);
    if (node->shape < SHAPE_IS_VERDICT)
        place = node_place(b, qmp_type_element(b->schema, node->type), node->shape, number, 0);
    b->map->places[node->first] = place;
}

static void fill_alternate(struct building *b, uint32_t number, const struct shape_node *node)
{
    for (uint32_t kind = 0; kind < SHAPE_N_KINDS; kind++) {
        uint32_t choice = qmp_type_of_kind(b->schema, node->type, (enum qmp_kind)kind);
        const struct table_word *w =
            shape_table_member((uint16_t)node->shape, shape_kind_name((enum qmp_kind)kind));
        uint32_t place =
            choice == QMP_TYPE_NONE ? 0 : judge(b, number, kind, choice, w); /* 0: none is valid */
        b->map->places[node->first + kind] = place;
    }
}

/* The members that join in with a value of the tag. Where the table does not know the value, it
 * knows none of them. */
static uint32_t judge_branch(struct building *b, uint32_t number, const struct shape_node *node,
                             uint32_t at, uint32_t value, struct span name)
{
    uint32_t branch = qmp_type_branch(b->schema, node->type, value);
    if (branch == QMP_TYPE_NONE)
        return 0;
    if (qmp_type_kind(b->schema, branch) != QMP_TYPE_OBJECT)
        return PLACE_UNKNOWN;
    const struct table_word *w = shape_table_value((uint16_t)node->shape, name);
    uint16_t shape = w && shape_table_sort(w->target) == SHAPE_OBJECT ? w->target : SHAPE_EMPTY;
    return node_place(b, branch, shape, number, at);
}

static void fill_object(struct building *b, uint32_t number, const struct shape_node *node)
{
    const struct qmp_schema *s = b->schema;
    uint32_t tag = qmp_type_tag(s, node->type), n = qmp_type_n_parts(s, node->type);
    for (uint32_t i = 0; i < n; i++) {
        struct qmp_type_part part = qmp_type_part(s, node->type, i);
        const struct table_word *w = shape_table_member((uint16_t)node->shape, part.name);
        if (w && w->expected == EXPECT_TAG && i != tag)
            w = NULL;
        uint32_t place = judge(b, number, i, part.type, w);
        b->map->places[node->first + i] = place; /* node_place may have moved them */
    }
    for (uint32_t v = 0; v < shape_n_branches(s, node->type); v++) {
        struct span name = qmp_type_part(s, qmp_type_part(s, node->type, tag).type, v).name;
        uint32_t place = judge_branch(b, number, node, n + v, v, name);
        b->map->places[node->first + n + v] = place;
    }
}

static void fill(struct building *b, uint32_t number)
{
    const struct shape_node node = b->map->nodes[number]; /* a copy: nodes move */
    switch ((enum qmp_type_kind)node.kind) {
    case QMP_TYPE_OBJECT:
        fill_object(b, number, &node);
        break;
    case QMP_TYPE_ENUM:
        fill_enum(b, &node);
        break;
    case QMP_TYPE_ARRAY:
        fill_array(b, number, &node);
        break;
    case QMP_TYPE_ALTERNATE:
        fill_alternate(b, number, &node);
        break;
    case QMP_TYPE_STRING:
    case QMP_TYPE_BOOL:
    case QMP_TYPE_INT:
    case QMP_TYPE_NUMBER:
    case QMP_TYPE_NULL:
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
        break; /* no nodes */
    }
}

/* --- what reaches nothing -------------------------------------------------------------------- */

static bool place_reaches(const struct acl_reach_map *m, uint32_t place)
{
    return place_is_node(place) ? m->nodes[place - PLACE_NODE].reaches : place != 0;
}

static bool node_reaches(const struct acl_reach_map *m, const struct shape_node *node)
{
    for (uint32_t i = 0; i < shape_n_places(m->schema, node->type); i++) {
        if (place_reaches(m, m->places[node->first + i]))
            return true;
    }
    return false;
}

#define ROUNDS_MAX 64u /* 7.2 takes 4; a schema that takes more is none of QEMU's */

/* Up from what reaches something, until nothing changes. Nodes are mostly met after those that they
 * are below, hence backwards. */
static void spread(struct acl_reach_map *m)
{
    bool changed = true;
    for (unsigned round = 0; changed; round++) {
        changed = false;
        for (size_t i = m->n_nodes; i-- > 0;) {
            if (m->nodes[i].reaches || !(round >= ROUNDS_MAX || node_reaches(m, &m->nodes[i])))
                continue;
            m->nodes[i].reaches = true;
            changed = true;
        }
    }
}

/* Members below which nothing reaches anything need not be gone into. Branches stay: they say which
 * members there are. */
static void prune(struct acl_reach_map *m)
{
    for (size_t i = 0; i < m->n_nodes; i++) {
        const struct shape_node *node = &m->nodes[i];
        uint32_t n = shape_n_places(m->schema, node->type);
        if (node->kind == QMP_TYPE_OBJECT)
            n = qmp_type_n_parts(m->schema, node->type);
        for (uint32_t j = 0; j < n; j++) {
            if (!place_reaches(m, m->places[node->first + j]))
                m->places[node->first + j] = 0;
        }
    }
}

/* --- all ------------------------------------------------------------------------------------- */

static uint32_t judge_command(struct building *b, unsigned command)
{
    uint32_t type = qmp_command_arguments(b->schema, command);
    if (qmp_type_kind(b->schema, type) != QMP_TYPE_OBJECT)
        return PLACE_UNKNOWN;
    uint16_t shape = shape_of_command(b->schema, command);
    if (shape_table_sort(shape) != SHAPE_OBJECT)
        shape = SHAPE_EMPTY;
    return node_place(b, type, shape, NODE_NONE, command);
}

struct acl_reach_map *acl_reach_map_new(const struct qmp_schema *s)
{
    struct acl_reach_map *m = MEM_NEW(struct acl_reach_map);
    struct building b = { .map = m, .schema = s };
    unsigned n_commands = qmp_schema_n_commands(s);
    m->schema = s;
    m->commands = MEM_NEW_N(uint32_t, n_commands + 1u);
    b.nodes_of_type = MEM_NEW_N(uint32_t, qmp_schema_n_types(s) + 1u);
    memset(b.nodes_of_type, 0xff, qmp_schema_n_types(s) * sizeof(*b.nodes_of_type));
    for (unsigned i = 0; i < n_commands; i++)
        m->commands[i] = judge_command(&b, i);
    for (uint32_t i = 0; i < m->n_nodes; i++) /* grows meanwhile */
        fill(&b, i);
    free(b.nodes_of_type);
    spread(m);
    prune(m);
    return m;
}

void acl_reach_map_free(struct acl_reach_map *m)
{
    if (!m)
        return;
    free(m->nodes);
    free(m->places);
    free(m->commands);
    free(m);
}

bool acl_reach_is_possible(const struct acl_reach_map *m, unsigned command)
{
    return qmp_command_is_open(m->schema, command) || place_reaches(m, m->commands[command]);
}
