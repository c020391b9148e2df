/* libconfuse says what the values are; the table says what to do with each. */
#include "config.h"
#include "conf/loader.h"

#include <confuse.h>
#include <stdlib.h>
#include <string.h>
#include "base/log.h"
#include "base/mem.h"
#include "conf/value.h"

/* --- the table, as libconfuse wants it -------------------------------------------------------- */

/* All values are texts to libconfuse: conf/value.c reads them, so that every fault gets a sentence
 * and none hides the next. */
static cfg_opt_t libconfuse_option(const struct conf_option *o)
{
    cfg_opt_t text = CFG_STR(o->name, NULL, CFGF_NONE);
    cfg_opt_t texts = CFG_STR_LIST(o->name, NULL, CFGF_NONE);
    return o->type == CONF_TYPE_TEXTS ? texts : text;
}

static cfg_opt_t *libconfuse_options(enum conf_section_id id, bool ca_sections);

static cfg_opt_t libconfuse_section(enum conf_section_id id, bool ca_sections)
{
    const struct conf_section *s = &conf_sections[id];
    cfg_opt_t section =
        CFG_SEC(s->name, libconfuse_options(id, ca_sections),
                s->title ? CFGF_TITLE | CFGF_MULTI | CFGF_NO_TITLE_DUPES : CFGF_NONE);
    return section;
}

/* Of one section; ends with CFG_END. The two forms of `ca` are never both in a text. */
static cfg_opt_t *libconfuse_options(enum conf_section_id id, bool ca_sections)
{
    cfg_opt_t end = CFG_END();
    cfg_opt_t *opts = MEM_NEW_N(cfg_opt_t, conf_n_options + CONF_SECTIONS + 1);
    size_t n = 0;
    for (size_t i = 0; i < conf_n_options; i++) {
        const struct conf_option *o = &conf_options[i];
        if (o->section == id && !(ca_sections && o->of_unnamed_ca))
            opts[n++] = libconfuse_option(o);
    }
    for (enum conf_section_id child = CONF_TOP + 1; child < CONF_SECTIONS; child++) {
        if (conf_sections[child].parent == id && (child != CONF_CA || ca_sections))
            opts[n++] = libconfuse_section(child, ca_sections);
    }
    opts[n] = end;
    return opts;
}

static void free_libconfuse_options(cfg_opt_t *opts)
{
    for (size_t i = 0; opts[i].name; i++) {
        if (opts[i].subopts)
            free_libconfuse_options(opts[i].subopts);
    }
    free(opts);
}

/* --- where values go -------------------------------------------------------------------------- */

static void *last_element(struct conf *c, enum conf_section_id id)
{
    const struct conf_section *s = &conf_sections[id];
    char *array = *(char **)((char *)c + s->array);
    size_t n = *(size_t *)((char *)c + s->count);
    return n ? array + (n - 1) * s->size : NULL;
}

static void *append_element(struct conf *c, enum conf_section_id id)
{
    const struct conf_section *s = &conf_sections[id];
    char **array = (char **)((char *)c + s->array);
    size_t *n = (size_t *)((char *)c + s->count);
    *array = mem_realloc_array(*array, *n + 1, s->size);
    memset(*array + *n * s->size, 0, s->size);
    (*n)++;
    return last_element(c, id);
}

/* The struct that an option of the section that is being read is a member of: a section comes
 * before its options, and no two of a kind are within each other. */
static void *base_of(struct conf *c, const struct conf_option *o)
{
    if (o->of_unnamed_ca && c->tls.n_cas == 0) {
        struct conf_ca *ca = append_element(c, CONF_CA);
        ca->name = mem_strdup("");
    }
    if (o->of_unnamed_ca)
        return last_element(c, CONF_CA);
    return conf_sections[o->section].title ? last_element(c, o->section) : (void *)c;
}

static void set_defaults(struct loader *l, enum conf_section_id id)
{
    for (size_t i = 0; i < conf_n_options; i++) {
        const struct conf_option *o = &conf_options[i];
        struct error err;
        if (o->section == id && o->default_text &&
            conf_value_set(o, base_of(l->conf, o), o->default_text, l->directory, &err) < 0)
            loader_complain(l, 1, "%s: the built-in default %s", o->name, err.text);
    }
}

/* --- values ----------------------------------------------------------------------------------- */

static void set_value(struct loader *l, const struct cfgtext_item *item,
                      const struct conf_option *o, const char *text)
{
    struct error err;
    char shown[LOG_ESCAPE_MAX];
    if (conf_value_set(o, base_of(l->conf, o), text, l->directory, &err) < 0)
        loader_complain(l, item->line, "%s \"%s\" %s", o->name,
                        log_escape(text, strlen(text), shown), err.text);
}

static void read_option(struct loader *l, const struct cfgtext_item *item,
                        enum conf_section_id place, cfg_t *cfg)
{
    const struct conf_option *o = conf_option_find(place, item->name);
    unsigned n = cfg_size(cfg, item->name);
    for (unsigned i = 0; i < n; i++)
        set_value(l, item, o, cfg_getnstr(cfg, item->name, i));
}

static void read_title(struct loader *l, const struct cfgtext_item *item,
                       const struct conf_section *s, void *element)
{
    struct error err;
    char shown[LOG_ESCAPE_MAX];
    char **title = (char **)((char *)element + s->title_member);
    *title =
        s->title_is_path ? conf_value_resolve(item->title, l->directory) : mem_strdup(item->title);
    if (s->has_line)
        *(unsigned *)((char *)element + s->line_member) = item->line;
    if (!*item->title)
        loader_complain(l, item->line, "%s \"\": give it a %s", s->name,
                        s->title_is_path ? "path" : "name");
    else if (s->check_title && s->check_title(item->title, &err) < 0)
        loader_complain(l, item->line, "%s \"%s\": %s", s->name,
                        log_escape(item->title, strlen(item->title), shown), err.text);
}

static void require_options(struct loader *l, const struct cfgtext_item *section,
                            enum conf_section_id id)
{
    for (size_t i = 0; i < conf_n_options; i++) {
        const struct conf_option *o = &conf_options[i];
        if (o->section != id || !o->required || cfgtext_find(l->text, section, o->name, NULL))
            continue;
        loader_complain(l, section ? section->line : 1, "%s%s%s is missing: set %s = ...",
                        section ? section->name : "", section ? "." : "", o->name, o->name);
    }
}

static cfg_t *read_section(struct loader *l, const struct cfgtext_item *item,
                           enum conf_section_id id, cfg_t *parent)
{
    const struct conf_section *s = &conf_sections[id];
    if (s->title) {
        read_title(l, item, s, append_element(l->conf, id));
        set_defaults(l, id);
    }
    if (id == CONF_TLS) {
        l->conf->tls.given = true;
        l->conf->tls.line = item->line;
    }
    require_options(l, item, id);
    return s->title ? cfg_gettsec(parent, item->name, item->title) : cfg_getsec(parent, item->name);
}

static void read_items(struct loader *l, cfg_t *top)
{
    const struct cfgtext *t = l->text;
    CLEANUP_FREE cfg_t **sections = MEM_NEW_N(cfg_t *, t->n + 1);
    for (size_t i = 0; i < t->n; i++) {
        const struct cfgtext_item *item = &t->items[i];
        if (l->places[i] == CONF_SECTIONS)
            continue;
        cfg_t *parent = item->parent ? sections[item->parent - t->items] : top;
        if (item->section)
            sections[i] = read_section(l, item, l->places[i], parent);
        else
            read_option(l, item, l->places[i], parent);
    }
}

static bool has_ca_sections(const struct loader *l)
{
    for (size_t i = 0; i < l->text->n; i++) {
        if (l->text->items[i].section && l->places[i] == CONF_CA)
            return true;
    }
    return false;
}

/* What libconfuse has against a text was found before, with a better sentence. */
static void ignore_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    (void)cfg;
    (void)fmt;
    (void)ap;
}

static void parse(struct loader *l)
{
    cfg_opt_t *opts = libconfuse_options(CONF_TOP, has_ca_sections(l));
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);
    cfg_set_error_function(cfg, ignore_error);
    if (cfg_parse_buf(cfg, l->text->plain) == CFG_SUCCESS)
        read_items(l, cfg);
    else
        loader_complain(l, (unsigned)cfg->line, "this cannot be read as a configuration");
    cfg_free(cfg);
    free_libconfuse_options(opts);
}

void loader_read(struct loader *l)
{
    for (enum conf_section_id id = CONF_TOP; id < CONF_SECTIONS; id++) {
        if (!conf_sections[id].title)
            set_defaults(l, id);
    }
    cfgtext_lock();
    parse(l);
    cfgtext_unlock();
    require_options(l, NULL, CONF_TOP);
    if (!cfgtext_find(l->text, NULL, "audit", NULL))
        loader_complain(l, 1, "audit is missing: write audit { path = \"...\" }");
}
