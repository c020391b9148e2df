/* Secrets inside a text: URLs, json: file names, key=value lists, lines of the human monitor. */
#include "config.h"
#include "audit/secrets.h"

#include <string.h>
#include "audit/text.h"

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* --- what is to be taken out ------------------------------------------------------------------ */

static bool ends_in(struct span text, size_t end, struct span what)
{
    return end >= what.len && text_folded_equal(text.data + end - what.len, what.data, what.len);
}

/* Past the name of the program that a shell is told to run; a variable that is set there may be
 * anything. */
static size_t skip_program(struct span text, size_t at)
{
    while (at < text.len && is_space(text.data[at]))
        at++;
    size_t program = at;
    while (at < text.len && (is_word(text.data[at]) || text.data[at] == '/'))
        at++;
    return at < text.len && text.data[at] == '=' ? program : at;
}

/* Behind a colon may begin what is of any sort to its end: "json:" opens a document as a file's
 * name; "exec:PROGRAM ..." is run by a shell of the host, "...-cmd:PROGRAM ..." by QEMU. Returns
 * where that begins (of programs, their arguments), or text.len. */
static size_t find_opaque(struct span text, bool *program)
{
    const char *end = text.data + text.len, *p = text.data;
    *program = false;
    while (p < end && (p = memchr(p, ':', (size_t)(end - p)))) {
        size_t colon = (size_t)(p++ - text.data);
        if (ends_in(text, colon, SPAN_LIT("json")))
            return colon + 1;
        *program = ends_in(text, colon, SPAN_LIT("-cmd")) ||
                   (ends_in(text, colon, SPAN_LIT("exec")) &&
                    (colon == 4 || !is_word(text.data[colon - 5])));
        if (*program)
            return skip_program(text, colon + 1);
    }
    return text.len;
}

/* The end of a value in a list of options: a single comma; two stand for one that is part of it. */
static size_t value_end(struct span text, size_t from)
{
    size_t i = from;
    while (i < text.len) {
        if (text.data[i] == ',') {
            if (i + 1 == text.len || text.data[i + 1] != ',')
                return i;
            i++;
        }
        i++;
    }
    return text.len;
}

/* At the end of a word: where the value that goes with it begins, or 0 if none does. */
static size_t value_start(struct span text, size_t word_end, char *separator)
{
    size_t i = word_end;
    *separator = '\0';
    while (i < text.len && is_space(text.data[i]))
        i++;
    if (i < text.len && (text.data[i] == '=' || text.data[i] == ':')) {
        *separator = text.data[i++];
        return i;
    }
    return i > word_end && i < text.len ? i : 0;
}

struct cut {
    size_t from, to; /* bytes to take out; from == to at the end of the text: none */
};

/* A text with what is looked for once, so that the time stays linear. */
struct source {
    struct span text;
    size_t last_at;                       /* of '@', 0 if there is none that matters */
    size_t last_query;                    /* of '?' or '#', likewise */
    bool braces;                          /* a '{' opens a document */
    const struct secret_command *options; /* whose members NAME=VALUE are; NULL: of nobody known */
};

static size_t find_last(struct span text, char c)
{
    const char *p = memrchr(text.data, c, text.len);
    return p ? (size_t)(p - text.data) : 0;
}

/* Behind the first '?' or '#' at or after `from`, to the end; what is not sent to the server may be
 * a token all the same. */
static struct cut cut_of_query(const struct source *s, size_t from)
{
    struct span text = s->text;
    for (size_t i = from; i <= s->last_query && i < text.len; i++)
        if (text.data[i] == '?' || text.data[i] == '#')
            return (struct cut){ i + 1, text.len };
    return (struct cut){ text.len, text.len };
}

static bool hides_value(const struct source *s, struct span name, char separator)
{
    if (separator == '=' && s->options)
        return !secret_option_is_shown(s->options, name);
    return separator == '=' ? secret_name_of_option(name) : secret_name(name);
}

static struct cut cut_of_word(const struct source *s, size_t start, size_t end)
{
    char separator;
    struct span text = s->text;
    struct cut none = { text.len, text.len };
    size_t value = value_start(text, end, &separator);
    if (value == 0)
        return none;
    struct span word = { text.data + start, end - start };
    if (hides_value(s, word, separator))
        return (struct cut){ value, separator == '=' ? value_end(text, value) : text.len };
    return none;
}

/* At "//": the user part up to the last '@', behind which the query comes; or else the query. An
 * '@' behind a '?' may be of either, so nothing of such a URL is left. */
static struct cut cut_of_url(const struct source *s, size_t slashes)
{
    struct span text = s->text;
    size_t start = slashes + 2;
    if (s->last_at >= start) {
        struct cut query = cut_of_query(s, start);
        return (struct cut){ start, query.from <= s->last_at ? text.len : s->last_at };
    }
    if (slashes > 0 && text.data[slashes - 1] == ':')
        return cut_of_query(s, start);
    return (struct cut){ text.len, text.len };
}

/* The first cut at or after `from`. */
static struct cut next_cut(const struct source *s, size_t from)
{
    struct span text = s->text;
    size_t i = from;
    while (i < text.len) {
        struct cut cut = { text.len, text.len };
        if (is_word(text.data[i])) {
            size_t start = i;
            while (i < text.len && is_word(text.data[i]))
                i++;
            cut = cut_of_word(s, start, i);
        } else if (s->braces && text.data[i] == '{') {
            return (struct cut){ i, text.len };
        } else if (text.data[i] == '/' && i + 1 < text.len && text.data[i + 1] == '/') {
            cut = cut_of_url(s, i);
            i++;
        } else if (i > 0 && i == from && i == s->last_at) { /* a user part was cut out just now */
            cut = cut_of_query(s, i++);
        } else {
            i++;
        }
        if (cut.from < cut.to)
            return cut;
    }
    return (struct cut){ text.len, text.len };
}

/* True if the text has a byte without which nothing is ever taken out: most values have none. */
static bool is_suspect(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '=' || c == ':' || c == '{' || c == '/' || is_space(c))
            return true;
    }
    return false;
}

static bool scrub(struct span text, bool braces, const struct secret_command *options,
                  struct buf *out)
{
    if (!is_suspect(text))
        return false;
    bool program;
    size_t opaque = find_opaque(text, &program);
    struct span head = { text.data, opaque };
    size_t query = find_last(head, '?'), fragment = find_last(head, '#');
    struct source source = { head, find_last(head, '@'), query > fragment ? query : fragment,
                             braces, options };
    size_t done = 0;
    bool found = false;
    for (;;) {
        struct cut cut = next_cut(&source, done);
        if (cut.from == cut.to)
            break;
        found = true;
        buf_add(out, head.data + done, cut.from - done);
        BUF_ADD_LIT(out, AUDIT_REDACTED);
        done = cut.to;
    }
    if (!found && opaque == text.len)
        return false;
    buf_add(out, head.data + done, head.len - done);
    if (opaque < text.len && program)
        buf_add_char(out, ' ');
    if (opaque < text.len)
        BUF_ADD_LIT(out, AUDIT_REDACTED);
    return true;
}

bool secret_scrub(struct span text, struct buf *out)
{
    return scrub(text, false, NULL, out);
}

/* --- lines of the human monitor --------------------------------------------------------------- */

#define WORD_MAX 32 /* bytes; QEMU's longest is 31. A longer one is no word of a command */

static bool contains(struct span text, struct span part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (text_folded_equal(text.data + i, part.data, part.len))
            return true;
    }
    return false;
}

/* `change DEVICE FILE` swaps a medium; `change vnc password X` sets a password. Quotes and escapes
 * can hide the word, so they count as it. */
static bool is_change_of_medium(struct span word, struct span line)
{
    return text_folded_is(word, SPAN_LIT("change")) && !contains(line, SPAN_LIT("vnc")) &&
           !contains(line, SPAN_LIT("pass")) && !memchr(line.data, '"', line.len) &&
           !memchr(line.data, '\\', line.len);
}

bool secret_scrub_line(struct span line, struct buf *out)
{
    size_t start = 0;
    while (start < line.len && is_space(line.data[start]))
        start++;
    size_t end = start;
    while (end < line.len && (is_word(line.data[end]) || line.data[end] == '?'))
        end++;
    struct span word = { line.data + start, end - start };
    const struct secret_command *options;

    if (secret_word(word, &options) == SECRET_KNOWN || is_change_of_medium(word, line))
        return scrub(line, true, options, out);
    if (end == line.len && word.len <= WORD_MAX)
        return false;
    if (word.len > 0 && word.len <= WORD_MAX) {
        buf_add_span(out, word);
        buf_add_char(out, ' ');
    }
    BUF_ADD_LIT(out, AUDIT_REDACTED);
    return true;
}
