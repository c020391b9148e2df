/* Any text: what cfgtext accepts, libconfuse must accept as well, given options of those names, and
 * see the same sections and titles. A difference would be a setting that the checks did not see. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <confuse.h>
#include <stdlib.h>
#include <string.h>
#include "base/cfgtext.h"
#include "base/mem.h"

static void ignore_line(void *opaque, const char *line)
{
    (void)opaque;
    FUZZ_ASSERT(*line != '\0' && !strchr(line, '\n'));
}

static void ignore_error(cfg_t *cfg, const char *fmt, va_list ap)
{
    (void)cfg;
    (void)fmt;
    (void)ap;
}

static size_t count_children(const struct cfgtext *t, const struct cfgtext_item *parent)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++)
        n += t->items[i].parent == parent;
    return n;
}

/* True if a name occurs once among its siblings: libconfuse wants one kind of thing a name. */
static bool names_are_unique(const struct cfgtext *t)
{
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = i + 1; k < t->n; k++) {
            if (t->items[i].parent == t->items[k].parent &&
                strcmp(t->items[i].name, t->items[k].name) == 0)
                return false;
        }
    }
    return true;
}

static cfg_opt_t *make_options(const struct cfgtext *t, const struct cfgtext_item *parent);

static cfg_opt_t make_option(const struct cfgtext *t, const struct cfgtext_item *item)
{
    cfg_opt_t string = CFG_STR(item->name, NULL, CFGF_NONE);
    cfg_opt_t list = CFG_STR_LIST(item->name, NULL, CFGF_NONE);
    if (!item->section)
        return item->list ? list : string;
    cfg_opt_t section = CFG_SEC(item->name, make_options(t, item),
                                item->title ? CFGF_TITLE | CFGF_MULTI : CFGF_NONE);
    return section;
}

static cfg_opt_t *make_options(const struct cfgtext *t, const struct cfgtext_item *parent)
{
    cfg_opt_t end = CFG_END();
    cfg_opt_t *opts = mem_zalloc_array(count_children(t, parent) + 1, sizeof(*opts));
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        if (t->items[i].parent == parent)
            opts[n++] = make_option(t, &t->items[i]);
    }
    opts[n] = end;
    return opts;
}

static void free_options(cfg_opt_t *opts)
{
    for (size_t i = 0; opts[i].name; i++) {
        if (opts[i].subopts)
            free_options(opts[i].subopts);
    }
    free(opts);
}

static void compare_section(const struct cfgtext *t, const struct cfgtext_item *parent, cfg_t *cfg)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct cfgtext_item *item = &t->items[i];
        if (item->parent != parent)
            continue;
        if (!item->section) {
            FUZZ_ASSERT(item->list || cfg_size(cfg, item->name) == 1);
            continue;
        }
        cfg_t *section = cfg_getnsec(cfg, item->name, 0);
        FUZZ_ASSERT(section && cfg_size(cfg, item->name) == 1);
        FUZZ_ASSERT(!item->title || strcmp(item->title, cfg_title(section)) == 0);
        compare_section(t, item, section);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP_CFGTEXT struct cfgtext *t = NULL;
    if (cfgtext_read("f", (const char *)data, size, ignore_line, NULL, &t) < 0)
        return 0;
    FUZZ_ASSERT(strlen(t->plain) == size);
    for (size_t i = 0; i < t->n; i++) {
        const struct cfgtext_item *item = &t->items[i];
        FUZZ_ASSERT(cfgtext_find(t, item->parent, item->name, item->title) == item);
    }
    if (t->n > 64 || !names_are_unique(t))
        return 0;
    cfg_opt_t *opts = make_options(t, NULL);
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);
    cfg_set_error_function(cfg, ignore_error);
    FUZZ_ASSERT(cfg_parse_buf(cfg, t->plain) == CFG_SUCCESS);
    compare_section(t, NULL, cfg);
    cfg_free(cfg);
    free_options(opts);
    return 0;
}
