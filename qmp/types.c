#include "config.h"
#include "qmp/types.h"

#include "qmp/schema_internal.h"

uint32_t qmp_schema_n_types(const struct qmp_schema *s)
{
    return s->n_numbered[SCHEMA_TYPE];
}

enum qmp_type_kind qmp_type_kind(const struct qmp_schema *s, uint32_t type)
{
    return (enum qmp_type_kind)s->model.types[type].kind;
}

uint32_t qmp_command_arguments(const struct qmp_schema *s, unsigned i)
{
    return s->model.arguments[i].type;
}

bool qmp_command_is_open(const struct qmp_schema *s, unsigned i)
{
    return s->model.arguments[i].open;
}

uint32_t qmp_command_returns(const struct qmp_schema *s, unsigned i)
{
    return s->model.arguments[i].returns;
}

uint32_t qmp_event_data(const struct qmp_schema *s, unsigned i)
{
    return s->model.data[i];
}

uint32_t qmp_type_element(const struct qmp_schema *s, uint32_t type)
{
    return s->model.types[type].first;
}

uint32_t qmp_type_n_parts(const struct qmp_schema *s, uint32_t type)
{
    return s->model.types[type].n;
}

static struct span part_name(const struct qmp_schema *s, const struct schema_part *p)
{
    return (struct span){ s->model.names + p->name, p->name_len };
}

struct qmp_type_part qmp_type_part(const struct qmp_schema *s, uint32_t type, uint32_t part)
{
    const struct schema_part *p = &s->model.parts[s->model.types[type].first + part];
    return (struct qmp_type_part){
        .name = part_name(s, p),
        .type = p->type,
        .optional = p->flags & PART_OPTIONAL,
        .deprecated = p->flags & PART_DEPRECATED,
        .unstable = p->flags & PART_UNSTABLE,
    };
}

uint32_t qmp_type_find(const struct qmp_schema *s, uint32_t type, struct span name)
{
    const struct schema_type *k = &s->model.types[type];
    uint32_t low = 0, high = k->n;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = schema_compare_names(name, part_name(s, &s->model.parts[k->first + middle]));
        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return QMP_NONE;
}

uint32_t qmp_type_tag(const struct qmp_schema *s, uint32_t type)
{
    return s->model.types[type].tag;
}

uint32_t qmp_type_branch(const struct qmp_schema *s, uint32_t type, uint32_t value)
{
    const struct schema_type *k = &s->model.types[type];
    uint32_t low = 0, high = k->n_branches;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct schema_branch *b = &s->model.branches[k->first_branch + middle];
        if (b->value == value)
            return b->type;
        if (value < b->value)
            high = middle;
        else
            low = middle + 1;
    }
    return QMP_TYPE_NONE;
}

uint32_t qmp_type_of_kind(const struct qmp_schema *s, uint32_t type, enum qmp_kind kind)
{
    return s->model.by_kind[s->model.types[type].first + kind];
}

/* The branch that the tag chooses; QMP_TYPE_NONE if it has no members. */
static enum qmp_shape_status choose(const struct qmp_schema *s, uint32_t type,
                                    const struct qmp_tape *t, uint32_t object, uint32_t *branch)
{
    struct qmp_type_part tag = qmp_type_part(s, type, qmp_type_tag(s, type));
    uint32_t token = qmp_tape_find(t, object, tag.name);
    if (token == QMP_NONE)
        return QMP_SHAPE_NO_TAG;
    if (qmp_tape_kind(t, token) != QMP_KIND_STRING)
        return QMP_SHAPE_BAD_TAG;
    uint32_t value = qmp_type_find(s, tag.type, qmp_tape_string(t, token));
    if (value == QMP_NONE)
        return QMP_SHAPE_BAD_TAG;
    *branch = qmp_type_branch(s, type, value);
    return QMP_SHAPE_WHOLE;
}

enum qmp_shape_status qmp_shape_find(const struct qmp_schema *s, uint32_t type,
                                     const struct qmp_tape *t, uint32_t object,
                                     struct qmp_shape *shape)
{
    *shape = (struct qmp_shape){ 0 };
    while (type != QMP_TYPE_NONE) {
        if (qmp_type_kind(s, type) == QMP_TYPE_OPAQUE) {
            shape->open = true;
            break;
        }
        shape->types[shape->n++] = type; /* there is room: schema_parse_types saw to it */
        if (qmp_type_tag(s, type) == QMP_NONE)
            break;
        enum qmp_shape_status status = choose(s, type, t, object, &type);
        if (status != QMP_SHAPE_WHOLE)
            return status;
    }
    return QMP_SHAPE_WHOLE;
}
