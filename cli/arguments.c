#include "config.h"
#include "cli/arguments.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/buf.h"
#include "base/mem.h"

/* --- values ----------------------------------------------------------------------------------- */

/* -?(0|[1-9][0-9]*): so that 007 and +1 stay the strings they look like. */
static bool is_whole_number(const char *s)
{
    if (*s == '-')
        s++;
    if (*s == '0')
        return s[1] == '\0';
    size_t digits = strspn(s, "0123456789");
    return digits > 0 && s[digits] == '\0';
}

/* What a bare scalar most likely is. A number that does not fit 64 bits stays a string. */
static struct json_object *guess_scalar(const char *text)
{
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return json_object_new_boolean(text[0] == 't');
    if (is_whole_number(text)) {
        errno = 0;
        if (text[0] == '-') {
            long long value = strtoll(text, NULL, 10);
            if (errno == 0)
                return json_object_new_int64(value);
        } else {
            unsigned long long value = strtoull(text, NULL, 10);
            if (errno == 0)
                return value > INT64_MAX ? json_object_new_uint64(value)
                                         : json_object_new_int64((int64_t)value);
        }
    }
    return json_object_new_string(text);
}

static int read_json(const char *key, const char *text, struct json_object **out, struct error *err)
{
    int rc = document_parse(text, strlen(text), out, err);
    if (rc < 0)
        error_prefix(err, "%s", key);
    return rc;
}

static int guess_value(const char *key, const char *text, struct json_object **out,
                       struct error *err)
{
    if (text[0] == '{' || text[0] == '[')
        return read_json(key, text, out, err);
    *out = guess_scalar(text);
    return 0;
}

/* --- places ----------------------------------------------------------------------------------- */

/* A part of a dotted key (up to a dot) that counts a list's elements. */
static bool is_index(const char *part)
{
    size_t digits = strspn(part, "0123456789");
    return digits > 0 && digits == strcspn(part, ".") && (part[0] != '0' || digits == 1);
}

/* Where a value goes: the container, and the name or number in it. */
struct place {
    struct json_object *container; /* borrowed */
    const char *part;              /* borrowed */
};

static int place_get(const struct place *p, const char *key, struct json_object **value,
                     bool *present, struct error *err)
{
    *value = NULL;
    if (json_object_is_type(p->container, json_type_object)) {
        *present = json_object_object_get_ex(p->container, p->part, value);
        return 0;
    }
    size_t length = json_object_array_length(p->container);
    size_t index =
        is_index(p->part) && strlen(p->part) <= 5 ? strtoul(p->part, NULL, 10) : SIZE_MAX;
    if (index > length || index >= ARGUMENTS_LIST_MAX)
        return error_set(err, ERROR_INVALID,
                         "\"%s\": the elements of a list are numbered from 0, in order", key);
    *present = index < length;
    if (*present)
        *value = json_object_array_get_idx(p->container, index);
    return 0;
}

/* Takes the value. */
static void place_put(const struct place *p, struct json_object *take_value)
{
    if (json_object_is_type(p->container, json_type_object))
        json_object_object_add(p->container, p->part, take_value);
    else
        json_object_array_add(p->container, take_value);
}

/* Goes down one part of the key: the container at `p`, made if there is none. */
static int descend(struct place *p, const char *next_part, const char *key, struct error *err)
{
    struct json_object *value;
    bool present;
    int rc = place_get(p, key, &value, &present, err);
    if (rc < 0)
        return rc;
    if (!present) {
        value = is_index(next_part) ? json_object_new_array() : json_object_new_object();
        place_put(p, value);
    } else if (!json_object_is_type(value, json_type_object) &&
               !json_object_is_type(value, json_type_array)) {
        return error_set(err, ERROR_INVALID, "\"%s\": \"%s\" already has a value that has no parts",
                         key, p->part);
    }
    *p = (struct place){ value, next_part };
    return 0;
}

/* Takes the value, also on failure. */
static int put_dotted(struct json_object *root, const char *key, struct json_object *take_value,
                      struct error *err)
{
    CLEANUP_DOCUMENT struct json_object *value = take_value;
    CLEANUP_FREE char *parts = mem_strdup(key);
    struct place p = { .container = root, .part = parts };
    unsigned depth = 0;
    int rc;
    for (char *dot; (dot = strchr(p.part, '.')) != NULL;) {
        *dot = '\0';
        if (p.part[0] == '\0' || dot[1] == '\0')
            return error_set(err, ERROR_INVALID, "\"%s\": a dot stands between two names", key);
        if (++depth >= ARGUMENTS_DEPTH_MAX)
            return error_set(err, ERROR_LIMIT, "\"%s\": more than %u parts", key,
                             ARGUMENTS_DEPTH_MAX);
        rc = descend(&p, dot + 1, key, err);
        if (rc < 0)
            return rc;
    }
    struct json_object *old;
    bool present;
    rc = place_get(&p, key, &old, &present, err);
    if (rc < 0)
        return rc;
    if (present)
        return error_set(err, ERROR_INVALID, "\"%s\" is given twice", key);
    place_put(&p, TAKE_PTR(value));
    return 0;
}

/* --- words ------------------------------------------------------------------------------------ */

/* Bytes of the UTF-8 character at p, 0 if it is none (RFC 3629, section 4). */
static size_t utf8_length(const unsigned char *p)
{
    static const struct {
        unsigned char first_lo, first_hi, second_lo, second_hi, length;
    } forms[] = {
        { 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
        { 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
        { 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        if (p[0] < forms[i].first_lo || p[0] > forms[i].first_hi)
            continue;
        if (forms[i].length > 1 && (p[1] < forms[i].second_lo || p[1] > forms[i].second_hi))
            return 0;
        for (size_t k = 2; k < forms[i].length; k++)
            if ((p[k] & 0xc0) != 0x80)
                return 0;
        return forms[i].length;
    }
    return 0;
}

static bool is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    while (*p) {
        size_t n = utf8_length(p);
        if (n == 0)
            return false;
        p += n;
    }
    return true;
}

/* key=value or key:=JSON */
static int add_pair(struct json_object *root, const char *word, struct error *err)
{
    const char *equals = strchr(word, '=');
    if (!equals)
        return error_set(err, ERROR_INVALID,
                         "\"%s\" is no argument: write key=value, key:=JSON or one JSON object",
                         word);
    if (!is_utf8(word))
        return error_set(err, ERROR_INVALID, "\"%.*s\": the text is not UTF-8, and JSON is",
                         (int)(equals - word), word);
    bool raw = equals > word && equals[-1] == ':';
    CLEANUP_FREE char *key = mem_strndup(word, (size_t)(equals - word) - (raw ? 1 : 0));
    if (key[0] == '\0')
        return error_set(err, ERROR_INVALID, "\"%s\" has no name before the =", word);
    struct json_object *value = NULL;
    int rc =
        raw ? read_json(key, equals + 1, &value, err) : guess_value(key, equals + 1, &value, err);
    if (rc < 0)
        return rc;
    return put_dotted(root, key, value, err);
}

/* The members of a whole object. Their names are taken as they are, dots included. */
static int add_object(struct json_object *root, const char *word, struct error *err)
{
    CLEANUP_DOCUMENT struct json_object *object = NULL;
    int rc = document_parse(word, strlen(word), &object, err);
    if (rc < 0)
        return rc;
    if (!json_object_is_type(object, json_type_object))
        return error_set(err, ERROR_INVALID, "arguments are a JSON object: {\"key\": value}");
    json_object_object_foreach(object, key, value)
    {
        if (json_object_object_get_ex(root, key, NULL))
            return error_set(err, ERROR_INVALID, "\"%s\" is given twice", key);
        json_object_object_add(root, key, json_object_get(value));
    }
    return 0;
}

int arguments_parse(int n_words, char *const words[], struct json_object **out, struct error *err)
{
    *out = NULL;
    if (n_words == 0)
        return 0;
    CLEANUP_DOCUMENT struct json_object *root = json_object_new_object();
    for (int i = 0; i < n_words; i++) {
        const char *word = words[i] + strspn(words[i], " \t\r\n");
        int rc = word[0] == '{' ? add_object(root, word, err) : add_pair(root, words[i], err);
        if (rc < 0)
            return rc;
    }
    *out = TAKE_PTR(root);
    return 0;
}
