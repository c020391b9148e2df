/* The text of records: what they say, and what they must not. */
#include "tests/unit/audit_fixture.h"

#include "audit/secrets.h"
#include "base/clock.h"

/* The record of `r`, which is the first after that of the segment; freed with free(). */
static char *text_of(const struct fixture *f, const struct audit_record *r)
{
    remove_files(f->directory);
    struct audit *a = open_audit(f->path, AUDIT_SYNC_WRITE);
    struct audit_batch *b = audit_batch_new(a);
    audit_batch_add(b, r);
    commit(b);
    audit_batch_free(b);
    audit_close(a);
    assert_chain(f->path, 1, 2);
    CLEANUP_FREE char *text = read_text(f->path);
    return mem_strdup(strchr(text, '\n') + 1);
}

/* The same for an intent of `command` with arguments as JSON text. */
static char *text_of_intent(const struct fixture *f, const char *command, const char *arguments)
{
    CLEANUP_FREE struct qmp_tape *t = make_tape(arguments);
    struct audit_record r = {
        .type = AUDIT_INTENT,
        .utc_us = TEST_TIME,
        .command = { command, strlen(command) },
        .tape = t,
        .arguments = 0,
    };
    return text_of(f, &r);
}

/* The outcome of a command that had these arguments; NULL: none. */
static char *text_of_outcome(const struct fixture *f, const char *command, const char *arguments,
                             const char *text)
{
    CLEANUP_FREE struct qmp_tape *t = arguments ? make_tape(arguments) : NULL;
    struct audit_record r = {
        .type = AUDIT_OUTCOME,
        .result = AUDIT_ERROR,
        .utc_us = TEST_TIME,
        .command = { command, strlen(command) },
        .tape = t,
        .arguments = t ? 0 : QMP_NONE,
        .error_class = SPAN_LIT("GenericError"),
        .text = { text, strlen(text) },
        .latency_us = -1,
    };
    return text_of(f, &r);
}

static void assert_has(const char *text, const char *what)
{
    if (!strstr(text, what))
        fail_msg("%s is not in %s", what, text);
}

static void assert_has_not(const char *text, const char *what)
{
    if (strstr(text, what))
        fail_msg("%s is in %s", what, text);
}

/* --- golden ----------------------------------------------------------------------------------- */

static void an_intent_reads_so(void **state)
{
    CLEANUP_FREE struct qmp_tape *t = make_tape("{ \"driver\": \"virtio-net-pci\", \"id\": "
                                                "\"h\\u00f6t\", \"port\": [1, 1.50, true, null] }");
    struct audit_record r = {
        .type = AUDIT_INTENT,
        .utc_us = TEST_TIME,
        .connection = 12,
        .request = 7,
        .peer = "192.0.2.1:50000",
        .identity = "x509:CN=portal,O=Example",
        .acting_for = "sasl:alice@tenants",
        .vm = "web1",
        .uuid = "5f2b2f50-5d3b-4f2a-9d7e-0d9f7a3b1c11",
        .command = SPAN_LIT("device_add"),
        .tape = t,
        .oob = true,
        .rule = "operator/hotplug-nic",
    };
    CLEANUP_FREE char *text = text_of(*state, &r);
    *strstr(text, ",\"hash\"") = '\0'; /* the segment's time is in it */
    assert_string_equal(
        text, "{\"v\":1,\"seq\":2,\"time\":\"2026-09-21T14:13:20.123456Z\",\"type\":\"intent\","
              "\"connection\":12,\"request\":7,\"peer\":\"192.0.2.1:50000\","
              "\"identity\":\"x509:CN=portal,O=Example\",\"acting-for\":\"sasl:alice@tenants\","
              "\"vm\":\"web1\",\"uuid\":\"5f2b2f50-5d3b-4f2a-9d7e-0d9f7a3b1c11\","
              "\"command\":\"device_add\",\"oob\":true,"
              "\"arguments\":{\"driver\":\"virtio-net-pci\",\"id\":\"h\\u00f6t\",\"port\":[1,1.50,"
              "true,null]},"
              "\"rule\":\"operator/hotplug-nic\"");
}

static void an_outcome_reads_so(void **state)
{
    struct audit_record r = {
        .type = AUDIT_OUTCOME,
        .result = AUDIT_ERROR,
        .utc_us = TEST_TIME,
        .connection = 12,
        .request = 7,
        .arguments = QMP_NONE,
        .command = SPAN_LIT("device_add"),
        .error_class = SPAN_LIT("DeviceNotFound"),
        .text = SPAN_LIT("Device 'x' not found"),
        .latency_us = 245,
    };
    CLEANUP_FREE char *text = text_of(*state, &r);
    assert_has(text, ",\"type\":\"outcome\",\"result\":\"error\",\"connection\":12,\"request\":7,"
                     "\"command\":\"device_add\",\"error-class\":\"DeviceNotFound\","
                     "\"text\":\"Device 'x' not found\",\"latency-us\":245,\"hash\":\"");
}

static void every_type_and_result_has_a_name_of_its_own(void **state)
{
    static const char *const types[] = {
        "start",
        "stop",
        "session-open",
        "session-close",
        "auth",
        "attach",
        "detach",
        "intent",
        "outcome",
        "refused",
        "event-delivery-lost",
        "policy-load",
        "config-load",
        "admin",
    };
    static const char *const results[] = { "ok", "error", "unknown", "cancelled", "denied" };
    for (unsigned i = 0; i <= AUDIT_ADMIN; i++) {
        struct audit_record r = { .type = (enum audit_type)i, .arguments = QMP_NONE };
        CLEANUP_FREE char *want = mem_printf("\"type\":\"%s\"", types[i]);
        CLEANUP_FREE char *text = text_of(*state, &r);
        assert_has(text, want);
        assert_has_not(text, "\"result\"");
    }
    for (unsigned i = AUDIT_OK; i <= AUDIT_DENIED; i++) {
        struct audit_record r = { .result = (enum audit_result)i, .arguments = QMP_NONE };
        CLEANUP_FREE char *want = mem_printf("\"result\":\"%s\"", results[i - AUDIT_OK]);
        CLEANUP_FREE char *text = text_of(*state, &r);
        assert_has(text, want);
    }
}

static void bytes_of_a_peer_cannot_end_a_line_or_a_text(void **state)
{
    struct audit_record r = {
        .type = AUDIT_INTENT,
        .arguments = QMP_NONE,
        .command = { "a\"},\n{\"v\":1\0\xff", 13 },
        .identity = "x509:CN=\"\n",
    };
    CLEANUP_FREE char *text = text_of(*state, &r);
    assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
    assert_has(text, "\"command\":\"a\\\"},\\n{\\\"v\\\":1\\u0000\\ufffd\"");
}

static void arguments_that_broke_the_schema_leave_names_and_sizes(void **state)
{
    CLEANUP_FREE struct qmp_tape *t =
        make_tape("{\"protocol\": \"vnc\", \"word\": {\"a\": \"hunter2\"}}");
    struct audit_record r = {
        .type = AUDIT_REFUSED, .command = SPAN_LIT("x"), .tape = t, .shape_only = true
    };
    CLEANUP_FREE char *text = text_of(*state, &r);
    assert_has(text, "\"shape\":{\"protocol\":5,\"word\":16}");
    assert_has_not(text, "hunter2");
}

/* --- long values ------------------------------------------------------------------------------ */

static char *repeat(char c, size_t n)
{
    char *s = mem_alloc(n + 1);
    memset(s, c, n);
    s[n] = '\0';
    return s;
}

static void a_long_value_is_cut_with_length_and_hash(void **state)
{
    CLEANUP_FREE char *a = repeat('a', 1000);
    CLEANUP_FREE char *json = mem_printf("{\"path\":\"%s\"}", a);
    CLEANUP_FREE char *text = text_of_intent(*state, "qom-get", json);
    /* printf 'a%.0s' $(seq 1000) | sha256sum */
    assert_has(
        text,
        "\"path\":{\"$cut\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
        "\"bytes\":1000,\"sha256\":"
        "\"41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3\"}");
    assert_has(text, ",\"cut\":1,\"hash\":");
}

static void a_long_secret_is_not_hashed(void **state)
{
    CLEANUP_FREE char *a = repeat('a', 1000);
    CLEANUP_FREE char *json =
        mem_printf("{\"password\":\"%s\",\"filename\":\"%s://u:hunter2@h/\"}", a, a);
    CLEANUP_FREE char *text = text_of_intent(*state, "blockdev-add", json);
    assert_has_not(text, "sha256");
    assert_has_not(text, "hunter2");
    assert_has(text, "\"password\":\"[redacted]\"");
    assert_has(text, ",\"redacted\":2,\"cut\":1,");
}

static void a_value_is_not_cut_inside_a_character(void **state)
{
    struct buf json = { 0 };
    BUF_ADD_LIT(&json, "{\"path\":\"a");
    for (unsigned i = 0; i < 600; i++)
        BUF_ADD_LIT(&json, "\xc3\xa4");
    BUF_ADD_LIT(&json, "\"}");
    buf_add_char(&json, '\0');
    CLEANUP_FREE char *text = text_of_intent(*state, "qom-get", buf_data(&json));
    assert_has_not(text, "ufffd");
    assert_has(text, "\\u00e4\",\"bytes\":1201,");
    buf_free(&json);
}

static void many_arguments_are_cut_as_a_whole(void **state)
{
    struct buf json = { 0 };
    BUF_ADD_LIT(&json, "{\"associativity\":[0");
    for (unsigned i = 0; i < 20000; i++)
        BUF_ADD_LIT(&json, ",1");
    BUF_ADD_LIT(&json, "]}");
    buf_add_char(&json, '\0');
    CLEANUP_FREE char *text = text_of_intent(*state, "set-numa-node", buf_data(&json));
    assert_has(text, "\"arguments\":{\"$cut\":\"arguments\",\"bytes\":40021,\"sha256\":\"");
    assert_true(strlen(text) < 500);
    buf_free(&json);
}

static void long_names_and_numbers_are_cut(void **state)
{
    CLEANUP_FREE char *n = repeat('1', 300);
    CLEANUP_FREE char *json = mem_printf("{\"%s\":true,\"value\":%s,\"%s2\":false}", n, n, n);
    CLEANUP_FREE char *text = text_of_intent(*state, "balloon", json);
    CLEANUP_FREE char *prefix = repeat('1', 64);
    CLEANUP_FREE char *want = mem_printf(
        "{\"%s[cut 1, 300 bytes]\":true,\"value\":{\"$cut\":\"%s\",\"bytes\":300,", prefix, prefix);
    CLEANUP_FREE char *second = mem_printf(",\"%s[cut 3, 301 bytes]\":false}", prefix);
    assert_has(text, want);
    assert_has(text, second);
}

/* Of two members with one name a reader may see only the second. */
static void a_name_cannot_pass_for_one_that_was_cut(void **state)
{
    CLEANUP_FREE char *n = repeat('n', 300);
    CLEANUP_FREE char *prefix = repeat('n', 64);
    CLEANUP_FREE char *same = mem_printf("%s[cut 1, 300 bytes]", prefix);
    CLEANUP_FREE char *json = mem_printf("{\"%s\":true,\"%s\":false}", n, same);
    CLEANUP_FREE char *text = text_of_intent(*state, "x", json);
    CLEANUP_FREE char *first = mem_printf("\"%s\":true", same);
    CLEANUP_FREE char *second = mem_printf("\"%s\":false", same);
    assert_has(text, first);
    assert_has_not(text, second);
}

static void the_longest_record_is_within_a_line(void **state)
{
    CLEANUP_FREE char *bytes = repeat('\x01', 100000);
    struct span span = { bytes, 60000 };
    struct audit_record r = {
        .type = AUDIT_OUTCOME,
        .peer = bytes,
        .identity = bytes,
        .acting_for = bytes,
        .vm = bytes,
        .uuid = bytes,
        .command = span,
        .arguments = QMP_NONE,
        .rule = bytes,
        .error_class = span,
        .text = span,
    };
    CLEANUP_FREE char *text = text_of(*state, &r);
    assert_in_range(strlen(text), 60000, 90u << 10);
}

static void a_huge_text_is_not_even_read(void **state)
{
    CLEANUP_FREE char *bytes = repeat('x', 1 << 20);
    CLEANUP_FREE char *text = text_of_outcome(*state, "x", NULL, bytes);
    assert_has(text, "\"text\":\"[cut]\",\"cut\":1");
}

/* --- canaries --------------------------------------------------------------------------------- */

/* `hunter2` is the secret in all of them; `seen` is what is left to see. */
static const struct {
    const char *command, *arguments, *seen;
} canaries[] = {
    { "set_password", "{\"protocol\":\"vnc\",\"password\":\"hunter2\",\"display\":\"d0\"}",
      "{\"protocol\":\"vnc\",\"password\":\"[redacted]\",\"display\":\"d0\"}" },
    { "set_password", "{\"pasword\":\"hunter2\"}", "\"pasword\":\"[redacted]\"" },
    { "set_password", "{\"PROTOCOL\":\"hunter2\"}", "\"PROTOCOL\":\"[redacted]\"" },
    { "set_password", "{\"password\":{\"x\":[\"hunter2\"]}}", "\"password\":\"[redacted]\"" },
    { "set_password", "[\"hunter2\"]", "\"arguments\"" },
    { "set_password", "\"hunter2\"", "\"arguments\"" },
    { "set-password", "{\"pw\":\"hunter2\"}", "\"pw\":\"[redacted]\"" },
    { "SET_PASSWORD", "{\"pw\":\"hunter2\"}", "\"pw\":\"[redacted]\"" },
    { "expire_password", "{\"protocol\":\"vnc\",\"time\":\"+60\",\"x\":\"hunter2\"}", "\"+60\"" },
    { "change-vnc-password", "{\"password\":\"hunter2\"}", "\"[redacted]\"" },
    { "change-vnc-password", "{\"\\u0070assword\":\"\\u0068unter2\"}",
      "\"password\":\"[redacted]\"" },
    { "sev-inject-launch-secret",
      "{\"packet-header\":\"hunter2\",\"secret\":\"hunter2\",\"gpa\":1}", "\"gpa\":1" },
    { "gateway-auth-start", "{\"mechanism\":\"PLAIN\",\"data\":\"hunter2\"}", "\"PLAIN\"" },
    { "gateway-auth-step", "{\"data\":\"hunter2\"}", "\"[redacted]\"" },
    { "object-add", "{\"qom-type\":\"secret\",\"id\":\"s0\",\"data\":\"hunter2\"}",
      "\"id\":\"s0\"" },
    { "object-add", "{\"qom-type\":\"secret\",\"id\":\"s0\",\"data\":[\"hunter2\"]}",
      "\"id\":\"s0\"" },
    { "object-add", "{\"qom-type\":\"secret\",\"props\":{\"data\":\"hunter2\"}}", "\"props\"" },
    { "object_add", "{\"qom-type\":\"hunter2\",\"data\":\"hunter2\"}", "qom-type" },
    { "objectadd", "{\"qom-type\":\"hunter2\",\"data\":\"hunter2\"}", "qom-type" },
    { "object-add", "{\"qom-type\":\"secret\",\"DATA\":\"hunter2\"}", "\"secret\"" },
    { "object-add", "{\"qom-type\":\"secret\",\"x.data\":\"hunter2\"}", "\"secret\"" },
    { "qom-set", "{\"path\":\"/objects/s0\",\"property\":\"data\",\"value\":\"hunter2\"}",
      "/objects/s0" },
    { "qom-set", "{\"value\":\"hunter2\",\"path\":\"s0\",\"property\":\"data\"}", "\"s0\"" },
    { "qom-set", "{\"path\":\"/objects/s0\",\"property\":\"new\",\"value\":\"hunter2\"}",
      "\"new\"" },
    { "qom-set", "{\"path\":\"x\",\"property\":\"vnc-password\",\"value\":{\"a\":\"hunter2\"}}",
      "\"x\"" },
    { "qom-set", "{\"path\":\"x\",\"value\":\"hunter2\"}", "\"x\"" },
    { "ringbuf-write", "{\"device\":\"c0\",\"data\":\"hunter2\"}", "\"c0\"" },
    { "send-key", "{\"keys\":[{\"type\":\"qcode\",\"data\":\"hunter2\"}]}", "\"[redacted]\"" },
    { "input-send-event", "{\"events\":[{\"type\":\"key\",\"data\":{\"key\":\"hunter2\"}}]}",
      "redacted" },
    { "blockdev-add",
      "{\"driver\":\"raw\",\"file\":{\"driver\":\"https\",\"url\":\"https://h/\","
      "\"password\":\"hunter2\",\"username\":\"u\"}}",
      "\"username\":\"u\"" },
    { "blockdev-add", "{\"file\":{\"file\":{\"file\":[{\"cookie\":\"hunter2\"}]}}}", "\"cookie\"" },
    { "blockdev-add", "{\"password\":\"hunter2\",\"driver\":\"https\"}", "\"https\"" },
    { "blockdev-add", "{\"new\":{\"driver\":[\"hunter2\"]}}", "\"new\":\"[redacted]\"" },
    { "blockdev-add", "{\"encrypt\":\"hunter2\"}", "\"encrypt\"" },
    { "blockdev-add", "{\"encrypt\":[[\"hunter2\",5]]}", "\"encrypt\"" },
    { "set-numa-node", "{\"new\":12345}", "\"new\":\"[redacted]\"" },
    { "gateway-explain",
      "{\"execute\":\"set_password\",\"arguments\":{\"protocol\":\"vnc\",\"password\":"
      "\"hunter2\"}}",
      "\"protocol\":\"vnc\"" },
    { "gateway-explain", "{\"arguments\":{\"protocol\":\"hunter2\"}}", "protocol" },
    { "gateway-explain",
      "{\"execute\":\"gateway-explain\",\"arguments\":{\"execute\":\"stop\",\"arguments\":"
      "{\"id\":\"hunter2\"}}}",
      "\"stop\"" },
    { "netdev_add", "{\"type\":\"l2tpv3\",\"txcookie\":123456,\"rxcookie\":\"hunter2\"}",
      "\"l2tpv3\"" },
    { "netdev_add", "{\"guestfwd\":[{\"str\":\"tcp:10.0.2.1:80-cmd:nc hunter2\"}]}",
      "-cmd:nc [redacted]" },
    { "blockdev-add", "{\"file.cookie\":\"hunter2\",\"file.Proxy_Password.x\":\"hunter2\"}",
      "cookie" },
    { "blockdev-add", "{\"filename\":\"https://user:hunter2@host/x\"}",
      "https://[redacted]@host/x" },
    { "blockdev-add", "{\"filename\":\"https://user:hun/hunter2@host/x\"}", "@host/x" },
    { "blockdev-add", "{\"filename\":\"https://a@b:hunter2@host/x\"}",
      "https://[redacted]@host/x" },
    { "blockdev-add", "{\"filename\":\"iscsi://user%hunter2@host/x\"}",
      "iscsi://[redacted]@host/x" },
    { "blockdev-add", "{\"filename\":\"//user:hunter2@host/x\"}", "//[redacted]@host/x" },
    { "blockdev-add", "{\"filename\":\"HTTPS://host/x?token=hunter2\"}",
      "HTTPS://host/x?[redacted]" },
    { "blockdev-add", "{\"filename\":\"https://host/x?hunter2\"}", "https://host/x?[redacted]" },
    { "blockdev-add", "{\"filename\":\"json:{\\\"file.password\\\":\\\"hunter2\\\"}\"}",
      "json:[redacted]" },
    { "blockdev-add", "{\"filename\":\"blkdebug::JSON: {'a':'hunter2'}\"}", "JSON:[redacted]" },
    { "blockdev-add", "{\"filename\":\"rbd:p/i:id=a:key=hunter2:mon=x\"}",
      "rbd:p/i:id=a:key=[redacted]" },
    { "blockdev-add", "{\"=keyvalue-pairs\":\"[\\\"hunter2\\\"]\"}", "=keyvalue-pairs" },
    { "transaction",
      "{\"actions\":[{\"type\":\"x\",\"data\":{\"target\":{\"passphrase\":\"hunter2\"}}}]}",
      "\"type\":\"x\"" },
    { "transaction", "{\"actions\":[{\"type\":\"x\",\"data\":\"hunter2\"}]}", "\"type\":\"x\"" },
    { "migrate", "{\"uri\":\"exec:curl --password hunter2 -T - h\"}", "exec:curl [redacted]" },
    { "migrate", "{\"uri\":\"exec:curl -H 'Authorization: Bearer hunter2' h\"}",
      "exec:curl [redacted]" },
    { "migrate", "{\"uri\":\"EXEC: /usr/bin/ssh -i key hunter2\"}",
      "EXEC: /usr/bin/ssh [redacted]" },
    { "migrate", "{\"uri\":\"exec:KEY=hunter2 nc h 1\"}", "exec: [redacted]" },
    { "migrate", "{\"uri\":\"exec:$(hunter2)\"}", "exec: [redacted]" },
    { "device_add", "{\"driver\":\"isa-applesmc\",\"osk\":\"hunter2\"}", "isa-applesmc" },
    { "made-up", "{\"id\":\"hunter2\",\"flag\":true}", "\"flag\":true" },
    { "made-up", "[\"hunter2\"]", "[\"[redacted]\"]" },
    { "made-up",
      "{\"a\":[{\"api_key\":\"hunter2\"},{\"Secret\":\"hunter2\"},{\"pwd\":\"hunter2\"}]}",
      "\"a\"" },
    { "migrate", "{\"uri\":\"a,password=hun,,hunter2,b=c\"}", "\"a,password=[redacted],b=c\"" },
    { "human-monitor-command", "{\"command-line\":\"change vnc password hunter2\"}",
      "\"change [redacted]\"" },
    { "human-monitor-command", "{\"command-line\":\"  change \\\"vnc\\\" passwd hunter2\"}",
      "redacted" },
    { "human-monitor-command", "{\"command-line\":\"change \\\"v\\\\x6ec\\\" p hunter2\"}",
      "redacted" },
    { "human-monitor-command", "{\"command-line\":\"set_password vnc hunter2\"}",
      "\"set_password [red" },
    { "human-monitor-command", "{\"command-line\":\"\\tset_password vnc hunter2\"}", "redacted" },
    { "human-monitor-command", "{\"command-line\":\"object_add secret,id=s0,data=hunter2\"}",
      "\"object_add secret,id=s0,data=[redacted]\"" },
    { "human-monitor-command", "{\"command-line\":\"object_add secret,data=a,,hunter2,id=s0\"}",
      ",id=s0\"" },
    { "human-monitor-command", "{\"command-line\":\"object_add new,id=n0,word=hunter2\"}",
      "\"object_add new,id=n0,word=[redacted]\"" },
    { "human-monitor-command", "{\"command-line\":\"drive_add 0 if=none,file.x=hunter2\"}",
      "if=none,file.x=[redacted]" },
    { "human-monitor-command", "{\"command-line\":\"migrate -d \\\"exec:nc hunter2\\\"\"}",
      "exec:nc [redacted]" },
    { "human-monitor-command", "{\"command-line\":\"object_add {\\\"x\\\":\\\"hunter2\\\"}\"}",
      "\"object_add [redacted]\"" },
    { "human-monitor-command", "{\"command-line\":\"sendkey hunter2\"}", "\"sendkey [redacted]\"" },
    { "human-monitor-command", "{\"command-line\":\"ringbuf_write c0 hunter2\"}",
      "\"ringbuf_write [red" },
    { "human-monitor-command", "{\"command-line\":\"qom-set /objects/s0 data hunter2\"}",
      "\"qom-set [red" },
    { "human-monitor-command", "{\"command-line\":\"new-in-the-next-release hunter2\"}",
      "[redacted]" },
    { "human-monitor-command", "{\"command-line\":\"drive_add 0 file=https://u:hunter2@h/x\"}",
      "drive_add" },
    { "human-monitor-command", "{\"command-line\":[\"set_password vnc hunter2\"]}", "[redacted]" },
    { "human-monitor-command", "{\"commandline\":\"set_password vnc hunter2\"}", "[redacted]" },
};

static void no_secret_of_a_command_is_written(void **state)
{
    for (size_t i = 0; i < ARRAY_SIZE(canaries); i++) {
        CLEANUP_FREE char *text =
            text_of_intent(*state, canaries[i].command, canaries[i].arguments);
        assert_has_not(text, "hunter2");
        assert_has(text, canaries[i].seen);
        assert_has(text, "\"redacted\":");
    }
}

static void no_secret_that_an_answer_repeats_is_written(void **state)
{
    static const char secret[] = "{\"id\":\"s0\",\"data\":\"hunter2\"}";
    static const char node[] = "{\"driver\":\"https\",\"url\":\"https://u:hunter2@h/x\"}";
    static const struct {
        const char *command, *arguments, *text, *seen;
    } answers[] = {
        { "object-add", secret, "Base64 data 'hunter2' contains invalid characters",
          "Base64 data '[redacted]' c" },
        { "object-add", "{\"data\":\"a'hunter2'b\"}", "Base64 data 'a'hunter2'b' contains",
          "'[redacted]' c" },
        { "object-add", "{\"data\":\"xhunter2\"}", "Base64 data 'hunter2' ends early",
          "'[redacted]' ends" },
        { "object-add", secret, "data is hunter2hunter2, which is bad",
          "data is [redacted][redacted], which" },
        { "set_password", "{\"password\":\"hunter2\"}", "no \"hunter2\" here",
          "no \\\"[redacted]\\\" here" },
        { "new", "{\"list\":[{\"a\":\"hunter2\"}]}", "hunter2 is no good",
          "[redacted] is no good" },
        { "blockdev-add", node, "Could not open 'https://u:hunter2@h/x': no", "'[redacted]': no" },
        { "blockdev-add", NULL, "Could not open 'https://u:hunter2@h/x': no",
          "'https://[redacted]@h/x': no" },
        { "blockdev-add", NULL, "Could not open 'json:{\"password\":\"hunter2\"}': no",
          "json:[redacted]" },
        { "qom-get", "{\"path\":\"x\"}", "the password=hunter2 is wrong", "password=[redacted]" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(answers); i++) {
        CLEANUP_FREE char *text =
            text_of_outcome(*state, answers[i].command, answers[i].arguments, answers[i].text);
        assert_has_not(text, "hunter2");
        assert_has(text, answers[i].seen);
    }
}

static void an_answer_that_repeats_no_secret_is_written_as_it_is(void **state)
{
    CLEANUP_FREE char *text =
        text_of_outcome(*state, "device_del", "{\"id\":\"nic7\"}", "Device 'nic7' not found");
    assert_has(text, "\"text\":\"Device 'nic7' not found\",\"hash\"");
    assert_has_not(text, "\"arguments\"");
}

/* A record that says nothing is no record either. */
static void what_is_no_secret_is_written_as_it_is(void **state)
{
    static const struct {
        const char *command, *arguments;
    } plain[] = {
        { "device_add",
          "{\"driver\":\"virtio-net-pci\",\"mac\":\"52:54:00:12:34:56\",\"id\":\"hot-1\"}" },
        { "blockdev-add", "{\"driver\":\"file\",\"filename\":\"/srv/acme/disk 1.qcow2\"}" },
        { "blockdev-add",
          "{\"driver\":\"luks\",\"key-secret\":\"s0\",\"password-secret\":\"s1\"}" },
        { "blockdev-add", "{\"filename\":\"nbd://host:10809/export\",\"tls-creds\":\"t0\"}" },
        { "object-add",
          "{\"qom-type\":\"tls-creds-x509\",\"passwordid\":\"s0\",\"dir\":\"/etc/pki\"}" },
        { "qom-set", "{\"path\":\"/machine\",\"property\":\"size\",\"value\":[1,2]}" },
        { "human-monitor-command",
          "{\"command-line\":\"device_add virtio-net-pci,mac=52:54:00:12:34:56,id=n0\"}" },
        { "gateway-explain", "{\"execute\":\"qom-list\",\"arguments\":{\"path\":\"/machine\"}}" },
        { "query-cpu-model-expansion",
          "{\"type\":\"full\",\"model\":{\"name\":\"n\",\"props\":{\"avx\":true}}}" },
        { "chardev-add",
          "{\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\"}}}}" },
        { "migrate", "{\"uri\":\"tcp:192.0.2.1:4444\"}" },
        { "human-monitor-command", "{\"command-line\":\"info registers\",\"cpu-index\":0}" },
        { "human-monitor-command", "{\"command-line\":\"change ide1-cd0 /srv/a.iso\"}" },
        { "human-monitor-command", "{\"command-line\":\"savevm before\"}" },
        { "human-monitor-command", "{\"command-line\":\"quit\"}" },
        { "human-monitor-command", "{\"command-line\":\"x/10i 4096\"}" },
        { "send-key", "{\"hold-time\":10}" },
        { "transaction", "{\"actions\":[{\"type\":\"abort\",\"data\":{}}]}" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(plain); i++) {
        CLEANUP_FREE char *want = mem_printf("\"arguments\":%s,\"hash\"", plain[i].arguments);
        CLEANUP_FREE char *text = text_of_intent(*state, plain[i].command, plain[i].arguments);
        assert_has(text, want);
    }
}

static void scrubbing_takes_linear_time(void **state)
{
    CLEANUP_FREE char *slashes = repeat('/', 4 << 20);
    struct buf out = { 0 };
    int64_t start = clock_monotonic_us();
    assert_false(secret_scrub((struct span){ slashes, 4 << 20 }, &out));
    slashes[(4 << 20) - 1] = '?';
    assert_false(secret_scrub((struct span){ slashes, 4 << 20 }, &out));
    /* quadratic would be hours; linear is some 20 ms, more under a sanitizer */
    assert_true(clock_monotonic_us() - start < 30 * USEC_PER_SEC);
    buf_free(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AUDIT_TEST(an_intent_reads_so),
        AUDIT_TEST(an_outcome_reads_so),
        AUDIT_TEST(every_type_and_result_has_a_name_of_its_own),
        AUDIT_TEST(bytes_of_a_peer_cannot_end_a_line_or_a_text),
        AUDIT_TEST(arguments_that_broke_the_schema_leave_names_and_sizes),
        AUDIT_TEST(a_long_value_is_cut_with_length_and_hash),
        AUDIT_TEST(a_long_secret_is_not_hashed),
        AUDIT_TEST(a_value_is_not_cut_inside_a_character),
        AUDIT_TEST(many_arguments_are_cut_as_a_whole),
        AUDIT_TEST(long_names_and_numbers_are_cut),
        AUDIT_TEST(a_name_cannot_pass_for_one_that_was_cut),
        AUDIT_TEST(the_longest_record_is_within_a_line),
        AUDIT_TEST(a_huge_text_is_not_even_read),
        AUDIT_TEST(no_secret_of_a_command_is_written),
        AUDIT_TEST(no_secret_that_an_answer_repeats_is_written),
        AUDIT_TEST(an_answer_that_repeats_no_secret_is_written_as_it_is),
        AUDIT_TEST(what_is_no_secret_is_written_as_it_is),
        cmocka_unit_test(scrubbing_takes_linear_time),
    };
    return cmocka_run_group_tests_name("audit_record", tests, NULL, NULL);
}
