/* The same document that programs get, as paragraphs: a title in front, long lists in lines. */
#include "config.h"
#include "cli/policy_effective_show.h"

#include <json-c/json.h>
#include <string.h>

#define TITLE_WIDTH 16u
#define LINE_WIDTH  100u /* columns; a list of commands is easier to read than in 80 */

struct page {
    const struct output *output;
    struct buf text;
};

static struct json_object *member(struct json_object *o, const char *name)
{
    struct json_object *found = NULL;
    json_object_object_get_ex(o, name, &found);
    return found;
}

static const char *text_of(struct json_object *o, const char *name)
{
    const char *text = json_object_get_string(member(o, name));
    return text ? text : "";
}

static size_t length(struct json_object *list)
{
    return list ? json_object_array_length(list) : 0;
}

/* --- lines ------------------------------------------------------------------------------------ */

static void add_title(struct page *p, const char *title)
{
    output_add_painted(p->output, &p->text, PAINT_KEY, title);
    buf_printf(&p->text, "%*s", (int)(TITLE_WIDTH - strlen(title)), "");
}

static void add_word(struct page *p, size_t *column, const char *word, bool last)
{
    size_t len = strlen(word) + (last ? 0 : 1); /* a comma behind it */
    if (*column > TITLE_WIDTH && *column + 1 + len > LINE_WIDTH) {
        buf_printf(&p->text, "\n%*s", (int)TITLE_WIDTH, "");
        *column = TITLE_WIDTH;
    } else if (*column > TITLE_WIDTH) {
        buf_add_char(&p->text, ' ');
        *column += 1;
    }
    output_add_text(&p->text, word);
    if (!last)
        buf_add_char(&p->text, ',');
    *column += len;
}

/* "title  a, b, c", over as many lines as it takes. */
static void add_list(struct page *p, const char *title, struct json_object *list)
{
    size_t column = TITLE_WIDTH, n = length(list);
    add_title(p, title);
    for (size_t i = 0; i < n; i++)
        add_word(p, &column, json_object_get_string(json_object_array_get_idx(list, i)),
                 i + 1 == n);
    buf_add_str(&p->text, n ? "\n" : "none\n");
}

static void add_list_if_any(struct page *p, const char *title, struct json_object *list)
{
    if (length(list) > 0)
        add_list(p, title, list);
}

/* --- rules ------------------------------------------------------------------------------------ */

static void add_rule(struct page *p, struct json_object *rule)
{
    struct json_object *when = member(rule, "when");
    BUF_ADD_LIT(&p->text, "    ");
    output_add_text(&p->text, text_of(rule, "rule"));
    buf_printf(&p->text, " (line %s)%s\n", text_of(rule, "line"),
               member(rule, "never") ? ": never, a variable has no value here" : "");
    for (size_t i = 0; i < length(when); i++) {
        BUF_ADD_LIT(&p->text, "        ");
        output_add_text(&p->text, json_object_get_string(json_object_array_get_idx(when, i)));
        buf_add_char(&p->text, '\n');
    }
}

static void add_entry(struct page *p, struct json_object *entry, const char *what)
{
    struct json_object *rules = member(entry, "rules");
    BUF_ADD_LIT(&p->text, "  ");
    output_add_painted(p->output, &p->text, PAINT_STRING, text_of(entry, what));
    if (strcmp(text_of(entry, what), "transaction") == 0)
        BUF_ADD_LIT(&p->text, ": each action as the command of its name");
    else if (member(entry, "unless-it-reaches-the-host"))
        buf_add_str(&p->text, length(rules) ? ": what reaches the host by"
                                            : ": with nothing that reaches the host");
    else if (length(rules) == 0)
        BUF_ADD_LIT(&p->text, ": by its words");
    buf_add_char(&p->text, '\n');
    for (size_t i = 0; i < length(rules); i++)
        add_rule(p, json_object_array_get_idx(rules, i));
}

/* Names, then those that depend with their rules, and how many are left. */
static void add_standings(struct page *p, const char *title, const char *what,
                          struct json_object *standings)
{
    struct json_object *depends = member(standings, "depends");
    add_list(p, title, member(standings, "allowed"));
    add_title(p, "");
    buf_printf(&p->text, "%s more refused\n", text_of(standings, "refused"));
    if (length(depends) > 0)
        buf_printf(&p->text, "%ss that depend on their %s:\n", what,
                   strcmp(what, "event") == 0 ? "data" : "arguments");
    for (size_t i = 0; i < length(depends); i++)
        add_entry(p, json_object_array_get_idx(depends, i), what);
}

/* --- the rest --------------------------------------------------------------------------------- */

/* "title  a: b" a line. */
static void add_pairs(struct page *p, const char *title, struct json_object *list, const char *a,
                      const char *b)
{
    for (size_t i = 0; i < length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i), *second = member(o, b);
        if (json_object_is_type(second, json_type_array)) {
            CLEANUP_BUF struct buf name = { 0 };
            buf_printf(&name, "  %s", text_of(o, a));
            buf_add_char(&name, '\0');
            if (i == 0)
                buf_printf(&p->text, "%s by\n", title);
            add_list(p, strlen(buf_data(&name)) < TITLE_WIDTH ? buf_data(&name) : "  ", second);
            continue;
        }
        add_title(p, i == 0 ? title : "");
        output_add_text(&p->text, text_of(o, a));
        BUF_ADD_LIT(&p->text, ": ");
        output_add_text(&p->text, text_of(o, b));
        buf_add_char(&p->text, '\n');
    }
}

static void add_place(struct page *p, struct json_object *grant)
{
    BUF_ADD_LIT(&p->text, "grant ");
    output_add_painted(p->output, &p->text, PAINT_STRING, text_of(grant, "grant"));
    buf_printf(&p->text, " (line %s)\n", text_of(grant, "line"));
    add_list_if_any(p, "  roles", member(grant, "roles"));
    add_list_if_any(p, "  machines", member(grant, "vms"));
}

static void add_here(struct page *p, struct json_object *document)
{
    if (!json_object_get_boolean(member(document, "sees")))
        BUF_ADD_LIT(&p->text, "does not see this machine\n");
    add_list(p, "grants", member(document, "grants"));
    add_standings(p, "commands", "command", member(document, "commands"));
    add_standings(p, "events", "event", member(document, "events"));
    add_list_if_any(p, "human monitor", member(document, "hmp"));
    add_pairs(p, "not shown", member(document, "redacted"), "command", "path");
}

void policy_effective_show(const struct output *o, FILE *to, struct json_object *document)
{
    struct page p = { .output = o };
    struct json_object *where = member(document, "where");
    output_add_painted(o, &p.text, PAINT_KEY, text_of(document, "identity"));
    if (!where) {
        BUF_ADD_LIT(&p.text, " on ");
        output_add_painted(o, &p.text, PAINT_KEY, text_of(document, "vm"));
    }
    buf_add_char(&p.text, '\n');
    for (size_t i = 0; i < length(where); i++)
        add_place(&p, json_object_array_get_idx(where, i));
    if (where && length(where) == 0)
        BUF_ADD_LIT(&p.text, "named in no grant\n");
    if (!where)
        add_here(&p, document);
    add_list_if_any(&p, "administration", member(document, "admin"));
    add_pairs(&p, "acts for", member(document, "acts-for"), "section", "to");
    add_pairs(&p, "acted for by", member(document, "acted-for-by"), "section", "from");
    fwrite(buf_data(&p.text), 1, buf_len(&p.text), to);
    buf_free(&p.text);
}
