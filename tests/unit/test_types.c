#include "config.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/limits.h"
#include "qmp/scan.h"
#include "qmp/types.h"
#include "tests/qmp/schema_file.h"

static struct qmp_schema *real; /* of a QEMU 7.2, machine none */

static void cleanup_schema(struct qmp_schema **s)
{
    qmp_schema_unref(*s);
}
#define CLEANUP_SCHEMA CLEANUP(cleanup_schema)

#define E(name, sort, more)  "{\"name\":\"" name "\",\"meta-type\":\"" sort "\"" more "}"
#define COMMAND(name, type)  E(name, "command", ",\"arg-type\":\"" type "\"")
#define OBJECT(name, more)   E(name, "object", ",\"members\":[" more "]")
#define M(name, type)        "{\"name\":\"" name "\",\"type\":\"" type "\"}"
#define OPTIONAL(name, type) "{\"name\":\"" name "\",\"type\":\"" type "\",\"default\":null}"
#define UNION(name, members, tag, variants) \
    E(name, "object", ",\"members\":[" members "],\"tag\":\"" tag "\",\"variants\":[" variants "]")
#define CASE(value, type)   "{\"case\":\"" value "\",\"type\":\"" type "\"}"
#define ENUM(name, values)  E(name, "enum", ",\"values\":[" values "]")
#define ALTERNATE(name, m)  E(name, "alternate", ",\"members\":[" m "]")
#define T(type)             "{\"type\":\"" type "\"}"
#define BUILTIN(name, json) E(name, "builtin", ",\"json-type\":\"" json "\"")

static struct qmp_schema *parse(const char *json)
{
    struct qmp_schema *s = NULL;
    struct error err;
    if (qmp_schema_parse(json, strlen(json), &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static void assert_refused(const char *json, const char *why)
{
    struct qmp_schema *s = NULL;
    struct error err = { 0 };
    if (qmp_schema_parse(json, strlen(json), &s, &err) != ERROR_PEER)
        fail_msg("taken: %s", json);
    if (!strstr(err.text, why))
        fail_msg("'%s' instead of '%s'", err.text, why);
    assert_null(s);
}

static uint32_t arguments_of(const struct qmp_schema *s, const char *name)
{
    int i = qmp_schema_find_command(s, (struct span){ name, strlen(name) });
    assert_true(i >= 0);
    return qmp_command_arguments(s, (unsigned)i);
}

static struct qmp_type_part part(const struct qmp_schema *s, uint32_t type, const char *name)
{
    uint32_t i = qmp_type_find(s, type, (struct span){ name, strlen(name) });
    if (i == QMP_NONE)
        fail_msg("no member %s", name);
    return qmp_type_part(s, type, i);
}

/* --- what a schema says ----------------------------------------------------------------------- */

static void members_have_types_and_may_be_optional(void **state)
{
    (void)state;
    uint32_t type = arguments_of(real, "block_resize");
    assert_int_equal(qmp_type_kind(real, type), QMP_TYPE_OBJECT);
    assert_int_equal(qmp_type_n_parts(real, type), 3);
    assert_true(part(real, type, "device").optional);
    assert_false(part(real, type, "size").optional);
    assert_int_equal(qmp_type_kind(real, part(real, type, "size").type), QMP_TYPE_INT);
    assert_int_equal(qmp_type_kind(real, part(real, type, "device").type), QMP_TYPE_STRING);
}

static void no_other_name_is_found(void **state)
{
    (void)state;
    uint32_t type = arguments_of(real, "block_resize");
    static const struct span names[] = { SPAN_LIT(""),       SPAN_LIT("siz"),     SPAN_LIT("sizes"),
                                         SPAN_LIT("size\0"), SPAN_LIT("SIZE"),    SPAN_LIT("zise"),
                                         SPAN_LIT("\0size"), SPAN_LIT("filename") };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        assert_int_equal(qmp_type_find(real, type, names[i]), QMP_NONE);
}

static void every_part_is_found_by_its_name(void **state)
{
    (void)state;
    unsigned n = 0;
    for (uint32_t type = 0; type < qmp_schema_n_types(real); type++) {
        enum qmp_type_kind kind = qmp_type_kind(real, type);
        if (kind != QMP_TYPE_OBJECT && kind != QMP_TYPE_ENUM)
            continue;
        for (uint32_t i = 0; i < qmp_type_n_parts(real, type); i++, n++) {
            struct span name = qmp_type_part(real, type, i).name;
            assert_int_equal(qmp_type_find(real, type, name), i);
            assert_int_equal(name.data[name.len], '\0');
        }
    }
    assert_int_equal(n, 2081 + 848);
}

static void features_of_members_and_values_are_known(void **state)
{
    (void)state;
    uint32_t type = arguments_of(real, "object-add");
    struct qmp_type_part tag = qmp_type_part(real, type, qmp_type_tag(real, type));
    assert_string_equal(tag.name.data, "qom-type");
    assert_false(part(real, tag.type, "rng-builtin").unstable);
    assert_true(part(real, tag.type, "x-remote-object").unstable);
    assert_false(part(real, arguments_of(real, "eject"), "force").deprecated);
    assert_true(part(real, arguments_of(real, "eject"), "device").deprecated);
}

static void a_tag_chooses_a_branch(void **state)
{
    (void)state;
    uint32_t type = arguments_of(real, "blockdev-add");
    struct qmp_type_part tag = qmp_type_part(real, type, qmp_type_tag(real, type));
    assert_string_equal(tag.name.data, "driver");
    uint32_t branch = qmp_type_branch(real, type, qmp_type_find(real, tag.type, SPAN_LIT("file")));
    assert_false(part(real, branch, "filename").optional);
    assert_int_equal(qmp_type_tag(real, branch), QMP_NONE);
}

static void an_alternate_is_chosen_by_kind(void **state)
{
    (void)state;
    uint32_t type = arguments_of(real, "blockdev-add");
    struct qmp_type_part tag = qmp_type_part(real, type, qmp_type_tag(real, type));
    uint32_t raw = qmp_type_branch(real, type, qmp_type_find(real, tag.type, SPAN_LIT("raw")));
    uint32_t file = part(real, raw, "file").type;
    assert_int_equal(qmp_type_kind(real, file), QMP_TYPE_ALTERNATE);
    assert_int_equal(qmp_type_of_kind(real, file, QMP_KIND_OBJECT), type);
    assert_int_equal(qmp_type_kind(real, qmp_type_of_kind(real, file, QMP_KIND_STRING)),
                     QMP_TYPE_STRING);
    assert_int_equal(qmp_type_of_kind(real, file, QMP_KIND_NULL), QMP_TYPE_NONE);
    assert_int_equal(qmp_type_of_kind(real, file, QMP_KIND_ARRAY), QMP_TYPE_NONE);
    assert_int_equal(qmp_type_of_kind(real, file, QMP_KIND_NUMBER), QMP_TYPE_NONE);
    assert_int_equal(qmp_type_of_kind(real, file, QMP_KIND_TRUE), QMP_TYPE_NONE);
}

static void only_device_add_is_open(void **state)
{
    (void)state;
    for (unsigned i = 0; i < qmp_schema_n_commands(real); i++) {
        bool is_it = strcmp(qmp_schema_command(real, i)->name, "device_add") == 0;
        assert_int_equal(qmp_command_is_open(real, i), is_it);
    }
}

static void object_add_was_open_before_it_had_branches(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s =
        parse("[" COMMAND("object-add", "1") "," COMMAND("stop", "1") "," OBJECT("1", "") "]");
    assert_true(qmp_command_is_open(s, 0));
    assert_false(qmp_command_is_open(s, 1));
}

static void nothing_of_qemu_is_opaque(void **state)
{
    (void)state;
    for (uint32_t type = 0; type < qmp_schema_n_types(real); type++)
        assert_int_not_equal(qmp_type_kind(real, type), QMP_TYPE_OPAQUE);
}

static void values_may_come_without_members(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse("[" ENUM("e", "\"bb\",\"a\"") "]");
    assert_int_equal(qmp_type_n_parts(s, 0), 2);
    assert_int_equal(qmp_type_find(s, 0, SPAN_LIT("bb")), 1);
}

/* --- shapes ----------------------------------------------------------------------------------- */

#define NESTED                                                                                     \
    "[" UNION("0", M("t", "e") "," M("m", "n"), "t", CASE("a", "1") "," CASE("b", "x")) "," UNION( \
        "1", M("u", "e"), "u",                                                                     \
        CASE(                                                                                      \
            "a",                                                                                   \
            "2")) "," OBJECT("2",                                                                  \
                             M("v",                                                                \
                               "n")) "," ENUM("e",                                                 \
                                              "\"a\",\"b\",\"c\"") "," BUILTIN("n",                \
                                                                               "null") "," E("x",  \
                                                                                             "of-" \
                                                                                             "a-"  \
                                                                                             "new" \
                                                                                             "er-" \
                                                                                             "qem" \
                                                                                             "u",  \
                                                                                             "") "]"

static enum qmp_shape_status shape_of(const char *json, struct qmp_shape *shape)
{
    CLEANUP_SCHEMA struct qmp_schema *s = parse(NESTED);
    const struct qmp_scan_limits limits = { .max_bytes = 1000, .max_depth = 9, .max_tokens = 99 };
    struct qmp_scanner *scanner = qmp_scan_object(&limits, (struct span){ json, strlen(json) });
    assert_non_null(scanner);
    enum qmp_shape_status status = qmp_shape_find(s, 0, qmp_scanner_tape(scanner), 0, shape);
    qmp_scanner_free(scanner);
    return status;
}

static void branches_may_have_branches(void **state)
{
    (void)state;
    struct qmp_shape shape;
    assert_int_equal(shape_of("{\"t\":\"a\",\"u\":\"a\"}", &shape), QMP_SHAPE_WHOLE);
    assert_int_equal(shape.n, 3);
    assert_int_equal(shape_of("{\"t\":\"a\",\"u\":\"b\"}", &shape), QMP_SHAPE_WHOLE);
    assert_int_equal(shape.n, 2);
    assert_false(shape.open);
}

static void an_opaque_branch_opens_a_shape(void **state)
{
    (void)state;
    struct qmp_shape shape;
    assert_int_equal(shape_of("{\"t\":\"b\"}", &shape), QMP_SHAPE_WHOLE);
    assert_int_equal(shape.n, 1);
    assert_true(shape.open);
}

static void a_value_without_a_branch_adds_nothing(void **state)
{
    (void)state;
    struct qmp_shape shape;
    assert_int_equal(shape_of("{\"t\":\"c\"}", &shape), QMP_SHAPE_WHOLE);
    assert_int_equal(shape.n, 1);
    assert_false(shape.open);
}

static void a_tag_that_is_not_right_ends_a_shape(void **state)
{
    (void)state;
    struct qmp_shape shape;
    assert_int_equal(shape_of("{}", &shape), QMP_SHAPE_NO_TAG);
    assert_int_equal(shape.n, 1);
    assert_int_equal(shape_of("{\"t\":\"a\"}", &shape), QMP_SHAPE_NO_TAG);
    assert_int_equal(shape.n, 2);
    assert_int_equal(shape_of("{\"t\":null}", &shape), QMP_SHAPE_BAD_TAG);
    assert_int_equal(shape_of("{\"t\":\"A\"}", &shape), QMP_SHAPE_BAD_TAG);
    assert_int_equal(shape_of("{\"t\":\"a\\u0000\"}", &shape), QMP_SHAPE_BAD_TAG);
}

/* --- what contradicts itself ------------------------------------------------------------------ */

static void a_schema_that_contradicts_itself_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *json, *why;
    } cases[] = {
        { "[" E("c", "command", "") "]", "'c' without a type" },
        { "[" COMMAND("c", "s") "," BUILTIN("s", "string") "]", "arguments that are no object" },
        { "[" COMMAND("c", "l") "," E("l", "array", ",\"element-type\":\"l\"") "]",
          "arguments that are no object" },
        { "[" E("o", "object", "") "]", "'o' without its members" },
        { "[" E("e", "enum", "") "]", "'e' without its members" },
        { "[" E("l", "array", "") "]", "'l' without a type" },
        { "[" E("b", "builtin", "") "]", "without its json-type" },
        { "[" E("b", "builtin", ",\"json-type\":1") "]", "without its json-type" },
        { "[" OBJECT("o", "{\"type\":\"o\"}") "]", "a member without a name" },
        { "[" OBJECT("o", "{\"name\":1,\"type\":\"o\"}") "]", "a member without a name" },
        { "[" OBJECT("o", "{\"name\":\"m\"}") "]", "'o' without a type" },
        { "[" OBJECT("o", M("", "o")) "]", "an improper name" },
        { "[" OBJECT("o", M("a\\u0000", "o")) "]", "an improper name" },
        { "[" OBJECT("o", M("a b", "o")) "]", "an improper name" },
        { "[" OBJECT("o", M("a", "o") "," M("b", "o") "," M("a", "o")) "]",
          "two members of one name" },
        { "[" ENUM("e", "\"a\",\"b\",\"a\"") "]", "two members of one name" },
        { "[" ENUM("e", "1") "]", "a value that is no string" },
        { "[" ENUM("e", "\"\"") "]", "an improper name" },
        { "[" E("e", "enum", ",\"members\":[\"a\"]") "]", "a member that is no object" },
        { "[" E("o", "object", ",\"members\":[],\"tag\":\"t\"") "]", "branches without a tag" },
        { "[" E("o", "object", ",\"members\":[],\"variants\":[]") "]", "branches without a tag" },
        { "[" E("o", "object", ",\"members\":[],\"tag\":1,\"variants\":[]") "]",
          "branches without a tag" },
        { "[" UNION("o", "", "t", "") "]", "a tag that is no member" },
        { "[" UNION("o", M("t", "o"), "t", "") "]", "a tag that is no enum" },
        { "[" UNION("o", M("t", "e"), "t", CASE("b", "o")) "," ENUM("e", "\"a\"") "]",
          "a branch for no value" },
        { "[" UNION("o", M("t", "e"), "t", "{\"type\":\"o\"}") "," ENUM("e", "\"a\"") "]",
          "a branch without a case" },
        { "[" UNION("o", M("t", "e"), "t", "{\"case\":\"a\"}") "," ENUM("e", "\"a\"") "]",
          "'o' without a type" },
        { "[" UNION("o", M("t", "e"), "t", CASE("a", "e")) "," ENUM("e", "\"a\"") "]",
          "a branch that is no object" },
        { "[" UNION("o", M("t", "e"), "t", CASE("a", "p") "," CASE("a", "p")) "," OBJECT(
              "p", "") "," ENUM("e", "\"a\"") "]",
          "two branches for one value" },
        { "[" UNION("o", M("t", "e"), "t", CASE("a", "o")) "," ENUM("e", "\"a\"") "]",
          "branches without end" },
        { "[" UNION("o", M("t", "e"), "t", CASE("a", "p")) "," UNION(
              "p", M("u", "e"), "u", CASE("a", "o")) "," ENUM("e", "\"a\"") "]",
          "branches without end" },
        { "[" E("a", "alternate", "") "]", "'a' without its members" },
        { "[" ALTERNATE("a", "{}") "]", "'a' without a type" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_refused(cases[i].json, cases[i].why);
}

static void an_object_has_so_many_members_and_no_more(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        CLEANUP_BUF struct buf b = { 0 };
        BUF_ADD_LIT(&b, "[{\"name\":\"o\",\"meta-type\":\"object\",\"members\":[");
        for (unsigned i = 0; i < LIMIT_SCHEMA_MEMBERS + more; i++)
            buf_printf(&b, "%s{\"name\":\"m%u\",\"type\":\"o\"}", i ? "," : "", i);
        BUF_ADD_LIT(&b, "]}]\0");
        if (more)
            assert_refused(buf_data(&b), "too many members");
        else
            qmp_schema_unref(parse(buf_data(&b)));
    }
}

static void a_name_has_so_many_bytes_and_no_more(void **state)
{
    (void)state;
    for (unsigned more = 0; more < 2; more++) {
        CLEANUP_BUF struct buf b = { 0 };
        BUF_ADD_LIT(&b, "[{\"name\":\"e\",\"meta-type\":\"enum\",\"values\":[\"");
        for (unsigned i = 0; i < LIMIT_SCHEMA_NAME + more; i++)
            buf_add_char(&b, 'n');
        BUF_ADD_LIT(&b, "\"]}]\0");
        if (more)
            assert_refused(buf_data(&b), "an improper name");
        else
            qmp_schema_unref(parse(buf_data(&b)));
    }
}

/* --- what is merely unknown ------------------------------------------------------------------- */

static void what_is_unknown_is_opaque(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "[" E("0", "of-a-newer-qemu", "") "]",
        "[" BUILTIN("0", "of-a-newer-qemu") "]",
        "[" BUILTIN("0", "") "]",
        "[" UNION("0", OPTIONAL("t", "e"), "t", CASE("a", "0")) "," ENUM("e", "\"a\"") "]",
        "[" ALTERNATE("0", T("v")) "," BUILTIN("v", "value") "]",
        "[" ALTERNATE("0", T("0")) "]",
        "[" ALTERNATE("0", T("i") "," T("n")) "," BUILTIN("i", "int") "," BUILTIN("n",
                                                                                  "number") "]",
        "[" ALTERNATE("0", T("s") "," T("e")) "," BUILTIN("s", "string") "," ENUM("e", "\"a\"") "]",
        "[" ALTERNATE("0", T("1")) "," E("1", "of-a-newer-qemu", "") "]",
        "[" ALTERNATE("0", T("1")) "," UNION("1", OPTIONAL("t", "e"), "t",
                                             "") "," ENUM("e", "\"a\"") "]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        CLEANUP_SCHEMA struct qmp_schema *s = parse(texts[i]);
        assert_int_equal(qmp_type_kind(s, 0), QMP_TYPE_OPAQUE);
    }
}

static int set_up(void **state)
{
    (void)state;
    real = schema_file_pinned();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    qmp_schema_unref(real);
    return 0;
}

/* --- replies and events ----------------------------------------------------------------------- */

static void what_a_command_returns_and_an_event_carries_is_known(void **state)
{
    (void)state;
    int command = qmp_schema_find_command(real, SPAN_LIT("query-block"));
    uint32_t list = qmp_command_returns(real, (unsigned)command);
    assert_int_equal(qmp_type_kind(real, list), QMP_TYPE_ARRAY);
    (void)part(real, qmp_type_element(real, list), "inserted");
    int event = qmp_schema_find_event(real, SPAN_LIT("DEVICE_DELETED"));
    (void)part(real, qmp_event_data(real, (unsigned)event), "path");
}

static void what_is_not_said_of_replies_and_events_is_no_type(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s =
        parse("[" COMMAND("c", "a") "," OBJECT("a", "") "," E("EVENT", "event", "") "]");
    assert_int_equal(qmp_command_returns(s, 0), QMP_TYPE_NONE);
    assert_int_equal(qmp_event_data(s, 0), QMP_TYPE_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_command_returns_and_an_event_carries_is_known),
        cmocka_unit_test(what_is_not_said_of_replies_and_events_is_no_type),
        cmocka_unit_test(members_have_types_and_may_be_optional),
        cmocka_unit_test(no_other_name_is_found),
        cmocka_unit_test(every_part_is_found_by_its_name),
        cmocka_unit_test(features_of_members_and_values_are_known),
        cmocka_unit_test(a_tag_chooses_a_branch),
        cmocka_unit_test(an_alternate_is_chosen_by_kind),
        cmocka_unit_test(only_device_add_is_open),
        cmocka_unit_test(object_add_was_open_before_it_had_branches),
        cmocka_unit_test(nothing_of_qemu_is_opaque),
        cmocka_unit_test(values_may_come_without_members),
        cmocka_unit_test(branches_may_have_branches),
        cmocka_unit_test(an_opaque_branch_opens_a_shape),
        cmocka_unit_test(a_value_without_a_branch_adds_nothing),
        cmocka_unit_test(a_tag_that_is_not_right_ends_a_shape),
        cmocka_unit_test(a_schema_that_contradicts_itself_is_refused),
        cmocka_unit_test(an_object_has_so_many_members_and_no_more),
        cmocka_unit_test(a_name_has_so_many_bytes_and_no_more),
        cmocka_unit_test(what_is_unknown_is_opaque),
    };
    return cmocka_run_group_tests_name("types", tests, set_up, tear_down);
}
