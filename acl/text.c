#include "config.h"
#include "acl/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"

#define OPTIONS_MAX 8 /* of a section, the section in it, and the NULL */

/* A section's options, all of them lists of words, and the sections that may stand in it. */
struct section_form {
    const char *name;
    const char *options[OPTIONS_MAX];
    const struct section_form *inner;
};

static const struct section_form rule = { .name = "rule",
                                          .options = { "commands", "events", "when" } };

/* The sections of a policy. */
static const struct section_form sections[] = {
    { .name = "role",
      .options = { "include", "allow", "deny", "events", "hmp", "redact" },
      .inner = &rule },
    { .name = "group", .options = { "members" } },
    { .name = "grant", .options = { "to", "role", "vms", "admin", "qemu_agent" } },
    { .name = "delegate", .options = { "from", "to" } },
};

/* --- reports ---------------------------------------------------------------------------------- */

struct acl_report_line {
    unsigned line;
    size_t order; /* in which they were found, for those of one line */
    char *text;   /* owned */
};

void acl_reports_add(struct acl_reports *r, unsigned line, const char *fmt, ...)
{
    char sentence[ERROR_TEXT_MAX * 2];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, ap);
    va_end(ap);
    mem_grow((void **)&r->lines, &r->cap, r->n + 1, sizeof(*r->lines));
    r->lines[r->n] = (struct acl_report_line){
        .line = line,
        .order = r->n,
        .text = mem_printf("%s:%u: %s", r->name, line, sentence),
    };
    r->n++;
}

static int compare_lines(const void *a, const void *b)
{
    const struct acl_report_line *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

void acl_reports_flush(struct acl_reports *r, acl_report_fn *report, void *opaque)
{
    if (r->n > 0)
        qsort(r->lines, r->n, sizeof(*r->lines), compare_lines);
    for (size_t i = 0; i < r->n; i++) {
        if (report)
            report(opaque, r->lines[i].text);
        free(r->lines[i].text);
    }
    free(r->lines);
    r->lines = NULL;
    r->n = r->cap = 0;
}

/* --- form ------------------------------------------------------------------------------------- */

static const struct section_form *find_form(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        if (strcmp(name, sections[i].name) == 0)
            return &sections[i];
    }
    return NULL;
}

static bool has_option(const struct section_form *form, const char *name)
{
    for (size_t i = 0; form->options[i]; i++) {
        if (strcmp(name, form->options[i]) == 0)
            return true;
    }
    return false;
}

static bool is_inner(const struct section_form *form, const char *name)
{
    return form->inner && strcmp(name, form->inner->name) == 0;
}

static void check_title(struct acl_reports *reports, const struct cfgtext_item *item)
{
    if (!item->section || !item->title)
        acl_reports_add(reports, item->line, "a %s is written: %s \"NAME\" { ... }", item->name,
                        item->name);
}

static void refuse_option(struct acl_reports *reports, const struct section_form *form,
                          const struct cfgtext_item *item)
{
    CLEANUP_BUF struct buf all = { 0 };
    for (size_t i = 0; form->options[i]; i++)
        buf_printf(&all, "%s%s", i ? ", " : "", form->options[i]);
    if (form->inner)
        buf_printf(&all, " and sections %s", form->inner->name);
    acl_reports_add(reports, item->line, "unknown %s %s: a %s has %.*s",
                    item->section ? "section" : "option", item->name, form->name,
                    (int)buf_len(&all), buf_data(&all));
}

static void check_option(struct acl_reports *reports, const struct section_form *form,
                         const struct cfgtext_item *item)
{
    if (is_inner(form, item->name))
        check_title(reports, item);
    else if (!has_option(form, item->name))
        refuse_option(reports, form, item);
    else if (item->section)
        acl_reports_add(reports, item->line, "%s is a list: %s = {\"...\"}", item->name,
                        item->name);
}

static void check_item(struct acl_reports *reports, const struct cfgtext_item *item)
{
    const struct cfgtext_item *outer = item->parent;
    const struct section_form *form =
        find_form(outer ? outer->parent ? outer->parent->name : outer->name : item->name);
    if (!outer && !form)
        acl_reports_add(reports, item->line,
                        "unknown %s %s: a policy has sections role, group, grant and delegate",
                        item->section ? "section" : "option", item->name);
    else if (!outer)
        check_title(reports, item);
    else if (form && !outer->parent)
        check_option(reports, form, item);
    else if (form && !outer->parent->parent && is_inner(form, outer->name))
        check_option(reports, form->inner, item);
    /* the rest stands in a section that was reported */
}

static void check_form(struct acl_reports *reports, const struct cfgtext *outline)
{
    for (size_t i = 0; i < outline->n; i++)
        check_item(reports, &outline->items[i]);
}

/* --- libconfuse ------------------------------------------------------------------------------- */

static int make_word(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
    (void)opt;
    size_t size = strlen(value) + 1;
    struct acl_word *w = mem_alloc(sizeof(*w) + size);
    w->line = (unsigned)cfg->line;
    memcpy(w->text, value, size);
    *(struct acl_word **)result = w;
    return 0;
}

static void stay_silent(cfg_t *cfg, const char *fmt, va_list ap)
{
    (void)cfg;
    (void)fmt;
    (void)ap;
}

/* libconfuse's words for a section's options; what stands in it must live as long as they do. */
static void make_options(const struct section_form *form, cfg_opt_t out[OPTIONS_MAX],
                         cfg_opt_t *inner)
{
    const cfg_opt_t end = CFG_END();
    size_t n = 0;
    for (; form->options[n]; n++) {
        const cfg_opt_t list = CFG_PTR_LIST_CB(form->options[n], NULL, CFGF_NONE, make_word, free);
        out[n] = list;
    }
    if (form->inner) {
        const cfg_opt_t section =
            CFG_SEC(form->inner->name, inner, CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
        out[n++] = section;
    }
    out[n] = end;
}

static cfg_t *make_tree(cfg_flag_t flags)
{
    cfg_opt_t inner[OPTIONS_MAX], options[ARRAY_SIZE(sections)][OPTIONS_MAX];
    cfg_opt_t top[ARRAY_SIZE(sections) + 1];
    const cfg_opt_t end = CFG_END();
    make_options(&rule, inner, NULL);
    for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
        make_options(&sections[i], options[i], inner);
        const cfg_opt_t section =
            CFG_SEC(sections[i].name, options[i], CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
        top[i] = section;
    }
    top[ARRAY_SIZE(sections)] = end;
    return cfg_init(top, flags);
}

/* A text whose form is good is read strictly, and libconfuse must find it good, too. One with
 * unknown options, which is refused anyway, is read as far as can be. */
static cfg_t *parse(struct acl_reports *reports, const struct cfgtext *outline)
{
    cfgtext_lock();
    cfg_t *tree = make_tree(reports->n == 0 ? CFGF_NONE : CFGF_IGNORE_UNKNOWN);
    cfg_set_error_function(tree, stay_silent);
    bool good = cfg_parse_buf(tree, outline->plain) == CFG_SUCCESS;
    unsigned line = (unsigned)tree->line;
    if (!good) {
        cfg_free(tree);
        tree = NULL;
    }
    cfgtext_unlock();
    if (!good && reports->n == 0)
        acl_reports_add(reports, line, "this line cannot be read");
    return tree;
}

size_t acl_text_n_words(cfg_t *section, const char *option)
{
    return cfg_size(section, option);
}

const struct acl_word *acl_text_word(cfg_t *section, const char *option, size_t i)
{
    return cfg_getnptr(section, option, (unsigned)i);
}

/* A sentence of base/cfgtext, which has NAME:LINE in front already. */
static void take_report(void *opaque, const char *line)
{
    struct acl_reports *r = opaque;
    const char *number = line + strlen(r->name) + 1;
    char *sentence;
    unsigned long n = strtoul(number, &sentence, 10);
    acl_reports_add(r, (unsigned)n, "%s", *sentence ? sentence + 2 : sentence);
}

int acl_text_read(struct acl_reports *reports, const char *text, size_t len,
                  struct cfgtext **outline, cfg_t **tree)
{
    CLEANUP_CFGTEXT struct cfgtext *read = NULL;
    *outline = NULL;
    *tree = NULL;
    int rc = cfgtext_read(reports->name, text, len, take_report, reports, &read);
    if (rc < 0)
        return rc;
    check_form(reports, read);
    *tree = parse(reports, read);
    if (!*tree)
        return ERROR_INVALID;
    *outline = TAKE_PTR(read);
    return 0;
}
