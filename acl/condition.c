#include "config.h"
#include "acl/condition.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "acl/match.h"
#include "base/mem.h"

/* What an operator takes. */
static const struct form {
    const char *name; /* two words for some */
    enum value_form {
        TEXTS,
        GLOBS,
        DIRECTORIES,
        SCHEMES,
        HOSTS,
        NUMBERS,
        NETWORKS,
        NOTHING,
    } values;
    size_t min, max;
    unsigned covers; /* kinds of argument (bits of enum acl_reach) of which it says enough */
} forms[ACL_N_OPS] = {
#define KIND(k) (1u << ACL_REACH_##k)
#define EVERY   ((1u << ACL_N_REACHES) - 1)
    [ACL_OP_IS] = { "is", TEXTS, 1, 1, EVERY },
    [ACL_OP_IN] = { "in", TEXTS, 1, ACL_CONDITION_VALUES_MAX, EVERY },
    [ACL_OP_GLOB] = { "glob", GLOBS, 1, ACL_CONDITION_VALUES_MAX, KIND(QOM) | KIND(FD) },
    [ACL_OP_UNDER] = { "under", DIRECTORIES, 1, ACL_CONDITION_VALUES_MAX, KIND(PATH) | KIND(URI) },
    [ACL_OP_SCHEME_IN] = { "scheme in", SCHEMES, 1, ACL_CONDITION_VALUES_MAX, KIND(URI) },
    [ACL_OP_HOST_IN] = { "host in", HOSTS, 1, ACL_CONDITION_VALUES_MAX, KIND(HOST) | KIND(URI) },
    [ACL_OP_CIDR] = { "cidr", NETWORKS, 1, ACL_CONDITION_VALUES_MAX, KIND(HOST) | KIND(URI) },
    [ACL_OP_PORT_BETWEEN] = { "port between", NUMBERS, 2, 2, KIND(PORT) },
    [ACL_OP_BETWEEN] = { "between", NUMBERS, 2, 2, KIND(COST) },
    [ACL_OP_AT_MOST] = { "at-most", NUMBERS, 1, 1, KIND(COST) },
    [ACL_OP_PRESENT] = { "present", NOTHING, 0, 0, 0 },
    [ACL_OP_ABSENT] = { "absent", NOTHING, 0, 0, 0 },
    [ACL_OP_ANY] = { "any", NOTHING, 0, 0, EVERY },
#undef KIND
#undef EVERY
};

const char *acl_operator_name(enum acl_operator op)
{
    return forms[op].name;
}

bool acl_operator_covers(enum acl_operator op, enum acl_reach reach)
{
    return (forms[op].covers >> reach & 1) != 0;
}

/* --- words ------------------------------------------------------------------------------------
 * Separated by spaces; one with spaces in it stands between single quotes. */

struct words {
    const char *at;
};

static int next_word(struct words *w, struct span *word, struct error *err)
{
    w->at += strspn(w->at, " \t");
    bool quoted = *w->at == '\'';
    w->at += quoted;
    word->data = w->at;
    word->len = strcspn(w->at, quoted ? "'" : " \t");
    w->at += word->len;
    if (quoted && *w->at != '\'')
        return error_set(err, ERROR_INVALID, "a quotation does not end");
    w->at += quoted;
    if (quoted && *w->at && *w->at != ' ' && *w->at != '\t')
        return error_set(err, ERROR_INVALID, "behind a quotation there is a space");
    if (!quoted && memchr(word->data, '\'', word->len))
        return error_set(err, ERROR_INVALID, "a quotation begins a word");
    return quoted || word->len > 0;
}

static bool is_word(struct span s, const char *text, size_t len)
{
    return s.len == len && memcmp(s.data, text, len) == 0;
}

/* --- the operator ----------------------------------------------------------------------------- */

static bool is_operator(const char *name, struct span first, struct span second)
{
    const char *space = strchr(name, ' ');
    size_t len = space ? (size_t)(space - name) : strlen(name);
    return is_word(first, name, len) && (!space || is_word(second, space + 1, strlen(space + 1)));
}

static int parse_operator(struct words *w, enum acl_operator *op, struct error *err)
{
    struct span first, second = { "", 0 };
    int rc = next_word(w, &first, err);
    if (rc < 0)
        return rc;
    struct words before = *w;
    if (rc > 0 && next_word(w, &second, NULL) <= 0)
        second.len = 0;
    for (*op = 0; rc > 0 && *op < ACL_N_OPS; ++*op) {
        if (is_operator(forms[*op].name, first, second)) {
            if (!strchr(forms[*op].name, ' '))
                *w = before;
            return 0;
        }
    }
    return error_set(err, ERROR_INVALID,
                     "behind the path stands is, in, glob, under, scheme in, host in, cidr, "
                     "port between, between, at-most, present, absent or any");
}

/* --- values ----------------------------------------------------------------------------------- */

static const struct {
    char sign;
    double factor;
} units[] = {
    { 'K', 1024.0 }, { 'M', 1048576.0 }, { 'G', 1073741824.0 }, { 'T', 1099511627776.0 }
};

/* A number, if it is one; of sizes with K, M, G or T behind it. */
static bool read_number(const char *text, bool sizes, double *out)
{
    char *end;
    if (!*text || strspn(text, "-0123456789.eE+KMGT") != strlen(text))
        return false;
    *out = strtod(text, &end);
    if (end == text)
        return false;
    for (size_t i = 0; sizes && i < ARRAY_SIZE(units); i++) {
        if (*end == units[i].sign) {
            *out *= units[i].factor;
            end++;
            break;
        }
    }
    return *end == '\0' && isfinite(*out);
}

static int read_network(const char *text, struct acl_network *out, struct error *err)
{
    size_t len = strcspn(text, "/");
    out->size = acl_address_bytes((struct span){ text, len }, out->address);
    if (!out->size)
        return error_set(err, ERROR_INVALID, "%s is no network: 10.0.0.0/8, fd00::/8", text);
    char *end = NULL;
    unsigned long bits = out->size * 8ul;
    if (text[len]) {
        bits = strtoul(text + len + 1, &end, 10);
        if (text[len + 1] < '0' || text[len + 1] > '9' || *end || bits > out->size * 8ul)
            return error_set(err, ERROR_INVALID, "%s: behind / stand 0 to %d bits", text,
                             out->size * 8);
    }
    out->bits = (uint8_t)bits;
    return 0;
}

/* Behind these stands another one, or anything at all. */
static bool is_wrapper(const char *scheme)
{
    return strcmp(scheme, "json") == 0 || strcmp(scheme, "blkdebug") == 0 ||
           strcmp(scheme, "blkverify") == 0;
}

static int check_scheme(const struct acl_value *v, struct error *err)
{
    if (!acl_is_scheme((struct span){ v->text, v->len }))
        return error_set(err, ERROR_INVALID, "%s is no scheme: tcp, nbd", v->text);
    if (is_wrapper(v->text))
        return error_set(err, ERROR_INVALID, "behind %s: stands anything, which is for any to say",
                         v->text);
    return 0;
}

/* What a text must be, once its variables are put in. */
static int settle(struct acl_value *v, enum value_form form, bool sizes, struct error *err)
{
    v->is_number = (form == TEXTS || form == NUMBERS) && read_number(v->text, sizes, &v->number);
    if (form == NUMBERS && !v->is_number)
        return error_set(err, ERROR_INVALID, "%s is no number%s", v->text,
                         sizes ? " (K, M, G and T may stand behind it)" : "");
    if (form == DIRECTORIES && !acl_is_directory((struct span){ v->text, v->len }))
        return error_set(err, ERROR_INVALID, "%s is no directory: an absolute path without ..",
                         v->text);
    if (form == SCHEMES)
        return check_scheme(v, err);
    return form == NETWORKS ? read_network(v->text, &v->network, err) : 0;
}

static const char variable_start[] = "%{";

static bool is_variable(struct span name)
{
    return is_word(name, "user", 4) || is_word(name, "vm", 2) || is_word(name, "uuid", 4) ||
           (name.len > 6 && memcmp(name.data, "label.", 6) == 0 &&
            !memchr(name.data, '{', name.len));
}

static int check_variables(const char *text, bool *any, struct error *err)
{
    *any = false;
    for (const char *at = text; (at = strstr(at, variable_start)); at++) {
        const char *end = strchr(at, '}');
        struct span name = { at + 2, end ? (size_t)(end - at) - 2 : 0 };
        if (!end || !is_variable(name))
            return error_set(err, ERROR_INVALID,
                             "variables are %%{user}, %%{vm}, %%{uuid} and %%{label.KEY}");
        *any = true;
    }
    return 0;
}

/* Beside its variables. */
static bool has_parts(const char *text)
{
    for (; *text; text++) {
        if (strncmp(text, variable_start, 2) == 0)
            text = strchr(text, '}');
        else if (*text == '.' || *text == ':')
            return true;
    }
    return false;
}

/* Whoever has the end of a name has the domain: 10.0.* would be 10.0.example.com as well. What is
 * open there matches names of one part: tap*. */
static int check_host(struct acl_value *v, struct error *err)
{
    bool open = v->len > 0 && strchr("*?", v->text[v->len - 1]);
    v->open_end = open && strspn(v->text, "*") != v->len;
    if (v->open_end && has_parts(v->text))
        return error_set(err, ERROR_INVALID,
                         "%s leaves the end of a name open: *.example.com does not, and for "
                         "addresses there is cidr",
                         v->text);
    return 0;
}

static bool is_pattern(enum value_form form)
{
    return form == GLOBS || form == HOSTS;
}

/* A `\` would take away the one that is put before a sign of what the variable stands for. */
static bool is_escaped_variable(const char *text)
{
    for (const char *at = strchr(text, '\\'); at && at[1]; at = strchr(at + 2, '\\')) {
        if (strncmp(at + 1, variable_start, 2) == 0)
            return true;
    }
    return false;
}

static int add_value(struct acl_condition *c, struct span word, struct error *err)
{
    const struct form *f = &forms[c->op];
    if (c->n_values == f->max)
        return error_set(err, ERROR_INVALID, "behind %s stand%s %zu value%s at most", f->name,
                         f->max == 1 ? "s" : "", f->max, f->max == 1 ? "" : "s");
    struct acl_value *v = &c->values[c->n_values++];
    v->text = mem_strndup(word.data, word.len);
    v->len = word.len;
    int rc = check_variables(v->text, &v->variable, err);
    if (rc < 0)
        return rc;
    c->variable |= v->variable;
    if (is_pattern(f->values) && is_escaped_variable(v->text))
        return error_set(err, ERROR_INVALID, "before a variable stands no \\");
    if (f->values == HOSTS && (rc = check_host(v, err)) < 0)
        return rc;
    if (v->variable && (f->values == NUMBERS || f->values == NETWORKS))
        return error_set(err, ERROR_INVALID, "a variable is a text, not what %s takes", f->name);
    if (v->variable && f->values == DIRECTORIES && v->text[0] != '/')
        return error_set(err, ERROR_INVALID, "a directory begins with /, not with a variable");
    return v->variable ? 0 : settle(v, f->values, c->op != ACL_OP_PORT_BETWEEN, err);
}

static int parse_values(struct acl_condition *c, struct words *w, struct error *err)
{
    struct span word;
    int rc;
    c->values = MEM_NEW_N(struct acl_value, ACL_CONDITION_VALUES_MAX + 1);
    while ((rc = next_word(w, &word, err)) > 0) {
        rc = add_value(c, word, err);
        if (rc < 0)
            return rc;
    }
    const struct form *f = &forms[c->op];
    if (rc == 0 && c->n_values < f->min)
        return error_set(err, ERROR_INVALID, "behind %s stand%s %s", f->name,
                         f->min == 2 ? "" : "s", f->min == 2 ? "two values" : "a value");
    if (rc == 0 && f->values == NUMBERS && f->min == 2 && c->values[0].number > c->values[1].number)
        return error_set(err, ERROR_INVALID, "nothing is between %s and %s", c->values[0].text,
                         c->values[1].text);
    c->values = mem_realloc_array(c->values, c->n_values + 1, sizeof(*c->values));
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int parse_path(struct acl_condition *c, struct words *w, struct error *err)
{
    struct span word;
    int rc = next_word(w, &word, err);
    if (rc <= 0)
        return rc < 0 ? rc : error_set(err, ERROR_INVALID, "a condition is PATH OPERATOR VALUE...");
    c->optional = word.len > 1 && word.data[word.len - 1] == '?';
    return acl_path_parse(word.data, word.len - c->optional, &c->path, err);
}

static int parse(struct acl_condition *c, struct error *err)
{
    struct words w = { c->text };
    if (!acl_text_is_plain(c->text, strlen(c->text)))
        return error_set(err, ERROR_INVALID,
                         "a condition is one line of UTF-8 without control characters");
    int rc = parse_path(c, &w, err);
    if (rc == 0)
        rc = parse_operator(&w, &c->op, err);
    if (rc == 0)
        rc = parse_values(c, &w, err);
    if (rc == 0 && c->optional && (c->op == ACL_OP_PRESENT || c->op == ACL_OP_ABSENT))
        return error_set(err, ERROR_INVALID, "with ? nothing is left for %s to say",
                         forms[c->op].name);
    return rc;
}

int acl_condition_parse(const char *text, struct acl_condition *out, struct error *err)
{
    *out = (struct acl_condition){ .text = mem_strdup(text) };
    int rc = parse(out, err);
    if (rc < 0)
        acl_condition_free(out);
    return rc;
}

void acl_condition_free(struct acl_condition *c)
{
    for (size_t i = 0; i < c->n_values; i++)
        free(c->values[i].text);
    free(c->values);
    acl_path_free(&c->path);
    free(c->text);
    *c = (struct acl_condition){ 0 };
}

/* --- variables -------------------------------------------------------------------------------- */

/* The one label of that key; NULL if there is none, or several. */
static const char *find_label(const struct acl_vm *vm, struct span key)
{
    const char *found = NULL;
    for (size_t i = 0; i < vm->n_labels; i++) {
        const char *label = vm->labels[i];
        if (strncmp(label, key.data, key.len) == 0 && label[key.len] == '=') {
            if (found)
                return NULL;
            found = label + key.len + 1;
        }
    }
    return found;
}

static const char *find_variable(const struct acl_binding *b, struct span name)
{
    if (is_word(name, "vm", 2))
        return b->vm->name;
    if (is_word(name, "uuid", 4))
        return b->vm->uuid;
    if (is_word(name, "user", 4)) {
        const char *colon = b->user ? strchr(b->user, ':') : NULL;
        return colon ? colon + 1 : NULL;
    }
    return find_label(b->vm, (struct span){ name.data + 6, name.len - 6 });
}

/* What is put in is a name and nothing else: not a part of a path, not a pattern. */
static bool is_fit(const char *value)
{
    return value && *value && strcmp(value, ".") != 0 && strcmp(value, "..") != 0 &&
           !strchr(value, '/');
}

static void put_in(struct buf *out, const char *value, bool glob)
{
    for (; *value; value++) {
        if (glob && strchr("*?\\", *value))
            buf_add_char(out, '\\');
        buf_add_char(out, *value);
    }
}

static bool bind_value(struct acl_value *v, const struct acl_binding *b, enum value_form form)
{
    CLEANUP_BUF struct buf text = { 0 };
    const char *at = v->text, *start;
    while ((start = strstr(at, variable_start))) {
        const char *end = strchr(start, '}');
        const char *value = find_variable(b, (struct span){ start + 2, (size_t)(end - start) - 2 });
        if (!is_fit(value))
            return false;
        buf_add(&text, at, (size_t)(start - at));
        put_in(&text, value, is_pattern(form));
        at = end + 1;
    }
    buf_add_str(&text, at);
    free(v->text);
    v->len = buf_len(&text);
    v->text = mem_strndup(buf_data(&text), v->len);
    v->variable = false;
    bool fits = settle(v, form, false, NULL) == 0;
    v->is_number = false; /* a user whose name is 1K is not 1024 */
    return fits;
}

bool acl_condition_bind(const struct acl_condition *c, const struct acl_binding *b,
                        struct acl_condition *out)
{
    struct error err;
    if (acl_condition_parse(c->text, out, &err) < 0)
        return false;
    out->line = c->line;
    for (size_t i = 0; i < out->n_values; i++) {
        if (out->values[i].variable && !bind_value(&out->values[i], b, forms[c->op].values)) {
            acl_condition_free(out);
            return false;
        }
    }
    out->variable = false;
    return true;
}
