#include "config.h"
#include "acl/hmp.h"

#include <string.h>
#include "base/glob.h"
#include "base/mem.h"

static const struct entry {
    const char *name;
    const char *aliases; /* with `|` between them; empty if it has none */
    enum acl_hmp_kind kind;
    const char *commands;
} table[] = {
#define WORD(name_, aliases_, sort, commands_) \
    { .name = name_, .aliases = aliases_, .kind = ACL_HMP_##sort, .commands = commands_ },
#include "acl/hmp.def"
#undef WORD
};

static const char name_chars[] =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
static const char wild_chars[] = "*?";
static const char info[] = "info";

/* --- names ------------------------------------------------------------------------------------ */

static bool is_one_of(const char *list, struct span name)
{
    while (*list) {
        size_t len = strcspn(list, "|");
        if (len == name.len && memcmp(list, name.data, len) == 0)
            return true;
        list += len;
        list += *list == '|';
    }
    return false;
}

/* Names have a space where `info` has a second word: no first word has one, so that it is no way to
 * meet them. An empty name is none. */
static const struct entry *find(const char *name)
{
    struct span span = { name, strlen(name) };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (strcmp(table[i].name, name) == 0 || is_one_of(table[i].aliases, span))
            return &table[i];
    }
    return NULL;
}

/* --- lines ------------------------------------------------------------------------------------ */

static bool is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}

/* A tab is QEMU's blank as well as a space is. Its others are control characters, which a line that
 * is judged has not: that a word ends where QEMU's locale puts a blank above ASCII does no harm, as
 * no known name has a byte of those. */
static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(struct span *s)
{
    while (s->len > 0 && is_blank(*s->data)) {
        s->data++;
        s->len--;
    }
}

static struct span take_word(struct span *s)
{
    size_t n = 0;
    while (n < s->len && s->data[n] != '/' && !is_blank(s->data[n]))
        n++;
    struct span word = { s->data, n };
    s->data += n;
    s->len -= n;
    return word;
}

static enum acl_hmp_kind set_malformed(struct acl_hmp_word *out, const char *fault)
{
    *out = (struct acl_hmp_word){ .kind = ACL_HMP_MALFORMED, .fault = fault };
    return out->kind;
}

static void set_known(struct acl_hmp_word *out, const struct entry *e)
{
    *out = (struct acl_hmp_word){ .kind = e->kind, .commands = e->commands };
    memcpy(out->name, e->name, strlen(e->name));
}

/* Puts a word behind what is there. NULL, or what is wrong with it. */
static const char *add_word(struct acl_hmp_word *out, struct span word)
{
    if (word.len == 0)
        return "a word is missing before a slash";
    if (word.len > ACL_HMP_WORD_MAX)
        return "its word is too long";
    size_t len = strlen(out->name);
    if (len)
        out->name[len++] = ' ';
    memcpy(out->name + len, word.data, word.len);
    return NULL;
}

static const char *find_words(struct span rest, struct acl_hmp_word *out)
{
    const char *fault = add_word(out, take_word(&rest));
    if (fault || strcmp(out->name, info) != 0)
        return fault;
    skip_blanks(&rest);
    return rest.len ? add_word(out, take_word(&rest)) : NULL;
}

enum acl_hmp_kind acl_hmp_find(struct span line, struct acl_hmp_word *out)
{
    *out = (struct acl_hmp_word){ .kind = ACL_HMP_UNKNOWN };
    for (size_t i = 0; i < line.len; i++) {
        if (is_control(line.data[i]) && line.data[i] != '\t')
            return set_malformed(out, "it has a control character");
    }
    skip_blanks(&line);
    if (line.len == 0)
        return set_malformed(out, "it is empty");
    const char *fault = find_words(line, out);
    if (fault)
        return set_malformed(out, fault);
    const struct entry *e = find(out->name);
    if (e)
        set_known(out, e);
    return out->kind;
}

/* --- the table -------------------------------------------------------------------------------- */

size_t acl_hmp_table_size(void)
{
    return ARRAY_SIZE(table);
}

void acl_hmp_table_word(size_t i, struct acl_hmp_word *out)
{
    set_known(out, &table[i]);
}

const char *acl_hmp_table_aliases(size_t i)
{
    return table[i].aliases;
}

/* --- patterns --------------------------------------------------------------------------------- */

/* Takes a word of a pattern off the text's start; negative if there is none, or not a fit one. */
static int check_word(const char **text, struct error *err)
{
    const char *word = *text;
    size_t len = strcspn(word, " ");
    if (len == 0)
        return error_set(err, ERROR_INVALID,
                         "a pattern of hmp is one word, or info and a word, with one space between "
                         "them");
    if (len > ACL_HMP_WORD_MAX)
        return error_set(err, ERROR_INVALID, "no word of QEMU's has more than %d characters",
                         ACL_HMP_WORD_MAX);
    for (size_t i = 0; i < len; i++) {
        if (!strchr(name_chars, word[i]) && !strchr(wild_chars, word[i]))
            return error_set(err, ERROR_INVALID,
                             "words of QEMU have letters, digits, -, _ and . only");
    }
    *text += len;
    return 0;
}

static int check_pattern(const char *text, struct error *err)
{
    const char *rest = text;
    if (strcmp(text, "?") == 0)
        return error_set(err, ERROR_INVALID,
                         "? stands for one character here: QEMU's other name for it is help");
    int rc = check_word(&rest, err);
    if (rc < 0 || !*rest)
        return rc;
    if ((size_t)(rest - text) != strlen(info) || memcmp(text, info, strlen(info)) != 0)
        return error_set(err, ERROR_INVALID,
                         "only info has a second word: arguments are no part of a pattern");
    rest++;
    rc = check_word(&rest, err);
    if (rc == 0 && *rest)
        return error_set(err, ERROR_INVALID,
                         "info has one more word: arguments are no part of a pattern");
    return rc;
}

int acl_hmp_pattern_parse(const char *text, char **out, struct error *err)
{
    *out = NULL;
    int rc = check_pattern(text, err);
    if (rc < 0)
        return rc;
    const struct entry *e = glob_is_pattern(text) ? NULL : find(text);
    *out = mem_strdup(e ? e->name : text);
    return 0;
}

static bool fits(const char *pattern, const struct acl_hmp_word *word)
{
    return glob_is_pattern(pattern)
               ? glob_match(pattern, strlen(pattern), word->name, strlen(word->name))
               : strcmp(pattern, word->name) == 0;
}

bool acl_hmp_pattern_match(const char *pattern, const struct acl_hmp_word *word)
{
    switch (word->kind) {
    case ACL_HMP_MALFORMED:
        return false;
    case ACL_HMP_UNKNOWN:
    case ACL_HMP_HOST:
        return !glob_is_pattern(pattern) && fits(pattern, word);
    case ACL_HMP_PLAIN:
        return fits(pattern, word);
    }
    return false;
}

bool acl_hmp_pattern_covers(const char *pattern, const struct acl_hmp_word *word)
{
    return word->kind == ACL_HMP_MALFORMED || fits(pattern, word);
}
