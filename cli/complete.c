#include "config.h"
#include "cli/complete.h"

#include <stdlib.h>
#include <string.h>
#include "base/mem.h"

void completion_clear(struct completion *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->candidates[i]);
    free(c->candidates);
    *c = (struct completion){ 0 };
}

/* --- what the line says already --------------------------------------------------------------- */

void given_collect(const char *text, struct given *out)
{
    *out = (struct given){ 0 };
    buf_add_str(&out->words, text);
    buf_add_char(&out->words, '\0');
    for (char *p = buf_data(&out->words); *p; p++)
        if (*p == ' ' || *p == '\t')
            *p = '\0';
}

void given_clear(struct given *g)
{
    buf_free(&g->words);
}

const char *given_find(const struct given *g, const char *name)
{
    size_t len = strlen(name);
    const char *end = buf_data(&g->words) + buf_len(&g->words);
    for (const char *word = buf_data(&g->words); word < end; word += strlen(word) + 1)
        if (strncmp(word, name, len) == 0 && word[len] == '=')
            return word + len + 1;
    return NULL;
}

/* --- candidates ------------------------------------------------------------------------------- */

/* Where candidates are collected for one word. */
struct collector {
    const struct catalogue *catalogue;
    struct completion *out;
    size_t capacity;
    const char *partial; /* what candidates begin with */
    const char *path;    /* of the dotted name: what comes before the last dot; may be "" */
    const char *wanted;  /* the one member whose words are wanted; NULL: names are */
    struct given given;  /* the words before */
};

static void add_candidate(struct collector *k, const char *path, const char *name, char next)
{
    CLEANUP_FREE char *text = mem_printf("%s%s%s%c", path, path[0] ? "." : "", name, next);
    struct completion *out = k->out;
    if (strncmp(text, k->partial, strlen(k->partial)) != 0 || out->n >= COMPLETION_MAX)
        return;
    for (size_t i = 0; i < out->n; i++)
        if (strcmp(out->candidates[i], text) == 0)
            return;
    mem_grow((void **)&out->candidates, &k->capacity, out->n + 1, sizeof(*out->candidates));
    out->candidates[out->n++] = TAKE_PTR(text);
}

static void visit_name(void *opaque, const struct catalogue_member *m)
{
    struct collector *k = opaque;
    bool parts = catalogue_type_has_parts(k->catalogue, m->type);
    CLEANUP_FREE char *name = mem_printf("%s%s%s", k->path, k->path[0] ? "." : "", m->name);
    if (given_find(&k->given, name))
        return; /* each can be given once */
    /* an alternate may be a bare value too, but = is easily typed and the parts are hard to know */
    add_candidate(k, k->path, m->name, parts ? '.' : '=');
}

static void visit_value(void *opaque, const struct catalogue_member *m)
{
    struct collector *k = opaque;
    const char *word;
    if (strcmp(m->name, k->wanted) != 0)
        return;
    for (size_t i = 0; (word = catalogue_type_word(m->type, i)) != NULL; i++)
        add_candidate(k, "", word, ' ');
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void finish(struct completion *out, size_t partial_len)
{
    out->partial_len = partial_len;
    if (out->n == 0)
        return;
    qsort(out->candidates, out->n, sizeof(*out->candidates), compare_texts);
    /* sorted: what the first and the last have in common, all have */
    const char *first = out->candidates[0], *last = out->candidates[out->n - 1];
    while (first[out->common_len] && first[out->common_len] == last[out->common_len])
        out->common_len++;
}

static void complete_command(struct collector *k, const char *const builtins[])
{
    const char *name;
    for (size_t i = 0; (name = catalogue_command(k->catalogue, i)) != NULL; i++)
        add_candidate(k, "", name, ' ');
    for (size_t i = 0; builtins[i] && k->partial[0] == '.'; i++)
        add_candidate(k, "", builtins[i], ' ');
}

static const char *find_given(void *opaque, const char *name)
{
    const struct collector *k = opaque;
    return given_find(&k->given, name);
}

/* "a.b" -> path "a", rest "b" */
static char *split_path(char *key)
{
    char *dot = strrchr(key, '.');
    if (!dot)
        return key;
    *dot = '\0';
    return dot + 1;
}

static void complete_argument(struct collector *k, const char *command, const char *word)
{
    size_t key_len = strcspn(word, "=");
    CLEANUP_FREE char *key = mem_strndup(word, key_len);
    char *last = split_path(key);
    k->path = last == key ? "" : key;
    struct catalogue_query q = {
        .command = command,
        .path = k->path,
        .given = find_given,
        .all_branches = true,
        .visit = visit_name,
        .opaque = k,
    };
    k->partial = word;
    if (word[key_len] == '=') {
        k->partial = word + key_len + 1;
        k->wanted = last;
        q.visit = visit_value;
    }
    catalogue_members(k->catalogue, &q);
    k->path = "";
}

void complete_line(const struct catalogue *c, const char *const builtins[], const char *line,
                   struct completion *out)
{
    struct collector k = { .catalogue = c, .out = out, .path = "" };
    *out = (struct completion){ 0 };
    if (!c || strpbrk(line, "'\"\\{["))
        return; /* inside quotes or JSON nothing is known */
    line += strspn(line, " \t");
    const char *word = line + strlen(line);
    while (word > line && word[-1] != ' ' && word[-1] != '\t')
        word--;
    k.partial = word;
    if (word == line) {
        complete_command(&k, builtins);
    } else {
        CLEANUP_FREE char *command = mem_strndup(line, strcspn(line, " \t"));
        bool help = command[0] == '.' || strcmp(command, "help") == 0;
        CLEANUP_FREE char *before = mem_strndup(line, (size_t)(word - line));
        given_collect(before, &k.given);
        if (help)
            complete_command(&k, (const char *const[]){ NULL });
        else
            complete_argument(&k, command, word);
        given_clear(&k.given);
    }
    finish(out, strlen(k.partial));
}
