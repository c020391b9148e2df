#include "config.h"
#include "cli/policy_sample.h"

#include <stdlib.h>
#include "base/mem.h"

#define DEPTH_OF_CHOICES 1u
#define DEPTH_MAX        16u /* what has to hold itself is no type that anybody can write down */

struct sample {
    struct policy_sampler *sampler;
    const struct qmp_schema *schema;
    struct buf *out;
};

void policy_sampler_clear(struct policy_sampler *p)
{
    free(p->choices);
    *p = (struct policy_sampler){ 0 };
}

/* One of n, each in its turn. */
static uint32_t choose(struct policy_sampler *p, uint32_t n)
{
    if (p->used == p->n) {
        mem_grow((void **)&p->choices, &p->cap, p->n + 1, sizeof(*p->choices));
        p->choices[p->n++] = (struct policy_choice){ 0, n };
    }
    return p->choices[p->used++].at;
}

/* The last choice that has something left goes on; false if none has. */
static bool advance(struct policy_sampler *p)
{
    while (p->n > 0 && p->choices[p->n - 1].at + 1 >= p->choices[p->n - 1].n)
        p->n--;
    if (p->n == 0)
        return false;
    p->choices[p->n - 1].at++;
    return true;
}

static void write_value(struct sample *m, uint32_t type, unsigned depth);

static void write_name(struct sample *m, struct span name)
{
    buf_add_json_string(m->out, name.data, name.len);
}

static void write_members(struct sample *m, uint32_t type, bool *any, unsigned depth)
{
    const struct qmp_schema *s = m->schema;
    if (type == QMP_TYPE_NONE || qmp_type_kind(s, type) != QMP_TYPE_OBJECT)
        return;
    uint32_t tag = qmp_type_tag(s, type), value = 0;
    for (uint32_t i = 0; i < qmp_type_n_parts(s, type); i++) {
        struct qmp_type_part part = qmp_type_part(s, type, i);
        if (part.optional && i != tag)
            continue;
        if (*any)
            buf_add_char(m->out, ',');
        *any = true;
        write_name(m, part.name);
        buf_add_char(m->out, ':');
        if (i == tag) {
            value = choose(m->sampler, qmp_type_n_parts(s, part.type));
            write_name(m, qmp_type_part(s, part.type, value).name);
        } else {
            write_value(m, part.type, depth + 1);
        }
    }
    if (tag != QMP_NONE)
        write_members(m, qmp_type_branch(s, type, value), any, depth + 1);
}

static void write_object(struct sample *m, uint32_t type, unsigned depth)
{
    bool any = false;
    buf_add_char(m->out, '{');
    write_members(m, type, &any, depth);
    buf_add_char(m->out, '}');
}

/* What is no container comes first, and deep down alone: a node may hold nodes without end. */
static void write_alternate(struct sample *m, uint32_t type, unsigned depth)
{
    static const enum qmp_kind kinds[] = { QMP_KIND_STRING, QMP_KIND_NUMBER, QMP_KIND_TRUE,
                                           QMP_KIND_NULL,   QMP_KIND_ARRAY,  QMP_KIND_OBJECT };
    uint32_t choices[ARRAY_SIZE(kinds)], n = 0;
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        uint32_t choice = qmp_type_of_kind(m->schema, type, kinds[k]);
        bool container = kinds[k] == QMP_KIND_ARRAY || kinds[k] == QMP_KIND_OBJECT;
        if (choice != QMP_TYPE_NONE && !(container && n > 0 && depth > DEPTH_OF_CHOICES))
            choices[n++] = choice;
    }
    if (n == 0)
        BUF_ADD_LIT(m->out, "null");
    else
        write_value(m, choices[choose(m->sampler, n)], depth + 1);
}

static void write_value(struct sample *m, uint32_t type, unsigned depth)
{
    const struct qmp_schema *s = m->schema;
    enum qmp_type_kind kind = depth > DEPTH_MAX ? QMP_TYPE_NULL : qmp_type_kind(s, type);
    switch (kind) {
    case QMP_TYPE_STRING:
        BUF_ADD_LIT(m->out, "\"x\"");
        break;
    case QMP_TYPE_BOOL:
        BUF_ADD_LIT(m->out, "false");
        break;
    case QMP_TYPE_INT:
    case QMP_TYPE_NUMBER:
        BUF_ADD_LIT(m->out, "1");
        break;
    case QMP_TYPE_NULL:
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
        BUF_ADD_LIT(m->out, "null");
        break;
    case QMP_TYPE_ENUM:
        write_name(m, qmp_type_part(s, type, choose(m->sampler, qmp_type_n_parts(s, type))).name);
        break;
    case QMP_TYPE_ARRAY: /* one that is empty reaches nothing */
        BUF_ADD_LIT(m->out, "[]");
        break;
    case QMP_TYPE_OBJECT:
        write_object(m, type, depth);
        break;
    case QMP_TYPE_ALTERNATE:
        write_alternate(m, type, depth);
        break;
    }
}

bool policy_sample_next(struct policy_sampler *p, const struct qmp_schema *s, unsigned command,
                        struct buf *out)
{
    uint32_t type = qmp_command_arguments(s, command);
    if (p->made == POLICY_SAMPLES_MAX || (p->made > 0 && !advance(p)))
        return false;
    p->made++;
    p->used = 0;
    buf_clear(out);
    write_object(&(struct sample){ p, s, out }, type, 0);
    return true;
}
