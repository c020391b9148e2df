/* Conditions: what their text may be, when they hold, and which arguments they cover. In the
 * arguments here every member `x`, at any depth, reaches the host. */
#include "config.h"
#include "tests/unit/unit.h"

#include <time.h>
#include "acl/condition.h"
#include "base/buf.h"
#include "base/mem.h"
#include "qmp/scan.h"

#define N_REACHED_MAX 512u

static struct qmp_scan_limits limits = { .max_bytes = 8u << 20,
                                         .max_depth = 64,
                                         .max_tokens = 1u << 20 };
static enum acl_reach reach;
static bool untyped;
static const char *const labels[] = { "tenant=acme", "star=*",    "up=..",      "here=.",
                                      "path=a/b",    "two=1",     "two=2",      "none=",
                                      "many=1K",     "back=a\\b", "deep=%{vm}", "line=a\nb",
                                      "json=json",   "prefix",    "tenant2=x" };
static const struct acl_vm vm = {
    .name = "vm?1", .uuid = NULL, .labels = labels, .n_labels = ARRAY_SIZE(labels)
};
static const struct acl_binding binding = { .user = "sasl:al*ice@example.com", .vm = &vm };

static int begin(void **state)
{
    (void)state;
    reach = ACL_REACH_UNKNOWN;
    untyped = false;
    limits.top_level_only = false;
    return 0;
}

/* --- what is judged -----------------------------------------------------------------------------
 */

enum said {
    NO,
    HOLDS, /* and leaves something uncovered, or there is nothing to cover */
    COVERS,
};

static void find_reached(const struct qmp_tape *t, struct acl_reached *reached, size_t *n)
{
    struct acl_path path;
    struct acl_path_walk w;
    uint32_t token;
    assert_int_equal(acl_path_parse("**.x", 4, &path, NULL), 0);
    acl_path_begin(&w, &path, t, 0);
    for (*n = 0; (token = acl_path_next(&w)) != QMP_NONE; ++*n) {
        assert_true(*n < N_REACHED_MAX);
        reached[*n] = (struct acl_reached){ .token = token, .reach = (uint8_t)reach };
    }
    acl_path_free(&path);
}

static enum said judge_tape(const struct acl_condition *c, const struct qmp_tape *t)
{
    struct acl_reached reached[N_REACHED_MAX];
    bool covered[N_REACHED_MAX] = { false };
    struct acl_judged j = { .tape = t, .untyped = untyped, .reached = reached, .covered = covered };
    find_reached(t, reached, &j.n_reached);
    bool holds = acl_condition_holds(c, &j);
    size_t n_covered = 0;
    for (size_t i = 0; i < j.n_reached; i++)
        n_covered += covered[i];
    j.covered = NULL;
    assert_int_equal(acl_condition_holds(c, &j), holds); /* the same, without being asked for it */
    if (!holds)
        return NO;
    return j.n_reached > 0 && n_covered == j.n_reached ? COVERS : HOLDS;
}

static void parse(const char *text, struct acl_condition *c)
{
    struct error err = { 0 };
    if (acl_condition_parse(text, c, &err) < 0)
        fail_msg("%s: %s", text, err.text);
}

/* The scanner belongs to the caller. */
static struct qmp_scanner *scan(struct span json)
{
    struct qmp_scanner *s = qmp_scan_object(&limits, json);
    if (!s)
        fail_msg("no JSON: %.*s", (int)json.len, json.data);
    return s;
}

static enum said judge_span(const char *text, struct span json)
{
    struct acl_condition unbound, c;
    parse(text, &unbound);
    if (!acl_condition_bind(&unbound, &binding, &c)) {
        acl_condition_free(&unbound);
        return NO;
    }
    struct qmp_scanner *s = scan(json);
    enum said said = judge_tape(&c, qmp_scanner_tape(s));
    qmp_scanner_free(s);
    acl_condition_free(&unbound);
    acl_condition_free(&c);
    return said;
}

static enum said judge(const char *text, const char *json)
{
    return judge_span(text, (struct span){ json, strlen(json) });
}

/* The same condition on many values of `x`. */
static void check_values(const char *text, enum said said, const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        CLEANUP_FREE char *json = mem_printf("{\"x\":%s}", values[i]);
        if (judge(text, json) != said)
            fail_msg("<%s> on %s: %d", text, json, (int)judge(text, json));
    }
}

#define CHECK(text, said, ...)                                \
    do {                                                      \
        static const char *const values[] = { __VA_ARGS__ };  \
        check_values(text, said, values, ARRAY_SIZE(values)); \
    } while (0)

/* --- text ---------------------------------------------------------------------------------------
 */

#define OPERATORS                                                                          \
    "behind the path stands is, in, glob, under, scheme in, host in, cidr, port between, " \
    "between, "                                                                            \
    "at-most, present, absent or any"
#define PATHS                                                                                      \
    "a path is made of names with dots between them, [] for every element of an array and ** for " \
    "any depth"
#define VARIABLES "variables are %{user}, %{vm}, %{uuid} and %{label.KEY}"

static void what_is_no_condition_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sentence;
    } cases[] = {
        { "", "a condition is PATH OPERATOR VALUE..." },
        { " \t ", "a condition is PATH OPERATOR VALUE..." },
        { "x is a\nb", "a condition is one line of UTF-8 without control characters" },
        { "x is \xc2\x9b", "a condition is one line of UTF-8 without control characters" },
        { "x is \xff", "a condition is one line of UTF-8 without control characters" },
        { "x is a\xc3", "a condition is one line of UTF-8 without control characters" },
        { "x is \xed\xa0\x80", "a condition is one line of UTF-8 without control characters" },
        { "x is \x7f", "a condition is one line of UTF-8 without control characters" },
        { "''", PATHS },
        { "?", PATHS },
        { "x?? is a", PATHS },
        { "x..y is a", PATHS },
        { "'x y' is a", PATHS },
        { "'x", "a quotation does not end" },
        { "x", OPERATORS },
        { "x?", OPERATORS },
        { "x IS a", OPERATORS },
        { "x isa", OPERATORS },
        { "x i", OPERATORS },
        { "x = a", OPERATORS },
        { "x '' a", OPERATORS },
        { "x scheme", OPERATORS },
        { "x scheme inn a", OPERATORS },
        { "x scheme 'in", OPERATORS },
        { "x 'scheme in' a", OPERATORS },
        { "x port 1 2", OPERATORS },
        { "x host a", OPERATORS },
        { "x atmost 1", OPERATORS },
        { "x 'is", "a quotation does not end" },
        { "x is", "behind is stands a value" },
        { "x in ", "behind in stands a value" },
        { "x is a b", "behind is stands 1 value at most" },
        { "x is 'a", "a quotation does not end" },
        { "x is a'b'", "a quotation begins a word" },
        { "x is a'b", "a quotation begins a word" },
        { "x is 'a'b", "behind a quotation there is a space" },
        { "x is 'a''b'", "behind a quotation there is a space" },
        { "x in 'a'\t'b'c", "behind a quotation there is a space" },
        { "x in a 'b", "a quotation does not end" },
        { "x present a", "behind present stand 0 values at most" },
        { "x absent a", "behind absent stand 0 values at most" },
        { "x any a", "behind any stand 0 values at most" },
        { "x? present", "with ? nothing is left for present to say" },
        { "x? absent", "with ? nothing is left for absent to say" },
        { "x between 1", "behind between stand two values" },
        { "x between", "behind between stand two values" },
        { "x between 1 2 3", "behind between stand 2 values at most" },
        { "x between 2 1", "nothing is between 2 and 1" },
        { "x port between 2 1", "nothing is between 2 and 1" },
        { "x at-most", "behind at-most stands a value" },
        { "x at-most a", "a is no number (K, M, G and T may stand behind it)" },
        { "x at-most ''", " is no number (K, M, G and T may stand behind it)" },
        { "x at-most 1KK", "1KK is no number (K, M, G and T may stand behind it)" },
        { "x at-most K", "K is no number (K, M, G and T may stand behind it)" },
        { "x at-most 1k", "1k is no number (K, M, G and T may stand behind it)" },
        { "x at-most 0x10", "0x10 is no number (K, M, G and T may stand behind it)" },
        { "x at-most nan", "nan is no number (K, M, G and T may stand behind it)" },
        { "x at-most inf", "inf is no number (K, M, G and T may stand behind it)" },
        { "x at-most 1e400", "1e400 is no number (K, M, G and T may stand behind it)" },
        { "x at-most 1e308T", "1e308T is no number (K, M, G and T may stand behind it)" },
        { "x between -1e999 1", "-1e999 is no number (K, M, G and T may stand behind it)" },
        { "x at-most 1,5", "1,5 is no number (K, M, G and T may stand behind it)" },
        { "x port between 1 1K", "1K is no number" },
        { "x port between 1 https", "https is no number" },
        { "x at-most %{label.a}", "a variable is a text, not what at-most takes" },
        { "x cidr %{label.a}", "a variable is a text, not what cidr takes" },
        { "x under a", "a is no directory: an absolute path without .." },
        { "x under /a ''", " is no directory: an absolute path without .." },
        { "x under /a/../b", "/a/../b is no directory: an absolute path without .." },
        { "x under %{label.a}/b", "a directory begins with /, not with a variable" },
        { "x cidr a", "a is no network: 10.0.0.0/8, fd00::/8" },
        { "x cidr 10.0.0/8", "10.0.0/8 is no network: 10.0.0.0/8, fd00::/8" },
        { "x cidr ::ffff:10.0.0.0/104", "::ffff:10.0.0.0/104 is no network: 10.0.0.0/8, fd00::/8" },
        { "x cidr 10.0.0.0/", "10.0.0.0/: behind / stand 0 to 32 bits" },
        { "x cidr 10.0.0.0/33", "10.0.0.0/33: behind / stand 0 to 32 bits" },
        { "x cidr 10.0.0.0/-1", "10.0.0.0/-1: behind / stand 0 to 32 bits" },
        { "x cidr 10.0.0.0/a", "10.0.0.0/a: behind / stand 0 to 32 bits" },
        { "x cidr 10.0.0.0/8x", "10.0.0.0/8x: behind / stand 0 to 32 bits" },
        { "x cidr fd00::/129", "fd00::/129: behind / stand 0 to 128 bits" },
        { "x cidr fd00::/99999999999999999999",
          "fd00::/99999999999999999999: behind / stand 0 to 128 bits" },
        { "x scheme in tcp:", "tcp: is no scheme: tcp, nbd" },
        { "x scheme in ''", " is no scheme: tcp, nbd" },
        { "x scheme in tcp json", "behind json: stands anything, which is for any to say" },
        { "x scheme in blkdebug", "behind blkdebug: stands anything, which is for any to say" },
        { "x scheme in blkverify", "behind blkverify: stands anything, which is for any to say" },
        { "x host in 10.0.*", "10.0.* leaves the end of a name open: *.example.com does not, and "
                              "for addresses there is cidr" },
        { "x host in a fd00::?", "fd00::? leaves the end of a name open: *.example.com does not, "
                                 "and for addresses there is cidr" },
        { "x host in %{vm}.*", "%{vm}.* leaves the end of a name open: *.example.com does not, "
                               "and for addresses there is cidr" },
        { "x is %{user", VARIABLES },
        { "x is %{}", VARIABLES },
        { "x is %{User}", VARIABLES },
        { "x is %{use}", VARIABLES },
        { "x is %{vms}", VARIABLES },
        { "x is %{label}", VARIABLES },
        { "x is %{label.}", VARIABLES },
        { "x is %{labelX}", VARIABLES },
        { "x is %{labels.x}", VARIABLES },
        { "x is %{label.%{user}}", VARIABLES },
        { "x is %{%{user}}", VARIABLES },
        { "x is %{user}%{x}", VARIABLES },
        { "x glob \\%{user}", "before a variable stands no \\" },
        { "x glob a*\\\\\\%{vm}", "before a variable stands no \\" },
        { "x host in \\%{vm}", "before a variable stands no \\" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct acl_condition c;
        struct error err = { 0 };
        if (acl_condition_parse(cases[i].text, &c, &err) == 0)
            fail_msg("<%s> is a condition", cases[i].text);
        if (strcmp(err.text, cases[i].sentence) != 0)
            fail_msg("<%s>: %s", cases[i].text, err.text);
        assert_null(c.text);
    }
}

static void a_condition_has_256_values_at_most(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf b = { 0 };
    struct acl_condition c;
    struct error err;
    BUF_ADD_LIT(&b, "x in");
    for (unsigned i = 0; i < ACL_CONDITION_VALUES_MAX; i++)
        buf_printf(&b, " %u", i);
    buf_add_char(&b, '\0');
    assert_int_equal(judge(buf_data(&b), "{\"x\":255}"), COVERS);
    CLEANUP_FREE char *more = mem_printf("%s a", buf_data(&b));
    assert_true(acl_condition_parse(more, &c, &err) < 0);
    assert_string_equal(err.text, "behind in stand 256 values at most");
}

static void blanks_and_quotations_part_words(void **state)
{
    (void)state;
    assert_int_equal(judge("\t x  is\ta ", "{\"x\":\"a\"}"), COVERS);
    assert_int_equal(judge("'x' 'is' 'a b'", "{\"x\":\"a b\"}"), COVERS);
    assert_int_equal(judge("'x?' is ''", "{\"x\":\"\"}"), COVERS);
    assert_int_equal(judge("x in is in", "{\"x\":\"is\"}"), COVERS);
    assert_int_equal(judge("x scheme 'in' exec", "{\"x\":\"exec:a\"}"), HOLDS);
}

static void operators_have_the_names_that_they_are_written_by(void **state)
{
    (void)state;
    static const char *const values[ACL_N_OPS] = {
        [ACL_OP_IS] = "1",         [ACL_OP_IN] = "1",
        [ACL_OP_GLOB] = "1",       [ACL_OP_UNDER] = "/1",
        [ACL_OP_SCHEME_IN] = "a",  [ACL_OP_HOST_IN] = "1",
        [ACL_OP_CIDR] = "1.2.3.4", [ACL_OP_PORT_BETWEEN] = "1 1",
        [ACL_OP_BETWEEN] = "1 1",  [ACL_OP_AT_MOST] = "1",
        [ACL_OP_PRESENT] = "",     [ACL_OP_ABSENT] = "",
        [ACL_OP_ANY] = "",
    };
    for (unsigned op = 0; op < ACL_N_OPS; op++) {
        CLEANUP_FREE char *text = mem_printf("x %s %s", acl_operator_name(op), values[op]);
        struct acl_condition c;
        parse(text, &c);
        assert_int_equal(c.op, op);
        acl_condition_free(&c);
    }
}

/* --- kinds of JSON ------------------------------------------------------------------------------
 */

static void a_container_is_no_value_but_has_a_count(void **state)
{
    (void)state;
    static const char *const never[] = { "x is a",
                                         "x in 1 []",
                                         "x glob **",
                                         "x under /",
                                         "x scheme in a",
                                         "x host in *",
                                         "x cidr ::/0",
                                         "x port between 0 65535",
                                         "x between -9e9 9e9",
                                         "x absent",
                                         "x at-most 0" };
    for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
        for (reach = 0; reach < ACL_N_REACHES; reach++)
            CHECK(never[i], NO, "[1]", "{\"a\":1}", "[[]]", "{\"a\":\"/a\"}");
    }
    CHECK("x at-most 2", NO, "[1,2,3]", "{\"a\":1,\"b\":2,\"c\":3}");
    CHECK("x at-most 2", HOLDS, "[]", "{}", "[1,2]", "{\"a\":1,\"b\":[1,2,3]}");
}

static void a_literal_is_what_it_is_written_as(void **state)
{
    (void)state;
    static const char *const never[] = { "x is a",        "x is 1",        "x is 0",
                                         "x is ''",       "x glob **",     "x under /",
                                         "x scheme in a", "x host in *",   "x cidr ::/0",
                                         "x at-most 9",   "x between 0 9", "x port between 0 9",
                                         "x absent" };
    for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
        for (unsigned u = 0; u < 2; u++) {
            untyped = u;
            CHECK(never[i], NO, "true", "false", "null");
        }
    }
    CHECK("x is true", NO, "false", "null", "1", "\"on\"", "\"True\"", "[true]");
    CHECK("x is true", COVERS, "true", "\"true\"");
    CHECK("x in false null", COVERS, "false", "null", "\"null\"");
}

static void a_number_is_the_same_however_it_is_written(void **state)
{
    (void)state;
    CHECK("x is 1000", NO, "1001", "999", "-1000", "1000.5", "10000", "100", "true", "\"1e3\"",
          "\"1000.0\"", "\" 1000\"", "[1000]");
    CHECK("x is 1000", COVERS, "1000", "1e3", "1E+3", "1000.0", "10000e-1", "\"1000\"");
    CHECK("x is 4K", COVERS, "4096", "\"4K\"");
    CHECK("x is 4K", NO, "4", "4000", "\"4096\"");
    CHECK("x in 0 1.5", COVERS, "0", "-0", "0e9", "0.0", "1e-999", "1.5", "15e-1");
    CHECK("x is -1", NO, "1", "18446744073709551615", "4294967295");
    CHECK("x is 0x10", NO, "16", "0", "10");
    CHECK("x is ''", NO, "0");
    CHECK("x is a", NO, "0", "1");
    CHECK("x is 1e999", NO, "1e308", "0");
    CHECK("x is '1 000'", NO, "1");
    CHECK("x is 1T", COVERS, "1099511627776");
}

static void a_number_that_no_double_tells_apart_is_compared_as_it_is_written(void **state)
{
    (void)state;
    CHECK("x is 9007199254740992", NO, "9007199254740993", "9007199254740992.0",
          "9007199254740991");
    CHECK("x is 9007199254740993", NO, "9007199254740992", "9007199254740994");
    CHECK("x is 18446744073709551615", NO, "18446744073709551616", "18446744073709551614",
          "1.8446744073709551615e19");
    CHECK("x in 9007199254740991 9007199254740992 18446744073709551615 -9007199254740993", COVERS,
          "9007199254740991", "9007199254740991.0", "9007199254740992", "18446744073709551615",
          "-9007199254740993");
}

static void a_string_is_compared_decoded_and_whole(void **state)
{
    (void)state;
    CHECK("x is virtio", NO, "\"virtio \"", "\"virtio\\u0000\"", "\"Virtio\"", "\"virti\"", "\"\"",
          "\"virtio-net\"", "\"\\u0000virtio\"", "\"virt\\u0456o\"", "null");
    CHECK("x is virtio", COVERS, "\"virtio\"", "\"\\u0076irtio\"");
    CHECK("x in a \\u0061", NO, "\"\\\\u0061 \"", "\"b\"");
}

/* --- operators on texts -------------------------------------------------------------------------
 */

static void texts_are_matched_if_they_are_strings_without_nul(void **state)
{
    (void)state;
    reach = ACL_REACH_QOM;
    CHECK("x glob hot-*", NO, "\"hot\"", "\"hot-a/b\"", "\"hot-\\u0000\"", "1", "null", "true");
    CHECK("x glob a\\", COVERS, "\"a\\\\\"");
    CHECK("x glob hot-* 1*", NO, "1", "12", "\"21\"");
    CHECK("x glob hot-* 1*", COVERS, "\"hot-a\"", "\"hot-\"", "\"12\"", "\"\\u0068ot-\"");
    reach = ACL_REACH_URI;
    CHECK("x scheme in exec", NO, "\"exec:a\\u0000\"");
}

static void a_path_must_be_below_one_of_the_directories(void **state)
{
    (void)state;
    reach = ACL_REACH_PATH;
    CHECK("x under /srv/a /srv/b", NO, "\"/srv/c/x\"", "\"/srv/a/../c\"", "\"/srv/a\"", "\"\"",
          "\"file:/srv/a/x\"", "\"json:{}\"", "\"/srv/a/\\u0000\"", "\"/srv/a/\\n\"", "5", "null",
          "\"srv/a/x\"", "\"\\/srv\\/a\\/.\\u002e\\/c\"", "\"/srv/ab\"", "\"/srv/b/\"");
    CHECK("x under /srv/a /srv/b", COVERS, "\"/srv/a/x\"", "\"\\/srv\\/b\\/x\"", "\"//srv/./b/x\"");
    CHECK("x under /dev", NO, "\"/dev/fdset/1\"");
    reach = ACL_REACH_URI;
    CHECK("x under /srv/a", COVERS, "\"/srv/a/nbd:b\"");
}

static void a_scheme_must_be_one_of_those_named(void **state)
{
    (void)state;
    reach = ACL_REACH_URI;
    CHECK("x scheme in tcp nbd", NO, "\"exec:a\"", "\"TCP:a:1\"", "\"tcp\"", "\"/tcp:\"", "\"\"",
          "\"tcp:unix:/run/x\"", "\"tcp:fd:5\"", "\"nbd:unix:/run/x\"", "\"json:{}\"", "7", "null");
    CHECK("x scheme in tcp nbd", COVERS, "\"tcp:a:1\"", "\"nbd://a/x\"", "\"tc\\u0070:[::1]:1\"");
    CHECK("x scheme in file", COVERS, "\"file:/etc/shadow\"");
}

static void a_host_is_one_of_those_named(void **state)
{
    (void)state;
    reach = ACL_REACH_HOST;
    CHECK("x host in *.example.com db*", NO, "\"example.com\"", "\"a.example.com.\"",
          "\"db.evil.org\"", "\"a.example.com:80\"", "\"tcp:a.example.com\"", "\"a/.example.com\"",
          "\"\"", "1", "\"[a.example.com]\"", "\"a b.example.com\"", "\"a.EXAMPLE.com\"",
          "\"db1.\"", "\"evil.org#.example.com\"", "\"a@b.example.com\"");
    CHECK("x host in *.example.com db* 10.1.2.3 fd00::1", COVERS, "\"a.example.com\"", "\"db\"",
          "\"db17\"", "\"10.1.2.3\"", "\"fd00::1\"", "\"a.b.example.com\"");
    CHECK("x host in *", NO, "\"0000:03:00.0\"", "\"::ffff:10.0.0.1\"", "\"a,to=9\"", "\"\"",
          "\"-a\"");
    CHECK("x host in ''", NO, "\"\"", "\"a\"");
    CHECK("x host in f*", NO, "\"fd00::1\"");
    CHECK("x host in *", COVERS, "\"10.0.0.1\"", "\"::1\"", "\"a\"");
    reach = ACL_REACH_URI;
    CHECK("x host in * unix", NO, "\"tcp:unix:80\"", "\"nbd:unix:80\"", "\"tcp:fd:5\"", "\"a\"",
          "\"exec:a\"", "\"unix:/a\"", "\"ssh://u@a/\"", "\"file:/a\"", "\"/a\"");
    CHECK("x host in db", COVERS, "\"tcp:db:1\"", "\"nbd://db/x\"", "\"http://db:8080/\"");
    CHECK("x host in db", NO, "\"db\"", "\"tcp:db2:1\"", "\"http://db.evil.org/\"");
}

static void an_address_is_in_one_of_the_networks(void **state)
{
    (void)state;
    reach = ACL_REACH_HOST;
    CHECK("x cidr 10.0.0.0/9 fd00::/7 192.168.1.1", NO, "\"10.128.0.0\"", "\"11.0.0.1\"",
          "\"192.168.1.2\"", "\"ff00::1\"", "\"::ffff:10.0.0.1\"", "\"10.0\"", "\"0xa.0.0.1\"",
          "\"167772161\"", "\"10.0.0.1.\"", "\"10.0.0.1:80\"", "\"localhost\"", "\"\"", "167772161",
          "\"10.0.0.010\"", "\"fd00::1%1\"", "\"[fd00::1]\"", "null", "\"10.0.0.1\\u0000\"");
    CHECK("x cidr 10.0.0.0/9 fd00::/7 192.168.1.1", COVERS, "\"10.127.255.255\"", "\"10.0.0.0\"",
          "\"192.168.1.1\"", "\"fd00::1\"", "\"fc00::\"");
    CHECK("x cidr 0.0.0.0/0", NO, "\"::1\"", "\"a\"");
    CHECK("x cidr ::/0", NO, "\"10.0.0.1\"", "\"::ffff:10.0.0.1\"", "\"0::ffff:a00:1\"");
    CHECK("x cidr ::/0", COVERS, "\"::1\"", "\"64:ff9b::1\"");
    CHECK("x cidr fd00::/127", NO, "\"fd00::2\"");
    reach = ACL_REACH_URI;
    CHECK("x cidr 10.0.0.0/8", NO, "\"10.0.0.1\"", "\"tcp:11.0.0.1:1\"",
          "\"tcp:10.0.0.1\\u0000:1\"", "\"http://10.0.0.1@11.0.0.1/\"",
          "\"http://10.0.0.1.evil.org/\"");
    CHECK("x cidr 10.0.0.0/8", COVERS, "\"tcp:10.0.0.1:1\"", "\"nbd://10.0.0.1\"");
}

/* --- operators on numbers -----------------------------------------------------------------------
 */

static void a_port_is_in_the_range(void **state)
{
    (void)state;
    reach = ACL_REACH_PORT;
    CHECK("x port between 1024 2048", NO, "1023", "2049", "\"1023\"", "\"2049\"", "\"+1500\"",
          "\" 1500\"", "\"1500,to=9\"", "\"0x5dc\"", "\"1.5e3\"", "1.5e3", "1500.0", "\"https\"",
          "\"\"", "null", "-1500", "[1500]", "\"1500\\u0000\"", "\"a:1500\"");
    CHECK("x port between 1024 2048", COVERS, "1024", "2048", "\"1024\"", "\"2048\"", "\"02048\"");
    CHECK("x port between -9e9 9e9", NO, "-1", "65536", "4294967318", "\"65536\"", "\"-1\"",
          "99999999999999999999");
    CHECK("x port between -9e9 9e9", COVERS, "0", "65535", "\"0\"");
    reach = ACL_REACH_URI; /* of which a port says too little */
    CHECK("x port between 1 9", NO, "\"5\"", "\"tcp:a:10\"", "\"tcp:a\"", "\"exec:a\"");
    CHECK("x port between 1 9", HOLDS, "\"tcp:a:5\"", "5");
}

static void a_number_is_in_the_range(void **state)
{
    (void)state;
    reach = ACL_REACH_COST;
    CHECK("x between 1 1K", NO, "0", "-1", "1025", "1024.5", "0.99", "1e4", "-1024", "\"5\"",
          "null", "18446744073709551615", "true", "1e308");
    CHECK("x between 1 1K", COVERS, "1", "1024", "1.5", "1e3", "1024.0");
    CHECK("x between -2 0", COVERS, "-0", "0");
    CHECK("x between -2 0", HOLDS, "-2", "-1", "-0.5"); /* the largest size there is */
    untyped = true;
    CHECK("x between 0 9", NO, "\"5\"", "\"9G\"");
}

static void a_number_is_no_more_and_not_below_zero(void **state)
{
    (void)state;
    reach = ACL_REACH_COST;
    CHECK("x at-most 1G", NO, "-1", "-9223372036854775808", "-0.5", "1073741825",
          "18446744073709551615", "1e10", "1e308", "null", "true");
    CHECK("x at-most 1G", COVERS, "0", "-0", "1073741824", "1e9", "1073741824.0", "0.5");
    CHECK("x at-most -1", NO, "-1", "-2", "0", "\"\"", "[]");
    CHECK("x at-most 0.5M", COVERS, "524288");
    CHECK("x at-most 0.5M", NO, "524289");
}

static void a_string_has_a_length_unless_it_may_be_a_number(void **state)
{
    (void)state;
    reach = ACL_REACH_COST;
    CHECK("x at-most 3", NO, "\"abcd\"", "\"\\u0061bcd\"", "\"\\u00e4\\u00e4\"");
    CHECK("x at-most 3", HOLDS, "\"\"", "\"abc\"", "\"\\u0061bc\"", "\"99G\"");
    untyped = true;
    CHECK("x at-most 3", NO, "\"\"", "\"abc\"", "\"99G\"", "\"1\"");
    CHECK("x at-most 3", COVERS, "3");
}

/* --- present, absent, any, paths ----------------------------------------------------------------
 */

static void a_path_that_names_nothing_holds_only_with_a_question_mark(void **state)
{
    (void)state;
    static const char *const rest[] = { "is a",        "in a b",    "glob **",   "under /",
                                        "scheme in a", "host in *", "cidr ::/0", "port between 0 9",
                                        "between 0 9", "at-most 9", "present",   "any" };
    static const char *const objects[] = { "{}",         "{\"x\":1}",         "{\"y\":[]}",
                                           "{\"y\":{}}", "{\"z\":{\"y\":1}}", "{\"y\":1}" };
    for (size_t i = 0; i < ARRAY_SIZE(rest); i++) {
        CLEANUP_FREE char *must = mem_printf("y[].z %s", rest[i]);
        CLEANUP_FREE char *may = mem_printf("y[].z? %s", rest[i]);
        for (size_t o = 0; o < ARRAY_SIZE(objects); o++) {
            assert_int_equal(judge(must, objects[o]), NO);
            if (strcmp(rest[i], "present") != 0)
                assert_int_equal(judge(may, objects[o]), HOLDS);
        }
    }
    assert_int_equal(judge("y[] absent", "{\"y\":[]}"), HOLDS);
}

static void what_is_optional_holds_only_as_it_says(void **state)
{
    (void)state;
    CHECK("x? is qcow2", NO, "\"raw\"", "null", "{}", "[]", "\"\"");
    CHECK("x? is qcow2", COVERS, "\"qcow2\"");
}

static void every_value_that_is_named_must_hold(void **state)
{
    (void)state;
    assert_int_equal(judge("**.x in a b", "{\"x\":\"a\",\"y\":{\"x\":\"c\"}}"), NO);
    assert_int_equal(judge("**.x in a b", "{\"x\":\"c\",\"y\":{\"x\":\"a\"}}"), NO);
    assert_int_equal(judge("**.x in a b", "{\"x\":\"a\",\"y\":[[{\"x\":\"c\"}]]}"), NO);
    assert_int_equal(judge("**.x in a b", "{\"x\":\"a\",\"y\":[[{\"x\":{\"x\":\"a\"}}]]}"), NO);
    assert_int_equal(judge("y[].x is a", "{\"y\":[{\"x\":\"a\"},{\"x\":\"b\"}]}"), NO);
    assert_int_equal(judge("**.x in a b", "{\"x\":\"a\",\"y\":[[{\"x\":\"b\"}]]}"), COVERS);
    assert_int_equal(judge("x is a", "{\"x\":\"a\",\"y\":{\"x\":\"b\"}}"), HOLDS);
    assert_int_equal(judge("y[].x is a", "{\"y\":[{\"x\":\"a\"},{}]}"), COVERS);
}

static void absent_is_what_is_not_there_at_all(void **state)
{
    (void)state;
    CHECK("x absent", NO, "null", "false", "0", "\"\"", "{}", "[]");
    assert_int_equal(judge("**.x absent", "{\"y\":[{\"x\":null}]}"), NO);
    assert_int_equal(judge("x absent", "{\"y\":{\"x\":1}}"), HOLDS);
    assert_int_equal(judge("**.z absent", "{\"y\":{\"x\":1}}"), HOLDS);
}

static void present_is_anything_and_covers_nothing(void **state)
{
    (void)state;
    for (reach = 0; reach < ACL_N_REACHES; reach++)
        CHECK("x present", HOLDS, "null", "0", "\"\"", "{}", "[1]");
    assert_int_equal(judge("x present", "{\"y\":1}"), NO);
}

static void without_arguments_only_what_need_not_be_holds(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool holds;
    } cases[] = { { "x is a", false }, { "** any", false },  { "**? any", true },
                  { "x? is a", true }, { "x absent", true }, { "x present", false } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct acl_condition c;
        const struct acl_judged j = { .root = QMP_NONE };
        parse(cases[i].text, &c);
        assert_int_equal(acl_condition_holds(&c, &j), cases[i].holds);
        acl_condition_free(&c);
    }
}

static void what_cannot_be_looked_at_makes_it_false(void **state)
{
    (void)state;
    limits.top_level_only = true; /* parts are not on the tape */
    static const char *const texts[] = { "y.z absent",  "y.z? is a",   "y[]? any",
                                         "**.z absent", "y at-most 9", "y.z present" };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_int_equal(judge(texts[i], "{\"y\":{\"z\":\"b\"}}"), NO);
        assert_int_equal(judge(texts[i], "{\"y\":[\"b\"]}"), NO);
    }
    assert_int_equal(judge("y present", "{\"y\":[\"b\"]}"), HOLDS);
}

/* --- what is covered ----------------------------------------------------------------------------
 */

static void each_operator_covers_the_kinds_of_which_it_says_enough(void **state)
{
    (void)state;
    static const struct {
        const char *text, *value;
        const char *covers; /* names of the kinds, with spaces around */
    } cases[ACL_N_OPS] = {
#define EVERY " nothing path uri program host port cost descriptor secret property unknown "
        [ACL_OP_IS] = { "x is /a", "\"/a\"", EVERY },
        [ACL_OP_IN] = { "x in 1 2", "2", EVERY },
        [ACL_OP_GLOB] = { "x glob *", "\"a\"", " descriptor property " },
        [ACL_OP_UNDER] = { "x under /", "\"/a\"", " path uri " },
        [ACL_OP_SCHEME_IN] = { "x scheme in tcp", "\"tcp:a\"", " uri " },
        [ACL_OP_HOST_IN] = { "x host in *", "\"a\"", " host uri " },
        [ACL_OP_CIDR] = { "x cidr ::/0", "\"::1\"", " host uri " },
        [ACL_OP_PORT_BETWEEN] = { "x port between 1 9", "5", " port " },
        [ACL_OP_BETWEEN] = { "x between 1 9", "5", " cost " },
        [ACL_OP_AT_MOST] = { "x at-most 9", "5", " cost " },
        [ACL_OP_PRESENT] = { "x present", "5", " " },
        [ACL_OP_ABSENT] = { "x absent", NULL, " " },
        [ACL_OP_ANY] = { "x any", "{}", EVERY },
#undef EVERY
    };
    for (unsigned op = 0; op < ACL_N_OPS; op++) {
        for (reach = 0; reach < ACL_N_REACHES; reach++) {
            CLEANUP_FREE char *word = mem_printf(" %s ", acl_reach_name(reach));
            bool covers = strstr(cases[op].covers, word) != NULL;
            assert_int_equal(acl_operator_covers(op, reach), covers);
            if (!cases[op].value)
                continue;
            const char *value = cases[op].value;
            if (reach == ACL_REACH_URI && op == ACL_OP_HOST_IN)
                value = "\"tcp:a\"";
            if (reach == ACL_REACH_URI && op == ACL_OP_CIDR)
                value = "\"tcp:[::1]\"";
            check_values(cases[op].text, covers ? COVERS : HOLDS, &value, 1);
        }
    }
}

static void a_value_covers_nothing_but_itself(void **state)
{
    (void)state;
    assert_int_equal(judge("x is a", "{\"x\":\"a\",\"y\":{\"x\":\"a\"}}"), HOLDS);
    assert_int_equal(judge("y.x is a", "{\"x\":\"a\",\"y\":{\"x\":\"a\"}}"), HOLDS);
    assert_int_equal(judge("y any", "{\"x\":\"a\",\"y\":{\"x\":\"a\"}}"), HOLDS);
    assert_int_equal(judge("x.x is a", "{\"x\":{\"x\":\"a\"}}"), HOLDS); /* not what it is in */
    assert_int_equal(judge("x.x any", "{\"x\":{\"x\":\"a\"}}"), HOLDS);
    reach = ACL_REACH_COST;
    assert_int_equal(judge("x at-most 9", "{\"x\":[{\"x\":1}]}"), HOLDS); /* nor what is in it */
    assert_int_equal(judge("y at-most 9", "{\"y\":[{\"x\":1}]}"), HOLDS);
    assert_int_equal(judge("** at-most 9", "{\"y\":{\"x\":\"full\"}}"), HOLDS);
    assert_int_equal(judge("** at-most 9", "{\"y\":{\"x\":5}}"), COVERS);
}

static void any_covers_everything_in_a_value(void **state)
{
    (void)state;
    assert_int_equal(judge("x any", "{\"x\":{\"x\":[{\"x\":1},{\"y\":{\"x\":null}}]}}"), COVERS);
    assert_int_equal(judge("y[] any", "{\"y\":[{\"x\":1},{\"x\":[{\"x\":2}]}]}"), COVERS);
    assert_int_equal(judge("** any", "{\"x\":1,\"y\":{\"x\":2}}"), COVERS);
    assert_int_equal(judge("x any", "{\"x\":{},\"y\":{\"x\":2},\"z\":1}"), HOLDS);
}

/* Not even if the list of what is reached breaks its promise to ascend. */
static void what_stands_before_a_value_is_never_covered_by_it(void **state)
{
    (void)state;
    struct acl_condition c;
    bool covered[4] = { false };
    struct qmp_scanner *s = scan((struct span){ "{\"a\":1,\"b\":2}", 13 });
    const struct acl_reached reached[] = { { .token = 4, .reach = ACL_REACH_PATH },
                                           { .token = 2, .reach = ACL_REACH_PATH },
                                           { .token = 0, .reach = ACL_REACH_PATH },
                                           { .token = 99, .reach = ACL_REACH_PATH } };
    const struct acl_judged j = {
        .tape = qmp_scanner_tape(s), .reached = reached, .n_reached = 4, .covered = covered
    };
    parse("b is 2", &c);
    assert_true(acl_condition_holds(&c, &j));
    assert_true(covered[0] && !covered[1] && !covered[2] && !covered[3]);
    acl_condition_free(&c);
    qmp_scanner_free(s);
}

/* --- variables ----------------------------------------------------------------------------------
 */

static void a_variable_without_one_fit_value_makes_it_false(void **state)
{
    (void)state;
    static const char *const names[] = { "uuid",         "label.up",    "label.here",
                                         "label.path",   "label.two",   "label.none",
                                         "label.TENANT", "label.tenan", "label.tenant=acme",
                                         "label.prefix", "label.x" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        CLEANUP_FREE char *is = mem_printf("x? is %%{%s}", names[i]);
        CLEANUP_FREE char *in = mem_printf("x? in a b%%{vm}%%{%s}", names[i]);
        CLEANUP_FREE char *under = mem_printf("x? under /srv/%%{%s}", names[i]);
        assert_int_equal(judge(is, "{}"), NO);
        assert_int_equal(judge(in, "{}"), NO);
        assert_int_equal(judge(under, "{}"), NO);
    }
}

static void a_user_is_what_stands_behind_his_kind(void **state)
{
    (void)state;
    static const char *const not [] = { NULL, "", "alice", "sasl:", "sasl:..", "x509:CN=a/b" };
    for (size_t i = 0; i < ARRAY_SIZE(not ); i++) {
        const struct acl_binding b = { .user = not [i], .vm = &vm };
        struct acl_condition c, bound;
        parse("x? is %{user}", &c);
        assert_false(acl_condition_bind(&c, &b, &bound));
        acl_condition_free(&c);
    }
    CHECK("x is %{user}", COVERS, "\"al*ice@example.com\"");
    CHECK("x is %{user}", NO, "\"sasl:al*ice@example.com\"", "\"alice@example.com\"");
}

static void what_is_put_in_is_literal(void **state)
{
    (void)state;
    reach = ACL_REACH_QOM;
    CHECK("x glob %{label.star}", NO, "\"a\"", "\"\\\\*\"");
    CHECK("x glob %{label.star}", COVERS, "\"*\"");
    CHECK("x glob %{vm}-*", NO, "\"vma1-x\"", "\"vm?1\"", "\"vm\\\\?1-x\"");
    CHECK("x glob %{vm}-*", COVERS, "\"vm?1-x\"");
    CHECK("x glob %{label.back}", COVERS, "\"a\\\\b\"");
    CHECK("x glob \\\\%{label.star}", NO, "\"\\\\a\"", "\"*\"");
    CHECK("x glob \\\\%{label.star}", COVERS, "\"\\\\*\"");
    CHECK("x is %{label.deep}", COVERS, "\"%{vm}\"");
    CHECK("x is %{label.deep}", NO, "\"vm?1\"");
    CHECK("x is %{label.many}", NO, "1024", "1");
    CHECK("x is %{label.many}", COVERS, "\"1K\"");
    CHECK("x in %{label.tenant2}%{label.tenant}", COVERS, "\"xacme\"");
    reach = ACL_REACH_HOST;
    CHECK("x host in %{label.star}", NO, "\"a\"", "\"*\"");
    CHECK("x host in %{label.tenant}*", NO, "\"acme.org\"");
    CHECK("x host in %{label.tenant}*", COVERS, "\"acme1\"");
    CHECK("x host in %{user}*", NO, "\"al*ice@example.com\"", "\"al\"");
    CHECK("x host in *.%{label.tenant}", COVERS, "\"a.acme\"");
}

static void what_does_not_become_a_value_makes_it_false(void **state)
{
    (void)state;
    assert_int_equal(judge("x? scheme in %{label.json}", "{}"), NO);
    assert_int_equal(judge("x? scheme in %{label.many}", "{}"), NO);
    assert_int_equal(judge("x? under /srv/%{label.line}", "{}"), NO);
    assert_int_equal(judge("x? under /srv/%{label.tenant}", "{}"), HOLDS);
    reach = ACL_REACH_URI;
    CHECK("x scheme in %{label.tenant}", COVERS, "\"acme:a\"");
    reach = ACL_REACH_PATH;
    CHECK("x under /srv/%{label.tenant}", COVERS, "\"/srv/acme/x\"");
    CHECK("x under /srv/%{label.tenant}", NO, "\"/srv/acme\"", "\"/srv/%{label.tenant}/x\"",
          "\"/srv/acme2/x\"");
}

static void a_bound_condition_is_a_copy_without_variables(void **state)
{
    (void)state;
    struct acl_condition c, bound;
    parse("x? in %{vm} b", &c);
    c.line = 7;
    assert_true(c.variable && c.values[0].variable && !c.values[1].variable && c.optional);
    assert_true(acl_condition_bind(&c, &binding, &bound));
    acl_condition_free(&c);
    assert_true(!bound.variable && !bound.values[0].variable && bound.optional);
    assert_int_equal(bound.line, 7);
    assert_int_equal(bound.n_values, 2);
    assert_string_equal(bound.values[0].text, "vm?1");
    assert_int_equal(bound.values[0].len, 4);
    acl_condition_free(&bound);
}

static void what_was_never_parsed_is_bound_to_nothing(void **state)
{
    (void)state;
    char text[] = "no condition";
    const struct acl_condition c = { .text = text };
    struct acl_condition bound;
    assert_false(acl_condition_bind(&c, &binding, &bound));
}

/* --- properties ---------------------------------------------------------------------------------
 */

static const char *const pieces[] = {
    "x is a",        "x? is a",        "x in a b 1",  "**.x in a 1 true", "x glob *",
    "x under /",     "x scheme in a",  "x host in *", "x cidr ::/0",      "x port between 0 9",
    "x between 0 9", "x at-most 3",    "x present",   "x absent",         "x any",
    "** any",        "y.x? at-most 1", "y[].x is a",  "**.x? glob **",
};
static const char *const samples[] = {
    "{}",
    "{\"x\":\"a\"}",
    "{\"x\":\"/a\"}",
    "{\"x\":\"a:b\"}",
    "{\"x\":\"::1\"}",
    "{\"x\":5}",
    "{\"x\":-1}",
    "{\"x\":true,\"y\":{\"x\":1}}",
    "{\"x\":null}",
    "{\"x\":[{\"x\":\"a\"}]}",
    "{\"y\":[{\"x\":\"a\"},{\"x\":\"b\"}]}",
    "{\"y\":{\"x\":\"\"}}",
};

/* Rules are conjunctions: what one more condition makes of them is never more. */
static void one_more_condition_never_makes_a_conjunction_hold(void **state)
{
    (void)state;
    for (size_t s = 0; s < ARRAY_SIZE(samples); s++) {
        for (size_t i = 0; i < ARRAY_SIZE(pieces); i++) {
            for (size_t k = 0; k < ARRAY_SIZE(pieces); k++) {
                bool one = judge(pieces[i], samples[s]) != NO;
                bool both = one && judge(pieces[k], samples[s]) != NO;
                assert_true(one || !both);
                assert_int_equal(judge(pieces[i], samples[s]) != NO,
                                 one); /* whatever came between */
            }
        }
    }
}

static void more_values_hold_wherever_fewer_did(void **state)
{
    (void)state;
    static const char *const operators[] = { "in", "glob", "scheme in", "host in" };
    static const char *const values[] = { "a", "b", "1", "e" };
    for (size_t o = 0; o < ARRAY_SIZE(operators); o++) {
        for (size_t s = 0; s < ARRAY_SIZE(samples); s++) {
            CLEANUP_FREE char *text = mem_printf("**.x %s a", operators[o]);
            enum said said = judge(text, samples[s]);
            for (size_t i = 1; i < ARRAY_SIZE(values); i++) {
                if (strcmp(values[i], "1") == 0 && strcmp(operators[o], "scheme in") == 0)
                    continue; /* no scheme */
                char *longer = mem_printf("%s %s", text, values[i]);
                free(text);
                text = longer;
                enum said more = judge(text, samples[s]);
                assert_true(more >= said);
                said = more;
            }
        }
    }
}

static void a_question_mark_only_adds_what_is_absent(void **state)
{
    (void)state;
    static const char *const rest[] = { "is a", "in a 1", "glob *", "at-most 3", "any", "under /" };
    for (size_t i = 0; i < ARRAY_SIZE(rest); i++) {
        CLEANUP_FREE char *must = mem_printf("**.x %s", rest[i]);
        CLEANUP_FREE char *may = mem_printf("**.x? %s", rest[i]);
        for (size_t s = 0; s < ARRAY_SIZE(samples); s++) {
            if (judge("**.x absent", samples[s]) == NO)
                assert_int_equal(judge(may, samples[s]), judge(must, samples[s]));
            else
                assert_int_equal(judge(may, samples[s]), HOLDS);
        }
    }
}

/* --- time ---------------------------------------------------------------------------------------
 */

/* A message of the largest size that is sensible, and a condition with all the values it may have:
 * where time were the product of lengths, it would take hours. */
static void a_hostile_message_costs_no_more_than_its_length(void **state)
{
    (void)state;
    CLEANUP_BUF struct buf json = { 0 };
    CLEANUP_BUF struct buf text = { 0 };
    BUF_ADD_LIT(&json, "{\"x\":0.");
    for (unsigned i = 0; i < 1u << 20; i++)
        buf_add_char(&json, i % 2 ? '9' : '1');
    BUF_ADD_LIT(&json, ",\"y\":\"");
    for (unsigned i = 0; i < 1u << 20; i++)
        buf_add_char(&json, 'a');
    BUF_ADD_LIT(&json, "\",\"z\":[0");
    for (unsigned i = 0; i < 100000; i++)
        BUF_ADD_LIT(&json, ",[]");
    BUF_ADD_LIT(&json, "]}");
    struct span message = { buf_data(&json), buf_len(&json) };
    BUF_ADD_LIT(&text, "x in");
    for (unsigned i = 0; i < ACL_CONDITION_VALUES_MAX; i++)
        buf_printf(&text, " %u", i);
    buf_add_char(&text, '\0');
    const char *const texts[] = { buf_data(&text),        "y glob **a*b *a*a*b", "y under /",
                                  "y host in *b",         "**.z[].a absent",     "** any",
                                  "**.a.**.b.**.c absent" };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        clock_t from = clock();
        (void)judge_span(texts[i], message);
        if (clock() - from > 20 * CLOCKS_PER_SEC)
            fail_msg("%.40s: too slow", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, begin)
        TEST(what_is_no_condition_is_refused_with_a_sentence),
        TEST(a_condition_has_256_values_at_most),
        TEST(blanks_and_quotations_part_words),
        TEST(operators_have_the_names_that_they_are_written_by),
        TEST(a_container_is_no_value_but_has_a_count),
        TEST(a_literal_is_what_it_is_written_as),
        TEST(a_number_is_the_same_however_it_is_written),
        TEST(a_number_that_no_double_tells_apart_is_compared_as_it_is_written),
        TEST(a_string_is_compared_decoded_and_whole),
        TEST(texts_are_matched_if_they_are_strings_without_nul),
        TEST(a_path_must_be_below_one_of_the_directories),
        TEST(a_scheme_must_be_one_of_those_named),
        TEST(a_host_is_one_of_those_named),
        TEST(an_address_is_in_one_of_the_networks),
        TEST(a_port_is_in_the_range),
        TEST(a_number_is_in_the_range),
        TEST(a_number_is_no_more_and_not_below_zero),
        TEST(a_string_has_a_length_unless_it_may_be_a_number),
        TEST(a_path_that_names_nothing_holds_only_with_a_question_mark),
        TEST(what_is_optional_holds_only_as_it_says),
        TEST(every_value_that_is_named_must_hold),
        TEST(absent_is_what_is_not_there_at_all),
        TEST(present_is_anything_and_covers_nothing),
        TEST(without_arguments_only_what_need_not_be_holds),
        TEST(what_cannot_be_looked_at_makes_it_false),
        TEST(each_operator_covers_the_kinds_of_which_it_says_enough),
        TEST(a_value_covers_nothing_but_itself),
        TEST(any_covers_everything_in_a_value),
        TEST(what_stands_before_a_value_is_never_covered_by_it),
        TEST(a_variable_without_one_fit_value_makes_it_false),
        TEST(a_user_is_what_stands_behind_his_kind),
        TEST(what_is_put_in_is_literal),
        TEST(what_does_not_become_a_value_makes_it_false),
        TEST(a_bound_condition_is_a_copy_without_variables),
        TEST(what_was_never_parsed_is_bound_to_nothing),
        TEST(one_more_condition_never_makes_a_conjunction_hold),
        TEST(more_values_hold_wherever_fewer_did),
        TEST(a_question_mark_only_adds_what_is_absent),
        TEST(a_hostile_message_costs_no_more_than_its_length),
#undef TEST
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
