#include "config.h"
#include "tests/unit/unit.h"

#include <json-c/json.h>
#include "base/buf.h"
#include "base/mem.h"
#include "cli/arguments.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "qmp/uri.h"

/* --- URIs ------------------------------------------------------------------------------------- */

static void assert_uri(const char *text, const char *host, unsigned port, const char *path,
                       const char *vm)
{
    CLEANUP_URI struct uri u;
    struct error err;
    if (uri_parse(text, &u, &err) < 0)
        fail_msg("%s: %s", text, err.text);
    assert_int_equal(u.kind, host ? URI_TLS : URI_UNIX);
    if (host) {
        assert_string_equal(u.host, host);
        assert_int_equal(u.port, port);
    } else {
        assert_string_equal(u.path, path);
    }
    if (vm)
        assert_string_equal(u.vm, vm);
    else
        assert_null(u.vm);
}

static void assert_no_uri(const char *text, const char *why)
{
    struct uri u;
    struct error err;
    if (uri_parse(text, &u, &err) == 0)
        fail_msg("%s: accepted", text);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", text, err.text, why);
    assert_int_equal(err.code, ERROR_INVALID);
    assert_null(u.host);
    assert_null(u.path);
    assert_null(u.vm);
}

static void uri_names_a_vm_behind_a_gateway(void **state)
{
    assert_uri("qmps://gw.example.com/web1", "gw.example.com", 4434, NULL, "web1");
    assert_uri("qmps://gw:5/web1", "gw", 5, NULL, "web1");
    assert_uri("qmps://192.0.2.1/web1", "192.0.2.1", 4434, NULL, "web1");
    assert_uri("qmps://[::1]/web1", "::1", 4434, NULL, "web1");
    assert_uri("qmps://[2001:db8::1]:65535/web1", "2001:db8::1", 65535, NULL, "web1");
    assert_uri("qmps://[fe80::1%25eth0]/web1", "fe80::1%eth0", 4434, NULL, "web1");
}

static void uri_without_vm_means_the_gateway(void **state)
{
    assert_uri("qmps://gw/", "gw", 4434, NULL, NULL);
    assert_uri("qmps://gw", "gw", 4434, NULL, NULL);
    assert_uri("qmps://gw:1", "gw", 1, NULL, NULL);
}

static void uri_names_a_socket(void **state)
{
    assert_uri("unix:/run/a.qmp", NULL, 0, "/run/a.qmp", NULL);
    assert_uri("unix:a.qmp", NULL, 0, "a.qmp", NULL);
    assert_uri("unix:///run/a.qmp", NULL, 0, "///run/a.qmp", NULL);
    assert_uri("unix:/run/c.sock?vm=web1", NULL, 0, "/run/c.sock", "web1");
}

static void uri_decodes_percent_signs(void **state)
{
    assert_uri("unix:/a%3Fb%25?vm=x%20y", NULL, 0, "/a?b%", "x y");
    assert_uri("qmps://gw/%c3%a9", "gw", 4434, NULL, "\xc3\xa9");
}

static void uri_of_another_sort_is_refused(void **state)
{
    assert_no_uri("", "qmps://HOST");
    assert_no_uri("gw.example.com", "qmps://HOST");
    assert_no_uri("qmp://gw/web1", "qmps://HOST");
    assert_no_uri("tcp:1.2.3.4:5", "qmps://HOST");
    assert_no_uri("QMPS://gw/web1", "qmps://HOST");
}

static void uri_with_a_bad_host_is_refused(void **state)
{
    assert_no_uri("qmps:///web1", "not a host");
    assert_no_uri("qmps://:1/web1", "not a host");
    assert_no_uri("qmps://[]/web1", "not a host");
    assert_no_uri("qmps://-gw/web1", "not a host");
    assert_no_uri("qmps://g w/web1", "not a host");
    assert_no_uri("qmps://gw%2f/web1", "not a host");
    assert_no_uri("qmps://gw%00/web1", "control");
    assert_no_uri("qmps://::1/web1", "brackets");
    assert_no_uri("qmps://[::1/web1", "]");
    assert_no_uri("qmps://[::1]x/web1", "]");
    assert_no_uri("qmps://me@gw/web1", "no user");
}

static void uri_with_a_bad_port_is_refused(void **state)
{
    assert_no_uri("qmps://gw:/web1", "port");
    assert_no_uri("qmps://gw:0/web1", "port");
    assert_no_uri("qmps://gw:65536/web1", "port");
    assert_no_uri("qmps://gw:99999999999999999999/web1", "port");
    assert_no_uri("qmps://gw:+1/web1", "port");
    assert_no_uri("qmps://gw:1x/web1", "port");
}

static void uri_with_a_bad_vm_is_refused(void **state)
{
    assert_no_uri("qmps://gw/a/b", "slash");
    assert_no_uri("qmps://gw/a%2fb", "slash");
    assert_no_uri("qmps://gw/a%0ab", "control");
    assert_no_uri("qmps://gw/a%00b", "control");
    assert_no_uri("qmps://gw/a%4", "%25");
    assert_no_uri("qmps://gw/a%", "%25");
    assert_no_uri("qmps://gw/a?x=y", "query");
    assert_no_uri("qmps://gw/a#b", "query");
    assert_no_uri("unix:/a?vm=", "empty");
}

static void uri_with_a_bad_socket_is_refused(void **state)
{
    assert_no_uri("unix:", "path is missing");
    assert_no_uri("unix:?vm=a", "path is missing");
    assert_no_uri("unix://host/a", "no host");
    assert_no_uri("unix:/a?name=b", "vm=NAME");
    assert_no_uri("unix:/a?vm=b&x=y", "vm=NAME");
    assert_no_uri("unix:/a#b", "%23");
    char text[256] = "unix:/";
    memset(text + 6, 'a', 200);
    assert_no_uri(text, "longer");
}

/* --- arguments -------------------------------------------------------------------------------- */

static void assert_arguments(const char *line, const char *json)
{
    CLEANUP_WORDS struct words w;
    CLEANUP_DOCUMENT struct json_object *args = NULL;
    struct error err;
    if (words_split(line, &w, &err) < 0 || arguments_parse(w.n, w.list, &args, &err) < 0)
        fail_msg("%s: %s", line, err.text);
    const int flags = JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE;
    assert_string_equal(json_object_to_json_string_ext(args, flags), json);
}

static void assert_no_arguments(const char *line, const char *why)
{
    CLEANUP_WORDS struct words w = { 0 };
    struct json_object *args = NULL;
    struct error err;
    if (words_split(line, &w, &err) == 0 && arguments_parse(w.n, w.list, &args, &err) == 0)
        fail_msg("%s: accepted", line);
    if (!strstr(err.text, why))
        fail_msg("%s: \"%s\" does not say \"%s\"", line, err.text, why);
    assert_null(args);
}

static void no_words_are_no_arguments(void **state)
{
    struct json_object *args;
    struct error err;
    assert_int_equal(arguments_parse(0, NULL, &args, &err), 0);
    assert_null(args);
}

static void value_that_looks_like_a_number_or_a_boolean_is_one(void **state)
{
    assert_arguments("a=1 b=-1 c=0 d=true e=false",
                     "{\"a\":1,\"b\":-1,\"c\":0,\"d\":true,\"e\":false}");
    assert_arguments("a=9223372036854775807 b=18446744073709551615 c=-9223372036854775808",
                     "{\"a\":9223372036854775807,\"b\":18446744073709551615,"
                     "\"c\":-9223372036854775808}");
}

static void any_other_value_is_a_string(void **state)
{
    assert_arguments(
        "a=007 b=+1 c=1.5 d=1e3 e= f=True g=null h=0x10 i=- j=-01",
        "{\"a\":\"007\",\"b\":\"+1\",\"c\":\"1.5\",\"d\":\"1e3\",\"e\":\"\",\"f\":\"True\","
        "\"g\":\"null\",\"h\":\"0x10\",\"i\":\"-\",\"j\":\"-01\"}");
    assert_arguments("a=18446744073709551616", "{\"a\":\"18446744073709551616\"}");
    assert_arguments("uri=tcp:h:1,x=y", "{\"uri\":\"tcp:h:1,x=y\"}");
}

static void raw_value_is_json(void **state)
{
    assert_arguments("a:='\"1\"' b:=null c:=1.5 d:=[1,2] e:={\"x\": {\"y\": []}}",
                     "{\"a\":\"1\",\"b\":null,\"c\":1.5,\"d\":[1,2],\"e\":{\"x\":{\"y\":[]}}}");
}

static void value_with_brackets_is_json(void **state)
{
    assert_arguments("a=[1, 2] b={\"x\": 1}", "{\"a\":[1,2],\"b\":{\"x\":1}}");
    assert_no_arguments("'a=[1'", "a: ");
}

static void dotted_names_nest(void **state)
{
    assert_arguments("file.driver=null-co file.size=1 x=2",
                     "{\"file\":{\"driver\":\"null-co\",\"size\":1},\"x\":2}");
    assert_arguments("a.b.c=1 a.b.d=2 a.e=3", "{\"a\":{\"b\":{\"c\":1,\"d\":2},\"e\":3}}");
}

static void numbers_in_dotted_names_make_lists(void **state)
{
    assert_arguments("a.0=x a.1=y", "{\"a\":[\"x\",\"y\"]}");
    assert_arguments("a.0.host=h a.0.port=1 a.1.host=i", "{\"a\":[{\"host\":\"h\",\"port\":1},"
                                                         "{\"host\":\"i\"}]}");
    assert_arguments("a:=[1] a.1=2", "{\"a\":[1,2]}");
    assert_arguments("a:={} a.0=2", "{\"a\":{\"0\":2}}");
}

static void lists_have_no_holes(void **state)
{
    assert_no_arguments("a.1=x", "numbered from 0");
    assert_no_arguments("a.0=x a.2=y", "numbered from 0");
    assert_no_arguments("a.0=x a.b=y", "numbered from 0");
    assert_no_arguments("a.0=x a.01=y", "numbered from 0");
    assert_no_arguments("a.0=x a.99999999999999999999=y", "numbered from 0");
}

static void object_brings_its_members(void **state)
{
    assert_arguments("{\"a\": 1, \"b.c\": 2} d=3", "{\"a\":1,\"b.c\":2,\"d\":3}");
    assert_arguments("{}", "{}");
}

static void argument_given_twice_is_refused(void **state)
{
    assert_no_arguments("a=1 a=2", "twice");
    assert_no_arguments("a.b=1 a.b=2", "twice");
    assert_no_arguments("{\"a\":1} a=2", "twice");
    assert_no_arguments("a=2 {\"a\":1}", "twice");
    assert_no_arguments("a:=null a=1", "twice");
    assert_no_arguments("a.0=1 a.0=2", "twice");
    assert_no_arguments("a=1 a.b=2", "no parts");
    assert_no_arguments("a.b=1 a=2", "twice");
    assert_no_arguments("{\"a\":1,\"a\":2}", "duplicate");
}

static void malformed_argument_is_refused(void **state)
{
    assert_no_arguments("a", "key=value");
    assert_no_arguments("=1", "no name");
    assert_no_arguments(":=1", "no name");
    assert_no_arguments(".a=1", "dot");
    assert_no_arguments("a.=1", "dot");
    assert_no_arguments("a..b=1", "dot");
    assert_no_arguments("a:=", "no JSON");
    assert_no_arguments("a:=x", "a: ");
    assert_no_arguments("a:='{'", "a: ");
    assert_no_arguments("'a:=1 2'", "more text");
    assert_no_arguments("'[1]'", "key=value");
    assert_no_arguments("'{\"a\":1} x'", "more text");
}

static void json_that_would_change_on_its_way_is_refused(void **state)
{
    assert_no_arguments("a:=18446744073709551616", "64 bits");
    assert_no_arguments("a:=-9223372036854775809", "64 bits");
    assert_no_arguments("{\"a\":[{\"b\":99999999999999999999999999}]}", "64 bits");
    assert_no_arguments("'{\"a\\u0000b\":1}'", "NUL");
    assert_no_arguments("'{\"a\":1e999}'", "JSON text");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    assert_arguments("a=\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
                     "{\"a\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}");
    assert_no_arguments("a=\xff", "UTF-8");
    assert_no_arguments("a=\xc0\xaf", "UTF-8");
    assert_no_arguments("a=\xed\xa0\x80", "UTF-8");
    assert_no_arguments("a=\xe2\x82", "UTF-8");
    assert_no_arguments("a=\xf4\x90\x80\x80", "UTF-8");
    assert_no_arguments("\xff=1", "UTF-8");
    assert_no_arguments("'{\"a\":\"\xff\"}'", "JSON text");
}

static void too_deep_a_name_is_refused(void **state)
{
    CLEANUP_BUF struct buf line = { 0 };
    for (int i = 0; i < 40; i++)
        BUF_ADD_LIT(&line, "a.");
    BUF_ADD_LIT(&line, "a=1\0");
    assert_no_arguments(buf_data(&line), "parts");
}

/* --- words ------------------------------------------------------------------------------------ */

static void assert_words(const char *line, int n, const char *const words[])
{
    CLEANUP_WORDS struct words w;
    struct error err;
    if (words_split(line, &w, &err) < 0)
        fail_msg("%s: %s", line, err.text);
    assert_int_equal(w.n, n);
    for (int i = 0; i < n; i++)
        assert_string_equal(w.list[i], words[i]);
}
#define WORDS(...)        \
    (const char *const[]) \
    {                     \
        __VA_ARGS__       \
    }

static void line_is_cut_at_white_space(void **state)
{
    assert_words("", 0, NULL);
    assert_words(" \t ", 0, NULL);
    assert_words(" a  b\tc ", 3, WORDS("a", "b", "c"));
}

static void quotes_keep_words_together(void **state)
{
    assert_words("a='b c' \"d \\\" e\" f\\ g ''", 4, WORDS("a=b c", "d \" e", "f g", ""));
    assert_words("'a\\b' \"a\\b\"", 2, WORDS("a\\b", "a\\b"));
}

static void json_needs_no_quotes(void **state)
{
    assert_words("x {\"a\": \"} b\", \"c\": [1, 2]} y", 3,
                 WORDS("x", "{\"a\": \"} b\", \"c\": [1, 2]}", "y"));
    assert_words("a:=[1, \"\\\"]\"] b={\"c\": 1}", 2, WORDS("a:=[1, \"\\\"]\"]", "b={\"c\": 1}"));
    assert_words("a{b c", 2, WORDS("a{b", "c"));
}

static void line_that_is_not_closed_is_refused(void **state)
{
    assert_no_arguments("a='b", "never closed");
    assert_no_arguments("a=\"b", "never closed");
    assert_no_arguments("a={\"b\": [1]", "never closed");
    assert_no_arguments("a={\"b}", "never closed");
}

/* --- exit codes and output -------------------------------------------------------------------- */

static void exit_code_tells_what_happened(void **state)
{
    const struct {
        enum error_code code;
        int exit;
    } table[] = {
        { ERROR_INVALID, 2 }, { ERROR_LIMIT, 2 },  { ERROR_DENIED, 3 },
        { ERROR_PEER, 4 },    { ERROR_SYSTEM, 4 }, { ERROR_STATE, 5 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        assert_int_equal(cli_exit_of_error(&(struct error){ .code = table[i].code }),
                         table[i].exit);
}

static int exit_of(const char *class, const char *desc)
{
    CLEANUP_REPLY struct session_reply r = { .error_class = mem_strdup(class),
                                             .error_desc = mem_strdup(desc) };
    return (int)cli_exit_of_reply(&r);
}

static void denied_is_a_generic_error_that_says_so_first(void **state)
{
    assert_int_equal(exit_of("GenericError", "permission denied: quit"), 3);
    assert_int_equal(exit_of("GenericError", "open: permission denied"), 1);
    assert_int_equal(exit_of("GenericError", "Permission denied"), 1);
    assert_int_equal(exit_of("CommandNotFound", "permission denied"), 1);
    assert_int_equal(exit_of(NULL, NULL), 0);
}

static void text_of_a_peer_cannot_act_on_the_terminal(void **state)
{
    CLEANUP_BUF struct buf out = { 0 };
    output_add_text(&out, "a\x1b[2J\n\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa6\xc3\xa9\xe2\x82\xac");
    buf_add_char(&out, '\0');
    assert_string_equal(buf_data(&out),
                        "a\\u001b[2J\\u000a\\u007f\\u009b\\u202e\\u2066\xc3\xa9\xe2\x82\xac");
}

static void compact_output_is_one_line_and_colour_is_asked_for(void **state)
{
    CLEANUP_DOCUMENT struct json_object *doc =
        json_tokener_parse("{\"a/b\": [1, \"x\\n\", true], \"c\": null}");
    CLEANUP_BUF struct buf plain = { 0 }, painted = { 0 };
    output_compact(&(struct output){ 0 }, &plain, doc);
    buf_add_char(&plain, '\0');
    assert_string_equal(buf_data(&plain), "{\"a/b\":[1,\"x\\n\",true],\"c\":null}");
    output_compact(&(struct output){ .color = true }, &painted, doc);
    buf_add_char(&painted, '\0');
    assert_non_null(strstr(buf_data(&painted), "\033[34m\"a/b\"\033[0m:[\033[36m1\033[0m"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uri_names_a_vm_behind_a_gateway),
        cmocka_unit_test(uri_without_vm_means_the_gateway),
        cmocka_unit_test(uri_names_a_socket),
        cmocka_unit_test(uri_decodes_percent_signs),
        cmocka_unit_test(uri_of_another_sort_is_refused),
        cmocka_unit_test(uri_with_a_bad_host_is_refused),
        cmocka_unit_test(uri_with_a_bad_port_is_refused),
        cmocka_unit_test(uri_with_a_bad_vm_is_refused),
        cmocka_unit_test(uri_with_a_bad_socket_is_refused),
        cmocka_unit_test(no_words_are_no_arguments),
        cmocka_unit_test(value_that_looks_like_a_number_or_a_boolean_is_one),
        cmocka_unit_test(any_other_value_is_a_string),
        cmocka_unit_test(raw_value_is_json),
        cmocka_unit_test(value_with_brackets_is_json),
        cmocka_unit_test(dotted_names_nest),
        cmocka_unit_test(numbers_in_dotted_names_make_lists),
        cmocka_unit_test(lists_have_no_holes),
        cmocka_unit_test(object_brings_its_members),
        cmocka_unit_test(argument_given_twice_is_refused),
        cmocka_unit_test(malformed_argument_is_refused),
        cmocka_unit_test(json_that_would_change_on_its_way_is_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(too_deep_a_name_is_refused),
        cmocka_unit_test(line_is_cut_at_white_space),
        cmocka_unit_test(quotes_keep_words_together),
        cmocka_unit_test(json_needs_no_quotes),
        cmocka_unit_test(line_that_is_not_closed_is_refused),
        cmocka_unit_test(exit_code_tells_what_happened),
        cmocka_unit_test(denied_is_a_generic_error_that_says_so_first),
        cmocka_unit_test(text_of_a_peer_cannot_act_on_the_terminal),
        cmocka_unit_test(compact_output_is_one_line_and_colour_is_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
