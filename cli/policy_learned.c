#include "config.h"
#include "cli/policy_learned.h"

#include <stdlib.h>
#include <string.h>
#include "acl/arguments.h"
#include "acl/hmp.h"
#include "base/mem.h"
#include "cli/policy_places.h"

/* --- texts ------------------------------------------------------------------------------------ */

bool policy_texts_add(struct policy_texts *t, const char *text)
{
    size_t low = 0, high = t->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(text, t->at[middle]);
        if (order == 0)
            return false;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    mem_grow((void **)&t->at, &t->cap, t->n + 1, sizeof(*t->at));
    memmove(t->at + low + 1, t->at + low, (t->n - low) * sizeof(*t->at));
    t->at[low] = mem_strdup(text);
    t->n++;
    return true;
}

bool policy_texts_same(const struct policy_texts *a, const struct policy_texts *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    }
    return true;
}

void policy_texts_clear(struct policy_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->at[i]);
    free(t->at);
    *t = (struct policy_texts){ 0 };
}

/* --- places ----------------------------------------------------------------------------------- */

/* A name that a path can have. */
static bool is_plain_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c <= ' ' || c == '.' || c == '[' || c == ']' || c == '?' || c == '*' || c == '\'' ||
            c == '"' || c == '\\' || c == '$' || c == '%' || c == 0x7f)
            return false;
    }
    return name.len > 0;
}

/* The path of a condition that names this token; false if there is none. */
static bool write_path(const struct qmp_tape *t, uint32_t root, uint32_t token, struct buf *out)
{
    while (root != token) {
        bool object = qmp_tape_kind(t, root) == QMP_KIND_OBJECT;
        uint32_t part = root + 1, value = part + object;
        while (qmp_tape_next(t, value) <= token) {
            part = qmp_tape_next(t, value);
            value = part + object;
        }
        if (object && !is_plain_name(qmp_tape_string(t, part)))
            return false;
        if (object && buf_len(out) > 0)
            buf_add_char(out, '.');
        if (object)
            buf_add_span(out, qmp_tape_string(t, part));
        else
            BUF_ADD_LIT(out, "[]");
        root = value;
    }
    buf_add_char(out, '\0');
    return true;
}

/* --- values ----------------------------------------------------------------------------------- */

static struct policy_learned_path *take_path(struct policy_learned_rule *r, const char *path,
                                             enum acl_reach reach)
{
    for (size_t i = 0; i < r->n; i++) {
        if (strcmp(r->paths[i].path, path) == 0)
            return &r->paths[i];
    }
    mem_grow((void **)&r->paths, &r->cap, r->n + 1, sizeof(*r->paths));
    size_t at = r->n++;
    for (; at > 0 && strcmp(r->paths[at - 1].path, path) > 0; at--)
        r->paths[at] = r->paths[at - 1];
    r->paths[at] =
        (struct policy_learned_path){ .path = mem_strdup(path), .reach = reach, .numbers = true };
    return &r->paths[at];
}

/* What a word of a condition can hold, in a policy's text. */
static bool is_writable(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.data[i] < 0x20 || s.data[i] == 0x7f || s.data[i] == '\'')
            return false;
        if ((s.data[i] == '$' || s.data[i] == '%') && i + 1 < s.len && s.data[i + 1] == '{')
            return false;
    }
    return s.len <= 512;
}

static void add_number(struct policy_learned_path *p, double n)
{
    if (p->values.n == 0 || n > p->largest)
        p->largest = n;
    if (p->values.n == 0 || n < p->smallest)
        p->smallest = n;
}

static void add_value(struct policy_learned_path *p, const struct qmp_tape *t, uint32_t token)
{
    enum qmp_kind kind = qmp_tape_kind(t, token);
    struct span text = kind == QMP_KIND_STRING ? qmp_tape_string(t, token) : qmp_tape_raw(t, token);
    static const char redacted[] = "[redacted]";
    bool hidden =
        kind == QMP_KIND_STRING && memmem(text.data, text.len, redacted, strlen(redacted));
    if (kind <= QMP_KIND_ARRAY || hidden || !is_writable(text)) {
        p->unwritable = true;
        return;
    }
    CLEANUP_FREE char *copy = mem_strndup(text.data, text.len);
    char *end;
    double n = strtod(copy, &end);
    if (end == copy || *end)
        p->numbers = false;
    else
        add_number(p, n);
    policy_texts_add(&p->values, copy);
}

/* --- one command ------------------------------------------------------------------------------ */

struct learning {
    struct policy_learned *learned;
    struct policy_learned_cell *cell;
    const struct qmp_tape *tape;
    unsigned depth;
    struct error *err;
};

static bool learn(struct learning *l, struct span command, uint32_t arguments);

static struct policy_learned_cell *take_cell(struct policy_learned *l, const char *identity,
                                             const char *vm)
{
    const char *key = l->together ? "" : vm;
    for (size_t i = 0; i < l->n_cells; i++) {
        if (strcmp(l->cells[i].identity, identity) == 0 && strcmp(l->cells[i].vm, key) == 0)
            return &l->cells[i];
    }
    mem_grow((void **)&l->cells, &l->cap_cells, l->n_cells + 1, sizeof(*l->cells));
    struct policy_learned_cell *c = &l->cells[l->n_cells++];
    *c = (struct policy_learned_cell){ .identity = mem_strdup(identity), .vm = mem_strdup(key) };
    return c;
}

/* The rule for the same command with the same places that reach the host; made if there is none. */
static struct policy_learned_rule *take_rule(struct policy_learned_cell *c, const char *command,
                                             const struct policy_texts *places)
{
    for (size_t i = 0; i < c->n_rules; i++) {
        struct policy_learned_rule *r = &c->rules[i];
        struct policy_texts own = { 0 };
        for (size_t k = 0; k < r->n; k++) {
            if (r->paths[k].reach != ACL_REACH_NOTHING)
                policy_texts_add(&own, r->paths[k].path);
        }
        bool same = strcmp(r->command, command) == 0 && policy_texts_same(&own, places);
        policy_texts_clear(&own);
        if (same)
            return r;
    }
    mem_grow((void **)&c->rules, &c->cap_rules, c->n_rules + 1, sizeof(*c->rules));
    struct policy_learned_rule *r = &c->rules[c->n_rules++];
    *r = (struct policy_learned_rule){ .command = mem_strdup(command) };
    return r;
}

/* Which words choose what the other arguments mean: values of enums, and the driver of device_add.
 */
static bool is_choice(const struct learning *l, unsigned command, const char *path)
{
    const struct qmp_schema *s = l->learned->program->schema;
    CLEANUP_PLACES struct policy_places places = { 0 };
    struct acl_path parsed;
    if (qmp_command_is_open(s, command) && strcmp(path, "driver") == 0)
        return true;
    if (strchr(path, '[') || acl_path_parse(path, strlen(path), &parsed, NULL) < 0)
        return false;
    policy_places_find(s, command, &parsed, &places);
    acl_path_free(&parsed);
    return (places.kinds & 1u << QMP_TYPE_ENUM) != 0;
}

static void add_choice(const struct learning *l, struct policy_learned_rule *r, unsigned command,
                       uint32_t root, uint32_t token)
{
    CLEANUP_BUF struct buf path = { 0 };
    if (!write_path(l->tape, root, token, &path) || !is_choice(l, command, buf_data(&path)))
        return;
    struct policy_learned_path *p = take_path(r, buf_data(&path), ACL_REACH_NOTHING);
    add_value(p, l->tape, token);
    if (p->reach == ACL_REACH_NOTHING)
        p->times++;
}

/* As deep as a record is: within the scanner's limits. */
static void add_choices(const struct learning *l, struct policy_learned_rule *r, unsigned command,
                        uint32_t root, uint32_t object)
{
    QMP_TAPE_MEMBERS (l->tape, object, name, value) {
        enum qmp_kind kind = qmp_tape_kind(l->tape, value);
        if (kind == QMP_KIND_OBJECT)
            add_choices(l, r, command, root, value);
        else if (kind == QMP_KIND_STRING)
            add_choice(l, r, command, root, value);
    }
}

/* The places of what reaches the host; false if a path cannot name one of them. */
static bool find_places(const struct learning *l, uint32_t root,
                        const struct acl_reached_list *list, struct policy_texts *places)
{
    for (size_t i = 0; i < list->n; i++) {
        CLEANUP_BUF struct buf path = { 0 };
        if (!write_path(l->tape, root, list->items[i].token, &path)) {
            error_set(l->err, ERROR_INVALID, "a member's name is none that a path can hold");
            return false;
        }
        policy_texts_add(places, buf_data(&path));
    }
    return true;
}

static bool learn_rule(struct learning *l, const char *name, unsigned command, uint32_t root,
                       const struct acl_reached_list *list)
{
    struct policy_texts places = { 0 };
    bool good = find_places(l, root, list, &places);
    if (good) {
        struct policy_learned_rule *r = take_rule(l->cell, name, &places);
        r->times++;
        for (size_t i = 0; i < list->n; i++) {
            CLEANUP_BUF struct buf path = { 0 };
            good = write_path(l->tape, root, list->items[i].token, &path);
            struct policy_learned_path *p =
                take_path(r, buf_data(&path), (enum acl_reach)list->items[i].reach);
            add_value(p, l->tape, list->items[i].token);
            p->times = r->times;
        }
        add_choices(l, r, command, root, root);
    }
    policy_texts_clear(&places);
    return good;
}

static bool learn_line(struct learning *l, uint32_t line)
{
    struct acl_hmp_word word;
    acl_hmp_find(qmp_tape_string(l->tape, line), &word);
    if (word.kind == ACL_HMP_MALFORMED || word.kind == ACL_HMP_UNKNOWN) {
        error_set(l->err, ERROR_INVALID, "the line of the human monitor has no word that is known");
        return false;
    }
    policy_texts_add(&l->cell->hmp, word.name);
    return true;
}

/* A record is what a client sent: nothing in it is sure to be of its form. */
static bool learn_action(struct learning *l, uint32_t action)
{
    const struct qmp_tape *t = l->tape;
    bool object = qmp_tape_kind(t, action) == QMP_KIND_OBJECT;
    uint32_t type = object ? qmp_tape_find(t, action, SPAN_LIT("type")) : QMP_NONE;
    uint32_t data = object ? qmp_tape_find(t, action, SPAN_LIT("data")) : QMP_NONE;
    if (type == QMP_NONE || qmp_tape_kind(t, type) != QMP_KIND_STRING ||
        (data != QMP_NONE && qmp_tape_kind(t, data) != QMP_KIND_OBJECT)) {
        error_set(l->err, ERROR_INVALID, "an action that is none");
        return false;
    }
    return qmp_tape_string_is(t, type, SPAN_LIT("abort")) ||
           learn(l, qmp_tape_string(t, type), data);
}

static bool learn_actions(struct learning *l, uint32_t actions)
{
    if (l->depth > 0) {
        error_set(l->err, ERROR_INVALID, "a transaction within a transaction");
        return false;
    }
    l->depth++;
    QMP_TAPE_ELEMENTS (l->tape, actions, action) {
        if (!learn_action(l, action))
            return false;
    }
    l->depth--;
    return true;
}

static bool learn(struct learning *l, struct span command, uint32_t arguments)
{
    struct acl_program *p = l->learned->program;
    int number = qmp_schema_find_command(p->schema, command);
    if (number < 0) {
        error_set(l->err, ERROR_INVALID, "the schema has no command of that name");
        return false;
    }
    const char *name = qmp_schema_command(p->schema, (unsigned)number)->name;
    struct acl_reached_list list = { 0 };
    struct acl_arguments found = acl_arguments_find(p, (unsigned)number, l->tape, arguments, &list);
    bool good = true;
    if (found.line != QMP_NONE && qmp_tape_kind(l->tape, found.line) == QMP_KIND_STRING)
        good = learn_line(l, found.line);
    else if (list.n > 0)
        good = learn_rule(l, name, (unsigned)number, arguments, &list);
    else
        policy_texts_add(&l->cell->allow, name);
    if (good && found.actions != QMP_NONE)
        good = learn_actions(l, found.actions);
    acl_reached_list_clear(&list);
    return good;
}

bool policy_learn_command(struct policy_learned *l, const char *identity, const char *vm,
                          struct span command, const struct qmp_tape *t, uint32_t arguments,
                          struct error *err)
{
    struct learning one = { l, take_cell(l, identity, vm), t, 0, err };
    policy_texts_add(&one.cell->vms, vm);
    return learn(&one, command, arguments);
}

void policy_learn_admin(struct policy_learned *l, const char *identity, const char *verb)
{
    size_t i = 0;
    while (i < l->n_admins && strcmp(l->admins[i].identity, identity) != 0)
        i++;
    if (i == l->n_admins) {
        mem_grow((void **)&l->admins, &l->cap_admins, l->n_admins + 1, sizeof(*l->admins));
        l->admins[l->n_admins++] =
            (struct policy_learned_admin){ .identity = mem_strdup(identity) };
    }
    policy_texts_add(&l->admins[i].verbs, verb);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void clear_rule(struct policy_learned_rule *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->paths[i].path);
        policy_texts_clear(&r->paths[i].values);
    }
    free(r->paths);
    free(r->command);
}

static void clear_cell(struct policy_learned_cell *c)
{
    for (size_t i = 0; i < c->n_rules; i++)
        clear_rule(&c->rules[i]);
    free(c->rules);
    policy_texts_clear(&c->vms);
    policy_texts_clear(&c->allow);
    policy_texts_clear(&c->hmp);
    free(c->identity);
    free(c->vm);
}

void policy_learned_clear(struct policy_learned *l)
{
    for (size_t i = 0; i < l->n_cells; i++)
        clear_cell(&l->cells[i]);
    for (size_t i = 0; i < l->n_admins; i++) {
        free(l->admins[i].identity);
        policy_texts_clear(&l->admins[i].verbs);
    }
    free(l->cells);
    free(l->admins);
    acl_program_unref(l->program);
    *l = (struct policy_learned){ 0 };
}
