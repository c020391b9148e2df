#include "config.h"
#include "tests/unit/unit.h"

#include <confuse.h>
#include "base/buf.h"
#include "base/cfgtext.h"
#include "base/error.h"
#include "base/mem.h"

static void collect(void *opaque, const char *line)
{
    struct buf *all = opaque;
    buf_add_str(all, line);
    buf_add_char(all, '\n');
}

static void assert_report_n(const char *text, size_t len, const char *expected)
{
    CLEANUP_BUF struct buf all = { 0 };
    int rc = cfgtext_check("f", text, len, collect, &all);
    buf_add_char(&all, '\0');
    assert_string_equal(buf_data(&all), expected);
    assert_int_equal(rc, *expected ? ERROR_INVALID : 0);
}

static void assert_report(const char *text, const char *expected)
{
    assert_report_n(text, strlen(text), expected);
}

static void assert_accepted(const char *text)
{
    assert_report(text, "");
}

/* --- what is refused -------------------------------------------------------------------------- */

#define EXPANSION(line)                                                                          \
    "f:" line ": \"${\" is refused: it would be replaced from the environment; write the value " \
    "itself\n"

static void an_environment_expansion_is_refused_in_every_kind_of_word(void **state)
{
    (void)state;
    assert_report("a = \"${HOME}\"", EXPANSION("1"));
    assert_report("a = \"x\n y ${\"", EXPANSION("2"));
    assert_report("a = '${HOME}'", EXPANSION("1"));
    assert_report("a = \"\\${HOME}\"", EXPANSION("1"));
    assert_report("a = '\\${HOME}'", EXPANSION("1"));
    assert_report("a = \"$${HOME}\"", EXPANSION("1"));
    assert_report("a = ${HOME}",
                  EXPANSION("1") "f:1: '{' where an option or a section should be\n");
}

static void every_environment_expansion_is_reported(void **state)
{
    (void)state;
    assert_report("a = '${X}'\nb = '${Y} ${Z}'", EXPANSION("1") EXPANSION("2") EXPANSION("2"));
}

static void an_option_set_twice_in_a_section_is_refused(void **state)
{
    (void)state;
    assert_report("a = 1\nb = 2\na = 3", "f:3: a is already set in line 1: keep one of the two\n");
    assert_report("s {\na = 1\na = 1 }", "f:3: a is already set in line 2: keep one of the two\n");
    assert_report("a = {1}\na += {2}", "f:2: a is already set in line 1: keep one of the two\n");
    assert_report("a = 1\n\"a\" = 2", "f:2: a is already set in line 1: keep one of the two\n");
}

static void a_third_setting_is_reported_too(void **state)
{
    (void)state;
    assert_report("a = 1\na = 2\na = 3", "f:2: a is already set in line 1: keep one of the two\n"
                                         "f:3: a is already set in line 1: keep one of the two\n");
}

static void a_section_given_twice_is_refused(void **state)
{
    (void)state;
    assert_report("s {}\ns {}", "f:2: s is already opened in line 1: keep one of the two\n");
    assert_report("s \"x\" {}\ns 'x' {}",
                  "f:2: s \"x\" is already in line 1: give it another name, or make it one\n");
    assert_report("s \"x\" {}\ns \"\\x78\" {}",
                  "f:2: s \"x\" is already in line 1: give it another name, or make it one\n");
}

static void what_does_not_end_is_refused(void **state)
{
    (void)state;
    assert_report("a = 1\n/* b", "f:2: this comment never ends: close it with */\n");
    assert_report("/*/", "f:1: this comment never ends: close it with */\n");
    assert_report("\na = \"b\n\n", "f:2: this string never ends: close it with its quote\n");
    assert_report("a = 'b\"", "f:1: this string never ends: close it with its quote\n");
    assert_report("a = \"b\\\"", "f:1: this string never ends: close it with its quote\n");
    assert_report("a = \"b\\", "f:1: this string never ends: close it with its quote\n");
    assert_report("s {\nt {\n}", "f:1: section 's' is never closed: add '}'\n");
}

static void a_closing_brace_without_a_section_is_refused(void **state)
{
    (void)state;
    assert_report("s {}\n}", "f:2: this '}' closes nothing: remove it\n");
}

static void a_nul_byte_is_refused(void **state)
{
    (void)state;
    assert_report_n("a = 1\n\0b = 2", 12, "f:2: a NUL byte: this is not a text file\n");
    assert_report_n("# \0", 3, "f:1: a NUL byte: this is not a text file\n");
}

static void an_escape_that_is_no_byte_is_refused(void **state)
{
    (void)state;
    assert_report("a = \"\\0\"", "f:1: this escape is not a byte from 1 to 255\n");
    assert_report("a = \"\\x00\"", "f:1: this escape is not a byte from 1 to 255\n");
    assert_report("a = \"\\400\"", "f:1: this escape is not a byte from 1 to 255\n");
    assert_report("a = \"\\8\"", "f:1: this escape is not \\ and one to three octal digits\n");
    assert_report("a = \"\\1234\"", "f:1: this escape is not \\ and one to three octal digits\n");
}

static void stray_characters_are_refused(void **state)
{
    (void)state;
    assert_report("a = 1 *", "f:1: a stray '*': put it in quotes, or remove it\n");
    assert_report("a = +1", "f:1: a stray '+': put it in quotes, or remove it\n");
    assert_report("a = abc/*d*/", "f:1: a stray '*': put it in quotes, or remove it\n");
    assert_report("a(b)", "f:1: a parenthesis where '=' or '{' should be\n");
}

static void a_path_of_sections_is_no_name(void **state)
{
    (void)state;
    assert_report("s|a = 1", "f:1: 's|a' is not the name of an option or a section\n");
    assert_report("'s=x|a' = 1", "f:1: 's=x|a' is not the name of an option or a section\n");
    assert_report("\"\" = 1", "f:1: '' is not the name of an option or a section\n");
    assert_report("\"a\\nb\" = 1", "f:1: 'a\\x0ab' is not the name of an option or a section\n");
}

static void what_breaks_the_grammar_is_refused(void **state)
{
    (void)state;
    assert_report("a", "f:1: the end of the file where '=' or '{' should be\n");
    assert_report("a =\n}", "f:2: '}' where a value should be\n");
    assert_report("a = b c", "f:1: the end of the file where '=' or '{' should be\n");
    assert_report("a b = 1", "f:1: '=' where '{' should be\n");
    assert_report("a = {b c}", "f:1: a word where ',' or '}' of the list should be\n");
    assert_report("a = {,}", "f:1: ',' where a value of the list, or '}', should be\n");
    assert_report("a = {",
                  "f:1: the end of the file where a value of the list, or '}', should be\n");
    assert_report("= 1", "f:1: '=' where an option or a section should be\n");
}

static void sections_cannot_nest_without_bound(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    for (unsigned i = 0; i <= CFGTEXT_DEPTH_MAX; i++)
        buf_add_str(&b, "s{");
    assert_report_n(buf_data(&b), buf_len(&b), "f:1: sections are nested too deeply\n");
}

/* --- what is accepted ------------------------------------------------------------------------- */

static void the_same_name_in_another_section_is_fine(void **state)
{
    (void)state;
    assert_accepted("a = 1 s \"x\" { a = 2 } s \"y\" { a = 3 } t { a = 4 }");
}

static void comments_may_hold_anything(void **state)
{
    (void)state;
    assert_accepted("# ${X} \" ' {\n// */ /* ${X}\n/* ${X} # // \" \n ***/ a = 1 ## \"\n");
    assert_accepted("/**/a = {1, # one\n 2 /* two */, // three\n}");
}

static void a_slash_within_a_word_begins_no_comment(void **state)
{
    (void)state;
    assert_accepted("a = http://x/y b = /z");
}

static void dollars_and_braces_apart_are_fine(void **state)
{
    (void)state;
    assert_accepted("a = \"$ {x}\" b = '%{user}' c = \"cost$\"");
    assert_accepted("a = \"$\\\n{x}\""); /* libconfuse does not see the two together either */
}

static void nothing_at_all_is_fine(void **state)
{
    (void)state;
    assert_accepted("");
    assert_accepted(" \t\r\n");
}

/* --- the outline ------------------------------------------------------------------------------ */

static void the_outline_tells_lines_and_parents(void **state)
{
    (void)state;
    const char text[] = "# one\n/* two\n */ vm 'w\\'1' { # four\n socket = \"a\\\n b\"\n"
                        " labels = {\n x }\n hold = true }\n";
    CLEANUP_CFGTEXT struct cfgtext *t = NULL;
    assert_int_equal(cfgtext_read("f", text, strlen(text), NULL, NULL, &t), 0);
    assert_int_equal(t->n, 4);
    const struct cfgtext_item *vm = cfgtext_find(t, NULL, "vm", "w'1");
    assert_non_null(vm);
    assert_true(vm->section);
    assert_int_equal(vm->line, 3);
    const struct cfgtext_item *labels = cfgtext_find(t, vm, "labels", NULL);
    assert_true(labels && labels->list && labels->parent == vm);
    assert_int_equal(labels->line, 6);
    assert_int_equal(cfgtext_find(t, vm, "hold", NULL)->line, 8);
    assert_null(cfgtext_find(t, NULL, "hold", NULL));
    assert_null(cfgtext_find(t, NULL, "vm", NULL));
    assert_null(cfgtext_find(t, NULL, "vm", "w1"));
}

static void the_plain_text_has_no_comments_and_all_lines(void **state)
{
    (void)state;
    const char text[] = "a = '#x' # y\n/* z\n*/b = {1, // 2\n3}";
    CLEANUP_CFGTEXT struct cfgtext *t = NULL;
    assert_int_equal(cfgtext_read("f", text, strlen(text), NULL, NULL, &t), 0);
    assert_string_equal(t->plain, "a = '#x'    \n    \n  b = {1,     \n3}");
}

static void a_blanked_item_is_gone_but_not_its_lines(void **state)
{
    (void)state;
    const char text[] = "a = {1,\n2} s 'x' { b = 1 # c\n }c=3 d = 4";
    CLEANUP_CFGTEXT struct cfgtext *t = NULL;
    assert_int_equal(cfgtext_read("f", text, strlen(text), NULL, NULL, &t), 0);
    cfgtext_blank(t, cfgtext_find(t, NULL, "a", NULL));
    cfgtext_blank(t, cfgtext_find(t, NULL, "s", "x"));
    cfgtext_blank(t, cfgtext_find(t, NULL, "d", NULL));
    assert_string_equal(t->plain, "       \n                    \n  c=3      ");
}

/* --- libconfuse does what this file says that it does ----------------------------------------- */

static void assert_libconfuse_reads(const char *text, const char *expected)
{
    cfg_opt_t opts[] = { CFG_STR("a", NULL, CFGF_NONE), CFG_END() };
    CLEANUP_CFGTEXT struct cfgtext *t = NULL;
    assert_int_equal(cfgtext_read("f", text, strlen(text), NULL, NULL, &t), 0);
    cfgtext_lock();
    cfg_t *cfg = cfg_init(opts, CFGF_NONE);
    assert_int_equal(cfg_parse_buf(cfg, t->plain), CFG_SUCCESS);
    assert_string_equal(cfg_getstr(cfg, "a"), expected);
    cfg_free(cfg);
    cfgtext_unlock();
}

static void a_title_is_decoded_as_libconfuse_decodes_it(void **state)
{
    (void)state;
    static const char *const words[] = {
        "\"x\\n\\r\\b\\f\\a\\e\\t\\v\\q\\\"\\'\\\\y\"",
        "'x\\n\\'\\\\\\\"y'",
        "\"\\101\\7\\12z\"",
        "\"\\x41\\xfq\\xg\"",
        "\"a\\\nb\nc\"",
        "'a\\\nb\nc'",
        "/abc//d$",
        "a\\b",
        "''",
    };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        CLEANUP_FREE char *titled = mem_printf("s %s {}", words[i]);
        CLEANUP_FREE char *option = mem_printf("a = %s", words[i]);
        CLEANUP_CFGTEXT struct cfgtext *t = NULL;
        assert_int_equal(cfgtext_read("f", titled, strlen(titled), NULL, NULL, &t), 0);
        assert_libconfuse_reads(option, t->items[0].title);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_environment_expansion_is_refused_in_every_kind_of_word),
        cmocka_unit_test(every_environment_expansion_is_reported),
        cmocka_unit_test(an_option_set_twice_in_a_section_is_refused),
        cmocka_unit_test(a_third_setting_is_reported_too),
        cmocka_unit_test(a_section_given_twice_is_refused),
        cmocka_unit_test(what_does_not_end_is_refused),
        cmocka_unit_test(a_closing_brace_without_a_section_is_refused),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(an_escape_that_is_no_byte_is_refused),
        cmocka_unit_test(stray_characters_are_refused),
        cmocka_unit_test(a_path_of_sections_is_no_name),
        cmocka_unit_test(what_breaks_the_grammar_is_refused),
        cmocka_unit_test(sections_cannot_nest_without_bound),
        cmocka_unit_test(the_same_name_in_another_section_is_fine),
        cmocka_unit_test(comments_may_hold_anything),
        cmocka_unit_test(a_slash_within_a_word_begins_no_comment),
        cmocka_unit_test(dollars_and_braces_apart_are_fine),
        cmocka_unit_test(nothing_at_all_is_fine),
        cmocka_unit_test(the_outline_tells_lines_and_parents),
        cmocka_unit_test(the_plain_text_has_no_comments_and_all_lines),
        cmocka_unit_test(a_blanked_item_is_gone_but_not_its_lines),
        cmocka_unit_test(a_title_is_decoded_as_libconfuse_decodes_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
