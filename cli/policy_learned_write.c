/* What was learned, as a policy's text. */
#include "config.h"
#include "cli/policy_learned.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "acl/condition.h"
#include "acl/match.h"
#include "base/mem.h"

/* A text between double quotes; with `wild` no sign of it is a wildcard. */
static void add_quoted(struct buf *out, const char *text, bool wild)
{
    buf_add_char(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_char(out, '\\');
        if (!wild && (*text == '*' || *text == '?'))
            BUF_ADD_LIT(out, "\\\\");
        buf_add_char(out, *text);
    }
    buf_add_char(out, '"');
}

static void add_list(struct buf *out, const struct policy_texts *t)
{
    buf_add_char(out, '{');
    for (size_t i = 0; i < t->n; i++) {
        if (i)
            BUF_ADD_LIT(out, ", ");
        add_quoted(out, t->at[i], true);
    }
    buf_add_char(out, '}');
}

/* --- conditions ------------------------------------------------------------------------------- */

static void add_word(struct buf *out, const char *value)
{
    bool quoted = *value == '\0' || strchr(value, ' ');
    buf_printf(out, quoted ? " '%s'" : " %s", value);
}

static bool add_values(struct buf *out, const char *op, const struct policy_texts *values)
{
    if (values->n == 0 || values->n > ACL_CONDITION_VALUES_MAX)
        return false;
    buf_printf(out, " %s", op);
    for (size_t i = 0; i < values->n; i++)
        add_word(out, values->at[i]);
    return true;
}

/* The directory that a file is in; NULL if this is no plain absolute path. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (*path != '/' || !slash || !slash[1] || !acl_is_directory(policy_span(path)))
        return NULL;
    return mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Cuts a directory to what both are below. */
static void meet(char *common, const char *other)
{
    size_t i = 0, end = 0;
    for (; common[i] && common[i] == other[i]; i++) {
        if (common[i] == '/')
            end = i;
    }
    if ((!common[i] && (!other[i] || other[i] == '/')) || (!other[i] && common[i] == '/'))
        end = i;
    common[end ? end : 1] = '\0';
}

/* `under` the directory that all are below; where that is all of the host, under each one's own. */
static bool add_directories(struct buf *out, const struct policy_texts *values)
{
    struct policy_texts own = { 0 };
    CLEANUP_FREE char *common = NULL;
    bool good = values->n > 0;
    for (size_t i = 0; good && i < values->n; i++) {
        CLEANUP_FREE char *directory = directory_of(values->at[i]);
        good = directory && strcmp(directory, "/") != 0;
        if (!good)
            break;
        policy_texts_add(&own, directory);
        if (common)
            meet(common, directory);
        else
            common = mem_strdup(directory);
    }
    if (good && strcmp(common, "/") != 0) {
        BUF_ADD_LIT(out, " under");
        add_word(out, common);
    } else if (good) {
        good = add_values(out, "under", &own);
    }
    policy_texts_clear(&own);
    return good;
}

/* Up to the next power of two, with the unit that fits. */
static void add_size(struct buf *out, double largest)
{
    static const char units[] = { '\0', 'K', 'M', 'G', 'T' };
    double size = largest <= 0 ? 0 : exp2(ceil(log2(largest)));
    size_t unit = 0;
    while (size >= 1024 && unit + 1 < sizeof(units)) {
        size /= 1024;
        unit++;
    }
    buf_printf(out, " at-most %.17g%.1s", size < 1 && largest > 0 ? 1.0 : size, &units[unit]);
}

static bool add_operator(struct buf *out, const struct policy_learned_path *p)
{
    if (p->unwritable)
        return false;
    switch (p->reach) {
    case ACL_REACH_PATH:
    case ACL_REACH_URI:
        return add_directories(out, &p->values) || add_values(out, "in", &p->values);
    case ACL_REACH_PORT:
        if (p->numbers && p->smallest >= 0 && p->largest <= 65535) {
            buf_printf(out, " port between %.0f %.0f", p->smallest, p->largest);
            return true;
        }
        break;
    case ACL_REACH_COST:
        if (p->numbers && p->smallest >= 0) { /* what is less is a size without end */
            add_size(out, p->largest);
            return true;
        }
        break;
    case ACL_REACH_NOTHING:
    case ACL_REACH_EXEC:
    case ACL_REACH_HOST:
    case ACL_REACH_FD:
    case ACL_REACH_SECRET:
    case ACL_REACH_QOM:
    case ACL_REACH_UNKNOWN:
    case ACL_N_REACHES:
        break;
    }
    return add_values(out, "in", &p->values);
}

static void add_condition(struct buf *out, const struct policy_learned_rule *r,
                          const struct policy_learned_path *p)
{
    CLEANUP_BUF struct buf text = { 0 };
    buf_printf(&text, "%s%s", p->path, p->times < r->times ? "?" : "");
    if (!add_operator(&text, p))
        BUF_ADD_LIT(&text, " any");
    buf_add_char(&text, '\0');
    add_quoted(out, buf_data(&text), true);
}

/* --- roles ------------------------------------------------------------------------------------ */

static void add_rule(struct buf *out, const struct policy_learned_rule *r, size_t number)
{
    buf_printf(out, "    rule \"%s-%zu\" {\n        commands = {\"%s\"}\n        when     = {",
               r->command, number + 1, r->command);
    for (size_t i = 0; i < r->n; i++) {
        if (i)
            BUF_ADD_LIT(out, ",\n                    ");
        add_condition(out, r, &r->paths[i]);
    }
    BUF_ADD_LIT(out, "}\n    }\n");
}

static char *write_body(const struct policy_learned_cell *c)
{
    CLEANUP_BUF struct buf out = { 0 };
    if (c->allow.n > 0) {
        BUF_ADD_LIT(&out, "    allow = ");
        add_list(&out, &c->allow);
        buf_add_char(&out, '\n');
    }
    if (c->hmp.n > 0) {
        BUF_ADD_LIT(&out, "    hmp = ");
        add_list(&out, &c->hmp);
        buf_add_char(&out, '\n');
    }
    for (size_t i = 0; i < c->n_rules; i++)
        add_rule(&out, &c->rules[i], i);
    buf_add_char(&out, '\0');
    return mem_strdup(buf_data(&out));
}

/* --- grants ----------------------------------------------------------------------------------- */

/* People who may do the same on the same VMs. */
struct bundle {
    char *body; /* of the role; owned */
    struct policy_texts who, vms;
};

struct bundles {
    struct bundle *at; /* owned */
    size_t n, cap;
};

static struct bundle *add_bundle(struct bundles *b, char *take_body)
{
    mem_grow((void **)&b->at, &b->cap, b->n + 1, sizeof(*b->at));
    struct bundle *new = &b->at[b->n++];
    *new = (struct bundle){ .body = take_body };
    return new;
}

static void add_all(struct policy_texts *to, const struct policy_texts *from)
{
    for (size_t i = 0; i < from->n; i++)
        policy_texts_add(to, from->at[i]);
}

/* One person's VMs on which he did the same. */
static void gather_cell(struct bundles *b, const struct policy_learned_cell *c)
{
    char *body = write_body(c);
    struct bundle *found = NULL;
    for (size_t i = 0; i < b->n && !found; i++) {
        if (strcmp(b->at[i].who.at[0], c->identity) == 0 && strcmp(b->at[i].body, body) == 0)
            found = &b->at[i];
    }
    if (found)
        free(body);
    else if (!*body) {
        free(body);
        return;
    } else
        found = add_bundle(b, body);
    policy_texts_add(&found->who, c->identity);
    add_all(&found->vms, &c->vms);
}

static void clear_bundle(struct bundle *b)
{
    free(b->body);
    policy_texts_clear(&b->who);
    policy_texts_clear(&b->vms);
}

/* People who did the same on the same VMs. */
static void merge_people(struct bundles *b)
{
    for (size_t i = 0; i < b->n; i++) {
        for (size_t k = b->n; k-- > i + 1;) {
            struct bundle *x = &b->at[i], *y = &b->at[k];
            if (strcmp(x->body, y->body) != 0 || !policy_texts_same(&x->vms, &y->vms))
                continue;
            add_all(&x->who, &y->who);
            clear_bundle(y);
            memmove(y, y + 1, (b->n - k - 1) * sizeof(*y));
            b->n--;
        }
    }
}

static void add_people(struct buf *out, const struct policy_texts *who)
{
    BUF_ADD_LIT(out, "    to   = {");
    for (size_t i = 0; i < who->n; i++) {
        if (i)
            BUF_ADD_LIT(out, ", ");
        add_quoted(out, who->at[i], false);
    }
    BUF_ADD_LIT(out, "}\n");
}

/* What all names begin with; 0 if that is too little to mean anything. */
static size_t common_prefix(const struct policy_texts *names)
{
    size_t len = names->n > 1 ? strlen(names->at[0]) : 0;
    for (size_t i = 1; i < names->n; i++) {
        size_t k = 0;
        while (k < len && names->at[i][k] == names->at[0][k])
            k++;
        len = k;
    }
    return len >= 2 ? len : 0;
}

static void add_vms(struct buf *out, const struct policy_texts *vms, bool together)
{
    size_t prefix = together ? common_prefix(vms) : 0;
    BUF_ADD_LIT(out, "    vms  = {");
    if (prefix > 0)
        buf_printf(out, "\"name:%.*s*\"", (int)prefix, vms->at[0]);
    for (size_t i = 0; prefix == 0 && i < vms->n; i++) {
        CLEANUP_FREE char *name =
            mem_printf("%s%s", strchr(vms->at[i], ':') ? "name:" : "", vms->at[i]);
        if (i)
            BUF_ADD_LIT(out, ", ");
        add_quoted(out, name, true);
    }
    BUF_ADD_LIT(out, "}\n");
}

void policy_learned_write(const struct policy_learned *l, struct buf *out)
{
    struct bundles bundles = { 0 };
    for (size_t i = 0; i < l->n_cells; i++)
        gather_cell(&bundles, &l->cells[i]);
    merge_people(&bundles);
    for (size_t i = 0; i < bundles.n; i++) {
        struct bundle *b = &bundles.at[i];
        buf_printf(out, "\nrole \"learned-%zu\" {\n%s}\n\ngrant \"learned-%zu\" {\n", i + 1,
                   b->body, i + 1);
        add_people(out, &b->who);
        buf_printf(out, "    role = {\"learned-%zu\"}\n", i + 1);
        add_vms(out, &b->vms, l->together);
        BUF_ADD_LIT(out, "}\n");
        clear_bundle(b);
    }
    free(bundles.at);
    for (size_t i = 0; i < l->n_admins; i++) {
        struct policy_texts who = { .at = &l->admins[i].identity, .n = 1 };
        buf_printf(out, "\ngrant \"learned-admin-%zu\" {\n", i + 1);
        add_people(out, &who);
        BUF_ADD_LIT(out, "    admin = ");
        add_list(out, &l->admins[i].verbs);
        BUF_ADD_LIT(out, "\n}\n");
    }
}
