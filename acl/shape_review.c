/* Telling what a map knows and does not know: for `make check`, and for whoever compares a VM with
 * the release that the table was made for. */
#include "config.h"
#include "acl/shape_internal.h"

#include <stdlib.h>
#include <string.h>
#include "acl/bits.h"
#include "base/buf.h"

struct review {
    const struct acl_reach_map *map;
    const struct qmp_schema *schema;
    acl_reach_report *report;
    void *opaque;
    struct buf line; /* at work on it */
    size_t n;
};

static void tell(struct review *r)
{
    buf_add_char(&r->line, '\0');
    if (r->report)
        r->report(r->opaque, buf_data(&r->line));
    buf_consume(&r->line, buf_len(&r->line));
    r->n++;
}

/* --- paths ----------------------------------------------------------------------------------- */

#define PATH_STEPS_MAX 32u /* shown, the last ones; 7.2 has 9 */

struct step {
    const struct shape_node *node;
    uint32_t at; /* in its places */
};

static void add_step(struct review *r, const struct step *step, bool first)
{
    const struct qmp_schema *s = r->schema;
    uint32_t type = step->node->type, n;
    switch ((enum qmp_type_kind)step->node->kind) {
    case QMP_TYPE_OBJECT:
        n = qmp_type_n_parts(s, type);
        if (step->at < n) {
            buf_printf(&r->line, "%s%s", first ? "" : ".",
                       qmp_type_part(s, type, step->at).name.data);
        } else {
            type = qmp_type_part(s, type, qmp_type_tag(s, type)).type;
            buf_printf(&r->line, "(%s)", qmp_type_part(s, type, step->at - n).name.data);
        }
        break;
    case QMP_TYPE_ENUM:
        buf_printf(&r->line, " =%s", qmp_type_part(s, type, step->at).name.data);
        break;
    case QMP_TYPE_ARRAY:
        BUF_ADD_LIT(&r->line, "[]");
        break;
    case QMP_TYPE_ALTERNATE: /* the value's JSON kind says what it is */
    case QMP_TYPE_STRING:
    case QMP_TYPE_BOOL:
    case QMP_TYPE_INT:
    case QMP_TYPE_NUMBER:
    case QMP_TYPE_NULL:
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
        break;
    }
}

/* From the command to the place, by the way on which it was first met. */
static void add_path(struct review *r, const struct shape_node *node, uint32_t at)
{
    struct step steps[PATH_STEPS_MAX]; /* the last one first */
    size_t n = 0, n_shown = 0;
    for (;; n++) {
        if (n < PATH_STEPS_MAX)
            steps[n_shown++] = (struct step){ node, at };
        at = node->at;
        if (node->up == NODE_NONE)
            break;
        node = &r->map->nodes[node->up];
    }
    buf_printf(&r->line, "%s: %s", qmp_schema_command(r->schema, at)->name,
               n < PATH_STEPS_MAX ? "" : "...");
    for (size_t i = n_shown; i-- > 0;)
        add_step(r, &steps[i], i == n_shown - 1);
}

/* --- what reaches, and what nobody looked at ------------------------------------------------- */

static void tell_commands(struct review *r)
{
    for (unsigned i = 0; i < qmp_schema_n_commands(r->schema); i++) {
        if (r->map->commands[i] != PLACE_UNKNOWN)
            continue;
        buf_printf(&r->line, "%s: all arguments", qmp_schema_command(r->schema, i)->name);
        tell(r);
    }
}

static void tell_places(struct review *r)
{
    for (size_t i = 0; i < r->map->n_nodes; i++) {
        const struct shape_node *node = &r->map->nodes[i];
        for (uint32_t at = 0; at < shape_n_places(r->schema, node->type); at++) {
            if (r->map->places[node->first + at] != PLACE_UNKNOWN)
                continue;
            add_path(r, node, at);
            tell(r);
        }
    }
}

size_t acl_reach_map_review(const struct acl_reach_map *map, acl_reach_report *report, void *opaque)
{
    struct review r = { .map = map, .schema = map->schema, .report = report, .opaque = opaque };
    tell_commands(&r);
    tell_places(&r);
    buf_free(&r.line);
    return r.n;
}

/* --- what the schema does not have ----------------------------------------------------------- */

/* Is there a branch where the table has one, and none where it has none? */
static bool branch_fits(struct review *r, const struct shape_node *node, const struct table_word *w,
                        uint32_t value)
{
    uint32_t branch = qmp_type_branch(r->schema, node->type, value);
    bool has_members =
        branch != QMP_TYPE_NONE && (qmp_type_kind(r->schema, branch) != QMP_TYPE_OBJECT ||
                                    qmp_type_n_parts(r->schema, branch) > 0);
    return has_members == (w->target != SHAPE_EMPTY);
}

static bool word_fits(struct review *r, const struct shape_node *node, const struct table_word *w)
{
    const struct qmp_schema *s = r->schema;
    if (node->kind == QMP_TYPE_ALTERNATE) {
        for (uint32_t kind = 0; kind < SHAPE_N_KINDS; kind++) {
            struct span name = shape_kind_name((enum qmp_kind)kind);
            if (name.len == w->text.len && memcmp(name.data, w->text.data, name.len) == 0)
                return qmp_type_of_kind(s, node->type, (enum qmp_kind)kind) != QMP_TYPE_NONE;
        }
        return false;
    }
    if (node->kind == QMP_TYPE_ENUM || w->expected != EXPECT_VALUE)
        return qmp_type_find(s, node->type, w->text) != QMP_NONE;
    uint32_t tag = qmp_type_tag(s, node->type);
    if (tag == QMP_NONE)
        return false;
    uint32_t value = qmp_type_find(s, qmp_type_part(s, node->type, tag).type, w->text);
    return value != QMP_NONE && branch_fits(r, node, w, value);
}

/* All words of its shape are in the type. (A tag's enum has a union's shape, and is looked at with
 * the union.) */
static void check_node(struct review *r, const struct shape_node *node)
{
    size_t n;
    if (node->kind == QMP_TYPE_ARRAY ||
        (node->kind == QMP_TYPE_ENUM && shape_table_sort((uint16_t)node->shape) != SHAPE_ENUM))
        return;
    const struct table_word *words = shape_table_words((uint16_t)node->shape, &n);
    for (size_t i = 0; i < n; i++) {
        if (word_fits(r, node, &words[i]))
            continue;
        buf_printf(&r->line, "%s has no such '%.*s'", shape_table_name((uint16_t)node->shape),
                   (int)words[i].text.len, words[i].text.data);
        tell(r);
    }
}

static void check_twice(struct review *r, uint16_t shape)
{
    size_t n;
    const struct table_word *w = shape_table_words(shape, &n);
    for (size_t i = 1; i < n; i++) {
        if ((w[i - 1].expected == EXPECT_VALUE) != (w[i].expected == EXPECT_VALUE) ||
            w[i - 1].text.len != w[i].text.len ||
            memcmp(w[i - 1].text.data, w[i].text.data, w[i].text.len) != 0)
            continue;
        buf_printf(&r->line, "%s has '%.*s' twice", shape_table_name(shape), (int)w[i].text.len,
                   w[i].text.data);
        tell(r);
    }
}

static void check_commands(struct review *r)
{
    size_t n;
    const struct table_word *words = shape_table_words(SHAPE_COMMANDS, &n);
    for (size_t i = 0; i < n; i++) {
        if (qmp_schema_find_command(r->schema, words[i].text) >= 0)
            continue;
        buf_printf(&r->line, "there is no command '%.*s'", (int)words[i].text.len,
                   words[i].text.data);
        tell(r);
    }
}

size_t acl_reach_map_misfits(const struct acl_reach_map *map, acl_reach_report *report,
                             void *opaque)
{
    struct review r = { .map = map, .schema = map->schema, .report = report, .opaque = opaque };
    uint64_t *met = bits_new(shape_table_size());
    check_commands(&r);
    for (size_t i = 0; i < map->n_nodes; i++) {
        if (map->nodes[i].shape < SHAPE_IS_VERDICT)
            bits_set(met, map->nodes[i].shape);
        check_node(&r, &map->nodes[i]);
    }
    for (uint16_t shape = SHAPE_COMMANDS; shape < shape_table_size(); shape++) {
        check_twice(&r, shape);
        if (shape == SHAPE_COMMANDS || bits_test(met, shape))
            continue;
        buf_printf(&r.line, "%s is nowhere", shape_table_name(shape));
        tell(&r);
    }
    free(met);
    buf_free(&r.line);
    return r.n;
}
