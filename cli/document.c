#include "config.h"
#include "cli/document.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "base/limits.h"
#include "base/mem.h"
#include "qmp/scan.h"

static void free_scanner(struct qmp_scanner **s)
{
    qmp_scanner_free(*s);
}

static void free_tokener(struct json_tokener **t)
{
    if (*t)
        json_tokener_free(*t);
}

int document_from_scanned(struct span text, struct json_object **out, struct error *err)
{
    *out = NULL;
    if (text.len > INT32_MAX)
        return error_set(err, ERROR_LIMIT, "the JSON text is too long");
    CLEANUP(free_tokener)
    struct json_tokener *t = json_tokener_new_ex((int)LIMIT_REPLY_DEPTH + 2);
    if (!t)
        return error_set(err, ERROR_SYSTEM, "out of memory");
    struct json_object *doc = json_tokener_parse_ex(t, text.data, (int)text.len);
    /* a number ends only when something follows it */
    if (!doc && json_tokener_get_error(t) == json_tokener_continue)
        doc = json_tokener_parse_ex(t, "\n", 1);
    if (!doc && json_tokener_get_error(t) != json_tokener_success)
        return error_set(err, ERROR_INVALID, "not JSON: %s",
                         json_tokener_error_desc(json_tokener_get_error(t)));
    *out = doc;
    return 0;
}

const char *document_string(struct json_object *object, const char *name)
{
    struct json_object *value;
    if (!json_object_is_type(object, json_type_object) ||
        !json_object_object_get_ex(object, name, &value) ||
        !json_object_is_type(value, json_type_string))
        return NULL;
    return json_object_get_string(value);
}

/* json-c clamps a whole number that does not fit. */
static bool number_fits(struct span raw)
{
    char digits[24];
    for (size_t i = 0; i < raw.len; i++)
        if (strchr(".eE", raw.data[i]))
            return true;
    if (raw.len >= sizeof(digits))
        return false;
    memcpy(digits, raw.data, raw.len);
    digits[raw.len] = '\0';
    errno = 0;
    if (digits[0] == '-')
        (void)strtoll(digits, NULL, 10);
    else
        (void)strtoull(digits, NULL, 10);
    return errno == 0;
}

/* What json-c would not keep as it was written. */
static int check_fidelity(const struct qmp_tape *t, struct error *err)
{
    for (uint32_t i = 0; i < t->n_tokens; i++) {
        if (qmp_tape_kind(t, i) == QMP_KIND_NUMBER && !number_fits(qmp_tape_raw(t, i)))
            return error_set(err, ERROR_INVALID, "the number %.*s does not fit 64 bits",
                             (int)qmp_tape_raw(t, i).len, qmp_tape_raw(t, i).data);
        if (qmp_tape_kind(t, i) != QMP_KIND_OBJECT)
            continue;
        QMP_TAPE_MEMBERS (t, i, name, value) {
            struct span s = qmp_tape_string(t, name);
            if (memchr(s.data, '\0', s.len))
                return error_set(err, ERROR_INVALID, "a member's name has a NUL character");
        }
    }
    return 0;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

int document_parse(const char *text, size_t len, struct json_object **out, struct error *err)
{
    const struct qmp_scan_limits limits = {
        .max_bytes = LIMIT_REQUEST_BYTES_MAX,
        .max_depth = LIMIT_REQUEST_DEPTH,
        .max_tokens = LIMIT_REQUEST_TOKENS,
    };
    *out = NULL;
    for (; len > 0 && is_space(text[0]); text++)
        len--;
    while (len > 0 && is_space(text[len - 1]))
        len--;
    if (len == 0)
        return error_set(err, ERROR_INVALID, "no JSON value here");
    /* with a line feed behind it, so that a number has an end */
    CLEANUP_FREE char *line = mem_alloc(len + 1);
    memcpy(line, text, len);
    line[len] = '\n';
    CLEANUP(free_scanner) struct qmp_scanner *scanner = qmp_scanner_new(&limits);
    switch (qmp_scanner_feed(scanner, line, len + 1)) {
    case QMP_SCAN_DONE:
        break;
    case QMP_SCAN_MORE:
        return error_set(err, ERROR_INVALID, "the JSON text is cut short");
    case QMP_SCAN_RULE:
    case QMP_SCAN_LEXICAL:
        return error_set(err, ERROR_INVALID, "%s at byte %zu of the JSON text",
                         qmp_scan_fault(scanner).text, qmp_scan_fault(scanner).offset);
    }
    if (qmp_scanner_consumed(scanner) < len)
        return error_set(err, ERROR_INVALID, "more text after the JSON value, at byte %zu",
                         qmp_scanner_consumed(scanner));
    int rc = check_fidelity(qmp_scanner_tape(scanner), err);
    if (rc < 0)
        return rc;
    return document_from_scanned((struct span){ line, len }, out, err);
}
