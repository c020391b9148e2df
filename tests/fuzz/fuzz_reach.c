/* A request against QEMU 7.2's own schema, or, where the input has a line feed and begins with '[',
 * against the schema that is its first line. Whatever it holds, what is found is inside the
 * arguments and in their order; of a request that validation takes it is what a search finds that
 * goes down types, shapes and tape together, and knows of no map. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include "acl/shape.h"
#include "acl/shape_table.h"
#include "qmp/message.h"
#include "qmp/scan.h"
#include "qmp/validate.h"
#include "tests/qmp/schema_file.h"

static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                               .max_depth = 64,
                                               .max_tokens = 65536 };

static struct qmp_schema *pinned_schema(void)
{
    static struct qmp_schema *pinned; /* for the process */
    if (!pinned)
        pinned = schema_file_pinned();
    return pinned;
}

/* --- the other search ------------------------------------------------------------------------ */

struct slow {
    const struct qmp_schema *s;
    const struct qmp_tape *t;
    const struct acl_reached_list *found;
    size_t n; /* of them were expected */
};

static void expect(struct slow *f, uint32_t token, uint8_t verdict)
{
    if (verdict == ACL_REACH_NOTHING)
        return;
    FUZZ_ASSERT(f->n < f->found->n);
    FUZZ_ASSERT(f->found->items[f->n].token == token);
    FUZZ_ASSERT(f->found->items[f->n].reach == (uint8_t)VERDICT_REACH(verdict));
    FUZZ_ASSERT(f->found->items[f->n].owner == (uint8_t)VERDICT_OWNER(verdict));
    f->n++;
}

static const uint8_t unknown = VERDICT(ACL_REACH_UNKNOWN, ACL_OWNER_NONE);

static bool fits(enum expected expected, enum qmp_type_kind kind)
{
    bool any = kind == QMP_TYPE_ANY, text = kind == QMP_TYPE_STRING, flag = kind == QMP_TYPE_BOOL;
    bool number = kind == QMP_TYPE_INT || kind == QMP_TYPE_NUMBER;
    return (expected == EXPECT_TEXT && text) || (expected == EXPECT_NUMBER && number) ||
           (expected == EXPECT_FLAG && flag) || (expected == EXPECT_NIL && kind == QMP_TYPE_NULL) ||
           (expected == EXPECT_ANY && any) ||
           (expected == EXPECT_SIMPLE && (text || number || flag)) ||
           (expected == EXPECT_ANYTHING && (text || number || flag || any));
}

static bool has_sort(const struct table_word *w, enum qmp_type_kind kind)
{
    enum shape_sort sort = shape_table_sort(w->target);
    return w->expected == EXPECT_SHAPE && ((sort == SHAPE_OBJECT && kind == QMP_TYPE_OBJECT) ||
                                           (sort == SHAPE_ENUM && kind == QMP_TYPE_ENUM) ||
                                           (sort == SHAPE_ALTERNATE && kind == QMP_TYPE_ALTERNATE));
}

static void go_down(struct slow *f, uint32_t type, const struct table_word *w, uint32_t token);

static void go_down_object(struct slow *f, uint32_t type, uint16_t shape, uint32_t object)
{
    struct qmp_shape layers;
    uint16_t shapes[QMP_SHAPE_MAX] = { shape };
    FUZZ_ASSERT(qmp_shape_find(f->s, type, f->t, object, &layers) == QMP_SHAPE_WHOLE);
    for (uint32_t i = 1; i < layers.n; i++) {
        struct qmp_type_part tag =
            qmp_type_part(f->s, layers.types[i - 1], qmp_type_tag(f->s, layers.types[i - 1]));
        const struct table_word *w = shape_table_value(
            shapes[i - 1], qmp_tape_string(f->t, qmp_tape_find(f->t, object, tag.name)));
        shapes[i] = w && shape_table_sort(w->target) == SHAPE_OBJECT ? w->target : SHAPE_EMPTY;
    }
    QMP_TAPE_MEMBERS (f->t, object, name, value) {
        struct span text = qmp_tape_string(f->t, name);
        uint32_t i = 0, part = QMP_NONE;
        for (; i < layers.n && part == QMP_NONE; i += part == QMP_NONE)
            part = qmp_type_find(f->s, layers.types[i], text);
        const struct table_word *w = part == QMP_NONE ? NULL : shape_table_member(shapes[i], text);
        if (w && w->expected == EXPECT_TAG && part != qmp_type_tag(f->s, layers.types[i]))
            w = NULL;
        if (w)
            go_down(f, qmp_type_part(f->s, layers.types[i], part).type, w, value);
        else
            expect(f, value, unknown);
    }
}

static void go_down_single(struct slow *f, uint32_t type, const struct table_word *w,
                           uint32_t token)
{
    static const struct span kinds[] = {
        SPAN_LIT("object"),  SPAN_LIT("array"),   SPAN_LIT("string"), SPAN_LIT("number"),
        SPAN_LIT("boolean"), SPAN_LIT("boolean"), SPAN_LIT("null"),
    };
    enum qmp_type_kind kind = qmp_type_kind(f->s, type);
    if ((w->expected == EXPECT_TAG || has_sort(w, QMP_TYPE_ENUM)) && kind == QMP_TYPE_ENUM) {
        const struct table_word *value = shape_table_value(
            w->expected == EXPECT_TAG ? w->shape : w->target, qmp_tape_string(f->t, token));
        expect(f, token, value ? value->verdict : unknown);
    } else if (!has_sort(w, kind)) {
        expect(f, token, fits((enum expected)w->expected, kind) ? w->verdict : unknown);
    } else if (kind == QMP_TYPE_OBJECT) {
        go_down_object(f, type, w->target, token);
    } else {
        enum qmp_kind json = qmp_tape_kind(f->t, token);
        const struct table_word *choice = shape_table_member(w->target, kinds[json]);
        if (choice)
            go_down(f, qmp_type_of_kind(f->s, type, json), choice, token);
        else
            expect(f, token, unknown);
    }
}

static void go_down(struct slow *f, uint32_t type, const struct table_word *w, uint32_t token)
{
    if (w->expected == EXPECT_OWNED) {
        expect(f, token, w->verdict);
    } else if (qmp_type_kind(f->s, type) != QMP_TYPE_ARRAY) {
        go_down_single(f, type, w, token);
    } else {
        uint32_t inner = qmp_type_element(f->s, type);
        bool by_element = has_sort(w, qmp_type_kind(f->s, inner)) ||
                          (fits((enum expected)w->expected, qmp_type_kind(f->s, inner)) &&
                           w->verdict != ACL_REACH_QOM);
        if (!by_element)
            expect(f, token,
                   w->verdict == ACL_REACH_QOM && w->expected == EXPECT_ANYTHING &&
                           fits(EXPECT_ANYTHING, qmp_type_kind(f->s, inner))
                       ? w->verdict
                       : unknown);
        QMP_TAPE_ELEMENTS (f->t, token, element) {
            if (by_element)
                go_down_single(f, inner, w, element);
        }
    }
}

static void check_slowly(const struct qmp_schema *s, unsigned command, const struct qmp_tape *t,
                         uint32_t arguments, const struct acl_reached_list *found)
{
    struct slow f = { .s = s, .t = t, .found = found };
    const char *name = qmp_schema_command(s, command)->name;
    const struct table_word *w =
        shape_table_member(SHAPE_COMMANDS, (struct span){ name, strlen(name) });
    uint32_t type = qmp_command_arguments(s, command);
    if (qmp_type_kind(s, type) == QMP_TYPE_OBJECT)
        go_down_object(&f, type, w ? w->target : SHAPE_EMPTY, arguments);
    else
        expect(&f, arguments, unknown);
    FUZZ_ASSERT(f.n == found->n);
}

/* --- requests -------------------------------------------------------------------------------- */

static void check_request(const struct acl_reach_map *map, const struct qmp_schema *s,
                          const struct qmp_tape *t, const struct qmp_request *r)
{
    struct qmp_argument_fault fault;
    struct acl_reached_list list = { 0 };
    int command = qmp_schema_find_command(s, qmp_tape_string(t, r->command));
    if (command < 0)
        return;
    bool any = acl_reach_find(map, (unsigned)command, t, r->arguments, &list);
    FUZZ_ASSERT(any == (list.n > 0));
    FUZZ_ASSERT(!any || acl_reach_is_possible(map, (unsigned)command));
    FUZZ_ASSERT(list.n_looked_at <= 3ull * t->n_tokens);
    for (size_t i = 0; i < list.n; i++) {
        FUZZ_ASSERT(list.items[i].token >= r->arguments);
        FUZZ_ASSERT(list.items[i].token < qmp_tape_next(t, r->arguments));
        FUZZ_ASSERT(i == 0 || list.items[i].token > list.items[i - 1].token);
        FUZZ_ASSERT(list.items[i].reach != ACL_REACH_NOTHING);
        FUZZ_ASSERT(list.items[i].reach < ACL_N_REACHES);
    }
    if (r->arguments != QMP_NONE && !qmp_command_is_open(s, (unsigned)command) &&
        qmp_validate(s, (unsigned)command, t, r->arguments, &fault))
        check_slowly(s, (unsigned)command, t, r->arguments, &list);
    acl_reached_list_clear(&list);
}

static void check_text(const struct acl_reach_map *map, const struct qmp_schema *s,
                       struct span text)
{
    struct qmp_scanner *scanner = qmp_scan_object(&limits, text);
    struct qmp_request r;
    if (!scanner)
        return;
    if (qmp_request_parse(qmp_scanner_tape(scanner), &r, NULL) == 0)
        check_request(map, s, qmp_scanner_tape(scanner), &r);
    qmp_scanner_free(scanner);
}

static void ignore(void *opaque, const char *line)
{
    (void)opaque;
    FUZZ_ASSERT(strlen(line) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct acl_reach_map *pinned; /* for the process */
    struct span text = { (const char *)data, size };
    const char *line = size && *data == '[' ? memchr(data, '\n', size) : NULL;
    if (!line) {
        if (!pinned)
            pinned = acl_reach_map_new(pinned_schema());
        check_text(pinned, pinned_schema(), text);
        return 0;
    }
    struct qmp_schema *s = NULL;
    if (qmp_schema_parse(text.data, (size_t)(line - text.data), &s, NULL) < 0)
        return 0;
    struct acl_reach_map *map = acl_reach_map_new(s);
    (void)acl_reach_map_review(map, ignore, NULL);
    (void)acl_reach_map_misfits(map, ignore, NULL);
    line++;
    check_text(map, s, (struct span){ line, size - (size_t)(line - text.data) });
    acl_reach_map_free(map);
    qmp_schema_unref(s);
    return 0;
}
