/* Texts that reach the host: what is no path below a directory, no address, no match. What QEMU
 * makes of "tcp:unix:PATH", "nbd:unix:PATH" and /dev/fdset/N was seen with QEMU 7.2. */
#include "config.h"
#include "tests/unit/unit.h"

#include <limits.h>
#include <time.h>
#include "acl/match.h"
#include "base/mem.h"

#define TEXT(literal)    ((struct span){ "" literal, sizeof(literal) - 1 })
#define NOT_MATCHED(...) assert_false(glob_matches(__VA_ARGS__))
#define MATCHED(...)     assert_true(glob_matches(__VA_ARGS__))

static struct span span_of(const char *text)
{
    return (struct span){ text, strlen(text) };
}

/* --- glob: another algorithm, for comparison ----------------------------------------------------
 */

#define GLOB_MAX 64u

/* The same by a table: of each (rest of the pattern, rest of the text) whether they match. */
static bool table_matches(struct span pattern, struct span text)
{
    static bool table[GLOB_MAX + 1][GLOB_MAX + 1];
    assert_true(pattern.len <= GLOB_MAX && text.len <= GLOB_MAX);
    for (size_t p = pattern.len + 1; p-- > 0;) {
        for (size_t t = text.len + 1; t-- > 0;) {
            char sign = p < pattern.len ? pattern.data[p] : '\0';
            char byte = t < text.len ? text.data[t] : '\0';
            bool *m = &table[p][t];
            size_t stars = 0;
            while (p + stars < pattern.len && pattern.data[p + stars] == '*')
                stars++;
            if (p == pattern.len)
                *m = t == text.len;
            else if (stars > 0)
                *m = table[p + stars][t] ||
                     (t < text.len && (byte != '/' || stars > 1) && table[p][t + 1]);
            else if (t == text.len)
                *m = false;
            else if (sign == '\\' && p + 1 < pattern.len)
                *m = pattern.data[p + 1] == byte && table[p + 2][t + 1];
            else
                *m = (sign == byte || (sign == '?' && byte != '/')) && table[p + 1][t + 1];
        }
    }
    return table[0][0];
}

static bool glob_matches(const char *pattern, const char *text)
{
    bool matches = acl_match_glob(span_of(pattern), span_of(text));
    if (matches != table_matches(span_of(pattern), span_of(text)))
        fail_msg("<%s> <%s>: %d", pattern, text, matches);
    return matches;
}

/* The next text over an alphabet, shorter ones first; false when they are `max` long. */
static bool next_text(char *text, const char *alphabet, size_t max)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        const char *at = strchr(alphabet, text[i]);
        if (at[1]) {
            text[i] = at[1];
            return true;
        }
        text[i] = alphabet[0];
    }
    text[len] = alphabet[0];
    text[len + 1] = '\0';
    return len < max;
}

/* --- glob ---------------------------------------------------------------------------------------
 */

static void a_star_ends_at_a_slash(void **state)
{
    (void)state;
    NOT_MATCHED("*", "a/b");
    NOT_MATCHED("*", "/");
    NOT_MATCHED("/a/*", "/a/b/c");
    NOT_MATCHED("a*z", "a/z");
    NOT_MATCHED("*/b", "a/c/b");
    MATCHED("*", "");
    MATCHED("hot-*", "hot-");
    MATCHED("*/b", "a/b");
}

static void a_question_mark_is_one_byte_that_is_no_slash(void **state)
{
    (void)state;
    NOT_MATCHED("?", "");
    NOT_MATCHED("?", "/");
    NOT_MATCHED("?", "ab");
    NOT_MATCHED("a?c", "ac");
    MATCHED("a?c", "abc");
}

static void a_glob_matches_the_whole_text(void **state)
{
    (void)state;
    NOT_MATCHED("", "a");
    NOT_MATCHED("a", "");
    NOT_MATCHED("a", "ab");
    NOT_MATCHED("b", "ab");
    NOT_MATCHED("*a", "ab");
    NOT_MATCHED("**a", "ab");
    NOT_MATCHED("a", "A");
    MATCHED("", "");
}

static void two_stars_go_on_over_slashes(void **state)
{
    (void)state;
    NOT_MATCHED("/a/**", "/b/c");
    NOT_MATCHED("**/x", "x");
    NOT_MATCHED("**/a*b", "/ac/b");
    MATCHED("**", "");
    MATCHED("**", "/a/b");
    MATCHED("***", "/a/b");
    MATCHED("/a/**/z", "/a/b/c/z");
    MATCHED("**/*b", "/ac/b");
    MATCHED("**a*b/c", "axb/d/ab/c");
}

static void a_backslash_takes_the_meaning_of_a_sign(void **state)
{
    (void)state;
    NOT_MATCHED("\\*", "a");
    NOT_MATCHED("\\*", "\\*");
    NOT_MATCHED("\\?", "a");
    NOT_MATCHED("\\a", "\\a");
    NOT_MATCHED("\\\\*", "a");
    MATCHED("\\*", "*");
    MATCHED("\\\\", "\\");
    MATCHED("\\", "\\"); /* at the end it stands for itself */
    MATCHED("a\\", "a\\");
}

static void a_text_with_nul_matches_no_glob(void **state)
{
    (void)state;
    assert_false(acl_match_glob(TEXT("hot-*"), TEXT("hot-\0")));
    assert_false(acl_match_glob(TEXT("**"), TEXT("\0")));
    assert_false(acl_match_glob(TEXT("?"), TEXT("\0")));
    assert_true(acl_match_glob(TEXT("**"), (struct span){ NULL, 0 }));
}

static void every_short_glob_is_as_the_table_says(void **state)
{
    (void)state;
    char pattern[GLOB_MAX] = "";
    size_t n = 0;
    do {
        char text[GLOB_MAX] = "";
        do
            n += glob_matches(pattern, text);
        while (next_text(text, "ab/", 5));
    } while (next_text(pattern, "ab/*?", 5));
    assert_true(n > 1000);
}

static void long_globs_are_as_the_table_says(void **state)
{
    (void)state;
    unsigned seed = 1;
    size_t n = 0;
    for (unsigned round = 0; round < 200000; round++) {
        char pattern[13] = "", text[17] = "";
        for (size_t i = 0; i < sizeof(pattern) - 1; i++)
            pattern[i] = "aab/***?\\"[rand_r(&seed) % 9u];
        for (size_t i = 0; i < sizeof(text) - 1; i++)
            text[i] = "aaab/"[rand_r(&seed) % 5u];
        n += glob_matches(pattern + rand_r(&seed) % 8u, text + rand_r(&seed) % 12u);
    }
    assert_true(n > 1000);
}

/* Where time were the square of the text's length, this would take hours. */
static void a_long_text_costs_a_glob_no_more_than_its_length(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "*a*a*a*b", "**a*b", "**a*a*b", "**a**a*b", "**/*b", "**a*a/*b", "**a?a*?b*/",
    };
    size_t len = 1u << 20;
    CLEANUP_FREE char *text = mem_alloc(len);
    for (unsigned slashes = 0; slashes < 3; slashes++) {
        memset(text, 'a', len);
        for (size_t i = 0; slashes && i < len; i += slashes == 1 ? 1000 : len / 2)
            text[i] = '/';
        for (size_t i = 0; i < ARRAY_SIZE(patterns); i++) {
            clock_t from = clock();
            assert_false(acl_match_glob(span_of(patterns[i]), (struct span){ text, len }));
            if (clock() - from > 20 * CLOCKS_PER_SEC)
                fail_msg("%s: too slow", patterns[i]);
        }
    }
}

/* --- directories --------------------------------------------------------------------------------
 */

static void check_not_under(const char *directory, const char *const *paths, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (acl_match_under(span_of(directory), span_of(paths[i])))
            fail_msg("<%s> is under %s", paths[i], directory);
    }
}

static void what_leaves_the_directory_is_not_under_it(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "/srv/a/..",
        "/srv/a/../b",
        "/srv/a/x/../../b",
        "/srv/a/x/../y",
        "/srv/a//..//b",
        "/srv/a/./../",
        "/../srv/a/x",
        "/srv/b/x",
        "/srv/ab/x",
        "/srv/ax",
        "/srv/A/x",
        "/srv",
        "/",
        "/srv/x/srv/a",
        "/etc/shadow",
        "/sr/va/x",
        "/srv\\/a/x",
        "/srv/a\\/x",
    };
    check_not_under("/srv/a", paths, ARRAY_SIZE(paths));
    check_not_under("/srv/a/", paths, ARRAY_SIZE(paths));
}

static void the_directory_itself_is_not_under_it(void **state)
{
    (void)state;
    static const char *const paths[] = { "/srv/a", "/srv/a/", "/srv/a/.", "//srv//a//./" };
    check_not_under("/srv/a", paths, ARRAY_SIZE(paths));
    static const char *const roots[] = { "/", "//", "/.", "/./" };
    check_not_under("/", roots, ARRAY_SIZE(roots));
}

static void what_is_no_absolute_path_is_under_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = {
        "",          "x",          "srv/a/x",     "./srv/a/x",   " /srv/a/x",
        "~/srv/a/x", "file:/srv",  "file:/srv/a", "FILE:/srv/x", "json:{\"filename\":\"/srv/a/x\"}",
        "nbd:/srv",  "fat:/srv/a", "..",          ".",           "\\/srv/a/x",
    };
    check_not_under("/", paths, ARRAY_SIZE(paths));
}

static void control_characters_are_in_no_path(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char path[] = "/srv/a/xXx";
        path[8] = (char)c;
        bool under = acl_match_under(TEXT("/srv/a"), (struct span){ path, sizeof(path) - 1 });
        assert_int_equal(under, c >= ' ' && c != 0x7f);
    }
    assert_false(acl_match_under(TEXT("/srv/a"), TEXT("/srv/a/x\0")));
    assert_false(acl_match_under(TEXT("/srv/a"), TEXT("/srv/a\0/x")));
    assert_false(acl_is_directory(TEXT("/srv\n")));
}

static void a_passed_descriptor_is_under_nothing(void **state)
{
    (void)state;
    static const char *const paths[] = { "/dev/fdset/3", "/dev//fdset/3", "/dev/fdset/../sda",
                                         "/./dev/fdset" };
    check_not_under("/", paths, ARRAY_SIZE(paths));
    check_not_under("/dev", paths, ARRAY_SIZE(paths));
    check_not_under("/dev/fdset", paths, ARRAY_SIZE(paths));
    assert_true(acl_match_under(TEXT("/dev"), TEXT("/dev/sda")));
    assert_true(acl_match_under(TEXT("/"), TEXT("/dev")));
    assert_true(acl_match_under(TEXT("/"), TEXT("/srv/fdset/3")));
}

static void what_the_kernel_takes_for_no_path_is_none(void **state)
{
    (void)state;
    char path[PATH_MAX];
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    assert_false(acl_match_under(TEXT("/"), (struct span){ path, PATH_MAX }));
    assert_true(acl_match_under(TEXT("/"), (struct span){ path, PATH_MAX - 1 }));
}

static void a_directory_is_absolute_and_goes_down(void **state)
{
    (void)state;
    static const char *const not [] = { "", "srv", ".", "..", "/..", "/srv/..", "/srv/../x" };
    for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
        assert_false(acl_is_directory(span_of(not [i])));
        assert_false(acl_match_under(span_of(not [i]), TEXT("/srv/x")));
    }
    assert_true(acl_is_directory(TEXT("/")));
    assert_true(acl_is_directory(TEXT("/srv/..x/...")));
}

static void what_is_below_is_under_however_it_is_written(void **state)
{
    (void)state;
    static const char *const paths[] = { "/srv/a/x",   "//srv/./a//x", "/srv/a/x/y", "/srv/a/x/",
                                         "/srv/a/..x", "/srv/a/...",   "/srv/a/x:y", "/srv/a/ " };
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        if (!acl_match_under(TEXT("/srv/a"), span_of(paths[i])) ||
            !acl_match_under(TEXT("/srv/./a/"), span_of(paths[i])) ||
            !acl_match_under(TEXT("/"), span_of(paths[i])))
            fail_msg("%s", paths[i]);
    }
}

/* --- schemes ------------------------------------------------------------------------------------
 */

static const char *scheme_of(const char *uri)
{
    static char text[64];
    struct span scheme;
    if (!acl_uri_scheme(span_of(uri), &scheme))
        return NULL;
    snprintf(text, sizeof(text), "%.*s", (int)scheme.len, scheme.data);
    return text;
}

static void a_text_without_a_scheme_has_none(void **state)
{
    (void)state;
    static const char *const uris[] = { "",      ":",     ":x",     "/a:b",     "tcp",
                                        "1a:b",  "+a:b",  " tcp:x", "a b:c",    "host_device:/x",
                                        "t\tp:", "tcp/:", "ä:x",    "[::1]:80", "-:x" };
    for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
        if (scheme_of(uris[i]))
            fail_msg("<%s> has the scheme %s", uris[i], scheme_of(uris[i]));
    }
    struct span scheme;
    assert_false(acl_uri_scheme((struct span){ NULL, 0 }, &scheme));
    assert_false(acl_uri_scheme(TEXT("exec:\0"), &scheme));
    assert_false(acl_uri_scheme(TEXT("unix:path=/x;unixexec:path=/bin/sh"), &scheme)); /* D-Bus */
}

static void behind_a_scheme_of_a_network_stands_no_other_transport(void **state)
{
    (void)state;
    static const char *const uris[] = {
        "tcp:unix:/run/x", "tcp:unix:80",   "tcp:fd:5",
        "tcp:vsock:3:22",  "tcp:vsock:3",   "tcp:tcp:80",
        "tcp:/run/x",      "tcp:",          "tcp://10.0.0.1:1",
        "tcp://unix:80",   "nbd:unix:/x",   "nbd:unix:80",
        "nbd:fd:3",        "rdma://a:1",    "rdma:unix:80",
        "http:10.0.0.1",   "http:/a/b",     "http:",
        "ssh:a:22",        "tcp:a:1,to=9",  "nbd:unix:x:exportname=y",
        "gluster:a",       "iscsi:unix:80", "tcp:a:70000",
    };
    for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
        if (scheme_of(uris[i]))
            fail_msg("<%s> is taken for %s", uris[i], scheme_of(uris[i]));
    }
}

static void a_scheme_is_what_stands_before_the_colon(void **state)
{
    (void)state;
    assert_string_equal(scheme_of("tcp:10.0.0.1:1"), "tcp");
    assert_string_equal(scheme_of("TCP:unix:x"), "TCP"); /* which QEMU does not know */
    assert_string_equal(scheme_of("exec:cat"), "exec");
    assert_string_equal(scheme_of("unix:/run/x"), "unix");
    assert_string_equal(scheme_of("nbd://a/x?y"), "nbd");
    assert_string_equal(scheme_of("ssh://u@a/x"), "ssh");
    assert_string_equal(scheme_of("nbd:a:1"), "nbd");
    assert_string_equal(scheme_of("gluster+tcp://a/v"), "gluster+tcp");
}

static void a_scheme_by_itself_has_nothing_else(void **state)
{
    (void)state;
    assert_false(acl_is_scheme(TEXT("")));
    assert_false(acl_is_scheme(TEXT("tcp:")));
    assert_false(acl_is_scheme(TEXT("1tcp")));
    assert_false(acl_is_scheme(TEXT("t*")));
    assert_true(acl_is_scheme(TEXT("gluster+tcp")));
    assert_true(acl_is_scheme(TEXT("A-1.b")));
}

/* --- addresses ----------------------------------------------------------------------------------
 */

static void what_is_no_plain_address_is_none(void **state)
{
    (void)state;
    static const char *const uris[] = {
        "10.0.0.1:80",
        "/a",
        "exec:cat",
        "file:/x",
        "unix:/x",
        "fd:3",
        "vsock:3:1",
        "json:{}",
        "xtcp:a:1",
        "TCP:a:1",
        "tcp:",
        "tcp::80",
        "tcp:a:",
        "tcp:a:b",
        "tcp:a:-1",
        "tcp:a:+1",
        "tcp:a: 1",
        "tcp:a:1 ",
        "tcp:a:65536",
        "tcp:a:000001",
        "tcp:a:1:2",
        "tcp:a:1,ipv4=on",
        "tcp:a:1/x",
        "tcp:a/x",
        "tcp:unix:80",
        "tcp:[::1",
        "tcp:[]:1",
        "tcp:[10.0.0.1]:1",
        "tcp:[::1]x:1",
        "http://[::1]x/",
        "http://a{b/",
        "tcp:[::1]1",
        "tcp:::1:80",
        "tcp:[fe80::1%eth0]:1",
        "tcp:[::ffff:10.0.0.1]:1",
        "http://",
        "http:///x",
        "http://u@a/",
        "http://u:p@a/",
        "http://a?x",
        "http://a#x",
        "http://a\\@b/",
        "http://a b/",
        "http://a%2eb/",
        "http://a:/",
        "http://a:b/",
        "http://a:80?x",
        "http://-a/",
        "http:a:80",
        "nbd:unix:/x",
        "nbd:a:1:exportname=x",
        "nbd+unix://a/x",
        "sheepdog://a/x",
        "http:\\\\a",
        "http://a,b/",
        "tcp:a*:1",
    };
    struct acl_address a;
    for (size_t i = 0; i < ARRAY_SIZE(uris); i++) {
        if (acl_uri_address(span_of(uris[i]), &a))
            fail_msg("<%s>: host %.*s", uris[i], (int)a.host.len, a.host.data);
    }
    assert_false(acl_uri_address(TEXT("http://a/\0"), &a));
    assert_false(acl_uri_address(TEXT("http://a\0/"), &a));
}

static void an_address_is_host_and_port(void **state)
{
    (void)state;
    static const struct {
        const char *uri, *host;
        int32_t port;
    } cases[] = {
        { "tcp:10.0.0.1:4444", "10.0.0.1", 4444 },
        { "tcp:a.example.com:0", "a.example.com", 0 },
        { "tcp:[fd00::1]:65535", "fd00::1", 65535 },
        { "tcp:a", "a", -1 },
        { "rdma:a_b-c:1", "a_b-c", 1 },
        { "nbd:a:10809", "a", 10809 },
        { "nbd://a/x", "a", -1 },
        { "nbd://unix:1", "unix", 1 }, /* a host of that name */
        { "http://a:80/x?y", "a", 80 },
        { "https://[::1]", "::1", -1 },
        { "https://[::1]/x", "::1", -1 },
        { "gluster+tcp://a/x", "a", -1 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct acl_address a;
        if (!acl_uri_address(span_of(cases[i].uri), &a) || a.port != cases[i].port ||
            a.host.len != strlen(cases[i].host) ||
            memcmp(a.host.data, cases[i].host, a.host.len) != 0)
            fail_msg("%s", cases[i].uri);
    }
}

static void a_host_is_a_name_or_an_address(void **state)
{
    (void)state;
    static const char *const not [] = { "",          "a b", "a:1", "[::1]",
                                        "a/b",       "a*",  "-a",  "0000:03:00.0",
                                        "fe80::1%1", "a,b", "::g", "::ffff:1.2.3.4" };
    for (size_t i = 0; i < ARRAY_SIZE(not ); i++)
        assert_false(acl_is_host(span_of(not [i])));
    assert_false(acl_is_host(TEXT("a\0")));
    assert_true(acl_is_host(TEXT("a-b.c_d")));
    assert_true(acl_is_host(TEXT("::1")));
    char name[256];
    memset(name, 'a', sizeof(name));
    assert_false(acl_is_host((struct span){ name, 256 }));
    assert_true(acl_is_host((struct span){ name, 255 }));
}

static void what_others_take_for_an_address_is_no_literal(void **state)
{
    (void)state;
    static const char *const not [] = {
        "",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "010.0.0.1",
        "1.2.3.4.5",
        "1.2.3.256",
        "1.2.3.4 ",
        "a",
        "::1%lo",
        "[::1]",
        "::ffff:1.2.3.4",
        "::FFFF:102:304",
        "0:0:0:0:0:ffff:1.2.3.4",
        "1::2::3",
        "1:2:3:4:5:6:7:8:9",
    };
    uint8_t bytes[16];
    for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
        if (acl_address_bytes(span_of(not [i]), bytes))
            fail_msg("%s", not [i]);
    }
    assert_int_equal(acl_address_bytes(TEXT("1.2.3.4\0"), bytes), 0);
    assert_int_equal(
        acl_address_bytes(TEXT("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"), bytes), 0);
    assert_int_equal(acl_address_bytes(TEXT("1.2.3.4"), bytes), 4);
    assert_memory_equal(bytes, "\1\2\3\4", 4);
    assert_int_equal(acl_address_bytes(TEXT("fd00::1"), bytes), 16);
}

static void a_port_is_digits_up_to_65535(void **state)
{
    (void)state;
    static const char *const not [] = { "",    "-1", "+1", " 1", "1 ",    "0x1",   "1e3",
                                        "1.0", "/",  ":",  "a",  "65536", "99999", "000001" };
    for (size_t i = 0; i < ARRAY_SIZE(not ); i++)
        assert_int_equal(acl_port_number(span_of(not [i])), -1);
    assert_int_equal(acl_port_number(TEXT("0")), 0);
    assert_int_equal(acl_port_number(TEXT("00022")), 22);
    assert_int_equal(acl_port_number(TEXT("65535")), 65535);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_ends_at_a_slash),
        cmocka_unit_test(a_question_mark_is_one_byte_that_is_no_slash),
        cmocka_unit_test(a_glob_matches_the_whole_text),
        cmocka_unit_test(two_stars_go_on_over_slashes),
        cmocka_unit_test(a_backslash_takes_the_meaning_of_a_sign),
        cmocka_unit_test(a_text_with_nul_matches_no_glob),
        cmocka_unit_test(every_short_glob_is_as_the_table_says),
        cmocka_unit_test(long_globs_are_as_the_table_says),
        cmocka_unit_test(a_long_text_costs_a_glob_no_more_than_its_length),
        cmocka_unit_test(what_leaves_the_directory_is_not_under_it),
        cmocka_unit_test(the_directory_itself_is_not_under_it),
        cmocka_unit_test(what_is_no_absolute_path_is_under_nothing),
        cmocka_unit_test(control_characters_are_in_no_path),
        cmocka_unit_test(a_passed_descriptor_is_under_nothing),
        cmocka_unit_test(what_the_kernel_takes_for_no_path_is_none),
        cmocka_unit_test(a_directory_is_absolute_and_goes_down),
        cmocka_unit_test(what_is_below_is_under_however_it_is_written),
        cmocka_unit_test(a_text_without_a_scheme_has_none),
        cmocka_unit_test(behind_a_scheme_of_a_network_stands_no_other_transport),
        cmocka_unit_test(a_scheme_is_what_stands_before_the_colon),
        cmocka_unit_test(a_scheme_by_itself_has_nothing_else),
        cmocka_unit_test(what_is_no_plain_address_is_none),
        cmocka_unit_test(an_address_is_host_and_port),
        cmocka_unit_test(a_host_is_a_name_or_an_address),
        cmocka_unit_test(what_others_take_for_an_address_is_no_literal),
        cmocka_unit_test(a_port_is_digits_up_to_65535),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
