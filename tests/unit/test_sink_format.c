/* Records as others are given them: fields, syslog, journald. */
#include "config.h"
#include "tests/unit/unit.h"

#include "audit/journal_format.h"
#include "audit/line.h"
#include "audit/sink_record.h"
#include "audit/syslog_format.h"
#include "base/mem.h"

#define TIME "2026-09-21T14:13:20.123456Z"
#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define HEAD "{\"v\":1,\"seq\":12,\"time\":\"" TIME "\",\"type\":"
#define TAIL ",\"hash\":\"" HASH "\"}"

static const struct syslog_format format = {
    .facility = 10,
    .hostname = "gw",
    .app_name = "qmpgate",
    .sd_id = SYSLOG_SD_ID_DEFAULT,
    .message_bytes = 65536,
};

struct made {
    struct sink_parser *parser;
    struct sink_record record;
    struct buf text;
};

static int setup(void **state)
{
    struct made *m = MEM_NEW(struct made);
    m->parser = sink_parser_new();
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    struct made *m = *state;
    sink_parser_free(m->parser);
    buf_free(&m->text);
    free(m);
    return 0;
}

static struct span span_of(const char *s)
{
    return (struct span){ s, strlen(s) };
}

static bool parse(struct made *m, const char *line)
{
    return sink_record_parse(m->parser, span_of(line), &m->record);
}

static const char *as_syslog(struct made *m, const char *line, const struct syslog_format *f)
{
    assert_true(parse(m, line));
    buf_clear(&m->text);
    syslog_format_add(&m->text, f, &m->record);
    buf_add_char(&m->text, '\0');
    return buf_data(&m->text);
}

static const char *as_journal(struct made *m, const char *line)
{
    assert_true(parse(m, line));
    buf_clear(&m->text);
    journal_format_add(&m->text, "qmpgate", &m->record);
    buf_add_char(&m->text, '\0');
    return buf_data(&m->text);
}

/* --- what is no record ------------------------------------------------------------------------ */

static void what_is_no_record_is_not_shipped(void **state)
{
    static const char *const lines[] = {
        "",
        "\n",
        "[]",
        "{}",
        "{\"v\":1,\"seq\":0,\"time\":\"" TIME "\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":-1,\"time\":\"" TIME "\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":1.5,\"time\":\"" TIME "\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":\"1\",\"time\":\"" TIME "\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":99999999999999999999,\"time\":\"" TIME "\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\",\"type\":\"a b\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\",\"type\":\"a]\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\",\"type\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"yesterday\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"2026-09-21 14:13:20.123456Z\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\",\"type\":\"start\"",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\",\"type\":\"start\"}x",
        "{\"v\":1,\"seq\":1,\"seq\":2,\"time\":\"" TIME "\",\"type\":\"start\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\",\"type\":\"start\",\"vm\":\"\xc3\xa4\"}",
        "{\"v\":1,\"seq\":1,\"time\":\"" TIME "\",\n\"type\":\"start\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        if (parse(*state, lines[i]))
            fail_msg("taken: %s", lines[i]);
    }
}

/* --- syslog ----------------------------------------------------------------------------------- */

#define INTENT                                                                              \
    HEAD "\"intent\",\"connection\":3,\"request\":4,\"peer\":\"192.0.2.1:5\",\"identity\":" \
         "\"x509:CN=a,O=b\",\"acting-for\":\"sasl:c@d\",\"vm\":\"web1\",\"uuid\":\"u\","    \
         "\"command\":\"stop\",\"arguments\":{\"vm\":\"other\"},\"rule\":\"r \\\"x\\\"\"" TAIL

static void a_message_of_syslog_has_the_fields_and_the_record(void **state)
{
    assert_string_equal(
        as_syslog(*state, INTENT, &format),
        "<86>1 " TIME " gw qmpgate - intent [qmpgate@32473 seq=\"12\" identity=\"x509:CN=a,O=b\" "
        "acting-for=\"sasl:c@d\" peer=\"192.0.2.1:5\" vm=\"web1\" uuid=\"u\" command=\"stop\" "
        "rule=\"r \\\"x\\\"\" connection=\"3\" request=\"4\" hash=\"" HASH "\"] " INTENT);
}

static void a_line_feed_behind_the_record_is_not_shipped(void **state)
{
    const char *text = as_syslog(*state, HEAD "\"start\"" TAIL "\n", &format);
    assert_null(strchr(text, '\n'));
    assert_int_equal(text[strlen(text) - 1], '}');
}

static void what_ends_a_parameter_is_escaped(void **state)
{
    const char *text = as_syslog(*state, HEAD "\"refused\",\"vm\":\"a\\\"b\\\\c]d\"" TAIL, &format);
    assert_non_null(strstr(text, " vm=\"a\\\"b\\\\c\\]d\" "));
}

static void control_characters_do_not_get_into_a_parameter(void **state)
{
    const char *text = as_syslog(
        *state, HEAD "\"refused\",\"vm\":\"a\\nb\\u0000c\\u001b[m\\u007f\\u0085\\u00e4\"" TAIL,
        &format);
    assert_non_null(strstr(text, " vm=\"a\xef\xbf\xbd"
                                 "b\xef\xbf\xbd"
                                 "c\xef\xbf\xbd[m\xef\xbf\xbd\xef\xbf\xbd\xc3\xa4\" "));
    assert_null(strchr(text, '\n'));
    assert_null(strchr(text, '\033'));
}

static void a_long_value_is_cut_between_characters(void **state)
{
    struct buf line = { 0 }, value = { 0 };
    BUF_ADD_LIT(&line, HEAD "\"refused\",\"vm\":\"xy");
    for (unsigned i = 0; i < 200; i++)
        BUF_ADD_LIT(&line, "\\u20ac");
    BUF_ADD_LIT(&line, "\"" TAIL "\0");
    BUF_ADD_LIT(&value, " vm=\"xy");
    for (unsigned i = 0; i < (SYSLOG_VALUE_MAX - 2) / 3; i++)
        BUF_ADD_LIT(&value, "\xe2\x82\xac");
    BUF_ADD_LIT(&value, "...\" \0");
    assert_non_null(strstr(as_syslog(*state, buf_data(&line), &format), buf_data(&value)));
    buf_free(&line);
    buf_free(&value);
}

static void the_priority_tells_how_grave_it_is(void **state)
{
    static const struct {
        const char *members, *priority;
    } cases[] = {
        { "\"outcome\",\"result\":\"ok\"", "<86>1 " },
        { "\"outcome\",\"result\":\"error\"", "<85>1 " },
        { "\"outcome\",\"result\":\"cancelled\"", "<85>1 " },
        { "\"outcome\",\"result\":\"unknown\"", "<84>1 " },
        { "\"auth\",\"result\":\"denied\"", "<84>1 " },
        { "\"refused\"", "<84>1 " },
        { "\"admin\"", "<85>1 " },
        { "\"segment\",\"reason\":\"rotated\"", "<86>1 " },
        { "\"segment\",\"reason\":\"changed\"", "<83>1 " },
        { "\"torn\"", "<83>1 " },
        { "\"of-another-release\"", "<86>1 " },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP_FREE char *line = mem_printf(HEAD "%s" TAIL, cases[i].members);
        const char *text = as_syslog(*state, line, &format);
        if (strncmp(text, cases[i].priority, strlen(cases[i].priority)) != 0)
            fail_msg("%s: %.8s", cases[i].members, text);
    }
}

/* Every field as long as it can be, of characters that take the most room. */
static char *longest_line(void)
{
    struct buf line = { 0 };
    BUF_ADD_LIT(&line, HEAD "\"intent\"");
    for (unsigned i = 0; i < SINK_N_FIELDS; i++) {
        buf_printf(&line, ",\"%s\":\"", sink_field_members[i]);
        for (unsigned k = 0; k < 600; k++)
            BUF_ADD_LIT(&line, "]");
        BUF_ADD_LIT(&line, "\"");
    }
    BUF_ADD_LIT(&line, ",\"arguments\":\"");
    for (unsigned i = 0; i < 100000; i++)
        buf_add_char(&line, 'x');
    BUF_ADD_LIT(&line, "\"}\0");
    return buf_data(&line);
}

static void what_is_too_long_is_cut_and_says_so(void **state)
{
    char hostname[SYSLOG_HOSTNAME_MAX + 1], app[SYSLOG_APP_NAME_MAX + 1];
    memset(hostname, 'h', sizeof(hostname));
    memset(app, 'a', sizeof(app));
    hostname[SYSLOG_HOSTNAME_MAX] = app[SYSLOG_APP_NAME_MAX] = '\0';
    struct syslog_format narrow = format;
    narrow.hostname = hostname;
    narrow.app_name = app;
    narrow.message_bytes = SYSLOG_MESSAGE_MIN;
    CLEANUP_FREE char *line = longest_line();
    const char *text = as_syslog(*state, line, &narrow);
    assert_int_equal(strlen(text), SYSLOG_MESSAGE_MIN);
    CLEANUP_FREE char *cut = mem_printf(" cut=\"%zu\"] {\"v\":1,", strlen(line));
    assert_non_null(strstr(text, cut));
}

static void what_just_fits_is_not_cut(void **state)
{
    const char *line = HEAD "\"start\"" TAIL;
    struct syslog_format exact = format;
    exact.message_bytes = strlen(as_syslog(*state, line, &format));
    assert_null(strstr(as_syslog(*state, line, &exact), "cut="));
    exact.message_bytes--;
    assert_non_null(strstr(as_syslog(*state, line, &exact), "cut="));
}

static void a_frame_counts_octets(void **state)
{
    struct made *m = *state;
    syslog_frame_add(&m->text, SPAN_LIT("<86>1 \xc3\xa4"));
    syslog_frame_add(&m->text, SPAN_LIT("0123456789"));
    assert_int_equal(buf_len(&m->text), strlen("8 <86>1 \xc3\xa4"
                                               "10 0123456789"));
    assert_memory_equal(buf_data(&m->text),
                        "8 <86>1 \xc3\xa4"
                        "10 0123456789",
                        buf_len(&m->text));
}

static void names_of_a_header_are_visible_ascii(void **state)
{
    (void)state;
    assert_true(syslog_is_printable("gw-1.example.com", SYSLOG_HOSTNAME_MAX));
    assert_false(syslog_is_printable("", SYSLOG_HOSTNAME_MAX));
    assert_false(syslog_is_printable("a b", SYSLOG_HOSTNAME_MAX));
    assert_false(syslog_is_printable("\xc3\xa4", SYSLOG_HOSTNAME_MAX));
    assert_true(syslog_is_printable("abc", 3));
    assert_false(syslog_is_printable("abcd", 3));
}

/* --- journald --------------------------------------------------------------------------------- */

static void an_entry_of_journald_has_a_field_for_each_thing(void **state)
{
    assert_string_equal(as_journal(*state, INTENT),
                        "MESSAGE=intent: stop on web1 by x509:CN=a,O=b for sasl:c@d (r \"x\")\n"
                        "MESSAGE_ID=" JOURNAL_MESSAGE_ID "\n"
                        "PRIORITY=6\n"
                        "SYSLOG_IDENTIFIER=qmpgate\n"
                        "QMPGATE_SEQ=12\n"
                        "QMPGATE_TIME=" TIME "\n"
                        "QMPGATE_TYPE=intent\n"
                        "QMPGATE_IDENTITY=x509:CN=a,O=b\n"
                        "QMPGATE_FOR=sasl:c@d\n"
                        "QMPGATE_PEER=192.0.2.1:5\n"
                        "QMPGATE_VM=web1\n"
                        "QMPGATE_UUID=u\n"
                        "QMPGATE_COMMAND=stop\n"
                        "QMPGATE_RULE=r \"x\"\n"
                        "QMPGATE_CONNECTION=3\n"
                        "QMPGATE_REQUEST=4\n"
                        "QMPGATE_HASH=" HASH "\n"
                        "QMPGATE_RECORD=" INTENT "\n");
}

static void a_value_makes_no_field_of_its_own(void **state)
{
    const char *text = as_journal(
        *state, HEAD "\"refused\",\"command\":\"x\\nPRIORITY=0\\nQMPGATE_VM=web2\"" TAIL);
    assert_non_null(strstr(text, "\nQMPGATE_COMMAND=x\xef\xbf\xbd"
                                 "PRIORITY=0\xef\xbf\xbdQMPGATE_VM=web2\n"));
    assert_null(strstr(text, "\nQMPGATE_VM="));
    assert_null(strstr(text, "\nPRIORITY=0"));
}

static void a_message_for_people_has_the_text_too(void **state)
{
    const char *text = as_journal(
        *state, HEAD "\"outcome\",\"result\":\"error\",\"command\":\"stop\",\"vm\":\"w\","
                     "\"text\":\"no\\nsuch thing\"" TAIL);
    assert_ptr_equal(strstr(text, "MESSAGE=outcome error: stop on w: no\xef\xbf\xbdsuch thing\n"),
                     text);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_no_record_is_not_shipped),
        TEST(a_message_of_syslog_has_the_fields_and_the_record),
        TEST(a_line_feed_behind_the_record_is_not_shipped),
        TEST(what_ends_a_parameter_is_escaped),
        TEST(control_characters_do_not_get_into_a_parameter),
        TEST(a_long_value_is_cut_between_characters),
        TEST(the_priority_tells_how_grave_it_is),
        TEST(what_is_too_long_is_cut_and_says_so),
        TEST(what_just_fits_is_not_cut),
        TEST(a_frame_counts_octets),
        TEST(names_of_a_header_are_visible_ascii),
        TEST(an_entry_of_journald_has_a_field_for_each_thing),
        TEST(a_value_makes_no_field_of_its_own),
        TEST(a_message_for_people_has_the_text_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
