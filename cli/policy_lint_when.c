/* Conditions that cannot be meant: paths that lead nowhere, values that nothing has, and pairs that
 * never hold together. */
#include "config.h"
#include "cli/policy_lint_internal.h"

#include <stdlib.h>
#include "cli/policy_places.h"

#define KIND(k)  (1u << QMP_TYPE_##k)
#define ANYTHING (KIND(ANY) | KIND(OPAQUE))
#define NUMBERS  (KIND(INT) | KIND(NUMBER) | ANYTHING)
#define TEXTS    (KIND(STRING) | ANYTHING)
#define SCALARS  (TEXTS | NUMBERS | KIND(BOOL) | KIND(NULL) | KIND(ENUM))
#define EVERY    ~0u

/* The kinds of value of which an operator can hold. */
static const unsigned fits[ACL_N_OPS] = {
    [ACL_OP_IS] = SCALARS,
    [ACL_OP_IN] = SCALARS,
    [ACL_OP_GLOB] = TEXTS | KIND(ENUM),
    [ACL_OP_UNDER] = TEXTS,
    [ACL_OP_SCHEME_IN] = TEXTS,
    [ACL_OP_HOST_IN] = TEXTS,
    [ACL_OP_CIDR] = TEXTS,
    [ACL_OP_PORT_BETWEEN] = TEXTS | KIND(INT),
    [ACL_OP_BETWEEN] = NUMBERS,
    [ACL_OP_AT_MOST] = NUMBERS | TEXTS | KIND(ENUM) | KIND(ARRAY) | KIND(OBJECT),
    [ACL_OP_PRESENT] = EVERY,
    [ACL_OP_ABSENT] = EVERY,
    [ACL_OP_ANY] = EVERY,
};

static const char *const kind_words[] = {
    [QMP_TYPE_STRING] = "a string",  [QMP_TYPE_BOOL] = "true or false",
    [QMP_TYPE_INT] = "a number",     [QMP_TYPE_NUMBER] = "a number",
    [QMP_TYPE_NULL] = "null",        [QMP_TYPE_ANY] = "anything",
    [QMP_TYPE_OPAQUE] = "anything",  [QMP_TYPE_ENUM] = "a word of a list",
    [QMP_TYPE_ARRAY] = "a list",     [QMP_TYPE_OBJECT] = "an object",
    [QMP_TYPE_ALTERNATE] = "either",
};

static void add_kinds(struct buf *out, unsigned kinds)
{
    const char *last = NULL;
    for (unsigned k = 0; k < ARRAY_SIZE(kind_words); k++) {
        if (!(kinds >> k & 1) || (last && strcmp(last, kind_words[k]) == 0))
            continue;
        buf_printf(out, "%s%s", last ? " or " : "", kind_words[k]);
        last = kind_words[k];
    }
    buf_add_char(out, '\0');
}

static bool is_list(const struct acl_condition *c)
{
    return c->op == ACL_OP_IS || c->op == ACL_OP_IN;
}

/* --- one condition ---------------------------------------------------------------------------- */

/* Does a command, or an event, that this pattern covers have something at the path? */
static bool find_by_rule(struct policy_linter *l, size_t rule, const struct acl_condition *c,
                         struct policy_places *places)
{
    const uint64_t *opens = l->coverage.rules[rule].opens;
    size_t n = policy_coverage_size(&l->coverage, &l->policy->rules[rule]);
    bool found = false;
    BITS_EACH(opens, n, i)
    {
        if (l->policy->rules[rule].effect == ACL_EFFECT_EVENT) {
            struct policy_event e = policy_coverage_event(&l->coverage, i);
            found |= policy_places_find_in(e.schema, qmp_event_data(e.schema, e.number), &c->path,
                                           places);
        } else {
            struct policy_command k = policy_coverage_command(&l->coverage, i);
            found |= policy_places_find(k.schema, k.number, &c->path, places);
        }
    }
    return found;
}

static bool is_of_enum(const struct policy_place *e, struct span value)
{
    return qmp_type_find(e->schema, e->type, value) != QMP_NONE;
}

static bool is_value(const struct policy_places *p, const struct acl_value *v)
{
    struct span text = { v->text, v->len };
    if (v->variable || (p->kinds & TEXTS))
        return true;
    if ((p->kinds & NUMBERS) && v->is_number)
        return true;
    if ((p->kinds & KIND(BOOL)) && (strcmp(v->text, "true") == 0 || strcmp(v->text, "false") == 0))
        return true;
    if ((p->kinds & KIND(NULL)) && strcmp(v->text, "null") == 0)
        return true;
    for (size_t i = 0; i < p->n_enums; i++) {
        if (is_of_enum(&p->enums[i], text))
            return true;
    }
    return false;
}

#define WORDS_SHOWN 12u

/* The first enum's words: that is what was meant, most often. */
static void add_words(struct buf *out, const struct policy_places *p)
{
    if (p->n_enums > 0) {
        const struct policy_place *e = &p->enums[0];
        uint32_t n = qmp_type_n_parts(e->schema, e->type);
        for (uint32_t i = 0; i < n && i < WORDS_SHOWN; i++)
            buf_printf(out, "%s%s", i ? ", " : ": it is ",
                       qmp_type_part(e->schema, e->type, i).name.data);
        if (n > WORDS_SHOWN)
            BUF_ADD_LIT(out, ", ...");
    }
    buf_add_char(out, '\0');
}

static void check_values(struct policy_linter *l, const struct acl_condition *c,
                         const struct policy_places *p)
{
    for (size_t i = 0; i < c->n_values; i++) {
        if (is_value(p, &c->values[i]))
            continue;
        CLEANUP_BUF struct buf words = { 0 };
        add_words(&words, p);
        policy_lint_tell(l, POLICY_WARNING, c->line, "\"%s\": %s is never %s%s", c->text,
                         c->path.text, c->values[i].text, buf_data(&words));
    }
}

static void check_operator(struct policy_linter *l, const struct acl_condition *c,
                           const struct policy_places *p)
{
    if (p->kinds & fits[c->op]) {
        if (c->op == ACL_OP_IS || c->op == ACL_OP_IN)
            check_values(l, c, p);
        return;
    }
    CLEANUP_BUF struct buf kinds = { 0 };
    add_kinds(&kinds, p->kinds);
    policy_lint_tell(l, POLICY_WARNING, c->line, "\"%s\" never holds: %s is %s", c->text,
                     c->path.text, buf_data(&kinds));
}

static void tell_lacking(struct policy_linter *l, const struct acl_condition *c,
                         const struct acl_rule *r)
{
    policy_lint_tell(l, POLICY_WARNING, c->line, "\"%s\": %s %s no %s", c->text, r->text,
                     r->effect == ACL_EFFECT_EVENT ? "has" : "takes", c->path.text);
}

static void check_condition(struct policy_linter *l, uint32_t clause, const struct acl_condition *c)
{
    CLEANUP_PLACES struct policy_places places = { 0 };
    const struct acl_rule *lacking = NULL;
    for (size_t i = 0; i < l->policy->n_rules; i++) {
        const struct acl_rule *r = &l->policy->rules[i];
        if (r->clause != clause || !l->coverage.rules[i].any)
            continue;
        if (find_by_rule(l, i, c, &places))
            continue;
        lacking = r;
        if (!c->optional)
            tell_lacking(l, c, r);
    }
    /* what may be absent is so in some of several commands, but not in all of them */
    if (c->optional && lacking && !places.kinds)
        tell_lacking(l, c, lacking);
    if (places.kinds)
        check_operator(l, c, &places);
}

/* --- images that name files --------------------------------------------------------------------
 * Whoever writes an image of these says which further files QEMU opens with it. */

static bool opens_nodes(const struct policy_linter *l, uint32_t clause)
{
    for (size_t i = 0; i < l->policy->n_rules; i++) {
        const struct acl_rule *r = &l->policy->rules[i];
        if (r->clause == clause &&
            (strcmp(r->text, "blockdev-add") == 0 || strcmp(r->text, "blockdev-reopen") == 0))
            return true;
    }
    return false;
}

static bool is_driver(const struct acl_path *p)
{
    const struct acl_step *last = &p->steps[p->n - 1];
    return last->kind == ACL_STEP_MEMBER && last->name.len == strlen("driver") &&
           memcmp(last->name.data, "driver", last->name.len) == 0;
}

static void check_format(struct policy_linter *l, uint32_t clause, const struct acl_condition *c)
{
    static const char *const formats[] = { "qcow2", "qcow", "qed", "vmdk" };
    if (!is_list(c) || !is_driver(&c->path) || !opens_nodes(l, clause))
        return;
    for (size_t i = 0; i < c->n_values; i++) {
        for (size_t k = 0; k < ARRAY_SIZE(formats); k++) {
            if (strcmp(c->values[i].text, formats[k]) != 0)
                continue;
            policy_lint_tell(l, POLICY_NOTE, c->line,
                             "\"%s\": whoever writes a %s image names further files in it, which "
                             "no condition sees: see NOTES in policy.conf(5)",
                             c->text, formats[k]);
            return;
        }
    }
}

/* --- two conditions --------------------------------------------------------------------------- */

static bool share_a_value(const struct acl_condition *a, const struct acl_condition *b)
{
    for (size_t i = 0; i < a->n_values; i++) {
        for (size_t k = 0; k < b->n_values; k++) {
            const struct acl_value *x = &a->values[i], *y = &b->values[k];
            if (x->variable || y->variable || strcmp(x->text, y->text) == 0 ||
                (x->is_number && y->is_number && x->number == y->number))
                return true;
        }
    }
    return false;
}

/* The numbers for which it holds; false if it is not about numbers. */
static bool range_of(const struct acl_condition *c, double *low, double *high)
{
    *low = -1e308;
    if (c->op == ACL_OP_AT_MOST) {
        *high = c->values[0].number;
        return true;
    }
    if (c->op != ACL_OP_BETWEEN && c->op != ACL_OP_PORT_BETWEEN)
        return false;
    *low = c->values[0].number;
    *high = c->values[1].number;
    return true;
}

static bool is_in_range(const struct acl_condition *list, double low, double high)
{
    for (size_t i = 0; i < list->n_values; i++) {
        const struct acl_value *v = &list->values[i];
        if (v->variable || !v->is_number || (v->number >= low && v->number <= high))
            return true;
    }
    return false;
}

static bool exclude(const struct acl_condition *a, const struct acl_condition *b)
{
    double low_a = 0, high_a = 0, low_b = 0, high_b = 0;
    bool range_a = range_of(a, &low_a, &high_a), range_b = range_of(b, &low_b, &high_b);
    if (is_list(a) && is_list(b))
        return !share_a_value(a, b);
    if (range_a && range_b)
        return high_a < low_b || high_b < low_a;
    if (is_list(a) && range_b)
        return !is_in_range(a, low_b, high_b);
    if (range_a && is_list(b))
        return !is_in_range(b, low_a, high_a);
    return false;
}

/* Where one may be absent, both hold of what is not there. */
static void check_pair(struct policy_linter *l, const struct acl_condition *a,
                       const struct acl_condition *b)
{
    if (strcmp(a->path.text, b->path.text) != 0 || (a->optional && b->optional))
        return;
    bool absent_a = a->op == ACL_OP_ABSENT, absent_b = b->op == ACL_OP_ABSENT;
    bool never = absent_a || absent_b ? !(absent_a && absent_b) && !a->optional && !b->optional
                                      : exclude(a, b);
    if (never)
        policy_lint_tell(l, POLICY_WARNING, b->line, "\"%s\" never holds beside \"%s\" (line %u)",
                         b->text, a->text, a->line);
}

void policy_lint_when(struct policy_linter *l, uint32_t clause)
{
    const struct acl_clause *c = &l->policy->clauses[clause];
    for (size_t i = 0; i < c->n_conditions; i++) {
        check_condition(l, clause, &c->conditions[i]);
        check_format(l, clause, &c->conditions[i]);
        for (size_t k = 0; k < i; k++)
            check_pair(l, &c->conditions[k], &c->conditions[i]);
    }
}
