/* What of a domain's metadata is a label, and that nothing else is. */
#include "config.h"
#include "tests/unit/unit.h"

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/libvirt_labels.h"

static char words[1024];

/* The labels, or "no: " and why. */
static const char *parse(const char *xml)
{
    struct conf_labels labels;
    struct error err;
    if (libvirt_labels_parse(xml, &labels, &err) < 0) {
        assert_int_equal(labels.n, 0);
        snprintf(words, sizeof(words), "no: %s", err.text);
        return words;
    }
    words[0] = '\0';
    for (size_t i = 0; i < labels.n; i++) {
        unit_add_word(words, sizeof(words), "|", labels.items[i]);
    }
    libvirt_labels_free(&labels);
    return words;
}

static void test_what_is_no_list_of_labels_is_refused_whole(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "<labels>",
        "</labels>",
        "<labels",
        "<labels></labels",
        "<labels>a=b</labels><labels>c=d</labels>",
        "<labels a='b'>c=d</labels>",
        "<other>a=b</other>",
        "<labels><label>a=b</label></labels>",
        "<labels><!-- --></labels>",
        "<labels><![CDATA[a=b]]></labels>",
        "<labels>a=b&#10;c=d</labels>",
        "<labels>a=&x;</labels>",
        "<labels>a=&lt</labels>",
        "<labels>a=&</labels>",
        "<labels>a=b\nnolabel</labels>",
        "<labels>a=b\na=c</labels>",
        "<labels>=b</labels>",
        "<labels>a=</labels>",
        "<labels>a b=c</labels>",
        "<labels>a=\x01</labels>",
        "<?xml version='1.0'?><labels>a=b</labels>",
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (strncmp(parse(bad[i]), "no: ", 4) != 0)
            fail_msg("%s was taken: %s", bad[i], words);
    }
}

static void test_too_many_and_too_long_are_refused(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    BUF_ADD_LIT(&b, "<labels>");
    for (unsigned i = 0; i <= LIBVIRT_LABELS_MAX; i++)
        buf_printf(&b, "k%u=v\n", i);
    BUF_ADD_LIT(&b, "</labels>");
    buf_add_char(&b, '\0');
    assert_non_null(strstr(parse(buf_data(&b)), "more than"));
    buf_clear(&b);
    BUF_ADD_LIT(&b, "<labels>k=");
    for (unsigned i = 0; i < LIBVIRT_LABELS_BYTES; i++)
        buf_add_char(&b, 'x');
    BUF_ADD_LIT(&b, "</labels>");
    buf_add_char(&b, '\0');
    assert_non_null(strstr(parse(buf_data(&b)), "longer than"));
}

static void test_lines_are_labels(void **state)
{
    (void)state;
    assert_string_equal(parse("<labels>a=b</labels>"), "a=b");
    assert_string_equal(parse(" <labels>\n  a=b c\n\n\tc=&lt;&amp;&quot;&apos;&gt;\r\n</labels>\n"),
                        "a=b c|c=<&\"'>");
    assert_string_equal(parse("<labels></labels>"), "");
    assert_string_equal(parse("<labels/>"), "");
    assert_string_equal(parse("<labels>a=&amp;lt;</labels>"), "a=&lt;");
}

static void test_labels_of_the_configuration_win(void **state)
{
    struct conf_labels ours = { 0 }, theirs = { 0 }, more;
    struct error err;
    (void)state;
    assert_int_equal(libvirt_labels_parse("<labels>tenant=acme</labels>", &more, &err), 0);
    libvirt_labels_add(&ours, &more);
    libvirt_labels_free(&more);
    assert_int_equal(libvirt_labels_parse("<labels>tenant=evil\nx=y</labels>", &theirs, &err), 0);
    libvirt_labels_add(&ours, &theirs);
    assert_int_equal(ours.n, 2);
    assert_string_equal(ours.items[0], "tenant=acme");
    assert_string_equal(ours.items[1], "x=y");
    libvirt_labels_free(&ours);
    libvirt_labels_free(&theirs);
}

/* The labels of `before` (lines) after these changes, as the element; or "no: " and why. */
static const char *change(const char *before, const char *const *changes)
{
    CLEANUP_FREE char *xml = mem_printf("<labels>%s</labels>", before);
    CLEANUP_BUF struct buf out = { 0 };
    struct conf_labels labels;
    struct error err;
    int rc = libvirt_labels_parse(xml, &labels, &err);
    for (size_t i = 0; rc == 0 && changes[i]; i++)
        rc = libvirt_labels_change(&labels, changes[i], &err);
    if (rc == 0)
        rc = libvirt_labels_format(&labels, &out, &err);
    snprintf(words, sizeof(words), "%s%s", rc < 0 ? "no: " : "",
             rc < 0 ? err.text : buf_data(&out));
    libvirt_labels_free(&labels);
    return words;
}
#define CHANGE(before, ...) change(before, (const char *const[]){ __VA_ARGS__, NULL })

static void test_what_is_no_change_is_refused(void **state)
{
    static const char *const bad[] = { "",     "=",       "=v",     "key", "a b=c",
                                       "a b=", "a=\nb=c", "a=\x01", "a=b " };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (strncmp(CHANGE("x=y", bad[i]), "no: ", 4) != 0)
            fail_msg("%s was taken: %s", bad[i], words);
    }
}

static void test_more_labels_than_are_read_are_not_written(void **state)
{
    CLEANUP_BUF struct buf b = { 0 };
    (void)state;
    for (unsigned i = 0; i < LIBVIRT_LABELS_MAX; i++)
        buf_printf(&b, "k%u=v\n", i);
    buf_add_char(&b, '\0');
    assert_non_null(strstr(CHANGE(buf_data(&b), "more=x"), "more than"));
}

static void test_changes_are_made_in_their_order(void **state)
{
    (void)state;
    assert_string_equal(CHANGE("", "a=b"), "<labels>a=b</labels>");
    assert_string_equal(CHANGE("a=b\nc=d", "a=x"), "<labels>c=d\na=x</labels>");
    assert_string_equal(CHANGE("a=b\nc=d", "a="), "<labels>c=d</labels>");
    assert_string_equal(CHANGE("a=b", "nobody="), "<labels>a=b</labels>");
    assert_string_equal(CHANGE("a=b", "a="), "<labels></labels>");
    assert_string_equal(CHANGE("ab=c", "a=d"), "<labels>ab=c\na=d</labels>");
    assert_string_equal(CHANGE("", "a==", "b=c="), "<labels>a==\nb=c=</labels>");
    assert_string_equal(CHANGE("", "a=<\"&'>"), "<labels>a=&lt;\"&amp;'&gt;</labels>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_no_list_of_labels_is_refused_whole),
        cmocka_unit_test(test_too_many_and_too_long_are_refused),
        cmocka_unit_test(test_lines_are_labels),
        cmocka_unit_test(test_labels_of_the_configuration_win),
        cmocka_unit_test(test_what_is_no_change_is_refused),
        cmocka_unit_test(test_more_labels_than_are_read_are_not_written),
        cmocka_unit_test(test_changes_are_made_in_their_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
