#include "config.h"
#include "cli/policy_people.h"

#include <stdlib.h>
#include "acl/principal.h"
#include "acl/vmsel.h"
#include "base/glob.h"
#include "base/mem.h"

#define ANY    "any"    /* stands for `*` */
#define ANY_VM "any-vm" /* a VM of which only a UUID or a label is known */

/* --- the text --------------------------------------------------------------------------------- */

void policy_text_read(const char *text, size_t len, struct policy_text *out)
{
    struct acl_reports reports = { .name = "policy" };
    *out = (struct policy_text){ 0 };
    int rc = acl_text_read(&reports, text, len, &out->outline, &out->tree);
    acl_reports_flush(&reports, NULL, NULL);
    (void)rc; /* it was good before */
}

void policy_text_clear(struct policy_text *t)
{
    cfgtext_free(t->outline);
    if (t->tree)
        cfg_free(t->tree);
    *t = (struct policy_text){ 0 };
}

/* Calls `each` with every word of an option of a kind of section. */
static void each_word(const struct policy_text *t, const char *kind, const char *option,
                      void (*each)(void *opaque, const char *word), void *opaque)
{
    unsigned n = t->tree ? cfg_size(t->tree, kind) : 0;
    for (unsigned i = 0; i < n; i++) {
        cfg_t *section = cfg_getnsec(t->tree, kind, i);
        for (size_t k = 0; k < acl_text_n_words(section, option); k++)
            each(opaque, acl_text_word(section, option, k)->text);
    }
}

/* --- samples ---------------------------------------------------------------------------------- */

/* The pattern with something in the place of each wildcard; `\` before one makes it a plain sign,
 * which the sample has with or without the `\`. */
static char *fill_in(const char *pattern, bool keep_escapes)
{
    CLEANUP_BUF struct buf out = { 0 };
    for (const char *c = pattern; *c; c++) {
        if (*c == '\\' && c[1]) {
            if (keep_escapes || !strchr("*?", c[1]))
                buf_add_char(&out, '\\');
            buf_add_char(&out, *++c);
        } else if (*c == '*') {
            buf_add_str(&out, ANY);
            while (c[1] == '*')
                c++;
        } else {
            buf_add_char(&out, *c == '?' ? 'x' : *c);
        }
    }
    buf_add_char(&out, '\0');
    return mem_strdup(buf_data(&out));
}

/* What a pattern of a DN ends with that allows more of it. */
static char *without_rest(const char *pattern)
{
    size_t len = strlen(pattern);
    bool open =
        strncmp(pattern, "x509:", 5) == 0 && len > 2 && strcmp(pattern + len - 2, ",*") == 0;
    return mem_strndup(pattern, open ? len - 2 : len);
}

static bool is_matched(const struct acl_principal *pattern, const char *sample, bool *attribute)
{
    CLEANUP_PRINCIPAL struct acl_principal *identity = NULL;
    if (acl_principal_parse_identity(sample, &identity, NULL) < 0)
        return false;
    *attribute = acl_principal_is_attribute(identity);
    const char *key = acl_principal_key(pattern);
    return key ? strcmp(key, acl_principal_key(identity)) == 0
               : acl_principal_match(pattern, identity);
}

/* An identity that the word means; NULL if none was found. */
static char *sample_identity(const char *word, bool *attribute, bool *exact)
{
    CLEANUP_PRINCIPAL struct acl_principal *pattern = NULL;
    CLEANUP_FREE char *closed = without_rest(word);
    if (acl_principal_parse_pattern(word, &pattern, NULL) < 0)
        return NULL;
    *exact = acl_principal_key(pattern) != NULL;
    char *const samples[] = { mem_strdup(word), fill_in(closed, true), fill_in(closed, false),
                              fill_in(word, true) };
    char *found = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(samples); i++) {
        if (!found && (i > 0 || *exact) && is_matched(pattern, samples[i], attribute))
            found = samples[i];
        else
            free(samples[i]);
    }
    return found;
}

/* --- people ----------------------------------------------------------------------------------- */

static void add_person(void *opaque, const char *word)
{
    struct policy_people *p = opaque;
    bool attribute = false, exact = false;
    if (strncmp(word, "group:", 6) == 0)
        return;
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->at[i].word, word) == 0)
            return;
    }
    char *sample = sample_identity(word, &attribute, &exact);
    if (!sample)
        return;
    struct policy_person new = { .word = mem_strdup(word), .exact = exact };
    /* of whoever has an attribute, the name is nobody's in particular */
    bool unix_kind = strncmp(word, "unix", 4) == 0;
    new.name = attribute ? mem_strdup(unix_kind ? "unix:" ANY : "x509:CN=" ANY) : sample;
    new.attribute = attribute ? sample : NULL;
    mem_grow((void **)&p->at, &p->cap, p->n + 1, sizeof(*p->at));
    p->at[p->n++] = new;
}

void policy_people_add(struct policy_people *p, const struct policy_text *t, const char *kind,
                       const char *option)
{
    each_word(t, kind, option, add_person, p);
}

void policy_people_clear(struct policy_people *p)
{
    for (size_t i = 0; i < p->n; i++) {
        free(p->at[i].word);
        free(p->at[i].name);
        free(p->at[i].attribute);
    }
    free(p->at);
    *p = (struct policy_people){ 0 };
}

/* --- VMs -------------------------------------------------------------------------------------- */

static struct policy_machine sample_machine(const char *word)
{
    struct policy_machine m = { .word = mem_strdup(word), .exact = !glob_is_pattern(word) };
    if (strncmp(word, "uuid:", 5) == 0) {
        m.name = mem_strdup(ANY_VM);
        m.uuid = mem_strdup(word + 5);
    } else if (strncmp(word, "label:", 6) == 0) {
        m.name = mem_strdup(ANY_VM);
        m.label = fill_in(word + 6, true);
        m.exact = false;
    } else {
        const char *name = strncmp(word, "name:", 5) == 0 ? word + 5 : word;
        m.name = strcmp(name, "*") == 0 ? mem_strdup(ANY_VM) : fill_in(name, true);
    }
    return m;
}

static void add_machine(void *opaque, const char *word)
{
    struct policy_machines *m = opaque;
    for (size_t i = 0; i < m->n; i++) {
        if (strcmp(m->at[i].word, word) == 0)
            return;
    }
    mem_grow((void **)&m->at, &m->cap, m->n + 1, sizeof(*m->at));
    m->at[m->n++] = sample_machine(word);
}

void policy_machines_add(struct policy_machines *m, const struct policy_text *t)
{
    each_word(t, "grant", "vms", add_machine, m);
}

void policy_machines_clear(struct policy_machines *m)
{
    for (size_t i = 0; i < m->n; i++) {
        free(m->at[i].word);
        free(m->at[i].name);
        free(m->at[i].uuid);
        free(m->at[i].label);
    }
    free(m->at);
    *m = (struct policy_machines){ 0 };
}
