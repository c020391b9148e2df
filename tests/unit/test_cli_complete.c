#include "config.h"
#include "tests/unit/unit.h"

#include <json-c/json.h>
#include "base/mem.h"
#include "cli/complete.h"

/* A small schema with every shape: base, union, alternate, list, enum, and a type within itself. */
static const char schema_text[] =
    "[{'name':'stop','meta-type':'command','arg-type':'none'},"
    "{'name':'blockdev-add','meta-type':'command','arg-type':'node'},"
    "{'name':'STOP','meta-type':'event','arg-type':'none'},"
    "{'name':'none','meta-type':'object','members':[]},"
    "{'name':'node','meta-type':'object','tag':'driver','members':["
    " {'name':'driver','type':'drivers'},"
    " {'name':'read-only','type':'bool','default':null},"
    " {'name':'node-name','type':'str','default':null}],"
    " 'variants':[{'case':'raw','type':'raw'},{'case':'nbd','type':'nbd'}]},"
    "{'name':'raw','meta-type':'object','members':[{'name':'file','type':'ref'}]},"
    "{'name':'nbd','meta-type':'object','members':["
    " {'name':'server','type':'[addr]'},{'name':'export','type':'str','default':null}]},"
    "{'name':'ref','meta-type':'alternate','members':[{'type':'str'},{'type':'node'}]},"
    "{'name':'addr','meta-type':'object','members':[{'name':'host','type':'str'}]},"
    "{'name':'[addr]','meta-type':'array','element-type':'addr'},"
    "{'name':'drivers','meta-type':'enum','values':['raw','nbd','null-aio','null-co']},"
    "{'name':'str','meta-type':'builtin','json-type':'string'},"
    "{'name':'bool','meta-type':'builtin','json-type':'boolean'}]";

static const char *const builtins[] = { ".exit", ".events", NULL };

static struct catalogue *read_catalogue(const char *text)
{
    CLEANUP_FREE char *json = mem_strdup(text);
    for (char *p = json; *p; p++)
        if (*p == '\'')
            *p = '"';
    struct json_object *schema = json_tokener_parse(json);
    struct catalogue *c = catalogue_new(NULL, schema);
    json_object_put(schema);
    return c;
}

static int set_up(void **state)
{
    *state = read_catalogue(schema_text);
    return 0;
}

static int tear_down(void **state)
{
    catalogue_free(*state);
    return 0;
}

/* `expected`: the candidates, each with a bar behind it. */
static void assert_completes(const struct catalogue *c, const char *line, const char *expected)
{
    CLEANUP_COMPLETION struct completion got;
    CLEANUP_BUF struct buf text = { 0 };
    complete_line(c, builtins, line, &got);
    for (size_t i = 0; i < got.n; i++)
        buf_printf(&text, "%s|", got.candidates[i]);
    buf_add_char(&text, '\0');
    assert_string_equal(buf_data(&text), expected);
    const char *word = strrchr(line, ' ') ? strrchr(line, ' ') + 1 : line;
    for (size_t i = 0; i < got.n; i++)
        assert_memory_equal(got.candidates[i], word + strlen(word) - got.partial_len,
                            got.partial_len);
}

static void commands_come_first_and_events_are_none(void **state)
{
    assert_completes(*state, "", "blockdev-add |stop |");
    assert_completes(*state, "st", "stop |");
    assert_completes(*state, "x", "");
    assert_completes(*state, "STO", "");
}

static void builtins_need_their_dot(void **state)
{
    assert_completes(*state, ".e", ".events |.exit |");
    assert_completes(*state, ".help st", "stop |");
}

static void arguments_come_after_the_command(void **state)
{
    assert_completes(*state, "blockdev-add r", "read-only=|");
    assert_completes(*state, "stop ", "");
    assert_completes(*state, "unknown ", "");
}

static void every_branch_is_offered_until_one_is_chosen(void **state)
{
    assert_completes(*state, "blockdev-add ",
                     "driver=|export=|file.|node-name=|read-only=|server.|");
    assert_completes(*state, "blockdev-add driver=raw ", "file.|node-name=|read-only=|");
    assert_completes(*state, "blockdev-add driver=nbd ", "export=|node-name=|read-only=|server.|");
}

static void nested_arguments_follow_their_own_discriminator(void **state)
{
    assert_completes(*state, "blockdev-add driver=raw file.driver=nbd file.e", "file.export=|");
    assert_completes(*state, "blockdev-add driver=raw file.driver=raw file.e", "");
    assert_completes(*state, "blockdev-add driver=raw file.file.file.n",
                     "file.file.file.node-name=|");
    assert_completes(*state, "blockdev-add driver=nbd server.0.", "server.0.host=|");
    assert_completes(*state, "blockdev-add driver=nbd server.x.", "");
}

static void argument_that_is_given_is_not_offered_again(void **state)
{
    assert_completes(*state, "blockdev-add driver=raw read-only=true ", "file.|node-name=|");
}

static void values_come_from_enums_and_booleans(void **state)
{
    assert_completes(*state, "blockdev-add driver=n", "nbd |null-aio |null-co |");
    assert_completes(*state, "blockdev-add read-only=", "false |true |");
    assert_completes(*state, "blockdev-add node-name=", "");
}

static void common_beginning_is_measured(void **state)
{
    CLEANUP_COMPLETION struct completion c;
    complete_line(*state, builtins, "blockdev-add driver=nu", &c);
    assert_int_equal(c.n, 2);
    assert_int_equal(c.partial_len, 2);
    assert_int_equal(c.common_len, strlen("null-"));
}

static void nothing_is_offered_in_quotes_and_json(void **state)
{
    assert_completes(*state, "blockdev-add 'r", "");
    assert_completes(*state, "blockdev-add {\"r", "");
    assert_completes(*state, "blockdev-add \\r", "");
}

static void schema_without_sense_is_survived(void **state)
{
    const char *const texts[] = {
        "null",
        "{}",
        "[1,'x',null,{}]",
        "[{'name':1,'meta-type':'command'}]",
        "[{'name':'a','meta-type':'command'}]",
        "[{'name':'a','meta-type':'command','arg-type':'a'}]",
        "[{'name':'a','meta-type':'command','arg-type':'b'},{'name':'b','meta-type':'alternate',"
        "'members':[{'type':'b'},{'type':'b'}]}]",
        "[{'name':'a','meta-type':'command','arg-type':'b'},{'name':'b','meta-type':'object','tag':"
        "1,"
        "'members':[1,{'name':2},{'name':'c'}],'variants':[{'case':'x','type':'b'},2]}]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        struct catalogue *c = read_catalogue(texts[i]);
        CLEANUP_COMPLETION struct completion got;
        complete_line(c, builtins, "a b.c.d=", &got);
        CLEANUP_COMPLETION struct completion names;
        complete_line(c, builtins, "a ", &names);
        catalogue_free(c);
    }
}

static void describe(void *opaque, const struct catalogue_member *m)
{
    CLEANUP_BUF struct buf text = { 0 };
    catalogue_type_describe(opaque, m->type, &text);
    assert_true(buf_len(&text) < 8192);
}

/* Looked at in full it would take 64^8 steps. */
static void type_that_holds_itself_many_times_ends(void **state)
{
    CLEANUP_BUF struct buf text = { 0 };
    buf_add_str(&text, "[{'name':'a','meta-type':'command','arg-type':'o'},{'name':'o','meta-type':"
                       "'object','members':[{'name':'m','type':'b'}]},{'name':'b','meta-type':"
                       "'alternate','members':[");
    for (int i = 0; i < 64; i++)
        buf_add_str(&text, "{'type':'b'},");
    buf_add_str(&text, "{'type':'b'}]}]");
    buf_add_char(&text, '\0');
    struct catalogue *c = read_catalogue(buf_data(&text));
    assert_completes(c, "a m.x", "");
    const struct catalogue_query q = { .command = "a", .path = "", .visit = describe, .opaque = c };
    catalogue_members(c, &q);
    catalogue_free(c);
}

static void discriminator_is_the_tag_of_the_arguments(void **state)
{
    assert_string_equal(catalogue_discriminator(*state, "blockdev-add"), "driver");
    assert_null(catalogue_discriminator(*state, "stop"));
    assert_null(catalogue_discriminator(*state, "unknown"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_come_first_and_events_are_none),
        cmocka_unit_test(builtins_need_their_dot),
        cmocka_unit_test(arguments_come_after_the_command),
        cmocka_unit_test(every_branch_is_offered_until_one_is_chosen),
        cmocka_unit_test(nested_arguments_follow_their_own_discriminator),
        cmocka_unit_test(argument_that_is_given_is_not_offered_again),
        cmocka_unit_test(values_come_from_enums_and_booleans),
        cmocka_unit_test(common_beginning_is_measured),
        cmocka_unit_test(nothing_is_offered_in_quotes_and_json),
        cmocka_unit_test(schema_without_sense_is_survived),
        cmocka_unit_test(type_that_holds_itself_many_times_ends),
        cmocka_unit_test(discriminator_is_the_tag_of_the_arguments),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
