#include "config.h"
#include "tests/unit/unit.h"

#include "qmp/scan.h"
#include "qmp/write.h"

static const struct qmp_scan_limits limits = { .max_bytes = 1u << 20,
                                               .max_depth = 5000,
                                               .max_tokens = 65536 };

static struct qmp_scanner *scanner;
static struct buf out;

static const struct qmp_tape *tape_of(const char *text)
{
    qmp_scanner_set_limits(scanner, &limits);
    qmp_scanner_reset(scanner);
    assert_int_equal(qmp_scanner_feed(scanner, text, strlen(text)), QMP_SCAN_DONE);
    return qmp_scanner_tape(scanner);
}

static void assert_out(const char *expected)
{
    buf_add_char(&out, '\0');
    assert_string_equal(buf_data(&out), expected);
    buf_clear(&out);
}

static void assert_canonical(const char *text, const char *expected)
{
    qmp_write_value(&out, tape_of(text), 0);
    assert_out(expected);
}

static void assert_verbatim(const char *text, const char *expected)
{
    qmp_write_verbatim(&out, tape_of(text), 0);
    assert_out(expected);
}

static void canonical_values_have_no_white_space(void **state)
{
    (void)state;
    assert_canonical(" { \"a\" : [ 1 , 2 , { } , [ ] ] ,\r\n\t\"b c\" : \"d  e\" } ",
                     "{\"a\":[1,2,{},[]],\"b c\":\"d  e\"}");
    assert_canonical("[[],[[]],{},{\"a\":{}},true,false,null]",
                     "[[],[[]],{},{\"a\":{}},true,false,null]");
}

static void canonical_strings_are_ascii_in_one_form(void **state)
{
    (void)state;
    assert_canonical("[\"\xc3\xa9\",\"\\u00E9\",\"\\u00e9\"]",
                     "[\"\\u00e9\",\"\\u00e9\",\"\\u00e9\"]");
    assert_canonical("[\"\\u0041\\/\",\"\\ud83d\\ude00\",\"\xf0\x9f\x98\x80\"]",
                     "[\"A/\",\"\\ud83d\\ude00\",\"\\ud83d\\ude00\"]");
    assert_canonical("{\"\\u0065x\\u0000\":\"\\\"\\\\\\n\\u0001\x7f\"}",
                     "{\"ex\\u0000\":\"\\\"\\\\\\n\\u0001\\u007f\"}");
}

static void canonical_numbers_stay_as_they_were_written(void **state)
{
    (void)state;
    assert_canonical("[1.10,1E+5,-0,18446744073709551616,0.000]",
                     "[1.10,1E+5,-0,18446744073709551616,0.000]");
}

static void any_depth_is_written(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf text = { 0 };
    for (int i = 0; i < 2000; i++)
        buf_add_str(&text, "[{\"a\":");
    buf_add_str(&text, "1");
    for (int i = 0; i < 2000; i++)
        buf_add_str(&text, "}]");
    buf_add_char(&text, '\0');
    assert_canonical(buf_data(&text), buf_data(&text));
}

static void a_part_of_a_tape_is_written_alone(void **state)
{
    (void)state;
    const struct qmp_tape *t = tape_of("{\"a\":[1,{\"b\":2}],\"c\":\"\\u0064\"}");
    qmp_write_value(&out, t, qmp_tape_find(t, 0, SPAN_LIT("a")));
    assert_out("[1,{\"b\":2}]");
    qmp_write_value(&out, t, qmp_tape_find(t, 0, SPAN_LIT("c")));
    assert_out("\"d\"");
}

static void verbatim_values_lose_only_white_space(void **state)
{
    (void)state;
    assert_verbatim("[ 1.10 , \"\\u0041 \\\" \xc3\xa9\" , { \"a\" :\tnull } ]",
                    "[1.10,\"\\u0041 \\\" \xc3\xa9\",{\"a\":null}]");
    assert_verbatim("\"\\\\\"", "\"\\\\\"");
    assert_verbatim("[\"\\\\\" , \" \\\\\\\" \"]", "[\"\\\\\",\" \\\\\\\" \"]");
}

static void a_folded_value_is_written_whole(void **state)
{
    (void)state;
    struct qmp_scan_limits top = limits;
    top.top_level_only = true;
    qmp_scanner_set_limits(scanner, &top);
    qmp_scanner_reset(scanner);
    static const char text[] = "{\"return\": {\"a\": [1, 2]}}";
    assert_int_equal(qmp_scanner_feed(scanner, text, sizeof(text) - 1), QMP_SCAN_DONE);
    qmp_write_value(&out, qmp_scanner_tape(scanner), 0);
    assert_out("{\"return\":{\"a\":[1,2]}}");
}

static void write_request(const char *text, unsigned id)
{
    struct qmp_request r;
    const struct qmp_tape *t = tape_of(text);
    assert_int_equal(qmp_request_parse(t, &r, NULL), 0);
    qmp_write_request(&out, t, &r, id);
}

static void a_request_is_canonical_with_the_id_of_its_slot(void **state)
{
    (void)state;
    write_request(
        "{\"id\": \"theirs\", \"arguments\": {\"b\": 1, \"a\": 2}, \"execute\": \"x-\xc3\xa9\"}",
        7);
    assert_out("{\"execute\":\"x-\\u00e9\",\"arguments\":{\"b\":1,\"a\":2},\"id\":7}\n");
    write_request("{\"exec-oob\":\"yank\",\"arguments\":{}}", 8);
    assert_out("{\"exec-oob\":\"yank\",\"arguments\":{},\"id\":8}\n");
    write_request("{\"execute\":\"stop\",\"id\":0}", 0); /* the first slot has none */
    assert_out("{\"execute\":\"stop\"}\n");
    write_request("{\"execute\":\"stop\"}", 10);
    assert_out("{\"execute\":\"stop\",\"id\":10}\n");
}

/* Order of members and spaces as a QEMU 7.2 writes them. */
static void replies_look_like_those_of_qemu(void **state)
{
    (void)state;
    qmp_write_return(&out, SPAN_LIT("{}"), SPAN_LIT("1"));
    assert_out("{\"return\": {}, \"id\": 1}\r\n");
    qmp_write_return(&out, SPAN_LIT("[]"), SPAN_LIT(""));
    assert_out("{\"return\": []}\r\n");
    qmp_write_error(&out, QMP_ERROR_COMMAND_NOT_FOUND, SPAN_LIT("no \"x\"\n"), SPAN_LIT("\"a\""));
    assert_out("{\"id\": \"a\", \"error\": {\"class\": \"CommandNotFound\", "
               "\"desc\": \"no \\\"x\\\"\\n\"}}\r\n");
    qmp_write_error(&out, QMP_ERROR_GENERIC, SPAN_LIT(""), SPAN_LIT(""));
    assert_out("{\"error\": {\"class\": \"GenericError\", \"desc\": \"\"}}\r\n");
    qmp_write_error_object(&out, SPAN_LIT("{\"class\":1}"), SPAN_LIT("2"));
    assert_out("{\"id\": 2, \"error\": {\"class\":1}}\r\n");
}

static void events_look_like_those_of_qemu(void **state)
{
    (void)state;
    qmp_write_event(&out, SPAN_LIT("{\"seconds\": 1}"), SPAN_LIT("\"STOP\""), SPAN_LIT(""));
    assert_out("{\"timestamp\": {\"seconds\": 1}, \"event\": \"STOP\"}\r\n");
    qmp_write_gateway_event(&out, "GATEWAY_EVENTS_LOST", SPAN_LIT("{\"count\": 2}"),
                            1700000000000042LL);
    assert_out("{\"timestamp\": {\"seconds\": 1700000000, \"microseconds\": 42}, "
               "\"event\": \"GATEWAY_EVENTS_LOST\", \"data\": {\"count\": 2}}\r\n");
}

static int set_up(void **state)
{
    (void)state;
    scanner = qmp_scanner_new(&limits);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    qmp_scanner_free(scanner);
    buf_free(&out);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_values_have_no_white_space),
        cmocka_unit_test(canonical_strings_are_ascii_in_one_form),
        cmocka_unit_test(canonical_numbers_stay_as_they_were_written),
        cmocka_unit_test(any_depth_is_written),
        cmocka_unit_test(a_part_of_a_tape_is_written_alone),
        cmocka_unit_test(verbatim_values_lose_only_white_space),
        cmocka_unit_test(a_folded_value_is_written_whole),
        cmocka_unit_test(a_request_is_canonical_with_the_id_of_its_slot),
        cmocka_unit_test(replies_look_like_those_of_qemu),
        cmocka_unit_test(events_look_like_those_of_qemu),
    };
    return cmocka_run_group_tests_name("write", tests, set_up, tear_down);
}
