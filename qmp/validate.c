#include "config.h"
#include "qmp/validate.h"

#include <stdio.h>
#include <string.h>
#include "base/limits.h"
#include "qmp/schema_internal.h"

struct validation {
    const struct qmp_schema *schema;
    const struct qmp_tape *tape;
    struct qmp_argument_fault *fault;
};

/* Where a value is: links on the stack, from the value up to the arguments. */
struct place {
    const struct place *up; /* NULL: the arguments themselves */
    struct span name;       /* of a member; data is NULL for an element */
    uint32_t element;
    uint32_t depth;
};

/* --- faults ----------------------------------------------------------------------------------- */

/* Puts text before what is there; false if there is no room. */
static bool prepend(char **begin, const char *path, const char *text, size_t len)
{
    if ((size_t)(*begin - path) < len)
        return false;
    *begin -= len;
    memcpy(*begin, text, len);
    return true;
}

#define NAME_SHOWN 60u /* bytes of a name; escaped they have room in a path */

static bool prepend_place(char **begin, const char *path, const struct place *p)
{
    char text[LOG_ESCAPE_MAX];
    if (!p->name.data) {
        int len = snprintf(text, sizeof(text), "[%u]", p->element);
        return prepend(begin, path, text, (size_t)len);
    }
    bool cut = p->name.len > NAME_SHOWN;
    log_escape(p->name.data, cut ? NAME_SHOWN : p->name.len, text);
    return (!cut || prepend(begin, path, "...", 3)) && prepend(begin, path, text, strlen(text)) &&
           (!p->up->up || prepend(begin, path, ".", 1));
}

static void write_path(char path[QMP_ARGUMENT_PATH_MAX], const struct place *p)
{
    char *begin = path + QMP_ARGUMENT_PATH_MAX - 1;
    char *first = path + 3; /* there is room for "..." */
    *begin = '\0';
    for (; p->up; p = p->up) {
        if (!prepend_place(&begin, first, p)) {
            (void)prepend(&begin, path, "...", 3);
            break;
        }
    }
    memmove(path, begin, strlen(begin) + 1);
}

static bool fail(struct validation *v, enum qmp_argument_error error, const struct place *p)
{
    v->fault->error = error;
    v->fault->token = QMP_NONE;
    v->fault->expected[0] = '\0';
    write_path(v->fault->path, p);
    return false;
}

static bool fail_at_member(struct validation *v, enum qmp_argument_error error,
                           const struct place *object, struct span name)
{
    return fail(v, error, &(struct place){ .up = object, .name = name });
}

static const char *type_word(enum qmp_type_kind kind)
{
    switch (kind) {
    case QMP_TYPE_STRING:
    case QMP_TYPE_ENUM:
        return "string";
    case QMP_TYPE_BOOL:
        return "boolean";
    case QMP_TYPE_INT:
        return "integer";
    case QMP_TYPE_NUMBER:
        return "number";
    case QMP_TYPE_NULL:
        return "null";
    case QMP_TYPE_ARRAY:
        return "array";
    case QMP_TYPE_OBJECT:
        return "object";
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
    case QMP_TYPE_ALTERNATE:
        return "value";
    }
    return "value";
}

/* An alternate's types: "null, string or object". */
static void list_choices(const struct qmp_schema *s, uint32_t type, char out[QMP_ARGUMENT_TYPE_MAX])
{
    const char *words[N_KINDS] = { NULL };
    size_t n = 0, at = 0;
    for (enum qmp_kind kind = QMP_KIND_OBJECT; kind <= QMP_KIND_NULL; kind++) {
        uint32_t choice = qmp_type_of_kind(s, type, kind);
        if (choice != QMP_TYPE_NONE && kind != QMP_KIND_FALSE) /* boolean is there by true */
            words[n++] = type_word(qmp_type_kind(s, choice));
    }
    for (size_t i = 0; i < n; i++) {
        const char *separator = i == 0 ? "" : i + 1 < n ? ", " : " or ";
        int len = snprintf(out + at, QMP_ARGUMENT_TYPE_MAX - at, "%s%s", separator, words[i]);
        at += (size_t)len; /* seven words of seven letters at most */
    }
    out[at] = '\0';
}

static bool fail_type(struct validation *v, uint32_t type, const struct place *p)
{
    fail(v, QMP_ARGUMENT_BAD_TYPE, p);
    enum qmp_type_kind kind = qmp_type_kind(v->schema, type);
    if (kind == QMP_TYPE_ALTERNATE)
        list_choices(v->schema, type, v->fault->expected);
    else
        snprintf(v->fault->expected, sizeof(v->fault->expected), "%s", type_word(kind));
    return false;
}

/* --- simple values ---------------------------------------------------------------------------- */

/* As QEMU takes an integer of any width: digits only, from INT64_MIN to UINT64_MAX. A fraction or
 * an exponent makes a double, even if its value is whole. */
static bool is_integer(struct span raw)
{
    static const struct span lowest = SPAN_LIT("9223372036854775808");
    static const struct span highest = SPAN_LIT("18446744073709551615");
    bool negative = raw.data[0] == '-';
    struct span digits = { raw.data + negative, raw.len - negative };
    for (size_t i = 0; i < digits.len; i++) {
        if (digits.data[i] < '0' || digits.data[i] > '9')
            return false;
    }
    return schema_compare_names(digits, negative ? lowest : highest) <= 0;
}

static bool is_simple(const struct validation *v, enum qmp_type_kind type, uint32_t token)
{
    enum qmp_kind kind = qmp_tape_kind(v->tape, token);
    switch (type) {
    case QMP_TYPE_STRING:
    case QMP_TYPE_ENUM:
        return kind == QMP_KIND_STRING;
    case QMP_TYPE_BOOL:
        return kind == QMP_KIND_TRUE || kind == QMP_KIND_FALSE;
    case QMP_TYPE_INT:
        return kind == QMP_KIND_NUMBER && is_integer(qmp_tape_raw(v->tape, token));
    case QMP_TYPE_NUMBER:
        return kind == QMP_KIND_NUMBER;
    case QMP_TYPE_NULL:
        return kind == QMP_KIND_NULL;
    case QMP_TYPE_ARRAY:
        return kind == QMP_KIND_ARRAY;
    case QMP_TYPE_OBJECT:
        return kind == QMP_KIND_OBJECT;
    case QMP_TYPE_ANY:
    case QMP_TYPE_OPAQUE:
    case QMP_TYPE_ALTERNATE:
        return true;
    }
    return false;
}

static bool check_value(struct validation *v, uint32_t type, uint32_t token, const struct place *p);

static bool check_enum(struct validation *v, uint32_t type, uint32_t token, const struct place *p)
{
    if (qmp_type_find(v->schema, type, qmp_tape_string(v->tape, token)) != QMP_NONE)
        return true;
    fail(v, QMP_ARGUMENT_BAD_VALUE, p);
    v->fault->token = token;
    return false;
}

static bool check_elements(struct validation *v, uint32_t type, uint32_t array,
                           const struct place *p)
{
    uint32_t element_type = qmp_type_element(v->schema, type);
    struct place at = { .up = p, .depth = p->depth + 1 };
    QMP_TAPE_ELEMENTS (v->tape, array, element) {
        if (!check_value(v, element_type, element, &at))
            return false;
        at.element++;
    }
    return true;
}

/* --- objects ---------------------------------------------------------------------------------- */

/* Which type of the shape has the member, and as which part. */
static bool find_member(const struct qmp_schema *s, const struct qmp_shape *shape, struct span name,
                        uint32_t *layer, uint32_t *part)
{
    for (*layer = 0; *layer < shape->n; ++*layer) {
        *part = qmp_type_find(s, shape->types[*layer], name);
        if (*part != QMP_NONE)
            return true;
    }
    return false;
}

/* Marks what is there of the type, and looks for the first that is not: linear, even here.
 * `object` may be QMP_NONE. (A hostile VM's schema may have one name in two types of a shape: then
 * nothing is missing after all.) */
static bool find_missing(struct validation *v, uint32_t type, uint32_t object,
                         const struct place *p)
{
    uint8_t present[LIMIT_SCHEMA_MEMBERS / 8] = { 0 };
    if (object != QMP_NONE) {
        QMP_TAPE_MEMBERS (v->tape, object, name, value) {
            uint32_t part = qmp_type_find(v->schema, type, qmp_tape_string(v->tape, name));
            if (part != QMP_NONE)
                present[part / 8] |= (uint8_t)(1u << part % 8);
        }
    }
    for (uint32_t i = 0; i < qmp_type_n_parts(v->schema, type); i++) {
        struct qmp_type_part part = qmp_type_part(v->schema, type, i);
        if (!part.optional && !(present[i / 8] >> i % 8 & 1))
            return fail_at_member(v, QMP_ARGUMENT_MISSING, p, part.name);
    }
    return true;
}

static bool check_present(struct validation *v, const struct qmp_shape *shape,
                          const uint32_t *n_found, uint32_t object, const struct place *p)
{
    for (uint32_t i = 0; i < shape->n; i++) {
        uint32_t type = shape->types[i];
        if (n_found[i] < v->schema->model.types[type].n_needed && !find_missing(v, type, object, p))
            return false;
    }
    return true;
}

static bool check_members(struct validation *v, const struct qmp_shape *shape, uint32_t object,
                          const struct place *p)
{
    uint32_t n_found[QMP_SHAPE_MAX] = { 0 };
    QMP_TAPE_MEMBERS (v->tape, object, name, value) {
        struct place at = { .up = p,
                            .name = qmp_tape_string(v->tape, name),
                            .depth = p->depth + 1 };
        uint32_t layer, part;
        if (!find_member(v->schema, shape, at.name, &layer, &part)) {
            if (shape->open)
                continue;
            return fail(v, QMP_ARGUMENT_UNEXPECTED, &at);
        }
        struct qmp_type_part member = qmp_type_part(v->schema, shape->types[layer], part);
        n_found[layer] += !member.optional;
        if (!check_value(v, member.type, value, &at))
            return false;
    }
    return check_present(v, shape, n_found, object, p);
}

/* The tag is wrong: says how. */
static bool fail_tag(struct validation *v, uint32_t type, uint32_t object, const struct place *p)
{
    struct qmp_type_part tag = qmp_type_part(v->schema, type, qmp_type_tag(v->schema, type));
    uint32_t token = qmp_tape_find(v->tape, object, tag.name);
    if (token == QMP_NONE)
        return fail_at_member(v, QMP_ARGUMENT_MISSING, p, tag.name);
    struct place at = { .up = p, .name = tag.name, .depth = p->depth + 1 };
    return check_value(v, tag.type, token, &at) && fail(v, QMP_ARGUMENT_BAD_VALUE, &at);
}

static bool check_object(struct validation *v, uint32_t type, uint32_t object,
                         const struct place *p)
{
    struct qmp_shape shape;
    if (qmp_shape_find(v->schema, type, v->tape, object, &shape) != QMP_SHAPE_WHOLE)
        return fail_tag(v, shape.types[shape.n - 1], object, p);
    return check_members(v, &shape, object, p);
}

static bool check_value(struct validation *v, uint32_t type, uint32_t token, const struct place *p)
{
    enum qmp_type_kind kind = qmp_type_kind(v->schema, type);
    if (kind == QMP_TYPE_ALTERNATE) {
        uint32_t choice = qmp_type_of_kind(v->schema, type, qmp_tape_kind(v->tape, token));
        if (choice == QMP_TYPE_NONE)
            return fail_type(v, type, p);
        type = choice;
        kind = qmp_type_kind(v->schema, type);
    }
    if (!is_simple(v, kind, token))
        return fail_type(v, type, p);
    if (kind == QMP_TYPE_ENUM)
        return check_enum(v, type, token, p);
    if (kind != QMP_TYPE_ARRAY && kind != QMP_TYPE_OBJECT)
        return true;
    if (p->depth >= LIMIT_REQUEST_DEPTH)
        return fail(v, QMP_ARGUMENT_TOO_DEEP, p);
    return kind == QMP_TYPE_ARRAY ? check_elements(v, type, token, p)
                                  : check_object(v, type, token, p);
}

/* --- commands --------------------------------------------------------------------------------- */

/* A command that QEMU reads as options: numbers and booleans become texts, and what is neither is
 * not there. So what must be there must be such a value, and that is all. */
static bool check_open(struct validation *v, uint32_t type, uint32_t object, const struct place *p)
{
    const struct qmp_shape shape = { .n = 1, .types = { type } };
    uint32_t n_found = 0;
    if (object == QMP_NONE)
        return check_present(v, &shape, &n_found, object, p);
    QMP_TAPE_MEMBERS (v->tape, object, name, value) {
        struct span text = qmp_tape_string(v->tape, name);
        uint32_t part = qmp_type_find(v->schema, type, text);
        if (part == QMP_NONE || qmp_type_part(v->schema, type, part).optional)
            continue;
        enum qmp_kind kind = qmp_tape_kind(v->tape, value);
        if (kind <= QMP_KIND_ARRAY || kind == QMP_KIND_NULL)
            return fail_at_member(v, QMP_ARGUMENT_MISSING, p, text);
        n_found++;
    }
    return check_present(v, &shape, &n_found, object, p);
}

/* No arguments are the same as an empty object. */
static bool check_nothing(struct validation *v, uint32_t type, const struct place *p)
{
    const struct qmp_shape shape = { .n = 1, .types = { type } };
    return check_present(v, &shape, &(uint32_t){ 0 }, QMP_NONE, p);
}

bool qmp_validate(const struct qmp_schema *s, unsigned command, const struct qmp_tape *t,
                  uint32_t arguments, struct qmp_argument_fault *fault)
{
    static const struct place root = { .depth = 1 };
    struct validation v = { .schema = s, .tape = t, .fault = fault };
    uint32_t type = qmp_command_arguments(s, command);
    if (qmp_type_kind(s, type) == QMP_TYPE_OPAQUE)
        return true;
    if (qmp_command_is_open(s, command))
        return check_open(&v, type, arguments, &root);
    if (arguments == QMP_NONE)
        return check_nothing(&v, type, &root);
    return check_value(&v, type, arguments, &root);
}

const char *qmp_argument_fault_text(const struct qmp_argument_fault *fault,
                                    const struct qmp_tape *t, char out[QMP_ARGUMENT_TEXT_MAX])
{
    char shown[LOG_ESCAPE_MAX];
    switch (fault->error) {
    case QMP_ARGUMENT_MISSING:
        snprintf(out, QMP_ARGUMENT_TEXT_MAX, "Parameter '%s' is missing", fault->path);
        break;
    case QMP_ARGUMENT_UNEXPECTED:
        snprintf(out, QMP_ARGUMENT_TEXT_MAX, "Parameter '%s' is unexpected", fault->path);
        break;
    case QMP_ARGUMENT_BAD_TYPE:
        snprintf(out, QMP_ARGUMENT_TEXT_MAX, "Invalid parameter type for '%s', expected: %s",
                 fault->path, fault->expected);
        break;
    case QMP_ARGUMENT_BAD_VALUE: {
        struct span value = qmp_tape_string(t, fault->token);
        snprintf(out, QMP_ARGUMENT_TEXT_MAX, "Parameter '%s' does not accept value '%s'",
                 fault->path, log_escape(value.data, value.len, shown));
        break;
    }
    case QMP_ARGUMENT_TOO_DEEP:
        snprintf(out, QMP_ARGUMENT_TEXT_MAX, "Parameter '%s' is nested too deeply", fault->path);
        break;
    }
    return out;
}

const char *qmp_argument_fault_reason(const struct qmp_argument_fault *fault,
                                      char out[QMP_ARGUMENT_TEXT_MAX])
{
    static const char *const words[] = {
        [QMP_ARGUMENT_MISSING] = "is missing",
        [QMP_ARGUMENT_UNEXPECTED] = "is unexpected",
        [QMP_ARGUMENT_BAD_TYPE] = "has a wrong type",
        [QMP_ARGUMENT_BAD_VALUE] = "has a wrong value",
        [QMP_ARGUMENT_TOO_DEEP] = "is nested too deeply",
    };
    snprintf(out, QMP_ARGUMENT_TEXT_MAX, "the argument '%s' %s", fault->path, words[fault->error]);
    return out;
}
