#include "config.h"
#include "tests/unit/unit.h"

#include <pthread.h>
#include "base/mem.h"
#include "qmp/schema.h"

static struct buf real; /* query-qmp-schema of a QEMU 7.2, machine none */

static struct qmp_schema *parse(const char *json, size_t len)
{
    struct qmp_schema *s = NULL;
    struct error err;
    if (qmp_schema_parse(json, len, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static void cleanup_schema(struct qmp_schema **s)
{
    qmp_schema_unref(*s);
}
#define CLEANUP_SCHEMA CLEANUP(cleanup_schema)

static struct qmp_schema *parse_real(void)
{
    return parse(buf_data(&real), buf_len(&real));
}

/* --- reading ---------------------------------------------------------------------------------- */

static void the_schema_of_qemu_is_read_whole(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    assert_int_equal(qmp_schema_n_commands(s), 216);
    assert_int_equal(qmp_schema_n_events(s), 52);
    assert_int_equal(strlen(qmp_schema_hash(s)), 64);
}

static void the_hash_is_sha256_of_the_bytes(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse("[{\"name\":\"a\",\"meta-type\":\"event\"}]", 34);
    assert_string_equal(qmp_schema_hash(s),
                        "6f234c76f87ece2fca7d05acbea29cbc0cba5ac5d0b658fa97f553dd25db69e4");
}

static void commands_and_events_are_numbered_by_name(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    for (unsigned i = 0; i < qmp_schema_n_commands(s); i++) {
        const char *name = qmp_schema_command(s, i)->name;
        assert_int_equal(qmp_schema_find_command(s, (struct span){ name, strlen(name) }), i);
        if (i > 0)
            assert_true(strcmp(qmp_schema_command(s, i - 1)->name, name) < 0);
    }
    for (unsigned i = 0; i < qmp_schema_n_events(s); i++) {
        const char *name = qmp_schema_event(s, i);
        assert_int_equal(qmp_schema_find_event(s, (struct span){ name, strlen(name) }), i);
        if (i > 0)
            assert_true(strcmp(qmp_schema_event(s, i - 1), name) < 0);
    }
}

static void what_is_not_there_is_not_found(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    assert_int_equal(qmp_schema_find_command(s, SPAN_LIT("")), -1);
    assert_int_equal(qmp_schema_find_command(s, SPAN_LIT("sto")), -1);
    assert_int_equal(qmp_schema_find_command(s, SPAN_LIT("stop\0")), -1);
    assert_int_equal(qmp_schema_find_command(s, SPAN_LIT("Stop")), -1);
    assert_int_equal(qmp_schema_find_command(s, SPAN_LIT("STOP")), -1); /* an event */
    assert_int_equal(qmp_schema_find_command(s, SPAN_LIT("str")), -1);  /* a type */
    assert_int_equal(qmp_schema_find_event(s, SPAN_LIT("stop")), -1);
    assert_true(qmp_schema_find_command(s, SPAN_LIT("stop")) >= 0);
    assert_true(qmp_schema_find_event(s, SPAN_LIT("STOP")) >= 0);
}

static const struct qmp_schema_command *command(const struct qmp_schema *s, struct span name)
{
    int i = qmp_schema_find_command(s, name);
    assert_true(i >= 0);
    return qmp_schema_command(s, (unsigned)i);
}

static void features_are_read(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    assert_true(command(s, SPAN_LIT("yank"))->allow_oob);
    assert_false(command(s, SPAN_LIT("stop"))->allow_oob);
    assert_true(command(s, SPAN_LIT("x-query-virtio"))->unstable);
    assert_false(command(s, SPAN_LIT("stop"))->unstable);
    assert_true(command(s, SPAN_LIT("drive-backup"))->deprecated);
    assert_false(command(s, SPAN_LIT("stop"))->deprecated);
}

static void what_is_no_schema_is_refused(void **state)
{
    (void)state;
#define E(name, sort, more) "{\"name\":\"" name "\",\"meta-type\":\"" sort "\"" more "}"
    static const char *const texts[] = {
        "",
        "[",
        "[]",
        "{}",
        "1",
        "[1]",
        "[{}]",
        "[{\"name\":\"a\"}]",
        "[{\"meta-type\":\"event\"}]",
        "[{\"name\":1,\"meta-type\":\"event\"}]",
        "[{\"name\":\"a\",\"meta-type\":1}]",
        "[" E("", "event", "") "]",
        "[" E("a\\u0000b", "event", "") "]",
        "[" E("a b", "event", "") "]",
        "[" E("\\u00e9", "event", "") "]",
        "[" E("a", "event", "") "," E("a", "event", "") "]",
        "[" E("a", "command", "") "," E("a", "command", "") "]",
        "[" E("a", "object", "") "," E("a", "enum", "") "]",
        "[" E("a", "command", ",\"arg-type\":\"0\"") "]",
        "[" E("a", "command", ",\"ret-type\":\"a\"") "]",
        "[" E("a", "command", ",\"arg-type\":0") "]",
        "[" E("a", "array", ",\"element-type\":\"b\"") "]",
        "[" E("a", "object", ",\"members\":{}") "]",
        "[" E("a", "object", ",\"members\":[1]") "]",
        "[" E("a", "object", ",\"members\":[{\"type\":1}]") "]",
        "[" E("a", "object", ",\"members\":[{\"type\":\"b\"}]") "]",
        "[" E("a", "object", ",\"variants\":[{\"type\":\"b\"}]") "]",
        "[" E("a", "event", "") "]]",
        "[" E("a", "event", "") "]\n",
        "[{\"name\":\"a\",\"meta-type\":\"event\",\"name\":\"b\"}]",
        "[" E("a", "event", ",\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]") "]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct qmp_schema *s = NULL;
        struct error err;
        if (qmp_schema_parse(texts[i], strlen(texts[i]), &s, &err) != ERROR_PEER)
            fail_msg("taken: %s", texts[i]);
        assert_null(s);
    }
}

static void types_may_refer_to_themselves(void **state)
{
    (void)state;
    static const char text[] = "[" E("c", "command", ",\"arg-type\":\"1\"") "," E(
        "1", "object",
        ",\"members\":[{\"name\":\"m\",\"type\":\"1\"},{\"name\":\"n\",\"type\":\"2\"}"
        "]") "," E("2", "alternate", ",\"members\":[{\"type\":\"1\"}]") "]";
    CLEANUP_SCHEMA struct qmp_schema *s = parse(text, sizeof(text) - 1);
    CLEANUP_BUF struct buf out = { 0 };
    qmp_schema_write_filtered(s, &(struct qmp_schema_filter){ 0 }, &out);
    assert_int_equal(buf_len(&out), sizeof(text) - 1);
    assert_memory_equal(buf_data(&out), text, sizeof(text) - 1);
}

/* --- sharing ---------------------------------------------------------------------------------- */

static void like_bytes_share_one_schema(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *a = parse_real();
    CLEANUP_SCHEMA struct qmp_schema *b = parse_real();
    assert_ptr_equal(a, b);
    CLEANUP_SCHEMA struct qmp_schema *c = parse("[{\"name\":\"a\",\"meta-type\":\"event\"}]", 34);
    assert_ptr_not_equal(a, c);
}

static void the_last_reference_frees(void **state)
{
    (void)state;
    struct qmp_schema *a = parse_real();
    assert_ptr_equal(qmp_schema_ref(a), a);
    qmp_schema_unref(a);
    assert_int_equal(qmp_schema_n_commands(a), 216);
    qmp_schema_unref(a); /* a leak or a use after free is the sanitizer's to find */
    qmp_schema_unref(NULL);
    assert_null(qmp_schema_ref(NULL));
}

static void *parse_and_drop(void *failed)
{
    for (int i = 0; i < 20; i++) {
        struct qmp_schema *s = NULL;
        if (qmp_schema_parse(buf_data(&real), buf_len(&real), &s, NULL) < 0)
            *(bool *)failed = true;
        qmp_schema_unref(s);
    }
    return NULL;
}

static void threads_may_share(void **state)
{
    (void)state;
    pthread_t threads[4];
    bool failed[ARRAY_SIZE(threads)] = { false };
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, parse_and_drop, &failed[i]), 0);
    for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_false(failed[i]);
    }
}

/* --- filtering -------------------------------------------------------------------------------- */

struct choice {
    const struct qmp_schema *schema;
    const char *command, *event; /* the one to show */
};

static bool choose_command(void *opaque, unsigned i)
{
    const struct choice *c = opaque;
    return strcmp(qmp_schema_command(c->schema, i)->name, c->command) == 0;
}

static bool choose_event(void *opaque, unsigned i)
{
    const struct choice *c = opaque;
    return strcmp(qmp_schema_event(c->schema, i), c->event) == 0;
}

static struct qmp_schema_filter filter_for(struct choice *c)
{
    return (
        struct qmp_schema_filter){ .command = choose_command, .event = choose_event, .opaque = c };
}

static bool contains(const struct buf *b, const char *text)
{
    return memmem(buf_data(b), buf_len(b), text, strlen(text)) != NULL;
}

static void only_reachable_types_stay(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    struct choice c = { s, "query-status", "SHUTDOWN" };
    struct qmp_schema_filter f = filter_for(&c);
    CLEANUP_BUF struct buf out = { 0 };
    qmp_schema_write_filtered(s, &f, &out);
    CLEANUP_SCHEMA struct qmp_schema *small = parse(buf_data(&out), buf_len(&out));
    assert_int_equal(qmp_schema_n_commands(small), 1);
    assert_int_equal(qmp_schema_n_events(small), 1);
    assert_string_equal(qmp_schema_command(small, 0)->name, "query-status");
    assert_true(contains(&out, "\"guest-panicked\"")); /* RunState, of StatusInfo */
    assert_true(contains(&out, "\"guest-reset\""));    /* ShutdownCause, of the event */
    assert_false(contains(&out, "\"qcow2\""));
    assert_false(contains(&out, "\"json-type\":\"number\""));
    assert_true(buf_len(&out) < 3000);
}

static void each_command_alone_makes_a_closed_schema(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    for (unsigned i = 0; i < qmp_schema_n_commands(s); i++) {
        struct choice c = { s, qmp_schema_command(s, i)->name, "" };
        struct qmp_schema_filter f = filter_for(&c);
        CLEANUP_BUF struct buf out = { 0 };
        qmp_schema_write_filtered(s, &f, &out);
        CLEANUP_SCHEMA struct qmp_schema *small = parse(buf_data(&out), buf_len(&out));
        assert_int_equal(qmp_schema_n_commands(small), 1);
        assert_int_equal(qmp_schema_n_events(small), 0);
    }
}

static void a_filter_that_shows_nothing_leaves_nothing(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    struct choice c = { s, "", "" };
    struct qmp_schema_filter f = filter_for(&c);
    CLEANUP_BUF struct buf out = { 0 };
    qmp_schema_write_filtered(s, &f, &out);
    qmp_schema_write_commands(s, &f, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(buf_data(&out), "[][]");
}

static void extra_elements_are_appended(void **state)
{
    (void)state;
    CLEANUP_SCHEMA struct qmp_schema *s = parse_real();
    struct choice c = { s, "stop", "" };
    struct qmp_schema_filter f = filter_for(&c);
    f.extra_schema = SPAN_LIT(E("gateway-info", "command", ",\"arg-type\":\"0\""));
    f.extra_commands = SPAN_LIT("{\"name\":\"gateway-info\"}");
    CLEANUP_BUF struct buf out = { 0 };
    qmp_schema_write_filtered(s, &f, &out);
    CLEANUP_SCHEMA struct qmp_schema *small = parse(buf_data(&out), buf_len(&out));
    assert_int_equal(qmp_schema_n_commands(small), 2);
    buf_clear(&out);
    qmp_schema_write_commands(s, &f, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(buf_data(&out), "[{\"name\":\"stop\"},{\"name\":\"gateway-info\"}]");

    c.command = "";
    buf_clear(&out);
    qmp_schema_write_commands(s, &f, &out);
    buf_add_char(&out, '\0');
    assert_string_equal(buf_data(&out), "[{\"name\":\"gateway-info\"}]");
}

static int set_up(void **state)
{
    (void)state;
    const char *top = getenv("abs_top_srcdir");
    CLEANUP_FREE char *path = mem_printf("%s/tests/data/schema-7.2.json", top ? top : ".");
    FILE *f = fopen(path, "rb");
    if (!f) {
        perror(path);
        return -1;
    }
    size_t n = 0;
    do {
        buf_commit(&real, n);
        n = fread(buf_reserve(&real, 65536), 1, 65536, f);
    } while (n > 0);
    fclose(f);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_free(&real);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_schema_of_qemu_is_read_whole),
        cmocka_unit_test(the_hash_is_sha256_of_the_bytes),
        cmocka_unit_test(commands_and_events_are_numbered_by_name),
        cmocka_unit_test(what_is_not_there_is_not_found),
        cmocka_unit_test(features_are_read),
        cmocka_unit_test(what_is_no_schema_is_refused),
        cmocka_unit_test(types_may_refer_to_themselves),
        cmocka_unit_test(like_bytes_share_one_schema),
        cmocka_unit_test(the_last_reference_frees),
        cmocka_unit_test(threads_may_share),
        cmocka_unit_test(only_reachable_types_stay),
        cmocka_unit_test(each_command_alone_makes_a_closed_schema),
        cmocka_unit_test(a_filter_that_shows_nothing_leaves_nothing),
        cmocka_unit_test(extra_elements_are_appended),
    };
    return cmocka_run_group_tests_name("schema", tests, set_up, tear_down);
}
