#include "config.h"
#include "cli/catalogue.h"

#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "cli/document.h"

#define NESTING_MAX     8u     /* alternates and unions within one another; QAPI has one or two */
#define VISITS_MAX      65536u /* types a question looks at: one within itself many times has no end */
#define DESCRIPTION_MAX 4096u /* bytes of a type's description, for the same reason */

struct catalogue {
    struct json_object *types; /* name -> entity: types and commands of the schema */
    char **commands;
    size_t n_commands;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct json_object *member(const struct json_object *object, const char *name)
{
    struct json_object *value = NULL;
    if (json_object_is_type(object, json_type_object))
        json_object_object_get_ex(object, name, &value);
    return value;
}

static struct json_object *list_member(const struct json_object *object, const char *name)
{
    struct json_object *list = member(object, name);
    return json_object_is_type(list, json_type_array) ? list : NULL;
}

static size_t list_length(const struct json_object *list)
{
    return json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
}

static const char *text_member(const struct json_object *object, const char *name)
{
    struct json_object *value = member(object, name);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static bool text_is(const struct json_object *object, const char *name, const char *text)
{
    const char *value = text_member(object, name);
    return value && strcmp(value, text) == 0;
}

static const struct json_object *find_type(const struct catalogue *c, const char *name)
{
    return name ? member(c->types, name) : NULL;
}

/* --- building --------------------------------------------------------------------------------- */

static void add_commands(struct catalogue *c, const struct json_object *list, bool only_commands)
{
    size_t n = list_length(list);
    c->commands = mem_realloc_array(c->commands, c->n_commands + n + 1, sizeof(*c->commands));
    for (size_t i = 0; i < n; i++) {
        const struct json_object *item = json_object_array_get_idx(list, i);
        const char *name = text_member(item, "name");
        if (name && (!only_commands || text_is(item, "meta-type", "command")))
            c->commands[c->n_commands++] = mem_strdup(name);
    }
}

struct catalogue *catalogue_new(struct json_object *commands, struct json_object *schema)
{
    struct catalogue *c = MEM_NEW(struct catalogue);
    c->types = json_object_new_object();
    for (size_t i = 0; i < list_length(schema); i++) {
        struct json_object *entity = json_object_array_get_idx(schema, i);
        const char *name = text_member(entity, "name");
        if (name)
            json_object_object_add(c->types, name, json_object_get(entity));
    }
    add_commands(c, commands ? commands : schema, !commands);
    qsort(c->commands, c->n_commands, sizeof(*c->commands), compare_names);
    return c;
}

void catalogue_free(struct catalogue *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_commands; i++)
        free(c->commands[i]);
    free(c->commands);
    json_object_put(c->types);
    free(c);
}

const char *catalogue_command(const struct catalogue *c, size_t i)
{
    return i < c->n_commands ? c->commands[i] : NULL;
}

/* --- members ---------------------------------------------------------------------------------- */

struct walk {
    const struct catalogue *c;
    const struct catalogue_query *q;
    unsigned *visits;  /* so far */
    struct buf prefix; /* where we are: "", "file.", "file.server." */
    void (*visit)(void *opaque, const struct catalogue_member *m);
    void *opaque;
};

static void visit_type(struct walk *w, const struct json_object *type, unsigned depth);

/* The value that chooses the branch of a union here, or NULL. */
static const char *chosen_branch(struct walk *w, const struct json_object *type)
{
    const char *tag = text_member(type, "tag");
    if (!tag || !w->q->given)
        return NULL;
    size_t len = buf_len(&w->prefix);
    buf_add_str(&w->prefix, tag);
    buf_add_char(&w->prefix, '\0');
    const char *value = w->q->given(w->q->opaque, buf_data(&w->prefix));
    buf_truncate(&w->prefix, len);
    return value;
}

static void visit_branches(struct walk *w, const struct json_object *type, unsigned depth)
{
    const struct json_object *variants = list_member(type, "variants");
    const char *chosen = variants ? chosen_branch(w, type) : NULL;
    for (size_t i = 0; i < list_length(variants); i++) {
        const struct json_object *branch = json_object_array_get_idx(variants, i);
        if (chosen ? text_is(branch, "case", chosen) : w->q->all_branches)
            visit_type(w, find_type(w->c, text_member(branch, "type")), depth + 1);
    }
}

/* Members of an object type and of its branches, or of all an alternate's object types. */
static void visit_type(struct walk *w, const struct json_object *type, unsigned depth)
{
    if (!type || depth > NESTING_MAX || ++*w->visits > VISITS_MAX)
        return;
    bool alternate = text_is(type, "meta-type", "alternate");
    const struct json_object *members = list_member(type, "members");
    for (size_t i = 0; i < list_length(members); i++) {
        const struct json_object *m = json_object_array_get_idx(members, i);
        const struct json_object *its_type = find_type(w->c, text_member(m, "type"));
        const char *name = text_member(m, "name");
        if (alternate)
            visit_type(w, its_type, depth + 1);
        else if (name)
            w->visit(w->opaque, &(struct catalogue_member){
                                    .name = name,
                                    .type = its_type,
                                    .optional = json_object_object_get_ex(m, "default", NULL),
                                });
    }
    visit_branches(w, type, depth);
}

struct finder {
    struct span name;
    const struct json_object *type;
};

static void find_member(void *opaque, const struct catalogue_member *m)
{
    struct finder *f = opaque;
    if (!f->type && strlen(m->name) == f->name.len &&
        memcmp(m->name, f->name.data, f->name.len) == 0)
        f->type = m->type;
}

/* One part of a dotted name down. */
static const struct json_object *descend(struct walk *w, const struct json_object *type,
                                         struct span part)
{
    bool number = part.len > 0 && strspn(part.data, "0123456789") >= part.len;
    struct finder f = { .name = part };
    if (number && text_is(type, "meta-type", "array")) {
        f.type = find_type(w->c, text_member(type, "element-type"));
    } else {
        struct walk search = *w;
        search.visit = find_member;
        search.opaque = &f;
        visit_type(&search, type, 0);
        w->prefix = search.prefix;
    }
    buf_add_span(&w->prefix, part);
    buf_add_char(&w->prefix, '.');
    return f.type;
}

void catalogue_members(const struct catalogue *c, const struct catalogue_query *q)
{
    unsigned visits = 0;
    struct walk w = { .c = c, .q = q, .visits = &visits };
    const struct json_object *entity = find_type(c, q->command);
    const struct json_object *type = find_type(c, text_member(entity, "arg-type"));
    for (const char *path = q->path; type && *path;) {
        size_t n = strcspn(path, ".");
        type = descend(&w, type, (struct span){ path, n });
        path += n + (path[n] == '.');
    }
    w.visit = q->visit;
    w.opaque = q->opaque;
    visit_type(&w, type, 0);
    buf_free(&w.prefix);
}

const char *catalogue_discriminator(const struct catalogue *c, const char *command)
{
    const struct json_object *entity = find_type(c, command);
    return text_member(find_type(c, text_member(entity, "arg-type")), "tag");
}

/* --- types ------------------------------------------------------------------------------------ */

bool catalogue_type_has_parts(const struct catalogue *c, const struct json_object *type)
{
    if (text_is(type, "meta-type", "object") || text_is(type, "meta-type", "array"))
        return true;
    if (!text_is(type, "meta-type", "alternate"))
        return false;
    const struct json_object *members = list_member(type, "members");
    for (size_t i = 0; i < list_length(members); i++) {
        const char *name = text_member(json_object_array_get_idx(members, i), "type");
        const struct json_object *branch = find_type(c, name);
        if (text_is(branch, "meta-type", "object") || text_is(branch, "meta-type", "array"))
            return true;
    }
    return false;
}

const char *catalogue_type_word(const struct json_object *type, size_t i)
{
    static const char *const booleans[] = { "true", "false" };
    if (text_is(type, "json-type", "boolean"))
        return i < ARRAY_SIZE(booleans) ? booleans[i] : NULL;
    const struct json_object *values = list_member(type, "values");
    if (i >= list_length(values))
        return NULL;
    struct json_object *value = json_object_array_get_idx(values, i);
    return json_object_is_type(value, json_type_string) ? json_object_get_string(value) : NULL;
}

static void describe(const struct catalogue *c, const struct json_object *type, unsigned depth,
                     struct buf *out)
{
    const char *json_type = text_member(type, "json-type");
    if (!type || depth > NESTING_MAX || buf_len(out) > DESCRIPTION_MAX) {
        buf_add_str(out, "?");
    } else if (json_type) {
        buf_add_str(out, json_type);
    } else if (text_is(type, "meta-type", "array")) {
        buf_add_char(out, '[');
        describe(c, find_type(c, text_member(type, "element-type")), depth + 1, out);
        buf_add_char(out, ']');
    } else if (text_is(type, "meta-type", "enum")) {
        const char *word;
        for (size_t i = 0; (word = catalogue_type_word(type, i)) != NULL; i++) {
            buf_add_str(out, i ? "|" : "");
            buf_add_str(out, word);
        }
    } else if (text_is(type, "meta-type", "alternate")) {
        const struct json_object *members = list_member(type, "members");
        for (size_t i = 0; i < list_length(members); i++) {
            const char *name = text_member(json_object_array_get_idx(members, i), "type");
            buf_add_str(out, i ? " or " : "");
            describe(c, find_type(c, name), depth + 1, out);
        }
    } else {
        buf_add_str(out, "{...}");
    }
}

void catalogue_type_describe(const struct catalogue *c, const struct json_object *type,
                             struct buf *out)
{
    describe(c, type, 0, out);
}
