#include "config.h"
#include "cli/arguments.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"

void words_clear(struct words *w)
{
    for (int i = 0; i < w->n; i++)
        free(w->list[i]);
    free(w->list);
    *w = (struct words){ 0 };
}

/* What is known of the line while it is cut. */
struct cutter {
    const char *at;
    struct buf word;
    bool in_word; /* '' is a word too */
};

/* JSON goes over as it is, to its closing bracket; strings in it may hold brackets. */
static int take_json(struct cutter *c, struct error *err)
{
    const char *start = c->at;
    size_t depth = 0;
    bool in_string = false;
    for (; *c->at; c->at++) {
        char ch = *c->at;
        if (in_string) {
            if (ch == '\\' && c->at[1])
                c->at++;
            else if (ch == '"')
                in_string = false;
        } else if (ch == '"') {
            in_string = true;
        } else if (ch == '{' || ch == '[') {
            depth++;
        } else if (ch == '}' || ch == ']') {
            if (--depth == 0)
                break;
        }
    }
    if (*c->at == '\0')
        return error_set(err, ERROR_INVALID, "the %c of the JSON value is never closed", *start);
    c->at++;
    buf_add(&c->word, start, (size_t)(c->at - start));
    return 0;
}

/* '...' as it is; in "..." a backslash takes away the meaning of " and \ */
static int take_quoted(struct cutter *c, struct error *err)
{
    char quote = *c->at++;
    for (; *c->at && *c->at != quote; c->at++) {
        if (quote == '"' && *c->at == '\\' && (c->at[1] == '"' || c->at[1] == '\\'))
            c->at++;
        buf_add_char(&c->word, *c->at);
    }
    if (*c->at == '\0')
        return error_set(err, ERROR_INVALID, "the quote %c is never closed", quote);
    c->at++;
    return 0;
}

/* JSON may stand at a word's beginning and right after key= or key:= */
static bool json_may_begin(const struct cutter *c)
{
    size_t len = buf_len(&c->word);
    return (*c->at == '{' || *c->at == '[') && (len == 0 || buf_data(&c->word)[len - 1] == '=');
}

static int take_part(struct cutter *c, struct error *err)
{
    c->in_word = true;
    if (json_may_begin(c))
        return take_json(c, err);
    if (*c->at == '\'' || *c->at == '"')
        return take_quoted(c, err);
    if (*c->at == '\\' && c->at[1])
        c->at++;
    buf_add_char(&c->word, *c->at++);
    return 0;
}

static void end_word(struct cutter *c, struct words *out, size_t *capacity)
{
    if (!c->in_word)
        return;
    mem_grow((void **)&out->list, capacity, (size_t)out->n + 2, sizeof(*out->list));
    out->list[out->n++] =
        mem_strndup(buf_len(&c->word) ? buf_data(&c->word) : "", buf_len(&c->word));
    out->list[out->n] = NULL;
    buf_clear(&c->word);
    c->in_word = false;
}

int words_split(const char *line, struct words *out, struct error *err)
{
    CLEANUP_WORDS struct words words = { 0 };
    struct cutter c = { .at = line };
    size_t capacity = 0;
    int rc = 0;
    *out = (struct words){ 0 };
    while (*c.at && rc == 0) {
        if (strchr(" \t\r\n", *c.at)) {
            end_word(&c, &words, &capacity);
            c.at++;
        } else {
            rc = take_part(&c, err);
        }
    }
    end_word(&c, &words, &capacity);
    buf_free(&c.word);
    if (rc < 0)
        return rc;
    *out = words;
    words = (struct words){ 0 };
    return 0;
}
