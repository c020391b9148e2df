/* Lines of the human monitor, the words that they run, and the patterns that open them. What QEMU
 * makes of the same lines is tests/e2e/test_hmp.py's. */
#include "config.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include "acl/acl.h"
#include "acl/hmp.h"
#include "base/mem.h"

static struct acl_hmp_word found(struct span line)
{
    struct acl_hmp_word word;
    memset(&word, 0xff, sizeof(word)); /* nothing of before may shine through */
    enum acl_hmp_kind kind = acl_hmp_find(line, &word);
    assert_int_equal(kind, word.kind);
    assert_int_equal(kind == ACL_HMP_MALFORMED, word.fault != NULL);
    assert_int_equal(kind == ACL_HMP_MALFORMED, !*word.name);
    return word;
}

static struct acl_hmp_word word_of(const char *line)
{
    return found((struct span){ line, strlen(line) });
}

struct line_case {
    const char *line;
    enum acl_hmp_kind kind;
    const char *name;
};

static void check_lines(const struct line_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct acl_hmp_word word = word_of(cases[i].line);
        if (word.kind != cases[i].kind || strcmp(word.name, cases[i].name) != 0)
            fail_msg("<%s>: kind %d, <%s>", cases[i].line, (int)word.kind, word.name);
    }
}

/* --- lines that are refused ------------------------------------------------------------------- */

static void nothing_but_blanks_is_malformed(void **state)
{
    (void)state;
    assert_string_equal(found((struct span){ NULL, 0 }).fault, "it is empty");
    assert_string_equal(word_of("").fault, "it is empty");
    assert_string_equal(word_of(" \t ").fault, "it is empty");
}

static void control_characters_are_malformed_wherever_they_are(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        if (c >= 0x20 && c != 0x7f)
            continue;
        char lines[][16] = { "Xstop", "stopX", "infoXstatus", "info status X", "xp/1x 0 X" };
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
            size_t len = strlen(lines[i]);
            *strchr(lines[i], 'X') = (char)c;
            struct acl_hmp_word word = found((struct span){ lines[i], len });
            assert_int_equal(word.kind == ACL_HMP_MALFORMED, c != '\t');
            assert_true(c == '\t' || strcmp(word.fault, "it has a control character") == 0);
        }
    }
}

static void a_nul_does_not_end_a_line(void **state)
{
    (void)state;
    assert_int_equal(found(SPAN_LIT("info status\0quit")).kind, ACL_HMP_MALFORMED);
    assert_int_equal(found(SPAN_LIT("info status\0")).kind, ACL_HMP_MALFORMED);
    assert_int_equal(found(SPAN_LIT("\0info status")).kind, ACL_HMP_MALFORMED);
}

static void a_slash_in_place_of_a_word_is_malformed(void **state)
{
    (void)state;
    static const char *const lines[] = { "/",
                                         "/stop",
                                         " /10 stop",
                                         "info/",
                                         "info/10 status",
                                         "info /status",
                                         "info //status",
                                         "info/status" };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        assert_string_equal(word_of(lines[i]).fault, "a word is missing before a slash");
}

/* QEMU cuts a word: what it then is must not be guessed. */
static void words_longer_than_qemu_reads_are_malformed(void **state)
{
    (void)state;
    char line[600];
    memset(line, 'a', sizeof(line));
    assert_int_equal(found((struct span){ line, 255 }).kind, ACL_HMP_UNKNOWN);
    assert_string_equal(found((struct span){ line, 256 }).fault, "its word is too long");
    assert_string_equal(found((struct span){ line, 600 }).fault, "its word is too long");
    memcpy(line, "info ", 5);
    assert_int_equal(found((struct span){ line, 5 + 255 }).kind, ACL_HMP_UNKNOWN);
    assert_string_equal(found((struct span){ line, 5 + 256 }).fault, "its word is too long");
}

static void arguments_may_be_long(void **state)
{
    (void)state;
    enum { LONG = 1 << 20 };
    CLEANUP_FREE char *line = mem_alloc(LONG);
    memset(line, ' ', LONG);
    memcpy(line + LONG / 2, "help", 4);
    line[LONG - 1] = 'a';
    assert_string_equal(found((struct span){ line, LONG }).name, "help");
}

/* --- words ------------------------------------------------------------------------------------ */

static void what_is_not_whole_or_not_in_its_case_is_unknown(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "Quit", ACL_HMP_UNKNOWN, "Quit" },
        { "QUIT", ACL_HMP_UNKNOWN, "QUIT" },
        { "qui", ACL_HMP_UNKNOWN, "qui" },
        { "quitt", ACL_HMP_UNKNOWN, "quitt" },
        { "inf status", ACL_HMP_UNKNOWN, "inf" },
        { "INFO status", ACL_HMP_UNKNOWN, "INFO" },
        { "information", ACL_HMP_UNKNOWN, "information" },
        { "info stat", ACL_HMP_UNKNOWN, "info stat" },
        { "info statuss", ACL_HMP_UNKNOWN, "info statuss" },
        { "info Status", ACL_HMP_UNKNOWN, "info Status" },
        { "status", ACL_HMP_UNKNOWN, "status" },
        { "info info status", ACL_HMP_UNKNOWN, "info info" },
        { "info q", ACL_HMP_UNKNOWN, "info q" },
        { "info quit", ACL_HMP_UNKNOWN, "info quit" },
        { "quit|q", ACL_HMP_UNKNOWN, "quit|q" },
        { "|", ACL_HMP_UNKNOWN, "|" },
        { "q|", ACL_HMP_UNKNOWN, "q|" },
        { "qu_it", ACL_HMP_UNKNOWN, "qu_it" },
        { "device-add x", ACL_HMP_UNKNOWN, "device-add" },
        { "dump_guest_memory", ACL_HMP_UNKNOWN, "dump_guest_memory" },
        { "*", ACL_HMP_UNKNOWN, "*" },
        { "info *", ACL_HMP_UNKNOWN, "info *" },
    };
    check_lines(cases, ARRAY_SIZE(cases));
}

static void nothing_but_a_blank_or_a_slash_ends_a_word(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "stop;quit", ACL_HMP_UNKNOWN, "stop;quit" },
        { "stop; quit", ACL_HMP_UNKNOWN, "stop;" },
        { "stop,", ACL_HMP_UNKNOWN, "stop," },
        { "\"stop\"", ACL_HMP_UNKNOWN, "\"stop\"" },
        { "'stop'", ACL_HMP_UNKNOWN, "'stop'" },
        { "st\\op", ACL_HMP_UNKNOWN, "st\\op" },
        { "info=status", ACL_HMP_UNKNOWN, "info=status" },
        { "info \"status\"", ACL_HMP_UNKNOWN, "info \"status\"" },
        { "info -status", ACL_HMP_UNKNOWN, "info -status" },
        { "info;status", ACL_HMP_UNKNOWN, "info;status" },
        { "info\xc2\xa0status", ACL_HMP_UNKNOWN, "info\xc2\xa0status" },
        { "info\xe2\x80\x83status", ACL_HMP_UNKNOWN, "info\xe2\x80\x83status" },
        { "\xef\xbb\xbfinfo status", ACL_HMP_UNKNOWN, "\xef\xbb\xbfinfo" },
        { "\xe3\x80\x80stop", ACL_HMP_UNKNOWN, "\xe3\x80\x80stop" },
        { "stop\xc2\x85", ACL_HMP_UNKNOWN, "stop\xc2\x85" },
        { "info \xc2\xa0status", ACL_HMP_UNKNOWN, "info \xc2\xa0status" },
        { "\xff", ACL_HMP_UNKNOWN, "\xff" },
    };
    check_lines(cases, ARRAY_SIZE(cases));
}

static void a_word_is_found_between_blanks_and_slashes(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "stop", ACL_HMP_PLAIN, "stop" },
        { "  stop\t ", ACL_HMP_PLAIN, "stop" },
        { "\tstop", ACL_HMP_PLAIN, "stop" },
        { "stop quit", ACL_HMP_PLAIN, "stop" },
        { "stop/quit", ACL_HMP_PLAIN, "stop" },
        { "stop/", ACL_HMP_PLAIN, "stop" },
        { "x/10i 0", ACL_HMP_HOST, "x" },
        { "x /10i 0", ACL_HMP_HOST, "x" },
        { "xp/1xw 0x1000", ACL_HMP_HOST, "xp" },
        { "i/x 0x3f8", ACL_HMP_HOST, "i" },
        { "x10i", ACL_HMP_UNKNOWN, "x10i" },
        { "info status", ACL_HMP_PLAIN, "info status" },
        { "  info   status", ACL_HMP_PLAIN, "info status" },
        { "info\tstatus", ACL_HMP_PLAIN, "info status" },
        { "info \t status stop", ACL_HMP_PLAIN, "info status" },
        { "info status/quit", ACL_HMP_PLAIN, "info status" },
        { "info registers -a", ACL_HMP_HOST, "info registers" },
        { "info no-such/thing", ACL_HMP_UNKNOWN, "info no-such" },
        { "help info status", ACL_HMP_PLAIN, "help" },
    };
    check_lines(cases, ARRAY_SIZE(cases));
}

static void info_alone_is_a_word_of_its_own(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "info", ACL_HMP_PLAIN, "info" },
        { "info  ", ACL_HMP_PLAIN, "info" },
        { "\tinfo\t", ACL_HMP_PLAIN, "info" },
    };
    check_lines(cases, ARRAY_SIZE(cases));
}

static void aliases_are_the_words_that_they_stand_for(void **state)
{
    (void)state;
    static const struct line_case cases[] = {
        { "q", ACL_HMP_PLAIN, "quit" },  { "s", ACL_HMP_PLAIN, "stop" },
        { "c", ACL_HMP_PLAIN, "cont" },  { "?", ACL_HMP_PLAIN, "help" },
        { "p", ACL_HMP_HOST, "print" },  { "p/x $rax", ACL_HMP_HOST, "print" },
        { "q ", ACL_HMP_PLAIN, "quit" }, { "Q", ACL_HMP_UNKNOWN, "Q" },
        { "h", ACL_HMP_UNKNOWN, "h" },
    };
    check_lines(cases, ARRAY_SIZE(cases));
}

/* --- the table -------------------------------------------------------------------------------- */

static void every_word_of_the_table_is_found_as_itself_and_no_name_is_there_twice(void **state)
{
    (void)state;
    struct acl_hmp_word entry;
    for (size_t i = 0; i < acl_hmp_table_size(); i++) {
        acl_hmp_table_word(i, &entry);
        struct acl_hmp_word word = word_of(entry.name);
        if (word.kind != entry.kind || strcmp(word.name, entry.name) != 0)
            fail_msg("%s is not found as itself", entry.name);
        for (size_t k = i + 1; k < acl_hmp_table_size(); k++) {
            acl_hmp_table_word(k, &word);
            if (strcmp(word.name, entry.name) == 0)
                fail_msg("%s is there twice", entry.name);
        }
    }
}

static void no_alias_is_another_words_name(void **state)
{
    (void)state;
    for (size_t i = 0; i < acl_hmp_table_size(); i++) {
        struct acl_hmp_word entry;
        acl_hmp_table_word(i, &entry);
        CLEANUP_FREE char *aliases = mem_strdup(acl_hmp_table_aliases(i));
        for (char *rest = aliases, *alias; (alias = strtok_r(rest, "|", &rest));)
            assert_string_equal(word_of(alias).name, entry.name);
    }
}

/* By the beginnings of their names, so that a word that is added is caught as well. */
static void families_that_reach_the_host_have_no_plain_word(void **state)
{
    (void)state;
    static const char *const families[] = {
        "change",    "chardev",     "client_",    "closefd",    "commit",
        "delvm",     "device_add",  "drive_",     "dump",       "expire_",
        "gdb",       "getfd",       "gpa2",       "gva2",       "hostfwd_",
        "loadvm",    "log",         "memsave",    "migrat",     "nbd_",
        "netdev_",   "object_",     "pmemsave",   "qemu-io",    "qom-",
        "ringbuf_",  "savevm",      "screendump", "sendkey",    "set_password",
        "snapshot_", "stopcapture", "trace-",     "wavcapture", "info qom",
        "info vnc",  "info spice",  "info usern", "info net",   "info virtio-queue-e",
    };
    for (size_t f = 0; f < ARRAY_SIZE(families); f++) {
        size_t n = 0;
        for (size_t i = 0; i < acl_hmp_table_size(); i++) {
            struct acl_hmp_word word;
            acl_hmp_table_word(i, &word);
            if (strncmp(word.name, families[f], strlen(families[f])) != 0)
                continue;
            n++;
            if (word.kind != ACL_HMP_HOST)
                fail_msg("%s is plain", word.name);
        }
        if (n == 0)
            fail_msg("%s: no such family", families[f]);
    }
}

static void what_answers_memory_registers_or_files_is_not_plain(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "x",
        "xp",
        "print",
        "sum",
        "i",
        "o",
        "block_stream",
        "block_resize",
        "block_set_io_throttle",
        "replay_seek",
        "info block",
        "info mtree",
        "info registers",
        "info roms",
        "info qtree",
        "info tlb",
        "info mem",
        "info chardev",
        "info capture",
        "info tpm",
        "info migrate",
        "info replay",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        if (word_of(lines[i]).kind != ACL_HMP_HOST)
            fail_msg("%s is not host", lines[i]);
    }
}

/* --- commands that do the same ---------------------------------------------------------------- */

static bool lists(const char *commands, const char *name)
{
    size_t len = strlen(name);
    for (const char *at = commands; (at = strstr(at, name)); at++) {
        if ((at == commands || at[-1] == ' ') && (at[len] == ' ' || !at[len]))
            return true;
    }
    return false;
}

static void a_word_s_commands_are_commands(void **state)
{
    (void)state;
    for (size_t i = 0; i < acl_hmp_table_size(); i++) {
        struct acl_hmp_word word;
        acl_hmp_table_word(i, &word);
        char *all = mem_strdup(word.commands), *rest = all, *name;
        while ((name = strtok_r(rest, " ", &rest))) {
            if (!acl_classes_of(name) && strcmp(name, "dump-skeys") != 0) /* s390x */
                fail_msg("%s: there is no command %s", word.name, name);
        }
        free(all);
    }
}

static char *command_like(const char *start, const char *word)
{
    char *name = mem_printf("%s%s", start, word);
    for (char *at = name; *at; at++)
        *at = *at == '_' ? '-' : *at;
    return name;
}

/* A command of a word's own name, with `-` for `_`, or behind query-, is told with the word. */
static void a_word_has_the_command_of_its_name(void **state)
{
    (void)state;
    static const char *const starts[] = { "", "query-", "x-query-" };
    for (size_t i = 0; i < acl_hmp_table_size(); i++) {
        struct acl_hmp_word word;
        acl_hmp_table_word(i, &word);
        bool is_info = strncmp(word.name, "info ", 5) == 0;
        if (acl_classes_of(word.name) && !lists(word.commands, word.name))
            fail_msg("%s is a command as well", word.name);
        for (size_t k = is_info; k < (is_info ? ARRAY_SIZE(starts) : 1); k++) {
            char *name = command_like(starts[k], word.name + (is_info ? 5 : 0));
            if (acl_classes_of(name) && !lists(word.commands, name))
                fail_msg("%s is %s", word.name, name);
            free(name);
        }
    }
}

/* --- patterns --------------------------------------------------------------------------------- */

static void what_is_no_pattern_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char form[] = "a pattern of hmp is one word, or info and a word, with one space "
                               "between them";
    static const char characters[] = "words of QEMU have letters, digits, -, _ and . only";
    static const char second[] = "only info has a second word: arguments are no part of a pattern";
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "", form },
        { " ", form },
        { " stop", form },
        { "stop ", second },
        { "info ", form },
        { "info  status", form },
        { "info status ", "info has one more word: arguments are no part of a pattern" },
        { "info block ide0", "info has one more word: arguments are no part of a pattern" },
        { "stop now", second },
        { "* status", second },
        { "inf? status", second },
        { "infos status", second },
        { "Info status", second },
        { "info\tstatus", characters },
        { "stop\n", characters },
        { "x/10i", characters },
        { "quit|q", characters },
        { "stop;quit", characters },
        { "\xc3\xa4", characters },
        { "\"stop\"", characters },
        { "?", "? stands for one character here: QEMU's other name for it is help" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *pattern = (char *)"";
        struct error err = { 0 };
        assert_int_equal(acl_hmp_pattern_parse(cases[i].text, &pattern, &err), ERROR_INVALID);
        assert_null(pattern);
        assert_string_equal(err.text, cases[i].sentence);
    }
}

static void a_pattern_has_no_word_that_is_too_long(void **state)
{
    (void)state;
    char text[300];
    memset(text, 'a', sizeof(text));
    text[255] = '\0';
    char *pattern;
    assert_int_equal(acl_hmp_pattern_parse(text, &pattern, NULL), 0);
    free(pattern);
    text[255] = 'a';
    text[256] = '\0';
    struct error err;
    assert_int_equal(acl_hmp_pattern_parse(text, &pattern, &err), ERROR_INVALID);
    assert_string_equal(err.text, "no word of QEMU's has more than 255 characters");
}

static char *pattern_of(const char *text)
{
    char *pattern;
    struct error err = { 0 };
    if (acl_hmp_pattern_parse(text, &pattern, &err) < 0)
        fail_msg("<%s>: %s", text, err.text);
    return pattern;
}

static void an_alias_is_resolved_and_another_qemus_word_stays(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "q", "quit" },
        { "p", "print" },
        { "stop", "stop" },
        { "info", "info" },
        { "info status", "info status" },
        { "new_word", "new_word" },
        { "info new", "info new" },
        { "info *", "info *" },
        { "sto?", "sto?" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        CLEANUP_FREE char *pattern = pattern_of(cases[i][0]);
        assert_string_equal(pattern, cases[i][1]);
    }
}

static bool opens(const char *text, const char *line)
{
    CLEANUP_FREE char *pattern = pattern_of(text);
    struct acl_hmp_word word = word_of(line);
    return acl_hmp_pattern_match(pattern, &word);
}

static bool covers(const char *text, const char *line)
{
    CLEANUP_FREE char *pattern = pattern_of(text);
    struct acl_hmp_word word = word_of(line);
    return acl_hmp_pattern_covers(pattern, &word);
}

static void a_wildcard_opens_nothing_that_reaches_the_host_or_is_unknown(void **state)
{
    (void)state;
    static const char *const patterns[] = { "*", "**", "*?*", "info *", "info ?*", "in*" };
    for (size_t p = 0; p < ARRAY_SIZE(patterns); p++) {
        for (size_t i = 0; i < acl_hmp_table_size(); i++) {
            struct acl_hmp_word word;
            acl_hmp_table_word(i, &word);
            assert_false(word.kind == ACL_HMP_HOST && opens(patterns[p], word.name));
        }
        assert_false(opens(patterns[p], "no-such-word"));
        assert_false(opens(patterns[p], "info no-such-word"));
        assert_false(opens(patterns[p], "info *"));
        assert_false(opens(patterns[p], ""));
        assert_false(opens(patterns[p], "stop\n"));
    }
    assert_false(opens("savev?", "savevm"));
    assert_false(opens("info regist*", "info registers"));
}

static void a_name_opens_its_word_and_no_other(void **state)
{
    (void)state;
    assert_true(opens("savevm", "savevm a"));
    assert_true(opens("x", "x/10i 0"));
    assert_true(opens("p", "print 1"));
    assert_true(opens("quit", "q"));
    assert_true(opens("info registers", "info\tregisters -a"));
    assert_true(opens("new_word", "new_word now"));
    assert_true(opens("info new", "info  new"));
    assert_false(opens("x", "xp 0"));
    assert_false(opens("stop", "Stop"));
    assert_false(opens("stop", "stopcapture 0"));
    assert_false(opens("new_word", "new_words"));
    assert_false(opens("info", "info status"));
    assert_false(opens("info", "info new"));
    assert_false(opens("info status", "info"));
    assert_false(opens("info status", "status"));
    assert_false(opens("info new", "info"));
    assert_false(opens("stop", "stop\nquit"));
}

static void a_wildcard_opens_what_is_plain(void **state)
{
    (void)state;
    assert_true(opens("*", "stop"));
    assert_true(opens("*", "info status"));
    assert_true(opens("info *", "info status"));
    assert_true(opens("info mem*", "info memdev"));
    assert_true(opens("system_*", "system_reset"));
    assert_true(opens("qui?", "q"));
    assert_false(opens("info *", "info"));
    assert_false(opens("info ?", "info status"));
    assert_false(opens("q?", "q"));
    assert_false(opens("stat*", "info status"));
}

static void a_deny_closes_whatever_fits(void **state)
{
    (void)state;
    assert_true(covers("*", "savevm"));
    assert_true(covers("*", "no-such-word"));
    assert_true(covers("*", "info no-such-word"));
    assert_true(covers("info *", "info block"));
    assert_true(covers("info *", "info\tno-such-word"));
    assert_true(covers("drive_*", "drive_add 0 x"));
    assert_true(covers("q", "quit"));
    assert_true(covers("quit", "q"));
    assert_true(covers("stop", "")); /* malformed */
    assert_false(covers("info *", "info"));
    assert_false(covers("drive_*", "device_add x"));
    assert_false(covers("stop", "cont"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_but_blanks_is_malformed),
        cmocka_unit_test(control_characters_are_malformed_wherever_they_are),
        cmocka_unit_test(a_nul_does_not_end_a_line),
        cmocka_unit_test(a_slash_in_place_of_a_word_is_malformed),
        cmocka_unit_test(words_longer_than_qemu_reads_are_malformed),
        cmocka_unit_test(arguments_may_be_long),
        cmocka_unit_test(what_is_not_whole_or_not_in_its_case_is_unknown),
        cmocka_unit_test(nothing_but_a_blank_or_a_slash_ends_a_word),
        cmocka_unit_test(a_word_is_found_between_blanks_and_slashes),
        cmocka_unit_test(info_alone_is_a_word_of_its_own),
        cmocka_unit_test(aliases_are_the_words_that_they_stand_for),
        cmocka_unit_test(every_word_of_the_table_is_found_as_itself_and_no_name_is_there_twice),
        cmocka_unit_test(no_alias_is_another_words_name),
        cmocka_unit_test(families_that_reach_the_host_have_no_plain_word),
        cmocka_unit_test(what_answers_memory_registers_or_files_is_not_plain),
        cmocka_unit_test(what_is_no_pattern_is_refused_with_a_sentence),
        cmocka_unit_test(a_pattern_has_no_word_that_is_too_long),
        cmocka_unit_test(an_alias_is_resolved_and_another_qemus_word_stays),
        cmocka_unit_test(a_wildcard_opens_nothing_that_reaches_the_host_or_is_unknown),
        cmocka_unit_test(a_word_s_commands_are_commands),
        cmocka_unit_test(a_word_has_the_command_of_its_name),
        cmocka_unit_test(a_name_opens_its_word_and_no_other),
        cmocka_unit_test(a_wildcard_opens_what_is_plain),
        cmocka_unit_test(a_deny_closes_whatever_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
