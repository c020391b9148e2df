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

/* Where candidates are collected for one word. */
struct collector {
    const struct catalogue *catalogue;
    struct completion *out;
    size_t capacity;
    const char *partial; /* what candidates begin with */
    const char *path;    /* of the dotted name: what comes before the last dot; may be "" */
    const char *wanted;  /* the one member whose words are wanted; NULL: names are */
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
    for (size_t i = 0; builtins[i]; i++)
        add_candidate(k, "", builtins[i], ' ');
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
    if (word[key_len] == '=') {
        k->partial = word + key_len + 1;
        k->wanted = last;
        catalogue_members(k->catalogue, command, k->path, visit_value, k);
    } else {
        k->partial = word;
        catalogue_members(k->catalogue, command, k->path, visit_name, k);
    }
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
        if (help)
            complete_command(&k, (const char *const[]){ NULL });
        else
            complete_argument(&k, command, word);
    }
    finish(out, strlen(k.partial));
}
