/* From the text of query-qmp-schema to the model. The VM may be hostile: all is checked. */
#include "config.h"
#include "qmp/schema_internal.h"

#include <stdlib.h>
#include <string.h>
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "qmp/scan.h"
#include "qmp/siphash.h"
#include "qmp/write.h"

static const struct qmp_scan_limits schema_limits = {
    .max_bytes = LIMIT_SCHEMA_BYTES,
    .max_depth = LIMIT_SCHEMA_DEPTH,
    .max_tokens = LIMIT_SCHEMA_TOKENS,
};

static void cleanup_scanner(struct qmp_scanner **s)
{
    qmp_scanner_free(*s);
}

/* --- look-up ---------------------------------------------------------------------------------- */

static uint32_t first_slot(const struct qmp_schema *s, const struct schema_index *x,
                           struct span name)
{
    return (uint32_t)qmp_siphash(s->seed, name.data, name.len) & (x->n_slots - 1);
}

int64_t schema_find(const struct qmp_schema *s, enum schema_sort sort, struct span name)
{
    const struct schema_index *x = &s->index[sort];
    for (uint32_t i = first_slot(s, x, name); x->slots[i]; i = (i + 1) & (x->n_slots - 1)) {
        const struct schema_element *e = &s->elements[x->slots[i] - 1];
        if (e->name_len == name.len && memcmp(e->name, name.data, name.len) == 0)
            return x->slots[i] - 1;
    }
    return -1;
}

static void index_add(struct qmp_schema *s, uint32_t element)
{
    const struct schema_element *e = &s->elements[element];
    struct schema_index *x = &s->index[e->sort];
    uint32_t i = first_slot(s, x, (struct span){ e->name, e->name_len });
    while (x->slots[i])
        i = (i + 1) & (x->n_slots - 1);
    x->slots[i] = element + 1;
}

static int build_indexes(struct qmp_schema *s, struct error *err)
{
    for (size_t sort = 0; sort < N_SCHEMA_SORTS; sort++) {
        struct schema_index *x = &s->index[sort];
        x->n_slots = 4;
        while (x->n_slots < 2 * s->n_numbered[sort])
            x->n_slots *= 2;
        x->slots = mem_zalloc_array(x->n_slots, sizeof(*x->slots));
    }
    for (uint32_t i = 0; i < s->n_elements; i++) {
        const struct schema_element *e = &s->elements[i];
        if (schema_find(s, e->sort, (struct span){ e->name, e->name_len }) >= 0)
            return error_set(err, ERROR_PEER, "the VM's schema has '%s' twice", e->name);
        index_add(s, i);
    }
    return 0;
}

/* --- elements --------------------------------------------------------------------------------- */

static enum schema_sort sort_of(const struct qmp_tape *t, uint32_t meta_type)
{
    if (qmp_tape_string_is(t, meta_type, SPAN_LIT("command")))
        return SCHEMA_COMMAND;
    if (qmp_tape_string_is(t, meta_type, SPAN_LIT("event")))
        return SCHEMA_EVENT;
    return SCHEMA_TYPE;
}

static uint32_t find_string(const struct qmp_tape *t, uint32_t object, struct span name)
{
    uint32_t value = qmp_tape_find(t, object, name);
    return value != QMP_NONE && qmp_tape_kind(t, value) == QMP_KIND_STRING ? value : QMP_NONE;
}

bool schema_is_proper_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return false;
    }
    return name.len > 0;
}

static int read_element(struct qmp_schema *s, const struct qmp_tape *t, uint32_t token,
                        struct buf *memory, struct error *err)
{
    if (qmp_tape_kind(t, token) != QMP_KIND_OBJECT)
        return error_set(err, ERROR_PEER, "the VM's schema has an element that is no object");
    uint32_t name = find_string(t, token, SPAN_LIT("name"));
    uint32_t meta_type = find_string(t, token, SPAN_LIT("meta-type"));
    if (name == QMP_NONE || meta_type == QMP_NONE)
        return error_set(err, ERROR_PEER,
                         "the VM's schema has an element without name or meta-type");
    struct span text = qmp_tape_string(t, name);
    if (!schema_is_proper_name(text))
        return error_set(err, ERROR_PEER, "the VM's schema has an element with an improper name");

    struct schema_element *e = &s->elements[s->n_elements++];
    e->sort = sort_of(t, meta_type);
    e->number = s->n_numbered[e->sort]++;
    e->name_len = text.len;
    buf_add_span(memory, text);
    buf_add_char(memory, '\0');
    size_t before = buf_len(memory);
    qmp_write_value(memory, t, token);
    e->text.len = buf_len(memory) - before;
    return 0;
}

/* The buffer moved while it grew: places are known only now. */
static void place_texts(struct qmp_schema *s, struct buf *memory)
{
    const char *p = s->memory = TAKE_PTR(memory->mem);
    for (uint32_t i = 0; i < s->n_elements; i++) {
        struct schema_element *e = &s->elements[i];
        e->name = p;
        e->text.data = p + e->name_len + 1;
        p = e->text.data + e->text.len;
    }
}

static int read_elements(struct qmp_schema *s, const struct qmp_tape *t, struct error *err)
{
    CLEANUP_BUF struct buf memory = { 0 };
    s->elements = MEM_NEW_N(struct schema_element, t->tokens[0].count);
    QMP_TAPE_ELEMENTS (t, 0, token) {
        int rc = read_element(s, t, token, &memory, err);
        if (rc < 0)
            return rc;
    }
    if (s->n_elements == 0)
        return error_set(err, ERROR_PEER, "the VM's schema is empty");
    place_texts(s, &memory);
    return 0;
}

/* --- references ------------------------------------------------------------------------------- */

struct references {
    struct qmp_schema *schema;
    size_t n, capacity;
};

static int add_reference(struct references *r, const struct qmp_tape *t, uint32_t value,
                         struct error *err)
{
    char text[LOG_ESCAPE_MAX];
    if (qmp_tape_kind(t, value) != QMP_KIND_STRING)
        return error_set(err, ERROR_PEER, "the VM's schema has a type that is no string");
    struct span name = qmp_tape_string(t, value);
    int64_t type = schema_find(r->schema, SCHEMA_TYPE, name);
    if (type < 0)
        return error_set(err, ERROR_PEER, "the VM's schema lacks the type '%s'",
                         log_escape(name.data, name.len, text));
    mem_grow((void **)&r->schema->refs, &r->capacity, r->n + 1, sizeof(*r->schema->refs));
    r->schema->refs[r->n++] = (uint32_t)type;
    return 0;
}

/* "members" or "variants": each part may have a "type"; those of an enum have none. */
static int add_parts(struct references *r, const struct qmp_tape *t, uint32_t parts,
                     struct error *err)
{
    if (qmp_tape_kind(t, parts) != QMP_KIND_ARRAY)
        return error_set(err, ERROR_PEER, "the VM's schema has members that are no array");
    QMP_TAPE_ELEMENTS (t, parts, part) {
        if (qmp_tape_kind(t, part) != QMP_KIND_OBJECT)
            return error_set(err, ERROR_PEER, "the VM's schema has a member that is no object");
        uint32_t type = qmp_tape_find(t, part, SPAN_LIT("type"));
        int rc = type == QMP_NONE ? 0 : add_reference(r, t, type, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static bool is_one_of(const struct qmp_tape *t, uint32_t name, const struct span *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (qmp_tape_string_is(t, name, list[i]))
            return true;
    }
    return false;
}

static int add_references(struct references *r, const struct qmp_tape *t, uint32_t element,
                          struct error *err)
{
    static const struct span types[] = { SPAN_LIT("arg-type"), SPAN_LIT("ret-type"),
                                         SPAN_LIT("element-type") };
    static const struct span lists[] = { SPAN_LIT("members"), SPAN_LIT("variants") };
    int rc = 0;
    QMP_TAPE_MEMBERS (t, element, name, value) {
        if (is_one_of(t, name, types, ARRAY_SIZE(types)))
            rc = add_reference(r, t, value, err);
        else if (is_one_of(t, name, lists, ARRAY_SIZE(lists)))
            rc = add_parts(r, t, value, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int resolve_references(struct qmp_schema *s, const struct qmp_tape *t, struct error *err)
{
    struct references r = { .schema = s };
    uint32_t i = 0;
    QMP_TAPE_ELEMENTS (t, 0, token) {
        struct schema_element *e = &s->elements[i++];
        e->first_ref = (uint32_t)r.n;
        int rc = add_references(&r, t, token, err);
        if (rc < 0)
            return rc;
        e->n_refs = (uint32_t)r.n - e->first_ref;
    }
    return 0;
}

/* --- commands and events ---------------------------------------------------------------------- */

static int compare_names(const void *a, const void *b, void *opaque)
{
    const struct schema_element *elements = opaque;
    return strcmp(elements[*(const uint32_t *)a].name, elements[*(const uint32_t *)b].name);
}

static void number_by_name(struct qmp_schema *s)
{
    uint32_t n[N_SCHEMA_SORTS] = { 0 };
    for (size_t sort = 0; sort < N_SCHEMA_SORTS; sort++)
        s->numbered[sort] = MEM_NEW_N(uint32_t, s->n_numbered[sort]);
    for (uint32_t i = 0; i < s->n_elements; i++) {
        enum schema_sort sort = s->elements[i].sort;
        s->numbered[sort][n[sort]++] = i;
    }
    for (size_t sort = 0; sort < N_SCHEMA_SORTS; sort++) {
        qsort_r(s->numbered[sort], n[sort], sizeof(uint32_t), compare_names, s->elements);
        for (uint32_t i = 0; i < n[sort]; i++)
            s->elements[s->numbered[sort][i]].number = i;
    }
}

bool schema_has_feature(const struct qmp_tape *t, uint32_t element, struct span feature)
{
    uint32_t list = qmp_tape_find(t, element, SPAN_LIT("features"));
    if (list == QMP_NONE || qmp_tape_kind(t, list) != QMP_KIND_ARRAY)
        return false;
    QMP_TAPE_ELEMENTS (t, list, f) {
        if (qmp_tape_kind(t, f) == QMP_KIND_STRING && qmp_tape_string_is(t, f, feature))
            return true;
    }
    return false;
}

static void read_commands(struct qmp_schema *s, const struct qmp_tape *t)
{
    uint32_t i = 0;
    s->commands = MEM_NEW_N(struct qmp_schema_command, s->n_numbered[SCHEMA_COMMAND]);
    QMP_TAPE_ELEMENTS (t, 0, token) {
        const struct schema_element *e = &s->elements[i++];
        if (e->sort != SCHEMA_COMMAND)
            continue;
        uint32_t oob = qmp_tape_find(t, token, SPAN_LIT("allow-oob"));
        s->commands[e->number] = (struct qmp_schema_command){
            .name = e->name,
            .allow_oob = oob != QMP_NONE && qmp_tape_kind(t, oob) == QMP_KIND_TRUE,
            .deprecated = schema_has_feature(t, token, SPAN_LIT("deprecated")),
            .unstable = schema_has_feature(t, token, SPAN_LIT("unstable")),
        };
    }
}

int schema_parse(struct qmp_schema *s, const char *json, size_t len, struct error *err)
{
    CLEANUP(cleanup_scanner) struct qmp_scanner *scanner = qmp_scanner_new(&schema_limits);
    enum qmp_scan_status status = qmp_scanner_feed(scanner, json, len);
    const struct qmp_tape *t = qmp_scanner_tape(scanner);

    if (status == QMP_SCAN_RULE || status == QMP_SCAN_LEXICAL)
        return error_set(err, ERROR_PEER, "the VM's schema is not proper JSON: %s at byte %zu",
                         qmp_scan_fault(scanner).text, qmp_scan_fault(scanner).offset);
    if (status == QMP_SCAN_MORE || qmp_scanner_consumed(scanner) != len ||
        qmp_tape_kind(t, 0) != QMP_KIND_ARRAY)
        return error_set(err, ERROR_PEER, "the VM's schema is not one JSON array");
    qmp_siphash_seed(s->seed);
    int rc = read_elements(s, t, err);
    if (rc == 0)
        rc = build_indexes(s, err);
    if (rc == 0)
        rc = resolve_references(s, t, err);
    if (rc < 0)
        return rc;
    number_by_name(s);
    read_commands(s, t);
    return schema_parse_types(s, t, err);
}
