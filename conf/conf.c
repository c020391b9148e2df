#include "config.h"
#include "conf/conf.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/mem.h"
#include "conf/option_table.h"
#include "conf/value.h"

/* --- life ------------------------------------------------------------------------------------- */

static void free_options(enum conf_section_id id, void *base)
{
    for (size_t i = 0; i < conf_n_options; i++) {
        if (conf_options[i].section == id && !conf_options[i].of_unnamed_ca)
            conf_value_free(&conf_options[i], base);
    }
}

static void free_elements(struct conf *c, enum conf_section_id id)
{
    const struct conf_section *s = &conf_sections[id];
    char *array = *(char **)((char *)c + s->array);
    size_t n = *(size_t *)((char *)c + s->count);
    for (size_t i = 0; i < n; i++) {
        char *element = array + i * s->size;
        free_options(id, element);
        free(*(char **)(element + s->title_member));
    }
    free(array);
}

struct conf *conf_ref(struct conf *c)
{
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void conf_unref(struct conf *c)
{
    if (!c || atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (enum conf_section_id id = CONF_TOP; id < CONF_SECTIONS; id++) {
        if (conf_sections[id].title)
            free_elements(c, id);
        else
            free_options(id, c);
    }
    free(c->file);
    free(c);
}

/* --- what a reload cannot change -------------------------------------------------------------- */

struct comparison {
    conf_report_fn *report;
    void *opaque;
    size_t n;
};

static void tell(struct comparison *cmp, const char *fmt, ...) PRINTF(2, 3);
static void tell(struct comparison *cmp, const char *fmt, ...)
{
    struct error sentence;
    cmp->n++;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence.text, sizeof(sentence.text), fmt, ap);
    va_end(ap);
    if (cmp->report)
        cmp->report(cmp->opaque, sentence.text);
}

static void compare_options(struct comparison *cmp, enum conf_section_id id, const char *prefix,
                            const void *before, const void *after)
{
    for (size_t i = 0; i < conf_n_options; i++) {
        const struct conf_option *o = &conf_options[i];
        if (o->section == id && !o->reload && !conf_value_equal(o, before, after))
            tell(cmp, "%s%s has changed: restart to have that", prefix, o->name);
    }
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* A listener can come, go and move; one that stays where it is keeps its socket as it was made. */
static void compare_listeners(struct comparison *cmp, const struct conf *before,
                              const struct conf *after)
{
    for (size_t i = 0; i < after->n_listeners; i++) {
        const struct conf_listener *new = &after->listeners[i];
        CLEANUP_FREE char *prefix = mem_printf("listener \"%s\": ", new->name);
        for (size_t k = 0; k < before->n_listeners; k++) {
            const struct conf_listener *old = &before->listeners[k];
            if (strcmp(old->name, new->name) == 0 && same_text(old->path, new->path))
                compare_options(cmp, CONF_LISTENER, prefix, old, new);
        }
    }
}

static const struct conf_audit_sink *find_sink(const struct conf *c, const char *name)
{
    for (size_t i = 0; i < c->n_sinks; i++) {
        if (strcmp(c->sinks[i].name, name) == 0)
            return &c->sinks[i];
    }
    return NULL;
}

static void compare_sinks(struct comparison *cmp, const struct conf *before,
                          const struct conf *after)
{
    for (size_t i = 0; i < after->n_sinks; i++) {
        const struct conf_audit_sink *new = &after->sinks[i];
        const struct conf_audit_sink *old = find_sink(before, new->name);
        CLEANUP_FREE char *prefix = mem_printf("audit_sink \"%s\": ", new->name);
        if (old)
            compare_options(cmp, CONF_AUDIT_SINK, prefix, old, new);
        else
            tell(cmp, "audit_sink \"%s\" is new: restart to have it", new->name);
    }
    for (size_t i = 0; i < before->n_sinks; i++) {
        if (!find_sink(after, before->sinks[i].name))
            tell(cmp, "audit_sink \"%s\" is gone: restart to be without it", before->sinks[i].name);
    }
}

size_t conf_not_reloadable(const struct conf *before, const struct conf *after,
                           conf_report_fn *report, void *opaque)
{
    struct comparison cmp = { .report = report, .opaque = opaque };
    for (enum conf_section_id id = CONF_TOP; id < CONF_SECTIONS; id++) {
        if (conf_sections[id].title)
            continue;
        CLEANUP_FREE char *prefix =
            id == CONF_TOP ? mem_strdup("") : mem_printf("%s.", conf_sections[id].name);
        compare_options(&cmp, id, prefix, before, after);
    }
    compare_listeners(&cmp, before, after);
    compare_sinks(&cmp, before, after);
    return cmp.n;
}
