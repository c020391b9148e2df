/* From the elements of a schema to its types. The VM may be hostile: what contradicts itself is
 * refused, what is merely unknown becomes opaque. All is linear in the schema's text, but for
 * sorting. */
#include "config.h"
#include "qmp/schema_internal.h"

#include <stdlib.h>
#include "base/limits.h"
#include "base/mem.h"

struct builder {
    struct qmp_schema *schema;
    struct schema_types *model;
    const struct qmp_tape *tape;
    const struct schema_element *element; /* at work on it */
    struct schema_type *type;             /* the same, if it is one */
    struct buf names;
    size_t n_parts, parts_cap;
    size_t n_branches, branches_cap;
    size_t n_by_kind, by_kind_cap;
    struct error *err;
};

static int fault(const struct builder *b, const char *what)
{
    return error_set(b->err, ERROR_PEER, "the VM's schema has '%s' %s", b->element->name, what);
}

/* --- look-up ---------------------------------------------------------------------------------- */

/* The type that a string of the schema names. */
static int find_type(const struct builder *b, uint32_t object, struct span member, uint32_t *out)
{
    uint32_t token = qmp_tape_find(b->tape, object, member);
    if (token == QMP_NONE)
        return fault(b, "without a type");
    /* it is a string, and the type exists: resolve_references saw to it */
    int64_t element = schema_find(b->schema, SCHEMA_TYPE, qmp_tape_string(b->tape, token));
    *out = b->schema->elements[element].number;
    return 0;
}

static uint32_t find_type_if_any(const struct builder *b, uint32_t object, struct span member)
{
    uint32_t type = QMP_TYPE_NONE;
    if (qmp_tape_find(b->tape, object, member) != QMP_NONE)
        (void)!find_type(b, object, member, &type);
    return type;
}

static int find_array(const struct builder *b, uint32_t object, struct span member, uint32_t *out)
{
    *out = qmp_tape_find(b->tape, object, member);
    if (*out == QMP_NONE || qmp_tape_kind(b->tape, *out) != QMP_KIND_ARRAY)
        return fault(b, "without its members");
    return 0;
}

/* --- members and values ----------------------------------------------------------------------- */

static int add_part(struct builder *b, struct span name, struct schema_part part)
{
    if (!schema_is_proper_name(name) || name.len > LIMIT_SCHEMA_NAME)
        return fault(b, "with a member of an improper name");
    part.name = (uint32_t)buf_len(&b->names);
    part.name_len = (uint16_t)name.len;
    buf_add_span(&b->names, name);
    buf_add_char(&b->names, '\0');
    mem_grow((void **)&b->model->parts, &b->parts_cap, b->n_parts + 1, sizeof(part));
    b->model->parts[b->n_parts++] = part;
    b->type->n++;
    return 0;
}

static int compare_parts(const void *a, const void *b, void *names)
{
    const struct schema_part *x = a, *y = b;
    return schema_compare_names((struct span){ (const char *)names + x->name, x->name_len },
                                (struct span){ (const char *)names + y->name, y->name_len });
}

static int sort_parts(const struct builder *b)
{
    if (b->type->n == 0)
        return 0; /* there may be no array yet */
    struct schema_part *parts = &b->model->parts[b->type->first];
    char *names = buf_data(&b->names);
    qsort_r(parts, b->type->n, sizeof(*parts), compare_parts, names);
    for (uint32_t i = 1; i < b->type->n; i++) {
        if (compare_parts(&parts[i - 1], &parts[i], names) == 0)
            return fault(b, "with two members of one name");
    }
    return 0;
}

static int part_name(const struct builder *b, uint32_t part, struct span *out)
{
    if (qmp_tape_kind(b->tape, part) != QMP_KIND_OBJECT)
        return fault(b, "with a member that is no object");
    uint32_t name = qmp_tape_find(b->tape, part, SPAN_LIT("name"));
    if (name == QMP_NONE || qmp_tape_kind(b->tape, name) != QMP_KIND_STRING)
        return fault(b, "with a member without a name");
    *out = qmp_tape_string(b->tape, name);
    return 0;
}

static uint16_t features(const struct builder *b, uint32_t part)
{
    unsigned flags = 0;
    if (schema_has_feature(b->tape, part, SPAN_LIT("deprecated")))
        flags |= PART_DEPRECATED;
    if (schema_has_feature(b->tape, part, SPAN_LIT("unstable")))
        flags |= PART_UNSTABLE;
    return (uint16_t)flags;
}

static int read_object(struct builder *b, uint32_t token)
{
    uint32_t list;
    b->type->layers = 1;
    b->type->first = (uint32_t)b->n_parts;
    int rc = find_array(b, token, SPAN_LIT("members"), &list);
    if (rc < 0)
        return rc;
    if (b->tape->tokens[list].count > LIMIT_SCHEMA_MEMBERS)
        return fault(b, "with too many members");
    QMP_TAPE_ELEMENTS (b->tape, list, member) {
        struct span name;
        struct schema_part part = { .flags = features(b, member) };
        if ((rc = part_name(b, member, &name)) < 0 ||
            (rc = find_type(b, member, SPAN_LIT("type"), &part.type)) < 0)
            return rc;
        if (qmp_tape_find(b->tape, member, SPAN_LIT("default")) != QMP_NONE)
            part.flags |= PART_OPTIONAL;
        else
            b->type->n_needed++;
        if ((rc = add_part(b, name, part)) < 0)
            return rc;
    }
    return sort_parts(b);
}

/* "members" came with QEMU 6.2; before it there were "values" alone. */
static int read_enum(struct builder *b, uint32_t token)
{
    bool plain = qmp_tape_find(b->tape, token, SPAN_LIT("members")) == QMP_NONE;
    uint32_t list;
    b->type->first = (uint32_t)b->n_parts;
    int rc = find_array(b, token, plain ? SPAN_LIT("values") : SPAN_LIT("members"), &list);
    if (rc < 0)
        return rc;
    QMP_TAPE_ELEMENTS (b->tape, list, value) {
        struct span name;
        struct schema_part part = { .type = QMP_TYPE_NONE };
        if (!plain) {
            part.flags = features(b, value);
            rc = part_name(b, value, &name);
        } else if (qmp_tape_kind(b->tape, value) == QMP_KIND_STRING) {
            name = qmp_tape_string(b->tape, value);
        } else {
            rc = fault(b, "with a value that is no string");
        }
        if (rc < 0 || (rc = add_part(b, name, part)) < 0)
            return rc;
    }
    return sort_parts(b);
}

/* --- branches --------------------------------------------------------------------------------- */

static int compare_branches(const void *a, const void *b)
{
    const struct schema_branch *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static int read_branch(struct builder *b, uint32_t values, uint32_t variant)
{
    const struct qmp_tape *t = b->tape;
    uint32_t name = qmp_tape_find(t, variant, SPAN_LIT("case"));
    if (name == QMP_NONE || qmp_tape_kind(t, name) != QMP_KIND_STRING)
        return fault(b, "with a branch without a case");
    struct schema_branch branch = { .value = qmp_type_find(b->schema, values,
                                                           qmp_tape_string(t, name)) };
    if (branch.value == QMP_NONE)
        return fault(b, "with a branch for no value of its tag");
    int rc = find_type(b, variant, SPAN_LIT("type"), &branch.type);
    if (rc < 0)
        return rc;
    uint8_t kind = b->model->types[branch.type].kind;
    if (kind != QMP_TYPE_OBJECT && kind != QMP_TYPE_OPAQUE)
        return fault(b, "with a branch that is no object");
    mem_grow((void **)&b->model->branches, &b->branches_cap, b->n_branches + 1, sizeof(branch));
    b->model->branches[b->n_branches++] = branch;
    b->type->n_branches++;
    return 0;
}

static int read_branches(struct builder *b, uint32_t values, uint32_t variants)
{
    b->type->first_branch = (uint32_t)b->n_branches;
    QMP_TAPE_ELEMENTS (b->tape, variants, variant) {
        int rc = read_branch(b, values, variant);
        if (rc < 0)
            return rc;
    }
    if (b->type->n_branches == 0)
        return 0;
    struct schema_branch *branches = &b->model->branches[b->type->first_branch];
    qsort(branches, b->type->n_branches, sizeof(*branches), compare_branches);
    for (uint32_t i = 1; i < b->type->n_branches; i++) {
        if (branches[i - 1].value == branches[i].value)
            return fault(b, "with two branches for one value");
    }
    return 0;
}

/* Tag and branches, where all enums are known. */
static int read_union(struct builder *b, uint32_t token)
{
    const struct qmp_tape *t = b->tape;
    uint32_t tag = qmp_tape_find(t, token, SPAN_LIT("tag"));
    uint32_t variants = qmp_tape_find(t, token, SPAN_LIT("variants"));
    if (tag == QMP_NONE && variants == QMP_NONE)
        return 0;
    if (tag == QMP_NONE || qmp_tape_kind(t, tag) != QMP_KIND_STRING || variants == QMP_NONE)
        return fault(b, "with branches without a tag, or a tag without branches");
    uint32_t number = (uint32_t)(b->type - b->model->types);
    b->type->tag = qmp_type_find(b->schema, number, qmp_tape_string(t, tag));
    if (b->type->tag == QMP_NONE)
        return fault(b, "with a tag that is no member");
    struct qmp_type_part member = qmp_type_part(b->schema, number, b->type->tag);
    if (member.optional) { /* no QEMU has that yet: what it would mean is not known */
        b->type->kind = QMP_TYPE_OPAQUE;
        return 0;
    }
    if (b->model->types[member.type].kind != QMP_TYPE_ENUM)
        return fault(b, "with a tag that is no enum");
    return read_branches(b, member.type, variants);
}

/* One round makes each type as long as its longest branch was, plus one. A cycle never ends. */
static int count_layers(struct builder *b)
{
    struct schema_types *m = b->model;
    bool changed = true;
    while (changed) {
        changed = false;
        for (uint32_t i = 0; i < b->schema->n_numbered[SCHEMA_TYPE]; i++) {
            struct schema_type *k = &m->types[i];
            b->element = &b->schema->elements[b->schema->numbered[SCHEMA_TYPE][i]];
            for (uint32_t j = 0; j < k->n_branches; j++) {
                uint8_t inner = m->types[m->branches[k->first_branch + j].type].layers;
                if (k->layers > inner)
                    continue;
                k->layers = (uint8_t)(inner + 1);
                changed = true;
            }
            if (k->layers > QMP_SHAPE_MAX)
                return fault(b, "with branches within branches without end");
        }
    }
    return 0;
}

/* --- alternates ------------------------------------------------------------------------------- */

#define BIT(kind) (1u << (kind))

/* Kinds of JSON value that make a type; 0: cannot be said. */
static unsigned kinds_of(enum qmp_type_kind kind)
{
    switch (kind) {
    case QMP_TYPE_STRING:
    case QMP_TYPE_ENUM:
        return BIT(QMP_KIND_STRING);
    case QMP_TYPE_BOOL:
        return BIT(QMP_KIND_TRUE) | BIT(QMP_KIND_FALSE);
    case QMP_TYPE_INT:
    case QMP_TYPE_NUMBER:
        return BIT(QMP_KIND_NUMBER);
    case QMP_TYPE_NULL:
        return BIT(QMP_KIND_NULL);
    case QMP_TYPE_ARRAY:
        return BIT(QMP_KIND_ARRAY);
    case QMP_TYPE_OBJECT:
        return BIT(QMP_KIND_OBJECT);
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
    case QMP_TYPE_ALTERNATE:
        return 0;
    }
    return 0;
}

/* Its choices; opaque if a choice is, or if two are alike. */
static int read_alternate(struct builder *b, uint32_t token)
{
    uint32_t list, choices[N_KINDS];
    unsigned taken = 0;
    int rc = find_array(b, token, SPAN_LIT("members"), &list);
    if (rc < 0)
        return rc;
    memset(choices, 0xff, sizeof(choices)); /* QMP_TYPE_NONE */
    QMP_TAPE_ELEMENTS (b->tape, list, member) {
        uint32_t type;
        if ((rc = find_type(b, member, SPAN_LIT("type"), &type)) < 0)
            return rc;
        unsigned kinds = kinds_of((enum qmp_type_kind)b->model->types[type].kind);
        if (!kinds || taken & kinds) {
            b->type->kind = QMP_TYPE_OPAQUE;
            return 0;
        }
        taken |= kinds;
        for (size_t i = 0; i < N_KINDS; i++) {
            if (kinds & BIT(i))
                choices[i] = type;
        }
    }
    mem_grow((void **)&b->model->by_kind, &b->by_kind_cap, b->n_by_kind + N_KINDS,
             sizeof(*choices));
    memcpy(b->model->by_kind + b->n_by_kind, choices, sizeof(choices));
    b->type->first = (uint32_t)b->n_by_kind;
    b->n_by_kind += N_KINDS;
    return 0;
}

/* --- types ------------------------------------------------------------------------------------ */

static int read_builtin(struct builder *b, uint32_t token)
{
    static const struct {
        struct span name;
        enum qmp_type_kind kind;
    } kinds[] = {
        { SPAN_LIT("string"), QMP_TYPE_STRING }, { SPAN_LIT("boolean"), QMP_TYPE_BOOL },
        { SPAN_LIT("int"), QMP_TYPE_INT },       { SPAN_LIT("number"), QMP_TYPE_NUMBER },
        { SPAN_LIT("null"), QMP_TYPE_NULL },     { SPAN_LIT("value"), QMP_TYPE_ANY },
    };
    uint32_t text = qmp_tape_find(b->tape, token, SPAN_LIT("json-type"));
    if (text == QMP_NONE || qmp_tape_kind(b->tape, text) != QMP_KIND_STRING)
        return fault(b, "without its json-type");
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (qmp_tape_string_is(b->tape, text, kinds[i].name))
            b->type->kind = (uint8_t)kinds[i].kind;
    }
    return 0;
}

static int read_array(struct builder *b, uint32_t token)
{
    return find_type(b, token, SPAN_LIT("element-type"), &b->type->first);
}

/* What must be known of all types before the next can be read. */
enum pass { PASS_PARTS, PASS_UNIONS, PASS_ALTERNATES, N_PASSES };

/* Everything but a command or an event, by meta-type. */
static const struct meta_type {
    struct span name;
    enum qmp_type_kind kind;
    int (*read[N_PASSES])(struct builder *b, uint32_t token);
} meta_types[] = {
    { SPAN_LIT("builtin"), QMP_TYPE_OPAQUE, { [PASS_PARTS] = read_builtin } },
    { SPAN_LIT("enum"), QMP_TYPE_ENUM, { [PASS_PARTS] = read_enum } },
    { SPAN_LIT("array"), QMP_TYPE_ARRAY, { [PASS_PARTS] = read_array } },
    { SPAN_LIT("object"),
      QMP_TYPE_OBJECT,
      { [PASS_PARTS] = read_object, [PASS_UNIONS] = read_union } },
    { SPAN_LIT("alternate"), QMP_TYPE_ALTERNATE, { [PASS_ALTERNATES] = read_alternate } },
    { SPAN_LIT(""), QMP_TYPE_OPAQUE, { NULL } }, /* a newer QEMU's */
};

static const struct meta_type *meta_type_of(const struct qmp_tape *t, uint32_t token)
{
    const struct meta_type *m = meta_types;
    uint32_t text = qmp_tape_find(t, token, SPAN_LIT("meta-type"));
    while (m->name.len && !qmp_tape_string_is(t, text, m->name))
        m++;
    return m;
}

static int read_types(struct builder *b, enum pass pass)
{
    uint32_t i = 0;
    QMP_TAPE_ELEMENTS (b->tape, 0, token) {
        b->element = &b->schema->elements[i++];
        if (b->element->sort != SCHEMA_TYPE)
            continue;
        const struct meta_type *m = meta_type_of(b->tape, token);
        b->type = &b->model->types[b->element->number];
        if (pass == PASS_PARTS)
            *b->type = (struct schema_type){ .kind = (uint8_t)m->kind, .tag = QMP_NONE };
        int rc = m->read[pass] ? m->read[pass](b, token) : 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* --- commands and events ---------------------------------------------------------------------- */

/* Commands that QEMU writes by hand ("gen": false), which the schema does not tell: device_add
 * takes a device's properties; up to QEMU 4.2 netdev_add, and up to 5.2 object-add, took those of
 * backends so. Whose argument type has branches is not written by hand any more. */
static const struct span open_commands[] = { SPAN_LIT("device_add"), SPAN_LIT("netdev_add"),
                                             SPAN_LIT("object-add") };

static bool is_open(const struct builder *b, uint32_t type)
{
    struct span name = { b->element->name, b->element->name_len };
    for (size_t i = 0; i < ARRAY_SIZE(open_commands); i++) {
        if (schema_compare_names(name, open_commands[i]) == 0)
            return b->model->types[type].kind == QMP_TYPE_OBJECT &&
                   b->model->types[type].tag == QMP_NONE;
    }
    return false;
}

static int read_command(struct builder *b, uint32_t token)
{
    uint32_t type;
    int rc = find_type(b, token, SPAN_LIT("arg-type"), &type);
    if (rc < 0)
        return rc;
    uint8_t kind = b->model->types[type].kind;
    if (kind != QMP_TYPE_OBJECT && kind != QMP_TYPE_OPAQUE)
        return fault(b, "with arguments that are no object");
    b->model->arguments[b->element->number] = (struct schema_arguments){
        .type = type,
        .returns = find_type_if_any(b, token, SPAN_LIT("ret-type")),
        .open = is_open(b, type),
    };
    return 0;
}

static int read_uses(struct builder *b)
{
    uint32_t i = 0;
    int rc = 0;
    QMP_TAPE_ELEMENTS (b->tape, 0, token) {
        b->element = &b->schema->elements[i++];
        if (b->element->sort == SCHEMA_COMMAND)
            rc = read_command(b, token);
        else if (b->element->sort == SCHEMA_EVENT)
            b->model->data[b->element->number] = find_type_if_any(b, token, SPAN_LIT("arg-type"));
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* --- all -------------------------------------------------------------------------------------- */

static int build(struct builder *b)
{
    int rc = read_types(b, PASS_PARTS);
    b->model->names = buf_data(&b->names); /* does not move any more */
    if (rc < 0 || (rc = read_types(b, PASS_UNIONS)) < 0)
        return rc;
    if ((rc = count_layers(b)) < 0 || (rc = read_types(b, PASS_ALTERNATES)) < 0)
        return rc;
    return read_uses(b);
}

/* Gives back what the array grew in vain. */
static void *fit(void *array, size_t n, size_t size)
{
    return n ? mem_realloc_array(array, n, size) : array;
}

int schema_parse_types(struct qmp_schema *s, const struct qmp_tape *t, struct error *err)
{
    struct builder b = { .schema = s, .model = &s->model, .tape = t, .err = err };
    s->model.types = MEM_NEW_N(struct schema_type, s->n_numbered[SCHEMA_TYPE]);
    s->model.arguments = MEM_NEW_N(struct schema_arguments, s->n_numbered[SCHEMA_COMMAND]);
    s->model.data = MEM_NEW_N(uint32_t, s->n_numbered[SCHEMA_EVENT]);
    int rc = build(&b);
    s->model.names = fit(s->model.names, buf_len(&b.names), 1);
    s->model.parts = fit(s->model.parts, b.n_parts, sizeof(*s->model.parts));
    s->model.branches = fit(s->model.branches, b.n_branches, sizeof(*s->model.branches));
    s->model.by_kind = fit(s->model.by_kind, b.n_by_kind, sizeof(*s->model.by_kind));
    return rc;
}

void schema_free_types(struct schema_types *m)
{
    free(m->types);
    free(m->parts);
    free(m->branches);
    free(m->by_kind);
    free(m->names);
    free(m->arguments);
    free(m->data);
}
