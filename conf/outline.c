#include "config.h"
#include "conf/loader.h"

#include <stdio.h>

static enum conf_section_id place_of_parent(const struct loader *l, const struct cfgtext_item *item)
{
    return item->parent ? l->places[item->parent - l->text->items] : CONF_TOP;
}

static const char *where(enum conf_section_id place, char out[64])
{
    out[0] = '\0';
    if (place != CONF_TOP)
        snprintf(out, 64, " in %s", conf_sections[place].name);
    return out;
}

/* In tls both `ca = PATH` and `ca "NAME" {...}` exist; elsewhere a name is one of the two. */
static bool check_section(struct loader *l, const struct cfgtext_item *item,
                          enum conf_section_id parent, enum conf_section_id *place)
{
    char in[64];
    enum conf_section_id id = conf_section_find(parent, item->name);
    if (id == CONF_SECTIONS) {
        if (conf_option_find(parent, item->name))
            loader_complain(l, item->line, "%s%s is an option: write %s = ...", item->name,
                            where(parent, in), item->name);
        else
            loader_complain(l, item->line,
                            "unknown section '%s'%s: qmpgate.conf(5) lists those there are",
                            item->name, where(parent, in));
        return false;
    }
    const struct conf_section *s = &conf_sections[id];
    if (s->title && !item->title) {
        loader_complain(l, item->line, "this %s has no %s: write %s \"...\" { ... }", s->name,
                        s->title_is_path ? "path" : "name", s->name);
        return false;
    }
    if (!s->title && item->title) {
        loader_complain(l, item->line, "%s takes no name: write %s { ... }", s->name, s->name);
        return false;
    }
    *place = id;
    return true;
}

static bool check_option(struct loader *l, const struct cfgtext_item *item,
                         enum conf_section_id parent, enum conf_section_id *place)
{
    char in[64];
    const struct conf_option *o = conf_option_find(parent, item->name);
    if (!o) {
        enum conf_section_id id = conf_section_find(parent, item->name);
        if (id != CONF_SECTIONS)
            loader_complain(l, item->line, "%s is a section: write %s%s { ... }", item->name,
                            item->name, conf_sections[id].title ? " \"...\"" : "");
        else
            loader_complain(l, item->line,
                            "unknown option '%s'%s: qmpgate.conf(5) lists those there are",
                            item->name, where(parent, in));
        return false;
    }
    if (item->list && o->type != CONF_TYPE_TEXTS) {
        loader_complain(l, item->line, "%s takes one value: write %s = \"...\"", item->name,
                        item->name);
        return false;
    }
    *place = parent;
    return true;
}

/* libconfuse cannot know a name as both: the kind that comes second goes. */
static void refuse_two_kinds_of_ca(struct loader *l)
{
    const struct cfgtext_item *option = NULL;
    for (size_t i = 0; i < l->text->n; i++) {
        const struct cfgtext_item *item = &l->text->items[i];
        if (item->section || l->places[i] != CONF_TLS)
            continue;
        const struct conf_option *o = conf_option_find(CONF_TLS, item->name);
        if (o && o->of_unnamed_ca)
            option = item;
    }
    for (size_t i = 0; option && i < l->text->n; i++) {
        const struct cfgtext_item *item = &l->text->items[i];
        if (!item->section || l->places[i] != CONF_CA)
            continue;
        loader_complain(l, item->line,
                        "tls has %s = ... in line %u: put it into a section ca \"NAME\" { ... } of "
                        "its own, or leave the sections out",
                        option->name, option->line);
        cfgtext_blank(l->text, item);
        l->places[i] = CONF_SECTIONS;
    }
}

void loader_check_outline(struct loader *l)
{
    for (size_t i = 0; i < l->text->n; i++) {
        const struct cfgtext_item *item = &l->text->items[i];
        enum conf_section_id parent = place_of_parent(l, item);
        l->places[i] = CONF_SECTIONS;
        if (parent == CONF_SECTIONS || item->again)
            continue; /* it was blanked, or what it stands in was */
        bool good = item->section ? check_section(l, item, parent, &l->places[i])
                                  : check_option(l, item, parent, &l->places[i]);
        if (!good)
            cfgtext_blank(l->text, item);
    }
    refuse_two_kinds_of_ca(l);
    for (size_t i = 0; i < l->text->n; i++) {
        if (place_of_parent(l, &l->text->items[i]) == CONF_SECTIONS)
            l->places[i] = CONF_SECTIONS;
    }
}
