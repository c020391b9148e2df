#include "config.h"
#include "base/cfgtext.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/cfglex.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"

static pthread_mutex_t libconfuse_lock = PTHREAD_MUTEX_INITIALIZER;

void cfgtext_lock(void)
{
    pthread_mutex_lock(&libconfuse_lock);
}

void cfgtext_unlock(void)
{
    pthread_mutex_unlock(&libconfuse_lock);
}

#define AT_TOP SIZE_MAX

struct reader {
    struct cfglex lex;
    struct cfgtext *out;
    size_t cap;
    size_t *parents; /* of each item, by index: the items still move; owned */
    size_t parents_cap;
    size_t open[CFGTEXT_DEPTH_MAX]; /* the sections that are not closed yet, by index */
    size_t depth;
    const char *name;
    cfgtext_report_fn *report;
    void *opaque;
    bool failed;
    bool broken; /* the grammar is: there is no outline */
};

/* --- reports ---------------------------------------------------------------------------------- */

static void report_sentence(void *opaque, unsigned line, const char *sentence)
{
    struct reader *r = opaque;
    r->failed = true;
    if (!r->report)
        return;
    CLEANUP_FREE char *text = mem_printf("%s:%u: %s", r->name, line, sentence);
    r->report(r->opaque, text);
}

/* Of the grammar: nothing that follows can be read. */
static bool give_up(struct reader *r)
{
    r->broken = true;
    return false;
}

static void complain(struct reader *r, unsigned line, const char *fmt, ...) PRINTF(3, 4);
static void complain(struct reader *r, unsigned line, const char *fmt, ...)
{
    char sentence[ERROR_TEXT_MAX * 2]; /* two words, escaped, fit */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sentence, sizeof(sentence), fmt, ap);
    va_end(ap);
    report_sentence(r, line, sentence);
}

/* For the lexer's tokens that cannot stand where they are. The lexer told of a broken one. */
static bool unexpected(struct reader *r, enum cfglex_token token, const char *expected)
{
    if (token != CFGLEX_BROKEN)
        complain(r, r->lex.token_line, "%s where %s should be", cfglex_token_name(token), expected);
    return give_up(r);
}

/* --- the grammar, as libconfuse's parser has it ----------------------------------------------- */

static bool is_name(const char *s)
{
    if (!((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')))
        return false;
    return s[strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")] == '\0';
}

static size_t innermost(const struct reader *r)
{
    return r->depth ? r->open[r->depth - 1] : AT_TOP;
}

static struct cfgtext_item *add_item(struct reader *r, const char *name)
{
    struct cfgtext *t = r->out;
    mem_grow((void **)&t->items, &r->cap, t->n + 1, sizeof(*t->items));
    mem_grow((void **)&r->parents, &r->parents_cap, t->n + 1, sizeof(*r->parents));
    r->parents[t->n] = innermost(r);
    struct cfgtext_item *item = &t->items[t->n++];
    *item = (struct cfgtext_item){
        .name = mem_strdup(name),
        .line = r->lex.token_line,
        .begin = r->lex.token_offset,
    };
    return item;
}

/* After "name = {" : false where it does not go on as a list. */
static bool read_list(struct reader *r)
{
    for (;;) {
        enum cfglex_token token = cfglex_next(&r->lex);
        if (token == CFGLEX_CLOSE)
            return true;
        if (token != CFGLEX_WORD)
            return unexpected(r, token, "a value of the list, or '}',");
        token = cfglex_next(&r->lex);
        if (token == CFGLEX_CLOSE)
            return true;
        if (token != CFGLEX_COMMA)
            return unexpected(r, token, "',' or '}' of the list");
    }
}

static bool read_value(struct reader *r, struct cfgtext_item *item)
{
    enum cfglex_token token = cfglex_next(&r->lex);
    bool good = true;
    if (token == CFGLEX_OPEN) {
        item->list = true;
        good = read_list(r);
    } else if (token != CFGLEX_WORD) {
        return unexpected(r, token, "a value");
    }
    item->end = r->lex.offset;
    return good;
}

static bool open_section(struct reader *r, struct cfgtext_item *item)
{
    item->section = true;
    if (r->depth == CFGTEXT_DEPTH_MAX) {
        complain(r, item->line, "sections are nested too deeply");
        return give_up(r);
    }
    r->open[r->depth++] = r->out->n - 1;
    return true;
}

/* A word began an option or a section. */
static bool read_item(struct reader *r)
{
    char shown[LOG_ESCAPE_MAX];
    const char *name = cfglex_word(&r->lex);
    if (!is_name(name)) {
        complain(r, r->lex.token_line, "'%s' is not the name of an option or a section",
                 log_escape(name, strlen(name), shown));
        return give_up(r);
    }
    struct cfgtext_item *item = add_item(r, name);
    enum cfglex_token token = cfglex_next(&r->lex);
    if (token == CFGLEX_EQUALS || token == CFGLEX_APPEND) {
        item->list = token == CFGLEX_APPEND;
        return read_value(r, item);
    }
    if (token == CFGLEX_WORD) {
        item->title = mem_strdup(cfglex_word(&r->lex));
        token = cfglex_next(&r->lex);
        return token == CFGLEX_OPEN ? open_section(r, item) : unexpected(r, token, "'{'");
    }
    return token == CFGLEX_OPEN ? open_section(r, item) : unexpected(r, token, "'=' or '{'");
}

static bool close_section(struct reader *r)
{
    if (r->depth == 0) {
        complain(r, r->lex.token_line, "this '}' closes nothing: remove it");
        return give_up(r);
    }
    r->out->items[r->open[--r->depth]].end = r->lex.offset;
    return true;
}

static bool finish(struct reader *r)
{
    while (r->depth > 0) { /* libconfuse would take the end of the file for the '}' */
        const struct cfgtext_item *section = &r->out->items[r->open[--r->depth]];
        complain(r, section->line, "section '%s' is never closed: add '}'", section->name);
        r->broken = true;
    }
    return false;
}

/* The first fault in the grammar ends it: what follows could mean anything. */
static void read_items(struct reader *r)
{
    bool go_on = true;
    while (go_on) {
        enum cfglex_token token = cfglex_next(&r->lex);
        go_on = token == CFGLEX_WORD    ? read_item(r)
                : token == CFGLEX_CLOSE ? close_section(r)
                : token == CFGLEX_END   ? finish(r)
                                        : unexpected(r, token, "an option or a section");
    }
}

/* --- the outline ------------------------------------------------------------------------------ */

/* By parent, name and title: what compares equal is a duplicate. */
static int compare(const struct cfgtext_item *a, const struct cfgtext_item *b)
{
    if (a->parent != b->parent)
        return (uintptr_t)a->parent < (uintptr_t)b->parent ? -1 : 1;
    int order = strcmp(a->name, b->name);
    if (order == 0 && (a->title == NULL) != (b->title == NULL))
        return a->title ? 1 : -1;
    return order || !a->title ? order : strcmp(a->title, b->title);
}

static int compare_for_sort(const void *va, const void *vb)
{
    const struct cfgtext_item *a = *(const struct cfgtext_item *const *)va;
    const struct cfgtext_item *b = *(const struct cfgtext_item *const *)vb;
    int order = compare(a, b);
    return order ? order : a < b ? -1 : a > b; /* the order of the text */
}

static int compare_for_find(const void *key, const void *element)
{
    return compare(key, *(const struct cfgtext_item *const *)element);
}

static void sort_items(struct reader *r)
{
    struct cfgtext *t = r->out;
    t->sorted = mem_zalloc_array(t->n + 1, sizeof(struct cfgtext_item *));
    for (size_t i = 0; i < t->n; i++) {
        t->items[i].parent = r->parents[i] == AT_TOP ? NULL : &t->items[r->parents[i]];
        t->sorted[i] = &t->items[i];
    }
    qsort(t->sorted, t->n, sizeof(*t->sorted), compare_for_sort);
}

static void refuse_duplicate(struct reader *r, const struct cfgtext_item *item, unsigned first)
{
    char shown[LOG_ESCAPE_MAX];
    if (item->title)
        complain(r, item->line,
                 "%s \"%s\" is already in line %u: give it another name, or make it one",
                 item->name, log_escape(item->title, strlen(item->title), shown), first);
    else
        complain(r, item->line, "%s is already %s in line %u: keep one of the two", item->name,
                 item->section ? "opened" : "set", first);
}

static void refuse_duplicates(struct reader *r)
{
    const struct cfgtext *t = r->out;
    CLEANUP_FREE unsigned *first_line = MEM_NEW_N(unsigned, t->n + 1); /* 0: it is the first */
    const struct cfgtext_item *first = NULL;
    for (size_t i = 0; i < t->n; i++) {
        const struct cfgtext_item *item = t->sorted[i];
        if (first && compare(first, item) == 0)
            first_line[item - t->items] = first->line;
        else
            first = item;
    }
    for (size_t i = 0; i < t->n; i++) {
        struct cfgtext_item *item = &t->items[i];
        bool within = item->parent && item->parent->again; /* told of with its section */
        item->again = first_line[i] || within;
        if (item->again && !within)
            refuse_duplicate(r, item, first_line[i]);
    }
}

static void refuse_nul(struct reader *r, const char *text, size_t len)
{
    const char *nul = memchr(text, '\0', len);
    if (!nul)
        return;
    unsigned line = 1;
    for (const char *p = text; p < nul; p++)
        line += *p == '\n';
    complain(r, line, "a NUL byte: this is not a text file");
    r->broken = true;
}

void cfgtext_free(struct cfgtext *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++) {
        free(t->items[i].name);
        free(t->items[i].title);
    }
    free(t->items);
    free(t->sorted);
    free(t->plain);
    free(t);
}

void cfgtext_blank(struct cfgtext *t, const struct cfgtext_item *item)
{
    for (size_t i = item->begin; i < item->end; i++) {
        if (t->plain[i] != '\n')
            t->plain[i] = ' ';
    }
}

static void blank_duplicates(struct cfgtext *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->items[i].again)
            cfgtext_blank(t, &t->items[i]);
    }
}

int cfgtext_read_on(const char *name, const char *text, size_t len, cfgtext_report_fn *report,
                    void *opaque, struct cfgtext **out)
{
    CLEANUP_CFGTEXT struct cfgtext *t = MEM_NEW(struct cfgtext);
    struct reader r = { .out = t, .name = name, .report = report, .opaque = opaque };
    *out = NULL;
    if (len > 0)
        refuse_nul(&r, text, len);
    if (r.failed)
        return ERROR_INVALID;
    cfglex_init(&r.lex, text, len, report_sentence, &r);
    read_items(&r);
    sort_items(&r);
    refuse_duplicates(&r);
    t->plain = TAKE_PTR(r.lex.plain);
    cfglex_fini(&r.lex);
    free(r.parents);
    if (r.broken)
        return ERROR_INVALID;
    blank_duplicates(t);
    *out = TAKE_PTR(t);
    return r.failed ? ERROR_INVALID : 0;
}

int cfgtext_read(const char *name, const char *text, size_t len, cfgtext_report_fn *report,
                 void *opaque, struct cfgtext **out)
{
    int rc = cfgtext_read_on(name, text, len, report, opaque, out);
    if (rc < 0) {
        cfgtext_free(*out);
        *out = NULL;
    }
    return rc;
}

int cfgtext_check(const char *name, const char *text, size_t len, cfgtext_report_fn *report,
                  void *opaque)
{
    CLEANUP_CFGTEXT struct cfgtext *t = NULL;
    return cfgtext_read(name, text, len, report, opaque, &t);
}

const struct cfgtext_item *cfgtext_find(const struct cfgtext *t, const struct cfgtext_item *parent,
                                        const char *name, const char *title)
{
    struct cfgtext_item key = { .parent = parent, .name = (char *)name, .title = (char *)title };
    const struct cfgtext_item **found =
        bsearch(&key, t->sorted, t->n, sizeof(*t->sorted), compare_for_find);
    while (found && found > t->sorted && compare(found[-1], &key) == 0)
        found--;
    return found ? *found : NULL;
}
