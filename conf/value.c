#include "config.h"
#include "conf/value.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>
#include "base/mem.h"
#include "conf/conf.h"

static void *member_of(const void *base, size_t offset)
{
    return (char *)base + offset;
}

char *conf_value_resolve(const char *path, const char *directory)
{
    return *path == '/' ? mem_strdup(path) : mem_printf("%s/%s", directory, path);
}

bool conf_key_in_token(const char *key)
{
    return key && strncmp(key, "pkcs11:", 7) == 0;
}

/* Digits only: no sign, no white space, no other base than said. */
static bool parse_digits(const char *text, const char *digits, int base, uint64_t *out)
{
    if (!*text || text[strspn(text, digits)])
        return false;
    errno = 0;
    *out = strtoull(text, NULL, base);
    return errno == 0;
}

static int parse_number(const struct conf_option *o, const char *text, uint64_t *out,
                        struct error *err)
{
    if (!parse_digits(text, "0123456789", 10, out) || *out < o->min || *out > o->max)
        return error_set(err, ERROR_INVALID, "must be a whole number from %llu to %llu",
                         (unsigned long long)o->min, (unsigned long long)o->max);
    return 0;
}

static int set_mode(const struct conf_option *o, mode_t *out, const char *text, struct error *err)
{
    uint64_t value = 0;
    if (!parse_digits(text, "01234567", 8, &value) || value > o->max)
        return error_set(err, ERROR_INVALID, "must be permissions in octal: \"0660\"");
    *out = (mode_t)value;
    return 0;
}

static int set_bool(bool *out, const char *text, struct error *err)
{
    static const char *const words[][2] = { { "false", "true" }, { "no", "yes" }, { "off", "on" } };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        for (int value = 0; value < 2; value++) {
            if (strcasecmp(text, words[i][value]) == 0) {
                *out = value;
                return 0;
            }
        }
    }
    return error_set(err, ERROR_INVALID, "must be true or false");
}

static int find_choice(const struct conf_option *o, const char *text, int *value, struct error *err)
{
    CLEANUP_FREE char *all = mem_strdup("");
    for (size_t i = 0; i < CONF_CHOICES_MAX && o->choices[i].word; i++) {
        if (strcmp(o->choices[i].word, text) == 0) {
            *value = o->choices[i].value;
            return 0;
        }
        char *longer = mem_printf("%s%s\"%s\"", all, i ? " or " : "", o->choices[i].word);
        free(all);
        all = longer;
    }
    return error_set(err, ERROR_INVALID, "must be %s", all);
}

static int check_text(const struct conf_option *o, const char *text, struct error *err)
{
    if (!*text)
        return error_set(err, ERROR_INVALID, "must not be empty: leave the option out instead");
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return error_set(err, ERROR_INVALID, "must not hold control characters");
    }
    return o->check ? o->check(text, err) : 0;
}

static void replace(char **member, char *take_text)
{
    free(*member);
    *member = take_text;
}

static int set_text(const struct conf_option *o, char **member, const char *text, struct error *err)
{
    int rc = check_text(o, text, err);
    if (rc == 0)
        replace(member, mem_strdup(text));
    return rc;
}

static int set_path(const struct conf_option *o, char **member, const char *text,
                    const char *directory, struct error *err)
{
    int rc = check_text(o, text, err);
    if (rc < 0)
        return rc;
    CLEANUP_FREE char *path = conf_value_resolve(text, directory);
    if (o->max && strlen(path) > o->max)
        return error_set(err, ERROR_INVALID,
                         "must be shorter: the path of a UNIX socket has at most %llu bytes, this "
                         "one %zu",
                         (unsigned long long)o->max, strlen(path));
    replace(member, TAKE_PTR(path));
    return 0;
}

static int append_text(const struct conf_option *o, void *base, const char *text, struct error *err)
{
    char ***items = member_of(base, o->member);
    size_t *n = member_of(base, o->count);
    int rc = check_text(o, text, err);
    if (rc < 0)
        return rc;
    *items = mem_realloc_array(*items, *n + 1, sizeof(char *));
    (*items)[(*n)++] = mem_strdup(text);
    return 0;
}

int conf_value_set(const struct conf_option *o, void *base, const char *text, const char *directory,
                   struct error *err)
{
    void *member = member_of(base, o->member);
    uint64_t number = 0;
    int choice = 0;
    int rc = 0;
    switch (o->type) {
    case CONF_TYPE_TEXT:
        return set_text(o, member, text, err);
    case CONF_TYPE_PATH:
        return set_path(o, member, text, directory, err);
    case CONF_TYPE_KEY:
        return conf_key_in_token(text) ? set_text(o, member, text, err)
                                       : set_path(o, member, text, directory, err);
    case CONF_TYPE_NUMBER:
        rc = parse_number(o, text, &number, err);
        if (rc == 0)
            *(unsigned *)member = (unsigned)number;
        return rc;
    case CONF_TYPE_SIZE:
        rc = parse_number(o, text, &number, err);
        if (rc == 0)
            *(uint64_t *)member = number;
        return rc;
    case CONF_TYPE_MODE:
        return set_mode(o, member, text, err);
    case CONF_TYPE_BOOL:
        return set_bool(member, text, err);
    case CONF_TYPE_CHOICE:
        rc = find_choice(o, text, &choice, err);
        if (rc == 0)
            *(int *)member = choice;
        return rc;
    case CONF_TYPE_SWITCH:
        rc = find_choice(o, text, &choice, err);
        if (rc == 0)
            *(bool *)member = true;
        return rc;
    case CONF_TYPE_TEXTS:
        return append_text(o, base, text, err);
    }
    return ERROR_INVALID;
}

void conf_value_free(const struct conf_option *o, void *base)
{
    void *member = member_of(base, o->member);
    switch (o->type) {
    case CONF_TYPE_TEXT:
    case CONF_TYPE_PATH:
    case CONF_TYPE_KEY:
        replace(member, NULL);
        break;
    case CONF_TYPE_TEXTS: {
        char ***items = member;
        size_t *n = member_of(base, o->count);
        for (size_t i = 0; i < *n; i++)
            free((*items)[i]);
        free(*items);
        *items = NULL;
        *n = 0;
        break;
    }
    case CONF_TYPE_NUMBER:
    case CONF_TYPE_SIZE:
    case CONF_TYPE_MODE:
    case CONF_TYPE_BOOL:
    case CONF_TYPE_CHOICE:
    case CONF_TYPE_SWITCH:
        break;
    }
}

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_texts(const struct conf_option *o, const void *a, const void *b)
{
    char *const *items_a = *(char ***)member_of(a, o->member);
    char *const *items_b = *(char ***)member_of(b, o->member);
    size_t n = *(const size_t *)member_of(a, o->count);
    if (n != *(const size_t *)member_of(b, o->count))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!same_text(items_a[i], items_b[i]))
            return false;
    }
    return true;
}

bool conf_value_equal(const struct conf_option *o, const void *a, const void *b)
{
    const void *ma = member_of(a, o->member);
    const void *mb = member_of(b, o->member);
    switch (o->type) {
    case CONF_TYPE_TEXT:
    case CONF_TYPE_PATH:
    case CONF_TYPE_KEY:
        return same_text(*(char *const *)ma, *(char *const *)mb);
    case CONF_TYPE_NUMBER:
        return *(const unsigned *)ma == *(const unsigned *)mb;
    case CONF_TYPE_SIZE:
        return *(const uint64_t *)ma == *(const uint64_t *)mb;
    case CONF_TYPE_MODE:
        return *(const mode_t *)ma == *(const mode_t *)mb;
    case CONF_TYPE_BOOL:
    case CONF_TYPE_SWITCH:
        return *(const bool *)ma == *(const bool *)mb;
    case CONF_TYPE_CHOICE:
        return *(const int *)ma == *(const int *)mb;
    case CONF_TYPE_TEXTS:
        return same_texts(o, a, b);
    }
    return false;
}
